"""Cross-entropies. Every loss is a float32 scalar and 0 where nothing is to be learnt."""

from __future__ import annotations

from keras import ops

__all__ = ["masked_mean", "softmax_cross_entropy"]


def masked_mean(values, mask):
    """Returns the mean of `values` where `mask` is true; 0 where it never is."""
    mask = ops.cast(mask, "float32")
    mask = ops.broadcast_to(mask, ops.shape(values))
    return ops.sum(ops.where(mask > 0, values, ops.zeros_like(values)) * mask) / ops.maximum(
        ops.sum(mask), 1.0
    )


def softmax_cross_entropy(labels, logits):
    """Returns `-log softmax(logits)[label]`.

    Args:
        labels: int `(...)`.
        logits: `(..., C)`.

    Returns:
        float32 `(...)`.
    """
    logits = ops.cast(logits, "float32")
    chosen = ops.take_along_axis(logits, ops.cast(labels, "int32")[..., None], axis=-1)[..., 0]
    return ops.logsumexp(logits, axis=-1) - chosen
