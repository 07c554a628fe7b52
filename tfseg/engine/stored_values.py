"""Weights as numbers in a file: what HDF5 knows, at full or half precision."""

from __future__ import annotations

import keras
import numpy as np

from tfseg.errors import WeightsError

__all__ = ["restored", "storable"]


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


def restored(value: np.ndarray) -> np.ndarray:
    """Returns a stored array as the network has it: half precision becomes float32."""
    return value.astype(np.float32) if value.dtype == np.float16 else value
