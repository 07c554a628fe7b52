"""The loss of Pose2Seg: one softmax cross-entropy over the pixels of all windows."""

from __future__ import annotations

from keras import ops

from tfseg.nn.losses.classification import masked_mean
from tfseg.structures.semantic import IGNORED

__all__ = ["TERMS", "mask_loss"]

TERMS = ("mask_loss",)


def mask_loss(logits, targets, counted):
    """Returns the mean cross-entropy over pixels, float32 scalar; 0 where none counts.

    Args:
        logits: float `(P, a, a, 2)`.
        targets: `(P, a, a)` of 0 background, 1 person, shares of both in between, 255 ignored.
        counted: bool `(P,)`, which windows count.
    """
    targets, logits = ops.cast(targets, "float32"), ops.cast(logits, "float32")
    known = (targets < IGNORED) & ops.cast(counted, "bool")[:, None, None]
    share = ops.where(known, targets, 0.0)
    # -share log p(person) - (1 - share) log p(background), without a cancelling large number.
    margin = logits[..., 1] - logits[..., 0]
    losses = ops.softplus(margin) - share * margin
    return masked_mean(losses, known)
