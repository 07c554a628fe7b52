"""One mask for each query from its attention and ever finer maps of the image.

Source: `MaskHeadSmallConv` of facebookresearch/detr; with `fuse="concat"` the mask branch of Loesch
and Audigier, Describe Me If You Can! (2021).
"""

from __future__ import annotations

import keras
from keras import layers, ops

from tfseg.errors import ConfigError

__all__ = ["MaskHead"]

_GROUPS = 8
_EPSILON = 1e-5
_STARTING = "lecun_uniform"  # He's uniform rule with slope 1, as the original calls it


@keras.saving.register_keras_serializable("tfseg")
class MaskHead(layers.Layer):
    """Five 3x3 convolutions with group normalisation and ReLU, the last three each after doubling
    the map and meeting a finer one; then one logit a cell.

    What a convolution makes of channels that are equal for all queries of an image is computed once
    an image: of the encoder's map in the first convolution, and with "concat" of all finer maps.
    That is less than half of the arithmetic of the plain form, and the same numbers but for
    rounding.

    1,141,145 weights with 256 channels, 8 heads, "concat" and finer maps of 64 channels.

    Args:
        channels: Width D of the encoder's map; the widths after the convolutions are D + heads,
            D / 2, D / 4, D / 8 and D / 16.
        heads: Maps of attention for each query.
        fuse: How a finer map enters: "add" (DETR) or "concat" (HPTR), behind the channels of the
            query.

    Raises:
        ConfigError: If `fuse` is another word, or a width is no multiple of the 8 groups.
    """

    def __init__(self, channels: int = 256, heads: int = 8, fuse: str = "add", **kwargs):
        super().__init__(**kwargs)
        if fuse not in ("add", "concat"):
            raise ConfigError(f"fuse should be 'add' or 'concat'; got {fuse!r}.")
        if channels % (16 * _GROUPS) or heads % _GROUPS:
            raise ConfigError(
                f"channels of the mask head should be a multiple of {16 * _GROUPS} and heads one "
                f"of {_GROUPS}; got {channels} and {heads}."
            )
        self.channels, self.heads, self.fuse = channels, heads, fuse
        self.widths = (channels + heads, *(channels // part for part in (2, 4, 8, 16)))
        policy = self.dtype_policy
        self.convs = [self._conv(n, 3, f"conv{i}") for i, n in enumerate(self.widths, start=1)]
        self.norms = [
            layers.GroupNormalization(_GROUPS, epsilon=_EPSILON, name=f"norm{i}", dtype=policy)
            for i in range(1, 6)
        ]
        # A finer map gets the width of what it meets.
        self.laterals = [self._conv(n, 1, f"lateral{i}") for i, n in enumerate(self.widths[1:4], 1)]
        self.enlarge = layers.UpSampling2D(2, name="enlarge", dtype=policy)
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
        self.enlarge.build((None, None, None, inputs))
        self.score.build((None, None, None, inputs))
        self.built = True

    def call(self, attention, memory, finer):
        """Returns mask logits, float32 `(B, Q, 8 h, 8 w)`.

        Args:
            attention: `(B, Q, h, w, heads)`, see `tfseg.nn.detr.mask_attention.MaskAttention`.
            memory: `(B, h, w, D)`, a map that all queries share.
            finer: three maps `(B, 2 h, 2 w, any)`, `(B, 4 h, 4 w, any)`, `(B, 8 h, 8 w, any)`.
        """
        count = ops.shape(attention)[1]
        x = ops.reshape(attention, (-1, *ops.shape(attention)[2:]))
        # Their order in the kernel: the shared map, then the attention.
        x = self._unit(0, self._split_conv(self.convs[0], x, memory, count, shared_first=True))
        x = self._unit(1, self.convs[1](x))
        for number, (lateral, fine) in enumerate(zip(self.laterals, finer, strict=True), start=2):
            x, fine, conv = self.enlarge(x), lateral(fine), self.convs[number]
            if self.fuse == "concat":
                x = self._split_conv(conv, x, fine, count)
            else:
                x = conv(_for_queries(x, fine, count))
            x = self._unit(number, x)
        logits = ops.cast(self.score(x), "float32")
        return ops.reshape(logits, (-1, count, *ops.shape(logits)[1:3]))

    def _unit(self, number, x):
        return ops.relu(self.norms[number](x))

    def _split_conv(self, conv, own, shared, count, shared_first=False):
        """Returns `conv` of the channels of a query beside those that all queries share.

        Args:
            conv: A built 3x3 convolution.
            own: `(B * Q, h, w, D1)`.
            shared: `(B, h, w, D2)`.
            count: Q.
            shared_first: Whether the shared channels are the first of the kernel.
        """
        kernel = ops.cast(conv.kernel, own.dtype)
        first = shared.shape[-1] if shared_first else own.shape[-1]
        parts = kernel[:, :, :first], kernel[:, :, first:]
        ours, theirs = parts[::-1] if shared_first else parts
        common = ops.conv(shared, theirs, padding="same", data_format="channels_last")
        common = common + ops.cast(conv.bias, own.dtype)
        mine = ops.conv(own, ours, padding="same", data_format="channels_last")
        return _for_queries(mine, common, count)

    def compute_output_spec(self, attention, memory, finer):
        """Returns the shape and type of `call`'s result."""
        batch, count, height, width, _ = attention.shape
        sides = (None if side is None else 8 * side for side in (height, width))
        return keras.KerasTensor((batch, count, *sides), dtype="float32")

    def get_config(self):
        """Returns the settings of the layer."""
        own = {"channels": self.channels, "heads": self.heads, "fuse": self.fuse}
        return {**super().get_config(), **own}


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
