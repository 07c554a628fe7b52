"""A convolution with its normalisation, in one convolution where that saves time.

Stored statistics make batch normalisation a scale and a shift per channel, and those can be put
into the kernel: large feature maps are then touched once instead of twice. The layers keep their
own weights, so files, training and freezing see no difference.
"""

from __future__ import annotations

import math

import keras
from keras import layers, ops

from tfseg.nn.layers.norm import FrozenBatchNormalization
from tfseg.nn.ops.small_maps import conv3x3

__all__ = ["ConvNorm", "conv_norm"]


def conv_norm(conv, normalise, x, training=None, places=None, small_maps=False):
    """Returns `normalise(conv(x))`, as one convolution where the statistics are stored.

    Equal to the two layers one after the other but for rounding; gradients reach the kernel, the
    bias, gamma and beta as they do there.

    Args:
        conv: A built `Conv2D` without activation.
        normalise: Its built normalisation layer, or None.
        x: float `(B, h, w, D)`.
        training: Whether plain batch normalisation uses the batch's statistics.
        places: Number of output places `B * h * w`, where the shape of `x` does not tell the
            batch.
        small_maps: Whether a training step takes the gradients of a 3x3 convolution as
            `tfseg.nn.ops.small_maps` does.
    """
    convolve = _choose(conv, x, small_maps and training)
    if normalise is None or not _is_stored(normalise, training):
        y = convolve(x, ops.cast(conv.kernel, x.dtype))
        y = ops.add(y, ops.cast(conv.bias, x.dtype)) if conv.use_bias else y
        return y if normalise is None else normalise(y, training=training)
    scale = ops.rsqrt(ops.cast(normalise.moving_variance, "float32") + normalise.epsilon)
    scale = scale * ops.cast(normalise.gamma, "float32")
    shift = ops.cast(normalise.beta, "float32") - ops.cast(normalise.moving_mean, "float32") * scale
    if conv.use_bias:
        shift = shift + ops.cast(conv.bias, "float32") * scale
    if _pays(conv, x, places):
        kernel = ops.cast(ops.cast(conv.kernel, "float32") * scale, x.dtype)
        y = convolve(x, kernel)
    else:
        y = convolve(x, ops.cast(conv.kernel, x.dtype)) * ops.cast(scale, x.dtype)
    # `ops.add`, not `+`: on TensorFlow it becomes the BiasAdd that convolutions are fused with.
    return ops.add(y, ops.cast(shift, x.dtype))


def _choose(conv, x, small_maps):
    """Returns the way to compute `conv` without its bias: `(x, kernel) -> (B, h, w, D)`."""
    plain = conv.groups == 1 and set(conv.dilation_rate) == {1}
    if plain and conv.padding == "valid" and tuple(conv.kernel_size) == tuple(x.shape[1:3]):
        return _product
    same = conv.padding == "same" and set(conv.strides) == {1}
    if small_maps and plain and same and tuple(conv.kernel_size) == (3, 3):
        return conv3x3
    return conv.convolution_op


def _product(x, kernel):
    """Returns `x` convolved with a kernel that covers all of it and so meets it in one place.

    As a matrix product it takes a tenth of the time of a convolution, its gradients less.
    """
    flat = ops.reshape(x, (-1, math.prod(x.shape[1:])))
    y = ops.matmul(flat, ops.reshape(kernel, (-1, kernel.shape[-1])))
    return ops.reshape(y, (-1, 1, 1, kernel.shape[-1]))


def _is_stored(normalise, training) -> bool:
    if isinstance(normalise, FrozenBatchNormalization):
        return True
    return isinstance(normalise, layers.BatchNormalization) and training is False


def _pays(conv, x, places) -> bool:
    """Whether the kernel is smaller than the map that would be touched once more."""
    _, height, width, channels = conv.compute_output_shape(x.shape)
    if places is None:
        if height is None or width is None:
            return True
        places = (x.shape[0] or 1) * height * width
    return math.prod(conv.kernel.shape) <= places * channels


@keras.saving.register_keras_serializable("tfseg")
class ConvNorm(layers.Layer):
    """`conv_norm` and ReLU as a node of a functional model.

    Both layers must be built before, which gives their weights their own names in files.

    Args:
        conv: See `conv_norm`.
        normalise: See `conv_norm`.
        relu: Whether ReLU follows.
    """

    def __init__(self, conv, normalise=None, relu=True, **kwargs):
        super().__init__(**kwargs)
        self.conv, self.normalise, self.relu = conv, normalise, relu
        self.built = True

    def call(self, x, training=None):
        """Returns the convolved, normalised and, where asked, rectified `x`."""
        x = conv_norm(self.conv, self.normalise, x, training)
        return ops.relu(x) if self.relu else x

    def compute_output_shape(self, input_shape):
        """Returns the convolution's."""
        return self.conv.compute_output_shape(input_shape)

    def get_config(self):
        """Returns the settings, the two layers among them."""
        own = {"conv": self.conv, "normalise": self.normalise, "relu": self.relu}
        own = {k: keras.saving.serialize_keras_object(v) for k, v in own.items()}
        return {**super().get_config(), **own}

    @classmethod
    def from_config(cls, config):
        """Builds the layer from `get_config()`."""
        parts = {
            name: keras.saving.deserialize_keras_object(config[name])
            for name in ("conv", "normalise")
        }
        return cls(**{**config, **parts})
