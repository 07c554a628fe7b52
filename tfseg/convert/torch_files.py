"""Tensors by name out of `.safetensors` and PyTorch files; code in a file is never run."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import math
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tfseg.errors import WeightsError

__all__ = ["kind", "tensors"]

_DTYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": "<u2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "i1",
    "U8": "u1",
    "BOOL": "?",
}
# How files of before PyTorch 1.6 begin: a pickled number.
_OLD_TORCH = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19"
_LONGEST_HEADER = 100_000_000
# Where training programs put the state dict among other things.
_NESTED = ("model", "state_dict", "model_state_dict", "model_ema")
_PREFIXES = ("module.", "_orig_mod.")


def kind(path: str | os.PathLike) -> str | None:
    """Returns "safetensors", "torch", or None for any other file, by its content."""
    try:
        with open(path, "rb") as file:
            head = file.read(16)
        if head.startswith(_OLD_TORCH):
            return "torch"
        if head[:4] == b"PK\x03\x04":
            with zipfile.ZipFile(path) as archive:
                inside = any(name.endswith("/data.pkl") for name in archive.namelist())
            return "torch" if inside else None
    except Exception:  # a damaged archive is wrong in many ways
        return None
    length = int.from_bytes(head[:8], "little")
    return "safetensors" if head[8:9] == b"{" and 2 <= length <= _LONGEST_HEADER else None


def tensors(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Returns the arrays of a state dict by name; half precision becomes float32.

    A dict that holds the state dict under `model` or `state_dict`, as training programs write
    it, is opened, and the prefix `module.` of data parallel training is taken off.

    Raises:
        WeightsError: If the file is damaged, holds more than tensors, or needs PyTorch and that
            is not installed.
    """
    found = _safetensors(Path(path)) if kind(path) == "safetensors" else _torch(Path(path))
    for prefix in _PREFIXES:
        if found and all(name.startswith(prefix) for name in found):
            found = {name.removeprefix(prefix): value for name, value in found.items()}
    return found


def _safetensors(path: Path) -> dict[str, np.ndarray]:
    """Source of the format: its description in huggingface/safetensors, README, "Format"."""
    try:
        content = np.memmap(path, np.uint8, "r")
        start = 8 + int.from_bytes(content[:8].tobytes(), "little")
        header = json.loads(content[8:start].tobytes())
        header.pop("__metadata__", None)
        offsets = [entry["data_offsets"] for entry in header.values()]
        if sum(last - first for first, last in offsets) > len(content) - start:
            raise ValueError("its tensors should take more bytes than it has")
        return {name: _array(content[start:], name, entry) for name, entry in header.items()}
    except Exception as error:  # a damaged header is wrong in many ways
        raise WeightsError(
            f"{path}: a damaged or truncated .safetensors file ({error}). Download it again."
        ) from None


def _array(content: np.ndarray, name: str, entry: Mapping) -> np.ndarray:
    if entry["dtype"] not in _DTYPES:
        raise ValueError(f"{name} has the unknown type {entry['dtype']}")
    dtype, shape = np.dtype(_DTYPES[entry["dtype"]]), tuple(entry["shape"])
    first, last = entry["data_offsets"]
    if not all(isinstance(number, int) and number >= 0 for number in shape):
        raise ValueError(f"{name} has the shape {shape}")
    size = dtype.itemsize * math.prod(shape)
    if not 0 <= first <= last <= len(content) or last - first != size:
        raise ValueError(f"{name} should take {size} bytes at {first}; the file ends or disagrees")
    values = np.frombuffer(content[first:last].tobytes(), dtype).reshape(shape)
    if entry["dtype"] == "BF16":  # the upper half of a float32
        return (values.astype(np.uint32) << 16).view(np.float32)
    return values.astype(np.float32) if entry["dtype"] == "F16" else values


def _torch(path: Path) -> dict[str, np.ndarray]:
    if importlib.util.find_spec("torch") is None:
        raise WeightsError(
            f"{path}: this is a PyTorch file, and PyTorch is not installed. Install it: pip "
            "install torch --index-url https://download.pytorch.org/whl/cpu. Or turn the file "
            "into .safetensors where PyTorch is, which needs nothing here: safetensors.torch."
            "save_file(torch.load(path, weights_only=True), 'weights.safetensors')."
        )
    content = _unpickled(path)
    for name in _NESTED:
        if isinstance(content, Mapping) and isinstance(content.get(name), Mapping):
            content = content[name]
    import torch

    if not isinstance(content, Mapping):
        raise WeightsError(
            f"{path}: expected a state dict, got {type(content).__name__}. Save it again with "
            "torch.save(model.state_dict(), path)."
        )
    found = {str(n): value for n, value in content.items() if isinstance(value, torch.Tensor)}
    size = sum(value.numel() * value.element_size() for value in found.values())
    if size > 4 * path.stat().st_size:  # tied weights are in the file once
        raise WeightsError(
            f"{path}: its tensors should take {size / 1e6:.0f} MB, and the file has "
            f"{path.stat().st_size / 1e6:.0f} MB. It is damaged; download it again."
        )
    return {
        name: (value.float() if value.is_floating_point() else value).numpy()
        for name, value in found.items()
    }


def _unpickled(path: Path):
    """Returns what the file holds, if that is tensors and plain containers only."""
    import argparse

    import torch

    # torchvision's own training script stores its command line beside the weights: a Namespace
    # holds values and does nothing.
    allow = getattr(torch.serialization, "safe_globals", None)
    allowed = allow([argparse.Namespace]) if allow else contextlib.nullcontext()
    try:
        with allowed:
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # pickle, zip and PyTorch each have their own
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise WeightsError(
            f"{path}: PyTorch cannot read it as weights alone ({reason}). It is damaged, or holds "
            "objects whose code would have to be run, which is never done here. Where you trust "
            "it, save it again with torch.save(model.state_dict(), path)."
        ) from None
