"""What a file is that was given as weights, for the messages about those that are none."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import h5py

__all__ = ["some", "unknown"]


def unknown(path: str | os.PathLike, others: Sequence[str] = ()) -> str:
    """Returns the message about a file that nobody can read: what it is, what was expected.

    Args:
        path: An existing file.
        others: Kinds of file that can be read beside our own.
    """
    also = f" Weights of these are read too: {'; '.join(others)}." if others else ""
    try:
        with h5py.File(path, "r") as file:
            kind = _kind(file)
    except Exception as error:  # a damaged file fails in many ways
        kind = f"{_kind_of_bytes(Path(path))} ({error})"
    return f"{os.fspath(path)}: expected a tfseg weight file, got {kind}.{also}"


def _kind(file: h5py.File) -> str:
    names = some(tuple(file))
    if "layer_names" in file.attrs or "model_weights" in file:
        names = some(tuple(file.get("model_weights", file)), 12)
        return f"the weights of another network in a Keras 2 file (layers {names})"
    if "layers" in file or "_layer_checkpoint_dependencies" in file or "vars" in file:
        return "a weight file of Keras 3; load it with model.keras_model.load_weights(...)"
    return f"another HDF5 file (it holds {names})" if len(file) else "an empty HDF5 file"


def _kind_of_bytes(path: Path) -> str:
    with open(path, "rb") as file:
        head = file.read(8)
    kinds = {
        b"\x89HDF": "a damaged or truncated HDF5 file",
        b"PK\x03\x04": "a zip archive (a .keras file, or a truncated PyTorch file?)",
        b"\x89PNG": "a PNG image",
        b"\xff\xd8": "a JPEG image",
        b"\x80": "a pickle (an old PyTorch file?)",
    }
    for start, kind in kinds.items():
        if head.startswith(start):
            return kind
    return "a file of another kind" if head else "an empty file"


def some(names: Sequence[str], count: int = 6) -> str:
    """Returns names for a message: the first ones, and how many more there are."""
    shown = ", ".join(names[:count])
    return f"{shown} and {len(names) - count} more" if len(names) > count else shown or "nothing"
