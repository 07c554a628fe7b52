"""Anchors of a feature pyramid: constants in NumPy, or tensors where the image's size is one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from keras import ops

__all__ = ["level_anchors", "level_shapes", "pyramid_anchors"]


def level_shapes(image_size: tuple[int, int], strides: Sequence[int]) -> list[tuple[int, int]]:
    """Returns `(height, width)` of each pyramid level, rounded up as strided layers do."""
    height, width = image_size
    return [(-(-height // stride), -(-width // stride)) for stride in strides]


def level_anchors(
    scale: float,
    ratios: Sequence[float],
    shape: tuple[int, int],
    stride: int | tuple[int, int],
    *,
    anchor_stride: int = 1,
    offset: float = 0.0,
    rounded: bool = False,
) -> np.ndarray:
    """Returns the anchors of one level.

    Args:
        scale: Square root of an anchor's area in pixels of the image.
        ratios: Width / height of the anchors at one place.
        shape: `(h, w)` of the feature map; int32 scalars of a graph where it is not known before.
        stride: Pixels of the image per feature cell; one number, or one for each axis.
        anchor_stride: Feature cells between anchor centres.
        offset: Centre of the first anchor in units of the stride: 0 in Matterport's code,
            0.5 for centres in the middle of the cell.
        rounded: Round the corners of an anchor to whole pixels around its centre.

    Returns:
        float32 `(h * w * len(ratios), 4)`, `(y1, x1, y2, x2)` in pixels; order row, column,
        ratio. An array; of a shape that is not known before a tensor with the same numbers.
    """
    known = not any(ops.is_tensor(side) for side in shape)
    lib = np if known else ops
    roots = np.sqrt(np.asarray(ratios, np.float64))
    half = 0.5 * np.stack([scale / roots, scale * roots], axis=-1)  # (ratio, (h, w))
    half = np.round(half) if rounded else half
    down, right = (stride, stride) if np.isscalar(stride) else stride
    if not known:
        down, right = ops.cast(down, "float64"), ops.cast(right, "float64")
    rows = (lib.arange(0, shape[0], anchor_stride, dtype="float64") + offset) * down
    columns = (lib.arange(0, shape[1], anchor_stride, dtype="float64") + offset) * right
    centers = lib.stack(lib.meshgrid(rows, columns, indexing="ij"), axis=-1)[:, :, None]
    anchors = lib.concatenate([centers - half, centers + half], axis=-1)
    anchors = lib.reshape(anchors, (-1, 4))
    return anchors.astype(np.float32) if known else ops.cast(anchors, "float32")


def pyramid_anchors(
    image_size: tuple[int, int],
    scales: Sequence[float],
    ratios: Sequence[float],
    strides: Sequence[int],
    *,
    anchor_stride: int = 1,
    offset: float = 0.0,
    rounded: bool = False,
) -> np.ndarray:
    """Returns the anchors of all levels, one scale a level, in the order of the strides.

    With `rounded`, as torchvision does it: corners are whole pixels around the centre, and the
    step between centres is the image's side divided by the cells, rounded down, which differs
    from the stride where the side is no multiple of it.

    Returns:
        float32 `(A, 4)` in pixels, order level, row, column, ratio. With the defaults of the
        paper `A` is 65,472 for 512 x 512 and 261,888 for 1024 x 1024. An array, or a tensor, as
        `level_anchors`.
    """
    shapes = level_shapes(image_size, strides)
    steps = strides
    if rounded:
        steps = [(image_size[0] // rows, image_size[1] // columns) for rows, columns in shapes]
    options = dict(anchor_stride=anchor_stride, offset=offset, rounded=rounded)
    parts = [
        level_anchors(scale, ratios, shape, step, **options)
        for scale, shape, step in zip(scales, shapes, steps, strict=True)
    ]
    return (ops if ops.is_tensor(parts[0]) else np).concatenate(parts, axis=0)
