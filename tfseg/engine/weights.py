"""Weight files: one HDF5 group a layer, read back by name with an account of every layer.

The file is plain HDF5 (`layer name/variable name`), so that other tools can read it, and a
network with other heads takes the layers that fit.
"""

from __future__ import annotations

import dataclasses
import io
import json
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import h5py
import keras
import numpy as np

from tfseg import files
from tfseg.engine.class_layers import ClassLayers
from tfseg.engine.stored_values import read_array, storable
from tfseg.engine.weight_kinds import some, unknown
from tfseg.errors import WeightsError
from tfseg.structures import LoadReport

__all__ = [
    "FORMAT",
    "Match",
    "check_finite",
    "give",
    "is_intact",
    "is_weight_file",
    "load",
    "match",
    "named_weights",
    "refuse_mismatch",
    "save",
    "some",
    "unknown",
]

log = logging.getLogger(__name__)

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


def save(
    network: keras.Model,
    path: str | os.PathLike,
    attributes: Mapping = (),
    *,
    half: bool = False,
) -> None:
    """Writes all weights, whole or not at all.

    Args:
        network: A built network.
        path: The file, by custom `something.weights.h5`.
        attributes: Texts to keep with the weights, such as the system and the class names.
        half: Round float32 values to float16, three decimal digits, in half the space.

    Raises:
        WeightsError: With `half`, naming the first layer that has a value beyond float16's range.
    """
    # The file is made in memory, because HDF5 reports a full disk late and in many ways.
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file.attrs["format"] = FORMAT
        file.attrs["format_version"] = _FORMAT_VERSION
        file.attrs["checksum"] = "sha256, behind the end"
        for name, value in dict(attributes).items():
            file.attrs[name] = value if isinstance(value, str) else json.dumps(value)
        for layer, variables in named_weights(network).items():
            for name, variable in variables.items():
                where = f"{layer}/{name}"
                file[where] = storable(variable, where, half)
    end = files.seal(buffer.getbuffer())
    buffer.seek(0, os.SEEK_END)
    buffer.write(end)
    files.write_whole(path, buffer.getbuffer(), error=WeightsError)


def is_weight_file(path: str | os.PathLike) -> bool:
    """True for a file that `save` wrote."""
    try:
        with h5py.File(path, "r") as file:
            return str(file.attrs.get("format")) == FORMAT
    except Exception:  # a damaged file fails in many ways
        return False


def is_intact(path: str | os.PathLike, digest: str | None = None) -> bool:
    """Returns whether a file is what its checksum says; False for one without a checksum.

    Args:
        path: An existing file.
        digest: Its SHA-256, where that is known; None: the file's own checksum counts.

    Raises:
        WeightsError: If it is another.
    """
    remedy = "Copy it again, or save the model again."
    try:
        if digest is None:
            return files.check_seal(path, error=WeightsError, remedy=remedy)
        if files.sha256(path) == digest:
            return True
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror or error}).") from error
    raise WeightsError(
        f"{path}: damaged, or exchanged: it differs from its checksum in model.json. {remedy} To "
        "give a model the weights of another file: model.load_weights(file)."
    )


def load(
    network: keras.Model,
    path: str | os.PathLike,
    skip_mismatch: bool = False,
    others: Sequence[str] = (),
    checked: bool = False,
    classes: ClassLayers | None = None,
) -> LoadReport:
    """Gives each layer its weights from a file, all of them or, on an error, none.

    Args:
        network: A built network.
        path: A file that `save` wrote.
        skip_mismatch: Leave out layers whose shapes differ or that the file does not have,
            and list them; False: raise.
        others: Kinds of file that could have been read too, for the error.
        checked: Whether its checksum was compared already (`is_intact`).
        classes: What layers of a file that was written for other classes do not fit, even of equal
            shape; None: the file is known to have the same.

    Raises:
        WeightsError: If the file is missing, damaged, of another kind, or does not fit, or has
            values that are not finite.
    """
    path = Path(path)
    checked = checked or (path.is_file() and is_intact(path))
    stored, attributes = _read(path, others)
    if not checked:
        _remark(path, attributes)
    check_finite(os.fspath(path), stored)
    layers, written = named_weights(network), attributes.get("class_names")
    others = {} if classes is None else classes.of_others(layers, written)
    found = match(layers, stored, os.fspath(path), refused=others)
    told = f" The file was written for the classes {written}." if written else ""
    refuse_mismatch(found.report, skip_mismatch, told)
    give(found)
    return found.report


@dataclasses.dataclass(frozen=True)
class Match:
    """What a file has for a network.

    Attributes:
        report: What becomes of each layer.
        fitting: The arrays that will be loaded, beside their variables.
    """

    report: LoadReport
    fitting: Sequence[tuple[keras.Variable, np.ndarray]]


