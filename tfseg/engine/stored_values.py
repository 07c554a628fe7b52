"""Weights as numbers in a file: what HDF5 knows, at full or half precision."""

from __future__ import annotations

import h5py
import keras
import numpy as np

from tfseg.errors import WeightsError

__all__ = ["read_array", "storable"]


def storable(variable: keras.Variable, where: str, half: bool = False) -> np.ndarray:
    """Returns a variable's value in a type that every reader of HDF5 knows.

    Args:
        variable: Of any type; small floats become float32.
        where: Its name, for the error.
        half: Round floats to float16 instead.

    Raises:
        WeightsError: With `half`, for a value beyond float16's range.
    """
    value = keras.ops.convert_to_numpy(variable.value)
    if value.dtype.kind in "iub":
        return value
    value = value if value.dtype.itemsize >= 4 else value.astype(np.float32)
    if not half:
        return value
    limit = float(np.finfo(np.float16).max)
    largest = float(np.max(np.abs(value), initial=0.0))
    if not largest <= limit:  # NaN is not either
        raise WeightsError(
            f"{where}: has a value of {largest:g}; half precision ends at {limit:g}. Save the "
            "model without half=True."
        )
    return value.astype(np.float16)


def read_array(dataset: h5py.Dataset, spare: int = 0) -> np.ndarray:
    """Returns an array of an HDF5 file as a network has it: half precision becomes float32.

    Args:
        dataset: In an open file.
        spare: Bytes that may be missing in the file, which HDF5 fills with one value.

    Raises:
        ValueError: For numbers that are no floats; for a size that the file does not hold, which
            HDF5 would make up in memory; for content that lies in other files.
    """
    if dataset.dtype.kind != "f":
        raise ValueError(f"{dataset.name} is {dataset.dtype}; weights are floats")
    if dataset.shape is None or dataset.is_virtual or dataset.external:
        raise ValueError(f"{dataset.name} has no content in this file")
    held = dataset.id.get_storage_size()
    # Deflate, the only usual filter, makes a thousandth of what is equal throughout.
    most = held if dataset.id.get_create_plist().get_nfilters() == 0 else 1100 * held
    if dataset.nbytes > most + spare:
        raise ValueError(
            f"{dataset.name} should have {dataset.nbytes} bytes, and the file has {held} of it"
        )
    value = dataset[()]
    return value.astype(np.float32) if value.dtype == np.float16 else value
