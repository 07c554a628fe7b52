"""Random choice with fixed shapes."""

from __future__ import annotations

import keras
from keras import ops

__all__ = ["choose", "keep_at_most"]


def choose(candidates, count: int, seed):
    """Returns up to `count` of the candidates, drawn without replacement.

    Args:
        candidates: bool `(B, N)`.
        count: Number of places, K (at most N).
        seed: An integer or a `keras.random.SeedGenerator`; None takes the first ones in order.

    Returns:
        `(positions, chosen)`, int32 and bool `(B, K)`: chosen places come first; the others hold
        positions of no meaning.
    """
    if seed is None:
        size = ops.shape(candidates)[1]  # a tensor in a graph for batches of any length
        priority = 1.0 - ops.arange(size, dtype="float32") / ops.cast(size + 1, "float32")
        priority = ops.broadcast_to(priority, ops.shape(candidates))
    else:
        priority = keras.random.uniform(ops.shape(candidates), 0.5, 1.0, seed=seed)
    priority = ops.where(candidates, priority, ops.zeros_like(priority))
    values, positions = ops.top_k(priority, count)
    return ops.cast(positions, "int32"), values > 0


def keep_at_most(candidates, limit, seed):
    """Returns the candidates cut to a random subset of at most `limit` a row.

    Args:
        candidates: bool `(B, N)`.
        limit: int32 `(B,)` or a number.
        seed: As in `choose`; None keeps the last ones, as Matterport's code does once its random
            choice is taken out (it drops a choice of the surplus).

    Returns:
        bool `(B, N)`.
    """
    count = ops.sum(ops.cast(candidates, "int32"), axis=1, keepdims=True)
    limit = ops.broadcast_to(ops.cast(limit, "int32"), ops.shape(count)[:1])[:, None]
    if seed is None:
        rank = ops.cumsum(ops.cast(candidates, "int32"), axis=1)
        return ops.logical_and(candidates, rank > count - limit)
    priority = keras.random.uniform(ops.shape(candidates), 0.5, 1.0, seed=seed)
    priority = ops.where(candidates, priority, ops.zeros_like(priority))
    ordered = ops.flip(ops.sort(priority, axis=1), axis=1)
    last = ops.clip(limit - 1, 0, candidates.shape[1] - 1)
    threshold = ops.take_along_axis(ordered, last, axis=1)
    above = ops.logical_and(candidates, priority > threshold)
    # Among a quarter of a million anchors two now and then draw the same number.
    level = ops.logical_and(candidates, ops.equal(priority, threshold))
    places = limit - ops.sum(ops.cast(above, "int32"), axis=1, keepdims=True)
    level = ops.logical_and(level, ops.cumsum(ops.cast(level, "int32"), axis=1) <= places)
    return ops.logical_and(ops.logical_or(above, level), limit > 0)
