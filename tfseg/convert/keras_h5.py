"""Weight files of Keras 1 and 2: HDF5 with one group a layer, nested differently by each writer."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Iterable, Mapping

import h5py
import numpy as np

from tfseg.engine.stored_values import read_array
from tfseg.errors import WeightsError

__all__ = ["Stored", "index", "read"]

# What older versions call a variable. `running_std` holds the variance, in spite of its name.
_VARIABLES = {
    "W": "kernel",
    "b": "bias",
    "depthwise_kernel": "kernel",
    "running_mean": "moving_mean",
    "running_std": "moving_variance",
}

# Other programs may leave arrays of one value out of a file; so much of them is believable.
_SPARE = 1 << 29


@dataclasses.dataclass(frozen=True)
class Stored:
    """One array of a file.

    Attributes:
        place: Its path in the file.
        shape: Its shape.
    """

    place: str
    shape: tuple[int, ...]


def index(path: str | os.PathLike) -> dict[str, dict[str, Stored]]:
    """Returns `{layer: {variable: Stored}}` without reading arrays; empty if it is no HDF5.

    The layer is the innermost group: `conv1/conv1/kernel:0` and the nested
    `rpn_model/rpn_conv_shared/kernel:0` are `kernel` of `conv1` and of `rpn_conv_shared`. In a
    file of `model.save`, only the group `model_weights` is looked at. Variables bear today's
    names: `conv1_W_1:0` is `kernel`, `running_std` is `moving_variance`.
    """
    layers: dict[str, dict[str, Stored]] = {}

    def collect(name: str, item):
        if isinstance(item, h5py.Dataset) and item.dtype.kind in "fiubc":
            group, _, leaf = name.rpartition("/")
            layer = group.rpartition("/")[2]
            place = Stored(item.name, tuple(item.shape))
            layers.setdefault(layer, {}).setdefault(_variable(layer, leaf), place)

    try:
        with h5py.File(path, "r") as file:
            root = file.get("model_weights", file)
            if isinstance(root, h5py.Group):
                root.visititems(collect)
    except Exception:  # a damaged file fails in many ways
        return {}
    return layers


def read(
    path: str | os.PathLike, layers: Mapping[str, Mapping[str, Stored]], wanted: Iterable[str]
) -> dict[str, dict[str, np.ndarray]]:
    """Returns the arrays of some layers of an `index`.

    Raises:
        WeightsError: If the file ends before them, or they are no floats.
    """
    found: dict[str, dict[str, np.ndarray]] = {}
    place, spare = "", _SPARE
    try:
        with h5py.File(path, "r") as file:
            for layer in wanted:
                found[layer] = {}
                for variable, stored in layers[layer].items():
                    place = stored.place
                    value = read_array(file[place], spare)
                    spare -= max(value.nbytes - file[place].id.get_storage_size(), 0)
                    found[layer][variable] = value
    except Exception as error:  # a damaged file fails in many ways
        raise WeightsError(
            f"{os.fspath(path)}: damaged or truncated at {place or 'its start'} ({error}). "
            "Download or copy it again."
        ) from None
    return found


def _variable(layer: str, leaf: str) -> str:
    name = leaf.split(":")[0].removeprefix(f"{layer}_")
    if name not in _VARIABLES:
        # The first Keras added a running number: `conv1_W_1`.
        shorter = re.sub(r"_\d+$", "", name)
        name = shorter if shorter in _KNOWN else name
    return _VARIABLES.get(name, name)


_KNOWN = {*_VARIABLES, "kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance"}
