"""Greedy non-maximum suppression with fixed shapes, for any Keras backend and for compilers.

The exact greedy result, without a loop over single boxes: boxes come sorted by score and are
taken a tile at a time. A tile is compared with the boxes kept so far (a short buffer), and
within itself by repeating "a box stays unless a box that stays, before it, overlaps" until
nothing changes, which after at most `tile` rounds, and usually a handful, is the greedy answer.
"""

from __future__ import annotations

import numpy as np
from keras import ops

from tfseg.nn.ops.boxes import iou_matrix

__all__ = ["greedy_survivors", "mask_nms", "nms"]


def nms(boxes, valid, iou_threshold: float, limit: int, *, groups=None, tile: int = 256):
    """Returns the positions of the boxes that survive, best first.

    Args:
        boxes: float32 `(B, K, 4)`, sorted by falling score within each image.
        valid: bool `(B, K)`; boxes that are not valid neither stay nor suppress.
        iou_threshold: A box is suppressed by a better one if their IoU is *above* this.
        limit: Number of positions to return, `L`.
        groups: int `(B, K)`; only boxes of the same group suppress each other. None: all do.
        tile: Boxes compared at a time; changes the speed alone.

    Returns:
        `(positions, kept)`: int32 `(B, L)` into the K boxes, and bool `(B, L)`. Places that are
        not kept hold position 0 and follow behind the kept ones.
    """
    boxes = ops.stop_gradient(ops.cast(boxes, "float32"))
    if groups is not None:  # travels as a fifth column
        boxes = ops.concatenate([boxes, ops.cast(groups, "float32")[..., None]], axis=-1)
    columns = boxes.shape[-1]
    count = boxes.shape[1]
    tile = max(1, min(tile, count))
    tiles = -(-count // tile)
    padding = tiles * tile - count
    boxes = ops.pad(boxes, [[0, 0], [0, padding], [0, 0]])
    valid = ops.pad(valid, [[0, 0], [0, padding]])
    before = np.triu(np.ones((tile, tile), bool), 1)  # [i, j]: i is better than j
    # Behind the last valid box of all images there is nothing to do.
    end = ops.max(ops.where(valid, np.arange(1, valid.shape[1] + 1, dtype="int32")[None], 0))
    batch = ops.shape(boxes)[0]

    def step(index, kept_boxes, kept_positions, total):
        start = index * tile
        current = _slice(boxes, start, tile)
        alive = _slice(valid, start, tile)
        against = ops.any(_clash(current, kept_boxes, iou_threshold), axis=-1)
        alive = ops.logical_and(alive, ops.logical_not(against))
        overlaps = ops.logical_and(_clash(current, current, iou_threshold), before)
        keep = greedy_survivors(alive, overlaps)
        source, fresh, after = _places(keep, total, limit)
        newcomers = ops.take_along_axis(current, source[..., None], axis=1)
        kept_boxes = ops.where(fresh[..., None], newcomers, kept_boxes)
        kept_positions = ops.where(fresh, start + source, kept_positions)
        return index + 1, kept_boxes, kept_positions, after

    def unfinished(index, kept_boxes, kept_positions, total):
        return ops.logical_and(index * tile < end, ops.any(total < limit))

    state = (
        ops.convert_to_tensor(0, dtype="int32"),
        ops.zeros((batch, limit, columns), "float32"),
        ops.zeros((batch, limit), "int32"),
        ops.zeros((batch,), "int32"),
    )
    _, _, positions, total = ops.while_loop(unfinished, step, state, maximum_iterations=tiles)
    kept = np.arange(limit, dtype="int32")[None] < total[:, None]
    return positions, kept


def _places(keep, total, limit: int):
    """Returns which box of a tile goes to each of the `limit` places.

    Whole numbers and a gather, not a product with a 0-1 matrix: accelerators round the inputs of
    products.

    Args:
        keep: bool `(B, T)`, the boxes of the tile that stay.
        total: int32 `(B,)`, the places that are taken already.
        limit: Number of places, L.

    Returns:
        `(source, fresh, after)`: int32 `(B, L)` into the tile, bool `(B, L)` for places that this
        tile fills, and the places taken after it.
    """
    slots = np.arange(limit, dtype="int32")[None]
    kept = ops.cumsum(ops.cast(keep, "int32"), axis=1)
    after = total + kept[:, -1]
    # The box for slot s lies behind all those up to which fewer than s + 1 were kept.
    wanted = (slots + 1 - total[:, None])[..., None]
    source = ops.sum(ops.cast(kept[:, None, :] < wanted, "int32"), axis=2)
    fresh = ops.logical_and(slots >= total[:, None], slots < after[:, None])
    return ops.minimum(source, keep.shape[1] - 1), fresh, after


def _clash(first, second, threshold):
    """Returns which pairs overlap too much, bool `(B, N, M)`, by group where there is one."""
    overlap = iou_matrix(first[..., :4], second[..., :4]) > threshold
    if first.shape[-1] == 4:
        return overlap
    same = ops.equal(first[..., :, None, 4], second[..., None, :, 4])
    return ops.logical_and(overlap, same)


def _slice(values, start, size: int):
    if len(values.shape) == 3:
        width = values.shape[2]
        shape = (ops.shape(values)[0], size, width)
        zero = ops.zeros((), "int32")
        return ops.slice(values, (zero, start, zero), shape)
    zero = ops.zeros((), "int32")
    return ops.slice(values, (zero, start), (ops.shape(values)[0], size))


def mask_nms(logits, threshold: float):
    """Returns which masks stay, bool `(B, K)`: those whose pixels have no IoU above the threshold
    with those of a better one that stays. Empty masks stay.

    Args:
        logits: `(B, K, h, w)`, sorted by falling score; pixels above 0 belong to the mask.
        threshold: Of the IoU.
    """
    pixels = ops.shape(logits)[2] * ops.shape(logits)[3]
    inside = ops.cast(ops.reshape(logits > 0, (-1, logits.shape[1], pixels)), "float32")
    shared = ops.matmul(inside, ops.transpose(inside, (0, 2, 1)))
    areas = ops.sum(inside, axis=-1)
    either = ops.maximum(areas[:, :, None] + areas[:, None] - shared, 1.0)
    better = np.triu(np.ones((logits.shape[1],) * 2, bool), 1)
    overlaps = ops.logical_and(shared / either > threshold, better)
    return greedy_survivors(ops.ones_like(areas, dtype="bool"), overlaps)


def greedy_survivors(alive, overlaps):
    """Returns who stays, bool `(B, T)`: candidates whom nobody suppresses who stays.

    Args:
        alive: bool `(B, T)`, the candidates, best first.
        overlaps: bool `(B, T, T)`, whether i suppresses j if both are there; False unless i < j.
    """
    matrix = ops.cast(overlaps, "float32")

    def survivors(keep):
        hits = ops.matmul(ops.cast(keep, "float32")[:, None, :], matrix)[:, 0, :]
        return ops.logical_and(alive, hits < 0.5)

    def changing(keep, following):
        return ops.any(ops.not_equal(keep, following))

    def advance(keep, following):
        return following, survivors(following)

    _, keep = ops.while_loop(changing, advance, (alive, survivors(alive)))
    return keep
