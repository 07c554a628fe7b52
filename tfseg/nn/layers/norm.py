"""Normalisation by name, so that a network states in one word how it is to be trained."""

from __future__ import annotations

import keras

from tfseg.errors import ConfigError

__all__ = ["NORMS", "FrozenBatchNormalization", "norm"]

NORMS = ("frozen", "batch", "group", "none")


@keras.saving.register_keras_serializable("tfseg")
class FrozenBatchNormalization(keras.layers.BatchNormalization):
    """Batch normalisation that always uses its stored statistics, even while training.

    Gamma and beta still learn when the layer is trainable. Small batches need this: statistics
    of one or two images are worse than those of the pretrained network (Matterport's
    `TRAIN_BN = False`).
    """

    def call(self, inputs, training=None, mask=None):
        """Returns the normalised inputs; `training` is deliberately ignored."""
        return super().call(inputs, training=False)


def norm(
    kind: str,
    name: str,
    *,
    epsilon: float = 1e-3,
    momentum: float = 0.99,
    groups: int = 16,
    dtype=None,
):
    """Returns a normalisation layer, or None for "none".

    Args:
        kind: "frozen" for pretrained weights, "batch" for batches of 8 and more, "group" for small
            batches from scratch, "none".
        name: Name of the layer.
        epsilon: Added to the variance; must be the one that the weights were trained with.
        momentum: Share of the old statistics kept per step ("batch" only).
        groups: Groups of channels ("group" only); where they do not divide the channels, the
            largest smaller number that does.
        dtype: Dtype or policy of the layer.
    """
    if kind == "frozen":
        return FrozenBatchNormalization(name=name, epsilon=epsilon, dtype=dtype)
    if kind == "batch":
        return keras.layers.BatchNormalization(
            name=name, epsilon=epsilon, momentum=momentum, dtype=dtype
        )
    if kind == "group":
        return _FittingGroups(groups, name=name, epsilon=epsilon, dtype=dtype)
    if kind == "none":
        return None
    raise ConfigError(f"norm should be one of {', '.join(NORMS)}; got {kind!r}.")


@keras.saving.register_keras_serializable("tfseg")
class _FittingGroups(keras.layers.GroupNormalization):
    """Group normalisation with the largest number of groups up to one that divides the channels."""

    def __init__(self, groups: int = 16, **kwargs):
        super().__init__(groups=groups, **kwargs)

    def build(self, input_shape):
        """Picks the groups once the channels are known."""
        channels = input_shape[-1]
        self.groups = max(n for n in range(1, self.groups + 1) if channels % n == 0)
        super().build(input_shape)
