"""The multi-scale feature enhancement module of CoMask.

Source: Chen et al., Accurate instance segmentation via collaborative learning (2022), section 3.1,
equations 1 to 6. Where the paper is silent (how maps of four sizes are joined, normalisation, what
a branch shares with the one before it) the choices are named below.
"""

from __future__ import annotations

import keras
from keras import layers, ops

from tfseg.errors import ConfigError
from tfseg.nn.layers.channel_attention import ChannelAttention
from tfseg.nn.layers.resize_like import ResizeLike

__all__ = ["MultiScaleEnhancement", "fitting_groups"]

MODES = ("separate", "cascade")


def fitting_groups(channels: int, groups: int = 32) -> int:
    """Returns the groups of a normalisation: as given, fewer where a group would hold less than
    eight channels or the channels could not be divided evenly."""
    most = max(1, min(groups, channels // 8))
    return max(n for n in range(1, most + 1) if channels % n == 0)


@keras.saving.register_keras_serializable("tfseg")
class MultiScaleEnhancement(layers.Layer):
    """Looks at one pyramid level at up to four scales, and returns a map of its size and width.

    Branch 0 is the level itself. Branch i halves it i times, each time by a 3x3 convolution of
    stride 2, group normalisation and ReLU, and is resized back bilinearly (half-pixel centres). All
    are joined along the channels, reduced by a 1x1 convolution, weighted channel by channel
    (`ChannelAttention`), and put out by a 3x3 convolution without activation, as a pyramid level
    is. Strided convolutions pad one pixel on every side, so that no map is shifted.

    Args:
        branches: 1, 2 or 4: branches 0 to `branches - 1`.
        mode: "separate": each branch has convolutions of its own, half of which work on maps
            already made smaller, as the paper says. "cascade": each branch goes on from the one
            before.
        units: Of the first dense layer of the attention.
    """

    def __init__(self, branches: int = 4, mode: str = "separate", units: int = 16, **kwargs):
        super().__init__(**kwargs)
        if branches not in (1, 2, 4):
            raise ConfigError(f"branches: expected 1, 2 or 4, got {branches!r}.")
        if mode not in MODES:
            raise ConfigError(f"mode: expected one of {', '.join(MODES)}, got {mode!r}.")
        self.branches, self.mode = branches, mode
        policy = self.dtype_policy
        self.attention = ChannelAttention(units, name="attention", dtype=policy)
        self.pad = layers.ZeroPadding2D(1, name="pad", dtype=policy)
        self.resize = ResizeLike(name="resize", dtype=policy)

    def build(self, input_shape):
        """Builds all convolutions for `(B, h, w, D)`."""
        channels = input_shape[-1]
        shape = (None, None, None, channels)
        # Number and place of the convolutions: of branch i there are i, or the last of them.
        places = [
            (i, k)
            for i in range(1, self.branches)
            for k in range(1, i + 1)
            if self.mode == "separate" or k == i
        ]
        self.steps = {f"branch{i}_{k}": self._step(channels, f"branch{i}_{k}") for i, k in places}
        self.reduce = self._conv(channels, 1, "reduce", use_bias=False)
        self.reduce_norm = self._norm(channels, "reduce_norm")
        self.out = self._conv(channels, 3, "out", padding="same")
        for conv, normalise in self.steps.values():
            conv.build(shape)
            normalise.build(shape)
        self.reduce.build((None, None, None, self.branches * channels))
        self.reduce_norm.build(shape)
        self.attention.build(shape)
        self.out.build(shape)
        self.built = True

    def _conv(self, channels, size, name, **options):
        return layers.Conv2D(channels, size, name=name, dtype=self.dtype_policy, **options)

    def _norm(self, channels, name):
        groups = fitting_groups(channels)
        return layers.GroupNormalization(groups, name=name, dtype=self.dtype_policy)

    def _step(self, channels, name):
        conv = self._conv(
            channels, 3, name, strides=2, use_bias=False, kernel_initializer="he_normal"
        )
        return conv, self._norm(channels, f"{name}_norm")

    def scales(self, x):
        """Returns the branches' maps before they are brought back to one size, a list."""
        maps = [x]
        for i in range(1, self.branches):
            y = maps[-1] if self.mode == "cascade" else x
            for k in [i] if self.mode == "cascade" else range(1, i + 1):
                conv, normalise = self.steps[f"branch{i}_{k}"]
                y = ops.relu(normalise(conv(self.pad(y))))
            maps.append(y)
        return maps

    def call(self, x):
        """Returns the enhanced level, float `(B, h, w, D)` as the input."""
        maps = self.scales(x)
        joined = ops.concatenate([x, *(self.resize([y, x]) for y in maps[1:])], axis=-1)
        reduced = ops.relu(self.reduce_norm(self.reduce(joined)))
        return self.out(self.attention(reduced))

    def compute_output_shape(self, input_shape):
        """Returns the input's."""
        return input_shape

    def get_config(self):
        """Returns the settings of the layer."""
        own = {"branches": self.branches, "mode": self.mode, "units": self.attention.units}
        return {**super().get_config(), **own}
