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

__all__ = ["ConvNorm", "conv_norm"]


def conv_norm(conv, normalise, x, training=None, places=None):
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
    """
    if normalise is None:
        return conv(x)
    if not _is_stored(normalise, training):
        return normalise(conv(x), training=training)
    scale = ops.rsqrt(ops.cast(normalise.moving_variance, "float32") + normalise.epsilon)
    scale = scale * ops.cast(normalise.gamma, "float32")
    shift = ops.cast(normalise.beta, "float32") - ops.cast(normalise.moving_mean, "float32") * scale
    if conv.use_bias:
        shift = shift + ops.cast(conv.bias, "float32") * scale
    if _pays(conv, x, places):
        kernel = ops.cast(ops.cast(conv.kernel, "float32") * scale, x.dtype)
        y = conv.convolution_op(x, kernel)
    else:
        y = conv.convolution_op(x, ops.cast(conv.kernel, x.dtype)) * ops.cast(scale, x.dtype)
    # `ops.add`, not `+`: on TensorFlow it becomes the BiasAdd that convolutions are fused with.
    return ops.add(y, ops.cast(shift, x.dtype))


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
