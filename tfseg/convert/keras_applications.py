"""ImageNet weights of Keras Applications for the backbone: ResNet-50, ResNet-101 and MobileNetV2.

Such a file has nothing for the pyramid and the heads; they stay as they are, are listed as
missing, and have to be trained. Both generations of files are read: with the names of today
(`conv2_block1_1_conv`), and ResNet-50 of 2015 with Matterport's (`res2a_branch2a`).
"""

from __future__ import annotations

import os
import re

from tfseg.convert import backbone_alone, keras_h5
from tfseg.convert.source import Source
from tfseg.errors import WeightsError
from tfseg.nn.backbones.imagenet import adapt, imagenet_name, weighted_layers
from tfseg.nn.backbones.mobilenet_v2 import round_channels
from tfseg.nn.backbones.resnet import BLOCKS
from tfseg.structures import LoadReport

__all__ = ["READS", "describe", "load", "recognises"]

READS = "Keras Applications' ResNet50, ResNet101 and MobileNetV2 (h5, with or without top)"

_MARKS = (
    {"conv1_conv", "conv1_bn", "conv2_block1_1_conv"},
    {"conv1", "bn_conv1", "res2a_branch2a"},
    {"Conv1", "bn_Conv1", "expanded_conv_depthwise"},
)
_WIDTHS = (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)
# What the networks that these files were written for add to the variance.
_EPSILON = {"new": 1.001e-5, "old": 1e-3, "mobilenet_v2": 1e-3}


def recognises(path: str | os.PathLike) -> bool:
    """True for an HDF5 file with the first layers of one of these networks."""
    layers = set(keras_h5.index(path))
    return any(marks <= layers for marks in _MARKS)


def describe(path: str | os.PathLike) -> Source:
    """Returns what the file is, from names and shapes alone.

    Raises:
        WeightsError: For a ResNet of another depth or an unknown width of MobileNetV2.
    """
    layers = keras_h5.index(path)
    if "Conv1" in layers:
        backbone, settings = "mobilenet_v2", {"backbone_width": _width(path, layers)}
    else:
        blocks = _blocks(layers)
        backbone = next((name for name, counts in BLOCKS.items() if counts == blocks), None)
        settings = {}
        if backbone is None:
            raise WeightsError(
                f"{os.fspath(path)}: a ResNet with {blocks} blocks in its stages. Known are "
                f"{', '.join(f'{name} {counts}' for name, counts in BLOCKS.items())}."
            )
    note = "The file has weights of the backbone alone: train the model before it predicts."
    return Source(
        os.fspath(path), "Keras Applications", "matterport", backbone, None, settings, notes=(note,)
    )


def load(model, path: str | os.PathLike, skip_mismatch: bool = False) -> LoadReport:
    """Gives a model's backbone the weights of a file; all of the backbone or, on an error, nothing.

    The first convolution is turned from BGR to RGB where the file wants that, and the norms'
    scales make up for another epsilon, so that features come out as there. All of the backbone must
    fit; with `skip_mismatch` its first layer is fitted to an image of other channels than three.
    The pyramid and the heads are listed as missing, in any case.

    Raises:
        WeightsError: If the file is damaged, or the model has another backbone.
    """
    source = describe(path)
    backbone_alone.check(source, model.config)
    layers = keras_h5.index(path)
    old = "res2a_branch2a" in layers
    kind = "mobilenet_v2" if "Conv1" in layers else "old" if old else "new"
    backbone = weighted_layers(model.keras_model.backbone)
    places = {name: name if old else imagenet_name(name) for name in backbone}
    found = keras_h5.read(path, layers, {place for place in places.values() if place in layers})
    stored = {
        name: adapt(layer, found[place], epsilon=_EPSILON[kind], flip_channels=True)
        for (name, layer), place in zip(backbone.items(), places.values())
        if place in found
    }
    unused = sorted(set(layers) - set(places.values()))
    return backbone_alone.give(model, source, stored, unused, list(backbone), skip_mismatch)


def _blocks(layers) -> tuple[int, ...]:
    """Returns the number of residual blocks of stages 2 to 5."""
    counts = dict.fromkeys((2, 3, 4, 5), 0)
    for name in layers:
        new = re.fullmatch(r"conv([2-5])_block(\d+)_1_conv", name)
        old = re.fullmatch(r"res([2-5])([a-z])_branch2a", name)
        if new or old:
            counts[int((new or old)[1])] += 1
    return tuple(counts.values())


def _width(path, layers) -> float:
    last = layers.get("block_16_project", {}).get("kernel")
    channels = last.shape[-1] if last is not None and last.shape else 0
    for width in _WIDTHS:
        if round_channels(320 * width) == channels:
            return width
    raise WeightsError(
        f"{os.fspath(path)}: MobileNetV2 whose last block has {channels} channels; expected one "
        f"of the published widths {', '.join(map(str, _WIDTHS))}."
    )
