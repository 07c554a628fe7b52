"""One mask for each query from its attention and ever finer maps of the image.

Source: `MaskHeadSmallConv` of facebookresearch/detr; with `fuse="concat"` the mask branch of Loesch
and Audigier, Describe Me If You Can! (2021).
"""

from __future__ import annotations

import keras
from keras import layers, ops

from tfseg.errors import ConfigError
from tfseg.nn.layers.group_norm import GroupNorm
from tfseg.nn.ops.doubled_maps import conv_doubled

__all__ = ["MaskHead"]

_GROUPS = 8
_EPSILON = 1e-5
_STARTING = "lecun_uniform"  # He's uniform rule with slope 1, as the original calls it


@keras.saving.register_keras_serializable("tfseg", name="DetrMaskHead")
class MaskHead(layers.Layer):
    """Five 3x3 convolutions with group normalisation and ReLU, the last three each after doubling
    the map and meeting a finer one; then one logit a cell. With `growth=4` the first finer map has
    the size of the encoder's, and is met without doubling.

    A convolution of a sum, or of channels side by side, is the sum of two convolutions. So what it
    makes of maps that all queries of an image share is computed once an image: of the encoder's map
    in the first convolution, and of the finer maps. And a doubled map is convolved before it is
    doubled. With "concat" that is less than a third of the arithmetic of the plain form, and the
    same numbers but for rounding.

    1,141,145 weights with 256 channels, 8 heads, "concat" and finer maps of 64 channels.

    Args:
        channels: Width D of the encoder's map; the widths after the convolutions are D + heads,
            D / 2, D / 4, D / 8 and D / 16.
        heads: Maps of attention for each query.
        fuse: How a finer map enters: "add" (DETR) or "concat" (HPTR), behind the channels of the
            query.
        growth: How many times as high and wide as the encoder's map masks are, 8 or 4. The weights
            are the same.

    Raises:
        ConfigError: If `fuse` is another word, `growth` another number, or a width is no multiple
            of the 8 groups.
    """

    def __init__(
        self, channels: int = 256, heads: int = 8, fuse: str = "add", growth: int = 8, **kwargs
    ):
        super().__init__(**kwargs)
        if growth not in (4, 8):
            raise ConfigError(f"growth should be 4 or 8; got {growth!r}.")
        if fuse not in ("add", "concat"):
            raise ConfigError(f"fuse should be 'add' or 'concat'; got {fuse!r}.")
        if channels % (16 * _GROUPS) or heads % _GROUPS:
            raise ConfigError(
                f"channels of the mask head should be a multiple of {16 * _GROUPS} and heads one "
                f"of {_GROUPS}; got {channels} and {heads}."
            )
        self.channels, self.heads, self.fuse, self.growth = channels, heads, fuse, growth
        self.widths = (channels + heads, *(channels // part for part in (2, 4, 8, 16)))
        policy = self.dtype_policy
        self.convs = [self._conv(n, 3, f"conv{i}") for i, n in enumerate(self.widths, start=1)]
        self.norms = [
            GroupNorm(_GROUPS, epsilon=_EPSILON, name=f"norm{i}", dtype=policy) for i in range(1, 6)
        ]
        # A finer map gets the width of what it meets.
        self.laterals = [self._conv(n, 1, f"lateral{i}") for i, n in enumerate(self.widths[1:4], 1)]
        self.score = self._conv(1, 3, "score")

    def _conv(self, width, size, name):
        return layers.Conv2D(
            *(width, size),
            padding="same",
            name=name,
            kernel_initializer=_STARTING,
            dtype=self.dtype_policy,
        )

    def build(self, attention_shape, memory_shape, finer_shape):
        """Builds the layers; `finer_shape` lists the shapes of the three finer maps."""
        inputs = self.channels + self.heads
        both = 2 if self.fuse == "concat" else 1
        for number, (conv, normalise) in enumerate(zip(self.convs, self.norms, strict=True)):
            conv.build((None, None, None, inputs * (both if number > 1 else 1)))
            normalise.build((None, None, None, self.widths[number]))
            inputs = self.widths[number]
        for lateral, shape in zip(self.laterals, finer_shape, strict=True):
            lateral.build(shape)
        self.score.build((None, None, None, inputs))
        self.built = True

    def call(self, attention, memory, finer):
        """Returns mask logits, float32 `(B, Q, 8 h, 8 w)`, or `4 h, 4 w`.

        Args:
            attention: `(B, Q, h, w, heads)`, see `tfseg.nn.detr.mask_attention.MaskAttention`.
            memory: `(B, h, w, D)`, a map that all queries share.
            finer: three maps `(B, 2 h, 2 w, any)`, `(B, 4 h, 4 w, any)`, `(B, 8 h, 8 w, any)`; of
                half these sizes where masks grow by 4.
        """
        count = ops.shape(attention)[1]
        x = ops.reshape(attention, (-1, *ops.shape(attention)[2:]))
        # Their order in the kernel: the shared map, then the attention.
        shared, own = self._parts(self.convs[0], self.channels)
        x = _for_queries(_conv(x, own), self._once(0, memory, shared), count)
        x = self._unit(1, self.convs[1](self._unit(0, x)))
        for number, (lateral, fine) in enumerate(zip(self.laterals, finer, strict=True), start=2):
            own = shared = ops.cast(self.convs[number].kernel, x.dtype)
            if self.fuse == "concat":
                own, shared = self._parts(self.convs[number], x.shape[-1])
            common = self._once(number, lateral(fine), shared)
            met = _conv(x, own) if number == 2 and self.growth == 4 else conv_doubled(x, own)
            x = self._unit(number, _for_queries(met, common, count))
        logits = ops.cast(self.score(x), "float32")
        return ops.reshape(logits, (-1, count, *ops.shape(logits)[1:3]))

    def _unit(self, number, x):
        return ops.relu(self.norms[number](x))

    def _parts(self, conv, first):
        """Returns the kernel for the first channels and the one for the rest."""
        kernel = ops.cast(conv.kernel, self.compute_dtype)
        return kernel[:, :, :first], kernel[:, :, first:]

    def _once(self, number, shared, kernel):
        """Returns what a convolution makes of a shared map, `(B, h, w, D)`, its bias in it."""
        bias = ops.cast(self.convs[number].bias, self.compute_dtype)
        return ops.add(_conv(shared, kernel), bias)

    def compute_output_spec(self, attention, memory, finer):
        """Returns the shape and type of `call`'s result."""
        batch, count, height, width, _ = attention.shape
        sides = (None if side is None else self.growth * side for side in (height, width))
        return keras.KerasTensor((batch, count, *sides), dtype="float32")

    def get_config(self):
        """Returns the settings of the layer."""
        own = {"channels": self.channels, "heads": self.heads, "fuse": self.fuse}
        return {**super().get_config(), **own, "growth": self.growth}


def _conv(x, kernel):
    return ops.conv(x, kernel, padding="same", data_format="channels_last")


def _for_queries(own, shared, count):
    """Returns `own + shared` for each query, `(B * Q, h, w, D)`.

    Args:
        own: `(B * Q, h, w, D)`.
        shared: `(B, h, w, D)`.
        count: Q.
    """
    shape = ops.shape(own)[1:]
    apart = ops.reshape(own, (-1, count, *shape)) + shared[:, None]
    return ops.reshape(apart, (-1, *shape))
