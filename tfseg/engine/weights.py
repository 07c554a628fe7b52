"""Weight files: one HDF5 group a layer, read back by name with an account of every layer.

The file is plain HDF5 (`layer name/variable name`), so that other tools can read it, and a
network with other heads takes the layers that fit.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping
from pathlib import Path

import h5py
import keras
import numpy as np

from tfseg.errors import WeightsError
from tfseg.structures import LoadReport

__all__ = ["FORMAT", "is_weight_file", "load", "named_weights", "save"]

FORMAT = "tfseg weights"
_FORMAT_VERSION = 1


def named_weights(network: keras.Model) -> dict[str, dict[str, keras.Variable]]:
    """Returns the network's weights as `{layer: {variable name: variable}}`.

    A layer inside another is called `outer/inner`; the network's own name is left out, it may
    differ between two networks of the same kind.

    Raises:
        WeightsError: If two weights have the same name, which no file could tell apart.
    """
    layers: dict[str, dict[str, keras.Variable]] = {}
    paths = [variable.path for variable in network.weights]
    root = f"{network.name}/"
    cut = len(root) if paths and all(path.startswith(root) for path in paths) else 0
    for variable in network.weights:
        layer, _, name = variable.path[cut:].rpartition("/")
        if name in layers.setdefault(layer, {}):
            raise WeightsError(
                f"two weights of the network are called {layer}/{name}. Give their layers "
                "different names."
            )
        layers[layer][name] = variable
    return layers


def save(network: keras.Model, path: str | os.PathLike, attributes: Mapping = ()) -> None:
    """Writes all weights, whole or not at all.

    Args:
        network: A built network.
        path: The file, by custom `something.weights.h5`.
        attributes: Texts to keep with the weights, such as the system and the class names.
    """
    # The file is made in memory, because HDF5 reports a full disk late and in many ways.
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file.attrs["format"] = FORMAT
        file.attrs["format_version"] = _FORMAT_VERSION
        for name, value in dict(attributes).items():
            file.attrs[name] = value if isinstance(value, str) else json.dumps(value)
        for layer, variables in named_weights(network).items():
            for name, variable in variables.items():
                file[f"{layer}/{name}"] = _storable(variable)
    write_bytes(path, buffer.getbuffer())


def write_bytes(path: str | os.PathLike, content) -> None:
    """Writes a file whole or not at all: beside it first, flushed to the disk, then renamed.

    Raises:
        WeightsError: If the disk is full or the folder cannot be written; what was there stays.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True) if temporary.parent.is_dir() else None
        raise WeightsError(
            f"{path}: could not be written ({error.strerror or error}). "
            "What was there before is untouched; free some space or choose another folder."
        ) from error


def is_weight_file(path: str | os.PathLike) -> bool:
    """True for a file that `save` wrote."""
    try:
        with h5py.File(path, "r") as file:
            return file.attrs.get("format") == FORMAT
    except OSError:
        return False


def load(network: keras.Model, path: str | os.PathLike, skip_mismatch: bool = False) -> LoadReport:
    """Gives each layer its weights from a file, all of them or, on an error, none.

    Args:
        network: A built network.
        path: A file that `save` wrote.
        skip_mismatch: Leave out layers whose shapes differ or that the file does not have,
            and list them; False: raise.

    Raises:
        WeightsError: If the file is missing, damaged, of another kind, or does not fit.
    """
    stored, attributes = _read(Path(path))
    layers = named_weights(network)
    fitting, skipped, missing = {}, {}, []
    for layer, variables in layers.items():
        if layer not in stored:
            missing.append(layer)
            continue
        reason = _why_not(variables, stored[layer])
        if reason:
            skipped[layer] = reason
        else:
            fitting[layer] = stored[layer]
    unused = sorted(set(stored) - set(layers))
    report = LoadReport(tuple(fitting), skipped, tuple(missing), tuple(unused), os.fspath(path))
    _refuse(report, attributes, skip_mismatch)
    for layer, values in fitting.items():
        for name, variable in layers[layer].items():
            variable.assign(values[name])
    return report


