"""The portrait network as a telephone runs it: one size, one output, nothing that it can spare.

What is left out or moved changes no number beyond rounding:

- Outputs for training and inspection, and the layers behind them alone.
- The classifier is linear, and so is resizing: each layer's 256 channels are classified at their
  own size and the few class maps are enlarged and added, instead of the 256 channels.
- With two classes the softmax is the logistic function of one difference, so one map remains.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from tfseg.export.quantize.equalize import equalized
from tfseg.export.quantize.fixed_size import check_image_shape
from tfseg.export.quantize.phone_blocks import PhoneBlocks
from tfseg.export.quantize.twin import copy_weights
from tfseg.models.portrait.graph import GraphOptions, build_graph

__all__ = [
    *("LOGITS", "PROBABILITY", "build_phone", "lean_logits", "lean_weights", "output_channels"),
]

LOGITS, PROBABILITY = "logits", "probability"


def build_phone(keras, options: GraphOptions, image_shape: tuple[int, int], source=None):
    """Returns the network, image `(B, H, W, 3)` in [-1, 1] to probabilities at the same size.

    With two classes the output is `(B, H, W, 1)`, the probability of not being background;
    otherwise `(B, H, W, N)`. Layer `logits` has what they are made of, in training's place.

    Args:
        keras: The namespace that makes the layers, Keras 3 or tf_keras.
        options: Which network.
        image_shape: `(H, W)`.
        source: A Keras 3 network of the same options to take the weights from, or None.
    """
    shape = check_image_shape(image_shape)
    # Whether statistics are kept is a matter of training, which this graph knows nothing of.
    options = dataclasses.replace(options, frozen_norm=False, dtype=None)
    blocks = PhoneBlocks(keras, options)
    image, logits = lean_logits(keras, options, blocks, shape)
    kind = "sigmoid" if output_channels(options) == 1 else "softmax"
    output = keras.layers.Activation(kind, name=PROBABILITY)(logits)
    model = keras.Model(image, output, name="portrait_phone")
    if source is not None:
        lean_weights(source, model, options, blocks)
        equalized(model)
    return model


def lean_logits(keras, options: GraphOptions, blocks, image_shape=None):
    """Returns the image, a symbolic `(B, H, W, 3)` in [-1, 1], and its logits `(B, H, W, N)`, of
    two classes the difference `(B, H, W, 1)`, by the last two of the shortcuts above.

    Args:
        keras: The namespace that makes the layers.
        options: Which network.
        blocks: Makes its layers; `blocks.changed` is filled for `lean_weights`.
        image_shape: `(H, W)`; None for images of any size.
    """
    body = build_graph(keras, options, blocks, image_shape)
    tops = [body.get_layer(name).output for name in _last_layers(options)]
    channels = output_channels(options)
    maps = []
    for number, top in enumerate(tops, 1):
        name = _classifier_name(number)
        # One bias is enough for a sum.
        small = blocks.conv(top, channels, 1, name, bias=number == 1)
        blocks.changed[name] = _share_of(number, len(tops), channels)
        maps.append(blocks.resize(small, tops[0], f"{name}_up"))
    total = blocks.add(maps, "classes") if len(maps) > 1 else maps[0]
    return body.inputs, blocks.resize(total, body.inputs[0], LOGITS)


def lean_weights(source, model, options: GraphOptions, blocks) -> None:
    """Gives a model of `lean_logits` the weights of a Keras 3 network of the same options."""
    copy_weights(_Renamed(source, len(_last_layers(options))), model, blocks.changed)


def output_channels(options: GraphOptions) -> int:
    """Returns 1 for two classes, else their number."""
    return 1 if options.classes == 2 else options.classes


def _last_layers(options: GraphOptions) -> list[str]:
    """Returns the layers whose outputs the classifier sees, each with its own share of it."""
    if options.decoder == "aspp":
        return ["layer4_aspp_project_relu"]
    if options.merge == "concat":
        return ["merge_project_relu"]
    return [f"layer{i}_out_relu" for i in range(1, 5)]


def _classifier_name(number: int) -> str:
    return f"classifier{number}"


def _share_of(number: int, count: int, channels: int):
    """Returns how the classifier's arrays become those of one of its shares."""

    def share(arrays):
        kernel, bias = arrays
        if channels == 1:
            kernel, bias = kernel[..., 1:] - kernel[..., :1], bias[1:] - bias[:1]
        return [kernel, bias] if number == 1 else [kernel]

    return share


class _Renamed:
    """A network's layers, and its classifier under the names of its shares."""

    def __init__(self, source, count: int):
        classifier = source.get_layer("classifier")
        named = [_Alias(_classifier_name(n), classifier) for n in range(1, count + 1)]
        self.layers = [*source.layers, *named]


@dataclasses.dataclass(frozen=True)
class _Alias:
    name: str
    layer: object

    def get_weights(self) -> list[np.ndarray]:
        return self.layer.get_weights()
