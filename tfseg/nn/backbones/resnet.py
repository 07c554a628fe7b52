"""ResNet-50 and -101 with the layer names of Matterport's code.

By default the stride of a stage sits on its first 1x1 convolution, convolutions have biases, and
batch normalisation has epsilon 1e-3: what `mask_rcnn_coco.h5` needs. torchvision's weights need
the stride on the 3x3 convolution, no biases, epsilon 1e-5 and symmetric padding.
Source: He et al., Deep Residual Learning (2016), table 1; matterport/Mask_RCNN `resnet_graph`.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from tfseg.nn.layers.conv_norm import ConvNorm
from tfseg.nn.layers.norm import norm

__all__ = ["BLOCKS", "resnet"]

BLOCKS = {"resnet50": (3, 4, 6, 3), "resnet101": (3, 4, 23, 3)}
_FILTERS = ((64, 64, 256), (128, 128, 512), (256, 256, 1024), (512, 512, 2048))


def resnet(
    name: str,
    *,
    input_shape: tuple = (None, None, 3),
    norm_kind: str = "frozen",
    epsilon: float = 1e-3,
    momentum: float = 0.99,
    stride_on_3x3: bool = False,
    conv_bias: bool = True,
    symmetric_padding: bool = False,
    dropout: Sequence[str] | None = None,
    dropout_rate: float = 0.5,
    dropout_stages: Sequence[int] = (5, 4, 3, 2),
    seed: int = 0,
    dtype=None,
) -> keras.Model:
    """Returns the backbone: image `(B, H, W, D)` float to `{"C2": ..., "C5": ...}`.

    Args:
        name: "resnet50" or "resnet101".
        input_shape: Without the batch axis; the channels must be known.
        norm_kind: See `tfseg.nn.layers.norm.norm`.
        epsilon: Of the normalisation.
        momentum: Of the normalisation's statistics.
        stride_on_3x3: Where a stage's stride is: on its first 3x3 convolution, or on the 1x1
            convolution before it.
        conv_bias: Whether convolutions have biases.
        symmetric_padding: Pad strided 3x3 windows by one cell on both sides; False pads an even
            map at its end alone, as Keras and TensorFlow do.
        dropout: Kinds of block that get dropout before their last 1x1 convolution: "identity",
            "conv" (the first block of a stage); None for no dropout.
        dropout_rate: Share of activations set to 0.
        dropout_stages: Stages with dropout, 2 to 5.
        seed: Of the dropout.
        dtype: Dtype or policy of all layers.

    Returns:
        A functional model; stages have strides 4, 8, 16, 32 and 256 to 2048 channels. ResNet-50
        with three input channels has 23,587,712 weights, ResNet-101 42,658,176.
    """
    unit = _Unit(norm_kind, epsilon, momentum, dtype, stride_on_3x3, conv_bias, symmetric_padding)
    image = keras.Input(input_shape, name="image")
    x = unit.stem(image)
    outputs = {}
    for stage, (blocks, filters) in enumerate(zip(BLOCKS[name], _FILTERS, strict=True), start=2):
        rate = dropout_rate if dropout and stage in dropout_stages else 0.0
        for index in range(blocks):
            kind = "conv" if index == 0 else "identity"
            block_rate = rate if dropout and kind in dropout else 0.0
            strides = 2 if index == 0 and stage > 2 else 1
            label = f"{stage}{chr(ord('a') + index)}"
            # A seed of its own for each block, or blocks of one shape would drop the same cells.
            block_seed = seed + 100 * stage + index
            x = unit.block(x, filters, label, strides, kind == "conv", block_rate, block_seed)
        outputs[f"C{stage}"] = x
    return keras.Model(image, outputs, name=name)


class _Unit:
    """Adds convolutions and residual blocks with one set of settings."""

    def __init__(self, norm_kind, epsilon, momentum, dtype, stride_on_3x3, bias, symmetric):
        self.norm = dict(kind=norm_kind, epsilon=epsilon, momentum=momentum, dtype=dtype)
        self.dtype = dtype
        self.stride_on_3x3, self.bias, self.symmetric = stride_on_3x3, bias, symmetric

    def stem(self, image):
        x = layers.ZeroPadding2D(3, name="conv1_pad", dtype=self.dtype)(image)
        x = self.conv(x, 64, 7, "conv1", "bn_conv1", strides=2)
        padding = "same"
        if self.symmetric:  # zeros never win: what comes out of ReLU is not below them
            x = layers.ZeroPadding2D(1, name="pool1_pad", dtype=self.dtype)(x)
            padding = "valid"
        return layers.MaxPooling2D(3, 2, padding=padding, name="pool1", dtype=self.dtype)(x)

    def conv(self, x, filters, size, name, norm_name, *, strides=1, padding="valid", relu=True):
        layer = layers.Conv2D(
            filters,
            size,
            strides,
            padding,
            name=name,
            dtype=self.dtype,
            use_bias=self.bias,
            kernel_initializer="he_normal",
        )
        layer.build(x.shape)
        normalise = norm(name=norm_name, **self.norm)
        if normalise is not None:
            normalise.build(layer.compute_output_shape(x.shape))
        return ConvNorm(layer, normalise, relu, name=f"{name}_unit", dtype=self.dtype)(x)

    def block(self, x, filters, label, strides, projection, dropout, seed):
        prefix, norms = f"res{label}_branch", f"bn{label}_branch"
        first, middle, last = filters
        before, within = (1, strides) if self.stride_on_3x3 else (strides, 1)
        y = self.conv(x, first, 1, prefix + "2a", norms + "2a", strides=before)
        padding = "same"
        if within > 1 and self.symmetric:
            y = layers.ZeroPadding2D(1, name=f"{prefix}2b_pad", dtype=self.dtype)(y)
            padding = "valid"
        y = self.conv(y, middle, 3, prefix + "2b", norms + "2b", strides=within, padding=padding)
        if dropout:
            # In the residual branch: the skip path and all pretrained names stay intact.
            y = layers.Dropout(dropout, seed=seed, name=f"drop{label}", dtype=self.dtype)(y)
        y = self.conv(y, last, 1, prefix + "2c", norms + "2c", relu=False)
        if projection:
            x = self.conv(x, last, 1, prefix + "1", norms + "1", strides=strides, relu=False)
        y = layers.Add(name=f"res{label}_add", dtype=self.dtype)([y, x])
        return layers.ReLU(name=f"res{label}_out", dtype=self.dtype)(y)
