"""Losses of masks."""

from __future__ import annotations

from keras import ops

__all__ = ["sigmoid_cross_entropy"]


def sigmoid_cross_entropy(targets, logits):
    """Returns the binary cross-entropy from logits, float32 `(...)`, finite for any logit."""
    targets, logits = ops.cast(targets, "float32"), ops.cast(logits, "float32")
    return ops.maximum(logits, 0) - logits * targets + ops.log1p(ops.exp(-ops.abs(logits)))
