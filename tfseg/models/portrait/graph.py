"""The portrait network as one graph of standard layers, in Keras 3 or in tf_keras.

The function takes the Keras namespace, because quantisation-aware training exists for tf_keras
alone: the model that is trained and the one that is quantised are the same lines. Row numbers in
the comments are those of the dataflow: x_i encoder, p_i projection, s_i categories, e_i and b_i
boundary, q_i and c_i the two back in feature space, f_i, g_i, r_i fused, o_i output.

Source: Zhu, Wang, Aksu, Kamarainen: Portrait instance segmentation for mobile devices (ICME 2019),
section 2.1.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from tfseg.models.portrait.encoder import PRESETS, encode

__all__ = ["Blocks", "GraphOptions", "build_graph"]


@dataclasses.dataclass(frozen=True)
class GraphOptions:
    """What distinguishes one portrait network from another.

    Attributes:
        classes: N, the background included.
        preset: "paper", "light", "dilated" or "nano", see `encoder.PRESETS`.
        cgca: Whether deeper layers' categorical attention acts on the shallower ones.
        cgca_source: The map that the attention is taken from: "enhanced" after its own CGCA, or
            "raw" before it.
        cgbe: Whether shallow layers' boundaries are added to the deeper ones.
        cgbe_resize: "bilinear", or "max", which keeps thin lines stronger.
        merge: How the four outputs become one: "sum", or "concat" with one more convolution.
        decoder: "layers", or "aspp" for the plain network that the paper compares itself with:
            ASPP on the deepest layer and a classifier, DeepLabv3 without anything else.
        momentum: Of the normalisations' statistics.
        epsilon: Of the normalisations.
        frozen_norm: Keep statistics as they are in training too.
        dtype: Dtype or policy of all layers.
        backbone_width: Multiplies the encoder's channels (MobileNetV2's alpha).
        decoder_width: Channels of the decoder's features; None takes the preset's.
        edge_width: Channels of its boundary features; None takes the preset's.
    """

    classes: int
    preset: str = "light"
    cgca: bool = True
    cgca_source: str = "enhanced"
    cgbe: bool = True
    cgbe_resize: str = "bilinear"
    merge: str = "sum"
    decoder: str = "layers"
    momentum: float = 0.99
    epsilon: float = 1e-3
    frozen_norm: bool = False
    dtype: object = None
    backbone_width: float = 1.0
    decoder_width: int | None = None
    edge_width: int | None = None


def build_graph(keras, options: GraphOptions, blocks: Blocks | None = None, image_shape=None):
    """Returns a functional model: image `(B, H, W, 3)` in [-1, 1] to a dict of raw tensors.

    Outputs: `logits (B, H, W, N)`; `sem_1` to `sem_4`, `(B, h_i, w_i, N)` before CGCA; `bnd_1` to
    `bnd_4`, `(B, h_i, w_i, 1)` before CGBE; for inspection `enhanced_1..4` and `edges_1..4` after
    them, and `attention_1..3` `(B, 1, 1, N)`. The plain decoder gives `logits` alone.

    Args:
        keras: The namespace that makes the layers.
        options: Which network.
        blocks: How layers are made; None makes them as described. A phone's model passes another.
        image_shape: `(H, W)`; None for images of any size.
    """
    if blocks is None:
        blocks = Blocks(keras, options)
    preset = PRESETS[options.preset]
    options = dataclasses.replace(
        options,
        decoder_width=options.decoder_width or preset.decoder_width,
        edge_width=options.edge_width or preset.edge_width,
    )
    image = keras.Input((*(image_shape or (None, None)), 3), name="image")
    x = encode(blocks, image, preset, options.backbone_width)
    if options.decoder == "aspp":
        features = _aspp(blocks, x[3], preset.rates, options.decoder_width, "layer4")
        outputs = {"logits": _classified(blocks, features, image, options)}
    else:
        outputs = _layers(blocks, x, image, preset, options)
    return keras.Model(image, outputs, name="portrait")


def _layers(blocks, x, image, preset, options) -> dict:
    """Returns the outputs of the four decoder layers and what they are made of."""
    outputs, width = {}, options.decoder_width
    p = [blocks.cbr(x[i], width, 1, f"layer{i + 1}_project") for i in range(3)]
    p.append(_aspp(blocks, x[3], preset.rates, width, "layer4"))
    s, b = [], []
    for i in range(4):
        s.append(blocks.conv(p[i], options.classes, 3, f"layer{i + 1}_semantic"))
        e = blocks.cbr(p[i], options.edge_width, 3, f"layer{i + 1}_edge")
        b.append(blocks.conv(e, 1, 3, f"layer{i + 1}_boundary"))
        outputs[f"sem_{i + 1}"], outputs[f"bnd_{i + 1}"] = s[i], b[i]
    enhanced = _categorical_attention(blocks, s, options, outputs)
    edges = _boundary_enhancement(blocks, b, preset, options)
    o = []
    for i in range(4):
        outputs[f"enhanced_{i + 1}"], outputs[f"edges_{i + 1}"] = enhanced[i], edges[i]
        o.append(_fused(blocks, x[i], p[i], enhanced[i], edges[i], options, f"layer{i + 1}"))
    wide = [o[0], *(blocks.resize(o[i], o[0], f"layer{i + 1}_up") for i in range(1, 4))]
    if options.merge == "concat":
        z = blocks.cbr(blocks.concat(wide, "merge"), width, 1, "merge_project")
    else:
        z = blocks.add(wide, "merge")
    outputs["logits"] = _classified(blocks, z, image, options)
    return outputs


def _categorical_attention(blocks, s, options, outputs) -> list:
    """Returns the maps after CGCA, from the deepest layer up: s * a + s (rows 4 and 5)."""
    enhanced = list(s)
    if not options.cgca:
        return enhanced
    for i in (2, 1, 0):
        deeper = enhanced[i + 1] if options.cgca_source == "enhanced" else s[i + 1]
        name = f"layer{i + 1}_cgca"
        attention = blocks.sigmoid(blocks.mean(deeper, f"{name}_mean"), f"{name}_sigmoid")
        outputs[f"attention_{i + 1}"] = attention
        enhanced[i] = blocks.add([blocks.multiply([s[i], attention], f"{name}_times"), s[i]], name)
    return enhanced


def _boundary_enhancement(blocks, b, preset, options) -> list:
    """Returns the boundaries after CGBE, from the shallowest layer down (row 9)."""
    edges = [b[0]]
    for i in range(1, 4):
        if not options.cgbe:
            edges.append(b[i])
            continue
        name, shrinks = f"layer{i + 1}_cgbe", preset.strides[i] > preset.strides[i - 1]
        if options.cgbe_resize == "max" and shrinks:
            passed = blocks.max_pool(edges[-1], f"{name}_down")
        else:
            passed = blocks.resize(edges[-1], b[i], f"{name}_down")
        edges.append(blocks.add([b[i], passed], name))
    return edges


def _fused(blocks, x, p, categories, edge, options, name):
    """Returns o_i: both branches fused, two residuals (rows 6 and 10 to 14)."""
    width = options.decoder_width
    q = blocks.cbr(categories, width, 3, f"{name}_semantic_back")
    c = blocks.cbr(edge, options.edge_width, 3, f"{name}_boundary_back1")
    c = blocks.cb(c, width, 3, f"{name}_boundary_back2")
    gate = blocks.sigmoid(c, f"{name}_gate")
    f = blocks.add([blocks.multiply([q, gate], f"{name}_sbf_times"), q], f"{name}_sbf")
    g = blocks.add([f, p], f"{name}_residual1")
    narrow = blocks.cb(g, x.shape[-1], 1, f"{name}_narrow")
    r = blocks.relu(blocks.add([narrow, x], f"{name}_residual2"), f"{name}_residual2_relu")
    return blocks.cbr(r, width, 3, f"{name}_out")


def _aspp(blocks, x, rates, width, name):
    """Returns atrous spatial pyramid pooling (Chen et al. 2017, section 3.3), `width` channels."""
    branches = [blocks.cbr(x, width, 1, f"{name}_aspp_point")]
    for number, rate in enumerate(rates, 1):
        branches.append(blocks.cbr(x, width, 3, f"{name}_aspp_atrous{number}", rate=rate))
    pooled = blocks.cbr(blocks.mean(x, f"{name}_aspp_mean"), width, 1, f"{name}_aspp_image")
    branches.append(blocks.resize(pooled, x, f"{name}_aspp_spread"))
    return blocks.cbr(blocks.concat(branches, f"{name}_aspp"), width, 1, f"{name}_aspp_project")


def _classified(blocks, features, image, options):
    logits = blocks.conv(features, options.classes, 1, "classifier")
    return blocks.resize(logits, image, "logits", precise=True)


class Blocks:
    """Makes named layers in one Keras with one set of settings, and applies them.

    Args:
        keras: The namespace that makes the layers.
        options: Of the network.
        resize: `(name, dtype) -> layer` that takes `[x, like]`; None takes `ResizeLike`.
    """

    def __init__(self, keras, options: GraphOptions, resize: Callable | None = None):
        self.layers, self.options = keras.layers, options
        self._resize = resize
        self._dtype = {} if options.dtype is None else {"dtype": options.dtype}

    def conv(self, x, filters, size, name, *, bias=True, strides=1, rate=1):
        """A convolution with "same" padding and no activation."""
        return self._conv_layer(rate)(
            filters,
            size,
            strides,
            "same",
            dilation_rate=rate,
            use_bias=bias,
            kernel_initializer="he_normal",
            name=name,
            **self._dtype,
        )(x)

    def _conv_layer(self, rate):
        if rate == 1 or self._resize is not None:  # layers of our own exist for Keras 3 alone
            return self.layers.Conv2D
        from tfseg.nn.layers.atrous_conv import AtrousConv2D

        return AtrousConv2D

    def depthwise(self, x, name, *, strides=1, rate=1):
        """A 3x3 depthwise convolution without bias."""
        return self.layers.DepthwiseConv2D(
            3,
            strides,
            "same",
            dilation_rate=rate,
            use_bias=False,
            depthwise_initializer="he_normal",
            name=name,
            **self._dtype,
        )(x)

    def norm(self, x, name):
        """Batch normalisation."""
        options = dict(epsilon=self.options.epsilon, momentum=self.options.momentum)
        if self.options.frozen_norm:
            from tfseg.nn.layers.norm import FrozenBatchNormalization

            return FrozenBatchNormalization(name=name, **options, **self._dtype)(x)
        return self.layers.BatchNormalization(name=name, **options, **self._dtype)(x)

    def relu(self, x, name, largest=None):
        """Rectification, cut off at `largest` if given."""
        return self.layers.ReLU(largest, name=name, **self._dtype)(x)

    def conv_norm(self, x, filters, size, name, *, norm, strides=1, rate=1):
        """A convolution without bias, normalised."""
        x = self.conv(x, filters, size, name, bias=False, strides=strides, rate=rate)
        return self.norm(x, norm)

    def cb(self, x, filters, size, name, *, rate=1):
        """The same under the decoder's names."""
        return self.conv_norm(x, filters, size, name, norm=f"{name}_BN", rate=rate)

    def cbr(self, x, filters, size, name, *, rate=1):
        """The same, rectified."""
        return self.relu(self.cb(x, filters, size, name, rate=rate), f"{name}_relu")

    def sigmoid(self, x, name):
        """Logistic function."""
        return self.layers.Activation("sigmoid", name=name, **self._dtype)(x)

    def mean(self, x, name):
        """Mean over all pixels, `(B, 1, 1, D)`."""
        return self.layers.GlobalAveragePooling2D(keepdims=True, name=name, **self._dtype)(x)

    def add(self, maps, name):
        """Sum."""
        return self.layers.Add(name=name, **self._dtype)(maps)

    def multiply(self, maps, name):
        """Product; one pixel meets all pixels."""
        return self.layers.Multiply(name=name, **self._dtype)(maps)

    def concat(self, maps, name):
        """Maps one behind the other."""
        return self.layers.Concatenate(name=name, **self._dtype)(maps)

    def max_pool(self, x, name):
        """The largest of each 2 x 2 pixels."""
        return self.layers.MaxPooling2D(2, padding="same", name=name, **self._dtype)(x)

    def resize(self, x, like, name, *, precise=False):
        """`x` at the rows and columns of `like`, bilinear; in float32 if `precise`."""
        dtype = {"dtype": "float32"} if precise else self._dtype
        if self._resize is not None:
            return self._resize(x, like, name)
        from tfseg.nn.layers.resize_like import ResizeLike

        return ResizeLike(name=name, **dtype)([x, like])