def match(
    layers: Mapping[str, Mapping[str, keras.Variable]],
    stored: Mapping[str, Mapping[str, np.ndarray]],
    source: str,
    unused: Sequence[str] = (),
    refused: Mapping[str, str] = MappingProxyType({}),
) -> Match:
    """Finds which arrays of a file fit which layer. Nothing is changed yet.

    Args:
        layers: The network's, `{layer: {variable name: variable}}`, as of `named_weights`.
        stored: `{layer: {variable name: array}}`, by the same names.
        source: The file, for the report.
        unused: Names in the file that are not in `stored`, for the report.
        refused: Layers to leave out, with the reason.
    """
    loaded, fitting, skipped, missing = [], [], {}, []
    for layer, variables in layers.items():
        if layer not in stored:
            missing.append(layer)
            continue
        reason = _why_not(variables, stored[layer]) or refused.get(layer)
        if reason:
            skipped[layer] = reason
        else:
            loaded.append(layer)
            fitting += [(variable, stored[layer][name]) for name, variable in variables.items()]
    left = (*sorted(set(stored) - set(layers)), *unused)
    return Match(LoadReport(tuple(loaded), skipped, tuple(missing), left, source), fitting)


def give(found: Match) -> None:
    """Assigns what fits."""
    for variable, value in found.fitting:
        variable.assign(value)


def refuse_mismatch(report: LoadReport, skip_mismatch: bool, told: str = "") -> None:
    """Raises if nothing fits, or if anything does not and `skip_mismatch` is False.

    Args:
        report: Of `match`.
        skip_mismatch: The user's wish to take what fits.
        told: What the file says about itself, for the error; starts with a space.

    Raises:
        WeightsError: Naming the layers, and the remedy.
    """
    if not report.loaded:
        raise WeightsError(
            f"{report.source}: nothing in the file fits this network. It has "
            f"{some(report.unused or tuple(report.skipped))}; the network asks for "
            f"{some(report.missing or tuple(report.skipped))}."
        )
    if skip_mismatch or not (report.skipped or report.missing or report.unused):
        return
    lines = [f"{layer}: {reason}" for layer, reason in list(report.skipped.items())[:8]]
    if len(report.skipped) > 8:
        lines.append(f"and {len(report.skipped) - 8} more layers")
    if report.missing:
        lines.append(f"not in the file: {some(report.missing)}")
    if report.unused:
        lines.append(f"only in the file: {some(report.unused)}")
    raise WeightsError(
        f"{report.source}: the weights do not fit the network.{told}\n  "
        + "\n  ".join(lines)
        + "\nPass skip_mismatch=True to take the layers that fit and keep the rest as they are."
    )


def check_finite(source: str, stored: Mapping[str, Mapping[str, np.ndarray]]) -> None:
    """Raises WeightsError naming the first array, `{layer: {variable: array}}`, that is not of
    floats, or has values which are not finite as float32, the type of weights: such a layer is no
    mismatch that could be left out."""
    for layer, variables in stored.items():
        for name, value in variables.items():
            if value.dtype.kind != "f":
                raise WeightsError(
                    f"{source}: {layer}/{name} holds {value.dtype}; weights are floats. The file "
                    "is damaged, or of a quantised network; take another one."
                )
            with np.errstate(over="ignore"):
                finite = np.all(np.isfinite(value.astype(np.float32, copy=False)))
            if not finite:
                raise WeightsError(
                    f"{source}: {layer}/{name} has values that are not finite in float32. The "
                    "file is damaged, or its training had gone wrong; take another one."
                )


def _remark(path: Path, attributes: Mapping):
    """Says that a file of an older version has no checksum; one of this version must have it."""
    if "checksum" in attributes:
        raise WeightsError(
            f"{path}: damaged, or changed after it was written: its checksum is missing. Copy it "
            "again, or save the model again."
        )
    log.warning("%s has no checksum (an older tfseg wrote it): damage would not show.", path)


def _why_not(variables: Mapping, stored: Mapping) -> str:
    for name, variable in variables.items():
        if name not in stored:
            return f"the file has no {name!r} for it"
        if tuple(stored[name].shape) != tuple(variable.shape):
            return (
                f"{name} is {tuple(stored[name].shape)} in the file and "
                f"{tuple(variable.shape)} in the network"
            )
    more = sorted(set(stored) - set(variables))
    if more:
        return f"the file has {', '.join(more)} too, which the network's layer does without"
    return ""


def _read(path: Path, others: Sequence[str]) -> tuple[dict[str, dict[str, np.ndarray]], dict]:
    if not path.is_file():
        what = "is a folder, not a weight file" if path.is_dir() else "does not exist"
        raise WeightsError(f"{path}: {what}. Expected a .weights.h5 file or a saved model.")
    if not is_weight_file(path):
        raise WeightsError(unknown(path, others))
    stored: dict[str, dict[str, np.ndarray]] = {}
    try:
        with h5py.File(path, "r") as file:
            attributes = dict(file.attrs)
            if int(attributes.get("format_version", 0)) > _FORMAT_VERSION:
                raise WeightsError(
                    f"{path}: written by a newer tfseg (weight format "
                    f"{attributes['format_version']}, this one reads {_FORMAT_VERSION}). "
                    "Upgrade tfseg."
                )

            def collect(name, item):
                if isinstance(item, h5py.Dataset):
                    layer, _, variable = name.rpartition("/")
                    stored.setdefault(layer, {})[variable] = read_array(item)

            file.visititems(collect)
    except WeightsError:
        raise
    except Exception as error:  # a damaged file fails in many ways
        raise WeightsError(f"{path}: damaged or truncated ({error}). Copy it again.") from None
    return stored, attributes
