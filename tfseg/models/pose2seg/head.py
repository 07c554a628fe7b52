"""The segmentation head: what of an aligned window belongs to its person.

Source: the public code of Pose2Seg (the paper says no more than "ten ResNet units").
"""

from __future__ import annotations

import keras
from keras import layers

from tfseg.models.pose2seg.config import FULL, HeadPlan
from tfseg.nn.layers.conv_norm import ConvNorm
from tfseg.nn.layers.corner_resize import CornerResize
from tfseg.nn.layers.norm import norm

__all__ = ["segmentation_head"]


def segmentation_head(
    input_shape: tuple[int, int, int],
    plan: HeadPlan = FULL,
    *,
    norm_kind: str = "batch",
    epsilon: float = 1e-5,
    momentum: float = 0.9,
    dtype=None,
) -> keras.Model:
    """Returns the head: windows `(N, a, a, D)` to logits `(N, a, a, 2)`, background and person.

    Args:
        input_shape: `(a, a, D)`, a even.
        plan: Its sizes.
        norm_kind: See `tfseg.nn.layers.norm.norm`.
        epsilon: Of the normalisation.
        momentum: Of the normalisation's statistics.
        dtype: Dtype or policy of all layers.
    """
    unit = _Unit(dict(kind=norm_kind, epsilon=epsilon, momentum=momentum, dtype=dtype))
    window = keras.Input(input_shape, name="window")
    # Symmetric padding: zeros on one side alone would move the mask by half a pixel.
    x = layers.ZeroPadding2D(plan.kernel // 2, name="seg_pad", dtype=dtype)(window)
    x = unit.conv(x, plan.stem, plan.kernel, "seg", "1", strides=2, padding="valid")
    for index in range(plan.units):
        x = unit.bottleneck(x, plan.inner, plan.outer, f"seg_unit{index}")
    x = CornerResize(2, name="seg_enlarge", dtype=dtype)(x)
    x = unit.bottleneck(x, plan.decoder_inner, plan.decoder_outer, "seg_decoder")
    logits = layers.Conv2D(2, 1, name="seg_logits", dtype=dtype)(x)
    return keras.Model(window, logits, name="segmentation_head")


class _Unit:
    """Adds convolutions and residual units with one set of settings. Convolutions keep their
    biases although a normalisation follows, as in the published weights."""

    def __init__(self, norm_settings: dict):
        self.norm, self.dtype = norm_settings, norm_settings["dtype"]

    def conv(self, x, filters, size, prefix, label, *, strides=1, padding="same", relu=True):
        layer = layers.Conv2D(
            filters,
            size,
            strides,
            padding,
            name=f"{prefix}_conv{label}",
            dtype=self.dtype,
            kernel_initializer="he_normal",
        )
        layer.build(x.shape)
        normalise = norm(name=f"{prefix}_bn{label}", **self.norm)
        if normalise is not None:
            normalise.build(layer.compute_output_shape(x.shape))
        name = f"{prefix}_conv{label}_unit"
        return ConvNorm(layer, normalise, relu, name=name, dtype=self.dtype)(x)

    def bottleneck(self, x, inner, outer, prefix):
        y = self.conv(x, inner, 1, prefix, "1")
        y = self.conv(y, inner, 3, prefix, "2")
        y = self.conv(y, outer, 1, prefix, "3", relu=False)
        if x.shape[-1] != outer:
            x = self.conv(x, outer, 1, prefix, "_skip", relu=False)
        y = layers.Add(name=f"{prefix}_add", dtype=self.dtype)([y, x])
        return layers.ReLU(name=f"{prefix}_out", dtype=self.dtype)(y)
