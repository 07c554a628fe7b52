"""TFLite files of MobileNetV2, quantised or not, for the backbone: classifiers, DeepLab and others
that begin with it.

Such a file has each normalisation folded into the convolution before it. Ours get its bias as beta,
with gamma 1 and statistics that change nothing, which gives the file's features exactly; see
`tfseg.engine.norm_statistics` for what that means to a training.

The layers are told by their order and their shapes, not by names: TensorFlow-Slim, Keras and
converters have each their own.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence

import numpy as np

from tfseg.convert import backbone_alone, tflite_file
from tfseg.convert.source import Source
from tfseg.convert.tflite_file import Content, Convolution
from tfseg.errors import WeightsError
from tfseg.nn.backbones.imagenet import weighted_layers
from tfseg.nn.backbones.mobilenet_v2 import convolutions
from tfseg.structures import LoadReport

__all__ = ["READS", "describe", "load", "recognises"]

READS = "TFLite files that begin with MobileNetV2 (.tflite, quantised or not)"

_WIDTHS = (1.0, 0.75, 0.5, 0.35, 1.3, 1.4)
# What TensorFlow-Slim's quantised files say of their uint8 input: (x - 128) / 128.
_SLIM_SCALE, _SLIM_ZERO = 1 / 128, 128
_MIDDLE = 127.5  # of our pixels: x / 127.5 - 1
_RANGE_TOLERANCE = 0.15


def recognises(path: str | os.PathLike) -> bool:
    """True for any TFLite file; `load` says what is wrong with others."""
    return tflite_file.is_tflite(path)


def describe(path: str | os.PathLike) -> Source:
    """Returns what the file is, from shapes alone.

    Raises:
        WeightsError: If `ai_edge_litert` is missing, or the file is damaged or of another network.
    """
    return _described(path, _read(path))


def load(model, path: str | os.PathLike, skip_mismatch: bool = False) -> LoadReport:
    """Gives a model's backbone the weights of a file; all of it or, on an error, nothing.

    What the file has behind the backbone is listed as unused, the model's other layers as missing.
    With `skip_mismatch` the first layer is fitted to an image of other channels than three.

    Raises:
        WeightsError: If `ai_edge_litert` is missing; if the file is damaged, of another network or
            with normalisations apart from their convolutions; or the model has another backbone.
    """
    content = _read(path)
    source = _described(path, content)
    backbone_alone.check(source, model.config)
    layers = weighted_layers(model.keras_model.backbone)
    names = convolutions(source.settings["backbone_width"])
    found = content.convolutions[: len(names)]
    _check_folded(path, found)
    unused = [each.name for each in content.convolutions[len(names) :]]
    stored: dict[str, Mapping[str, np.ndarray]] = {}
    for number, ((name, norm, _), convolution) in enumerate(zip(names, found)):
        if name not in layers:  # a model whose backbone ends earlier
            unused.append(convolution.name)
            continue
        kernel, bias = convolution.kernel, convolution.bias
        if number == 0:
            kernel, bias = _for_our_pixels(kernel, bias, content)
        epsilon = layers[norm].epsilon if norm in layers else 0.0
        stored[name], stored[norm] = {"kernel": kernel}, _folded(bias, epsilon)
    return backbone_alone.give(model, source, stored, unused, list(stored), skip_mismatch)


def _read(path) -> Content:
    content = tflite_file.read(path)
    plain = tuple(map(_without_gaps, content.convolutions))
    return dataclasses.replace(content, convolutions=plain)


def _without_gaps(convolution: Convolution) -> Convolution:
    """Returns the 3 x 3 kernel of a dilated depthwise convolution that is written out as 5 x 5."""
    stored = convolution.weights.values
    if not convolution.depthwise or stored.shape[1:3] != (5, 5):
        return convolution
    kernel = convolution.kernel.copy()
    kernel[::2, ::2] = 0
    if kernel.any():
        return convolution
    weights = dataclasses.replace(convolution.weights, values=stored[:, ::2, ::2])
    return dataclasses.replace(convolution, weights=weights)


def _described(path, content: Content) -> Source:
    _check_input(path, content)
    note = "The file has weights of the backbone alone: train the model before it predicts."
    return Source(
        os.fspath(path),
        "TFLite file",
        "matterport",
        "mobilenet_v2",
        settings={"backbone_width": _width(path, content.convolutions)},
        notes=(note,),
    )


def _width(path, found: Sequence[Convolution]) -> float:
    """Returns the width whose convolutions the file begins with."""
    equal = {}
    for width in _WIDTHS:
        wanted = convolutions(width)
        pairs = list(zip(found, wanted))
        equal[width] = next((i for i, pair in enumerate(pairs) if not _same(*pair)), len(pairs))
        if equal[width] == len(wanted):
            return width
    width = max(equal, key=equal.get)
    name, _, shape = convolutions(width)[equal[width]]
    place = equal[width]
    other = f"{found[place].name!r} with {found[place].shape}" if place < len(found) else "no more"
    raise WeightsError(
        f"{os.fspath(path)}: expected a network that begins with the {len(convolutions(width))} "
        f"convolutions of MobileNetV2, of width {', '.join(map(str, _WIDTHS))}. The file has "
        f"{len(found)}; number {place + 1}, {name}, should have a kernel of {shape}, and the file "
        f"has {other}. Take the file of such a network, see docs/weights.md."
    )


def _same(convolution: Convolution, wanted: tuple[str, str, tuple]) -> bool:
    name, _, shape = wanted
    return convolution.shape == shape and convolution.depthwise == name.endswith("depthwise")


def _check_folded(path, found: Sequence[Convolution]) -> None:
    """Raises WeightsError where some normalisations lie apart, as behind dilated convolutions that
    the converter takes to pieces: their convolutions alone have no bias."""
    bare = [convolution.name for convolution in found if not convolution.bias.any()]
    if 0 < len(bare) < len(found):
        raise WeightsError(
            f"{os.fspath(path)}: {len(bare)} of its convolutions, {bare[0]!r} first, have no bias: "
            "their normalisations lie apart in the file, where they are not read. Take the model's "
            "folder, or its file for phones."
        )


def _check_input(path, content: Content) -> None:
    """Raises WeightsError for an integer input of another range than [-1, 1]."""
    limits = {"UINT8": (0, 255), "INT8": (-128, 127)}.get(content.input_type)
    if limits is None or not content.input_scale:
        return
    low, high = (content.input_scale * (value - content.input_zero) for value in limits)
    if abs(low + 1) > _RANGE_TOLERANCE or abs(high - 1) > _RANGE_TOLERANCE:
        raise WeightsError(
            f"{os.fspath(path)}: its input runs from {low:.3f} to {high:.3f}; expected -1 to 1, as "
            "images are given to MobileNetV2 here. Take a file whose network was trained so."
        )


def _for_our_pixels(kernel, bias, content: Content) -> tuple[np.ndarray, np.ndarray]:
    """Returns the first kernel and bias for pixels x / 127.5 - 1 in place of (x - 128) / 128.

    The file's value is `s v + s - 1` for ours, v, with s = 127.5 / 128. At the image's edge, where
    0 is padded, that is 0.4 % of the range off.
    """
    told = (content.input_type, content.input_scale, content.input_zero)
    if told != ("UINT8", _SLIM_SCALE, _SLIM_ZERO):
        return kernel, bias
    share = np.float32(_MIDDLE * _SLIM_SCALE)
    return kernel * share, bias + (share - 1) * kernel.sum(axis=(0, 1, 2))


def _folded(bias: np.ndarray, epsilon: float) -> dict[str, np.ndarray]:
    """Returns the arrays of a normalisation that adds the bias and does nothing else."""
    ones = np.ones_like(bias)
    return {
        "gamma": ones,
        "beta": bias,
        "moving_mean": np.zeros_like(bias),
        "moving_variance": ones - np.float32(epsilon),
    }
