"""Where classes meet, and the loss of predicting it."""

from __future__ import annotations

from keras import ops

from tfseg.nn.losses.masks import sigmoid_cross_entropy

__all__ = ["balanced_cross_entropy", "edge_map", "pool_cells", "reliable"]


def edge_map(labels, classes: int):
    """Returns the pixels at which a Sobel filter of some class's plane answers, bool `(B, H, W)`.

    The image's border is repeated outwards, so that it is no edge by itself. Planes of single
    classes, because gradients of class numbers would depend on the numbering.

    Args:
        labels: int `(B, H, W)` from 0 to `classes` - 1; other numbers belong to no plane.
        classes: Number of planes, the background included.

    Source: Zhu et al. (2019), section 2.1.2, whose "sober" operator is Sobel's.
    """
    planes = ops.cast(labels[..., None] == ops.arange(classes, dtype=labels.dtype), "float32")
    rows, columns = ops.shape(labels)[1], ops.shape(labels)[2]
    planes = ops.pad(planes, [[0, 0], [1, 1], [1, 1], [0, 0]], mode="symmetric")
    # One axis is smoothed by (1, 2, 1), the other one differentiated.
    down = planes[:, :rows] + 2.0 * planes[:, 1 : rows + 1] + planes[:, 2 : rows + 2]
    across = (
        planes[:, :, :columns] + 2.0 * planes[:, :, 1 : columns + 1] + planes[:, :, 2 : columns + 2]
    )
    gx = down[:, :, 2 : columns + 2] - down[:, :, :columns]
    gy = across[:, 2 : rows + 2] - across[:, :rows]
    return ops.any((gx != 0) | (gy != 0), axis=-1)


def reliable(valid):
    """Returns the pixels whose 3x3 surroundings are all valid, bool `(B, H, W)`: an edge found
    elsewhere may be that of the padding.

    Args:
        valid: bool `(B, H, W)`, False where the input shows nothing of the image.
    """
    hidden = ops.cast(ops.logical_not(valid), "float32")[..., None]
    return ops.max_pool(hidden, 3, 1, padding="same")[..., 0] == 0


def pool_cells(mask, stride: int):
    """Returns which cells of `stride` x `stride` pixels hold a true one, bool `(B, h, w)`.

    Cells start at the first pixel; those at the end may be smaller (rounded up).
    """
    x = ops.cast(mask, "float32")[..., None]
    rows, columns = ops.shape(x)[1], ops.shape(x)[2]
    x = ops.pad(x, [[0, 0], [0, -rows % stride], [0, -columns % stride], [0, 0]])
    return ops.max_pool(x, stride, stride, padding="valid")[..., 0] > 0


def balanced_cross_entropy(targets, logits, valid=None):
    """Returns half the mean over edge cells and half the mean over the others, a float32 scalar.

    Edges are a few percent of all cells, and would hardly count otherwise. A group without cells
    adds 0.

    Args:
        targets: bool `(...)`.
        logits: `(...)`.
        valid: bool `(...)`, cells that count; None: all.
    """
    losses = sigmoid_cross_entropy(targets, logits)
    edge = ops.cast(targets, "float32")
    counted = ops.ones_like(edge) if valid is None else ops.cast(valid, "float32")

    def mean(weights):
        return ops.sum(losses * weights) / ops.maximum(ops.sum(weights), 1.0)

    return 0.5 * mean(edge * counted) + 0.5 * mean((1.0 - edge) * counted)
