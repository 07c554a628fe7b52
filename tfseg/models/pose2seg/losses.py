"""The loss of Pose2Seg: one softmax cross-entropy over the pixels of all windows."""

from __future__ import annotations

from keras import ops

from tfseg.nn.losses.classification import masked_mean, softmax_cross_entropy
from tfseg.structures.semantic import IGNORED

__all__ = ["TERMS", "mask_loss"]

TERMS = ("mask_loss",)


def mask_loss(logits, targets, counted):
    """Returns the mean cross-entropy over pixels, float32 scalar; 0 where none counts.

    Args:
        logits: float `(P, a, a, 2)`.
        targets: int `(P, a, a)` of 0 background, 1 person, 255 ignored.
        counted: bool `(P,)`, which windows count.
    """
    targets = ops.cast(targets, "int32")
    known = (targets != IGNORED) & ops.cast(counted, "bool")[:, None, None]
    losses = softmax_cross_entropy(ops.where(known, targets, 0), ops.cast(logits, "float32"))
    return masked_mean(losses, known)
