"""The feature pyramid network. Source: Lin et al. (2017); names of matterport/Mask_RCNN."""

from __future__ import annotations

import keras
from keras import layers

__all__ = ["FeaturePyramid"]


@keras.saving.register_keras_serializable("tfseg")
class FeaturePyramid(layers.Layer):
    """Turns stages C2 to C5 into levels P2 to P6 of one width.

    Each level is a 1x1 convolution of its stage plus the level above, enlarged, then smoothed by a
    3x3 convolution. P6 is every second cell of P5.

    Args:
        channels: Width of all levels.
        interpolation: How a level is enlarged: "nearest" repeats cells, "bilinear" interpolates
            between their centres.
    """

    def __init__(self, channels: int = 256, interpolation: str = "nearest", **kwargs):
        super().__init__(**kwargs)
        self.channels, self.interpolation = channels, interpolation
        self.lateral, self.smooth = [], []
        for level in (2, 3, 4, 5):
            self.lateral.append(self._conv(1, f"fpn_c{level}p{level}"))
            self.smooth.append(self._conv(3, f"fpn_p{level}"))
        self.enlarge = layers.UpSampling2D(
            2, interpolation=interpolation, name="fpn_enlarge", dtype=self.dtype_policy
        )

    def _conv(self, size, name):
        return layers.Conv2D(
            self.channels, size, padding="same", name=name, dtype=self.dtype_policy
        )

    def build(self, input_shape):
        """Builds the convolutions for `{"C2": shape, ...}`."""
        for index, (lateral, smooth) in enumerate(zip(self.lateral, self.smooth, strict=True)):
            lateral.build(input_shape[f"C{index + 2}"])
            smooth.build((*input_shape[f"C{index + 2}"][:-1], self.channels))
        self.built = True

    def call(self, stages):
        """Returns `[P2, P3, P4, P5, P6]`, float `(B, h, w, channels)`.

        Args:
            stages: dict of C2 to C5; each must be exactly twice as large as the next.
        """
        top = self.lateral[3](stages["C5"])
        merged = [top]
        for index in (2, 1, 0):
            top = self.lateral[index](stages[f"C{index + 2}"]) + self.enlarge(top)
            merged.insert(0, top)
        levels = [smooth(x) for smooth, x in zip(self.smooth, merged, strict=True)]
        return [*levels, levels[-1][:, ::2, ::2]]

    def get_config(self):
        """Returns the settings of the layer."""
        own = {"channels": self.channels, "interpolation": self.interpolation}
        return {**super().get_config(), **own}
