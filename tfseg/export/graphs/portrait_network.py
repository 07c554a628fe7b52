"""The portrait network as a phone runs it: one output, nothing that it can spare.

What is left out or moved changes no number beyond rounding:

- Outputs for training and inspection, and the layers behind them alone.
- The classifier is linear, and so is resizing: each layer's 256 channels are classified at their
  own size and the few class maps are enlarged and added, instead of the 256 channels.
- With two classes the softmax is the logistic function of one difference, so one map remains.
- At one size, dilated convolutions and sums of many maps become what an int8 interpreter has.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import keras
import numpy as np

from tfseg.export.phone.convert import resized_like
from tfseg.export.phone.layers import copy_weights, fixed_resize, shifted, spread_kernel
from tfseg.models.portrait.graph import Blocks, GraphOptions, build_graph

__all__ = [
    *("LOGITS", "PROBABILITY", "PhoneBlocks", "build_any_size", "build_phone", "output_channels"),
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
    options = _plain(options)
    blocks = PhoneBlocks(keras, options)
    image, logits = _lean_logits(keras, options, blocks, image_shape)
    kind = "sigmoid" if output_channels(options) == 1 else "softmax"
    output = keras.layers.Activation(kind, name=PROBABILITY)(logits)
    model = keras.Model(image, output, name="portrait_phone")
    if source is not None:
        _lean_weights(source, model, options, blocks)
    return model


def build_any_size(options: GraphOptions, source):
    """Returns the network for images of any size, `(B, H, W, 3)` in [-1, 1] to logits
    `(B, H, W, N)`, of two classes the difference `(B, H, W, 1)`.

    Args:
        options: Which network.
        source: A Keras 3 network of the same options to take the weights from.
    """
    options = _plain(options)
    blocks = Blocks(keras, options, resize=lambda x, like, name: _ResizeLike(name=name)([x, like]))
    blocks.changed = {}
    model = keras.Model(*_lean_logits(keras, options, blocks))
    _lean_weights(source, model, options, blocks)
    return model


def output_channels(options: GraphOptions) -> int:
    """Returns 1 for two classes, else their number."""
    return 1 if options.classes == 2 else options.classes


def _plain(options: GraphOptions) -> GraphOptions:
    """Returns the options without what is a matter of training, which these graphs know nothing
    of: whether statistics are kept, and in what it computed."""
    return dataclasses.replace(options, frozen_norm=False, dtype=None)


def _lean_logits(keras, options: GraphOptions, blocks, image_shape=None):
    """Returns the symbolic image and its logits; `blocks.changed` is filled for `_lean_weights`."""
    body = build_graph(keras, options, blocks, image_shape)
    tops = [body.get_layer(name).output for name in _last_layers(options)]
    channels = output_channels(options)
    maps = []
    for number, top in enumerate(tops, 1):
        name = _classifier_name(number)
        # One bias is enough for a sum.
        small = blocks.conv(top, channels, 1, name, bias=number == 1)
        blocks.changed[name] = _share_of(number, channels)
        maps.append(blocks.resize(small, tops[0], f"{name}_up"))
    total = blocks.add(maps, "classes") if len(maps) > 1 else maps[0]
    return body.inputs, blocks.resize(total, body.inputs[0], LOGITS)


def _lean_weights(source, model, options: GraphOptions, blocks) -> None:
    """Gives a model of `_lean_logits` the weights of a Keras 3 network of the same options."""
    copy_weights(_Renamed(source, len(_last_layers(options))), model, blocks.changed)


def _last_layers(options: GraphOptions) -> list[str]:
    """Returns the layers whose outputs the classifier sees, each with its own share of it."""
    if options.decoder == "aspp":
        return ["layer4_aspp_project_relu"]
    if options.merge == "concat":
        return ["merge_project_relu"]
    return [f"layer{i}_out_relu" for i in range(1, 5)]


def _classifier_name(number: int) -> str:
    return f"classifier{number}"


def _share_of(number: int, channels: int) -> Callable:
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


class PhoneBlocks(Blocks):
    """Makes layers for one size, each of which quantises.

    Attributes:
        changed: Layer name to the function that turns the original layer's arrays into this
            one's; see `tfseg.export.phone.layers.copy_weights`.
    """

    def __init__(self, keras, options: GraphOptions):
        super().__init__(keras, options, resize=fixed_resize(keras.layers))
        self.changed: dict[str, Callable] = {}

    def conv(self, x, filters, size, name, *, bias=True, strides=1, rate=1):
        """A convolution; a dilated one as shifted maps, one behind the other, and a 1 x 1 one."""
        if rate == 1:
            return super().conv(x, filters, size, name, bias=bias, strides=strides)
        maps, self.changed[name] = shifted(self.layers, x, size, rate, name)
        return super().conv(maps, filters, 1, name, bias=bias)

    def depthwise(self, x, name, *, strides=1, rate=1):
        """A 3 x 3 depthwise convolution; at rate 2 as 5 x 5 with zeros that stay zero."""
        if rate == 1:
            return super().depthwise(x, name, strides=strides)
        self.changed[name] = lambda arrays: [spread_kernel(arrays[0], rate), *arrays[1:]]
        return self.layers.DepthwiseConv2D(
            2 * rate + 1,
            strides,
            "same",
            use_bias=False,
            depthwise_initializer="he_normal",
            name=name,
        )(x)

    def add(self, maps, name):
        """Sum, two maps at a time."""
        total = maps[0]
        for number, other in enumerate(maps[1:], 2):
            last = number == len(maps)
            total = super().add([total, other], name if last else f"{name}_{number}")
        return total


class _ResizeLike(keras.layers.Layer):
    """As `tfseg.nn.layers.resize_like.ResizeLike`, by the one operation that TFLite has for it."""

    def call(self, inputs):
        """Returns `(1, h', w', D)` of the inputs `(1, h, w, D)` and `(1, h', w', any)`."""
        return resized_like(*inputs)

    def compute_output_shape(self, input_shape):
        """Returns the second shape with the channels of the first."""
        x, like = input_shape
        return (x[0], like[1], like[2], x[3])
