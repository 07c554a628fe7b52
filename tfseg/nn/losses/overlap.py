"""Losses of masks that weigh a small object as much as a large one: dice and focal.

Source: Milletari et al., V-Net (2016); Lin et al., Focal Loss (2017); constants of
`dice_loss` and `sigmoid_focal_loss` in facebookresearch/detr.
"""

from __future__ import annotations

from keras import ops

from tfseg.nn.losses.masks import sigmoid_cross_entropy

__all__ = ["dice", "sigmoid_focal"]


def dice(targets, probabilities, weights=None):
    """Returns `1 - (2 sum(p t) + 1) / (sum(p) + sum(t) + 1)`, float32 `(...)`, in [0, 1).

    The ones give two empty masks a loss of 0.

    Args:
        targets: 0 or 1, `(..., n)`; the last axis runs over the pixels.
        probabilities: `(..., n)`.
        weights: `(..., n)` or what broadcasts to it, 0 for pixels that do not count; None if all
            do.
    """
    targets, chances = ops.cast(targets, "float32"), ops.cast(probabilities, "float32")
    if weights is not None:
        weights = ops.cast(weights, "float32")
        targets, chances = targets * weights, chances * weights
    both = ops.sum(targets * chances, axis=-1)
    return 1.0 - (2.0 * both + 1.0) / (ops.sum(targets, -1) + ops.sum(chances, -1) + 1.0)


def sigmoid_focal(targets, logits, alpha: float | None = 0.25, gamma: float = 2.0):
    """Returns the cross-entropy times `alpha_t (1 - p_t)^gamma`, float32 `(...)`: pixels that are
    right already weigh little.

    Args:
        targets: 0 or 1, `(...)`.
        logits: `(...)`.
        alpha: Weight of ones; zeros get `1 - alpha`. None gives both 1.
        gamma: How strongly right pixels are played down.
    """
    targets, logits = ops.cast(targets, "float32"), ops.cast(logits, "float32")
    chance = ops.sigmoid(logits)
    wrong = chance + targets - 2.0 * chance * targets
    loss = sigmoid_cross_entropy(targets, logits) * wrong**gamma
    if alpha is not None:
        loss = loss * (alpha * targets + (1.0 - alpha) * (1.0 - targets))
    return loss