def _refuse(report: LoadReport, attributes: Mapping, skip_mismatch: bool):
    if not report.loaded:
        raise WeightsError(
            f"{report.source}: nothing in the file fits this network. It has "
            f"{_some(report.unused or tuple(report.skipped))}; the network asks for "
            f"{_some(report.missing or tuple(report.skipped))}."
        )
    if skip_mismatch or not (report.skipped or report.missing or report.unused):
        return
    lines = [f"{layer}: {reason}" for layer, reason in list(report.skipped.items())[:8]]
    if report.missing:
        lines.append(f"not in the file: {_some(report.missing)}")
    if report.unused:
        lines.append(f"only in the file: {_some(report.unused)}")
    classes = attributes.get("class_names")
    told = f" The file was written for the classes {classes}." if classes else ""
    raise WeightsError(
        f"{report.source}: the weights do not fit the network.{told}\n  "
        + "\n  ".join(lines)
        + "\nPass skip_mismatch=True to take the layers that fit and keep the rest as they are."
    )


def _why_not(variables: Mapping, stored: Mapping) -> str:
    for name, variable in variables.items():
        if name not in stored:
            return f"the file has no {name!r} for it"
        if tuple(stored[name].shape) != tuple(variable.shape):
            return (
                f"{name} is {tuple(stored[name].shape)} in the file and "
                f"{tuple(variable.shape)} in the network"
            )
        if not np.all(np.isfinite(stored[name])):
            return f"{name} in the file has values that are not finite"
    return ""


def _read(path: Path) -> tuple[dict[str, dict[str, np.ndarray]], dict]:
    if not path.is_file():
        what = "is a folder, not a weight file" if path.is_dir() else "does not exist"
        raise WeightsError(f"{path}: {what}. Expected a .weights.h5 file or a saved model.")
    stored: dict[str, dict[str, np.ndarray]] = {}
    try:
        with h5py.File(path, "r") as file:
            attributes = dict(file.attrs)
            if attributes.get("format") != FORMAT:
                raise WeightsError(f"{path}: expected a tfseg weight file, got {_kind(file)}.")
            if int(attributes.get("format_version", 0)) > _FORMAT_VERSION:
                raise WeightsError(
                    f"{path}: written by a newer tfseg (weight format "
                    f"{attributes['format_version']}, this one reads {_FORMAT_VERSION}). "
                    "Upgrade tfseg."
                )

            def collect(name, item):
                if isinstance(item, h5py.Dataset):
                    layer, _, variable = name.rpartition("/")
                    stored.setdefault(layer, {})[variable] = item[()]

            file.visititems(collect)
    except OSError as error:
        raise WeightsError(
            f"{path}: expected a tfseg weight file, got {_kind_of_bytes(path)} ({error})."
        ) from None
    return stored, attributes


def _kind(file: h5py.File) -> str:
    names = _some(tuple(file))
    if "layer_names" in file.attrs or "model_weights" in file:
        return f"a weight file of Keras 2 (groups {names}); tfseg.convert reads those it knows"
    if "layers" in file or "_layer_checkpoint_dependencies" in file or "vars" in file:
        return "a weight file of Keras 3; load it with model.keras_model.load_weights(...)"
    return f"another HDF5 file (it holds {names})" if len(file) else "an empty HDF5 file"


def _kind_of_bytes(path: Path) -> str:
    head = path.read_bytes()[:8]
    kinds = {
        b"\x89HDF": "a damaged or truncated HDF5 file",
        b"PK\x03\x04": "a zip archive (a .keras or PyTorch file?)",
        b"\x89PNG": "a PNG picture",
        b"\xff\xd8": "a JPEG picture",
        b"\x80": "a pickle (an old PyTorch file?)",
    }
    for start, kind in kinds.items():
        if head.startswith(start):
            return kind
    return "a file of another kind" if head else "an empty file"


def _storable(variable: keras.Variable) -> np.ndarray:
    value = keras.ops.convert_to_numpy(variable.value)
    return value if value.dtype.kind in "iub" or value.dtype.itemsize >= 4 else value.astype("f4")


def _some(names: tuple[str, ...], count: int = 6) -> str:
    shown = ", ".join(names[:count])
    return f"{shown} and {len(names) - count} more" if len(names) > count else shown or "nothing"
