"""RoIAlign over a feature pyramid, with fixed shapes and gradients to the features.

Bilinear sampling on a grid parallel to the axes is separable: each output row is a weighted sum
of feature rows, each output column of feature columns. So there are two ways to compute it, and
which is faster depends on the sizes:

- `products`: two matrix products per level with sparse weights as dense matrices. Best for maps
  of a few thousand cells, and the only one whose gradient is fast on every backend.
- `gather`: each bin reads the neighbours of its samples, 4 or 16 cells, and sums them with one
  small matrix product. Best for many RoIs on large maps.

Three ways to place the samples:

- `matterport`: `crop_and_resize`, one sample per bin, the outer ones on the box's corners;
  samples outside the map are 0. Boxes are normalised as in `boxes.normalize`.
- `aligned`: 2 x 2 samples per bin, averaged, half-pixel coordinates, as Detectron2's
  `ROIAlignV2` and torchvision's `aligned=True`; samples up to one cell outside take the border.
- `torchvision`: 2 x 2 samples per bin too, but as its `aligned=False`: pixel 0 of the box lies on
  the centre of cell 0, and a box covers at least one cell. Boxes are in pixels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from keras import ops

from tfseg.nn.ops.boxes import areas

__all__ = ["crop_and_resize", "pixel_levels", "pyramid_levels", "quicker_method", "roi_align"]

# What is read at once should stay near the processor's caches: on a CPU parts of this size ran
# twice as fast as all RoIs of an image together. Too many make long graphs.
_PART_FLOATS = 2**22
_MOST_PARTS = 50


def pixel_levels(boxes, levels: tuple[int, int] = (2, 5)):
    """Returns the pyramid level of each box by torchvision's rule.

    Args:
        boxes: float `(..., 4)`, pixels of the network's input.
        levels: First and last level to choose from.

    Returns:
        int32 `(...)`: `clip(floor(4 + log2(sqrt(h w) / 224) + 1e-6))`.
    """
    root = ops.sqrt(ops.maximum(areas(boxes), 1e-12))
    return _limited(ops.floor(4 + ops.log2(root / 224.0) + 1e-6), levels)


def pyramid_levels(boxes, image_size: tuple[int, int], levels: tuple[int, int] = (2, 5)):
    """Returns the pyramid level of each box, equation 1 of the FPN paper.

    Args:
        boxes: float `(..., 4)`, normalised.
        image_size: `(height, width)` of the network's input in pixels; int32 scalars of a graph
            where it is not known before.
        levels: First and last level to choose from.

    Returns:
        int32 `(...)`: `clip(4 + round(log2(sqrt(h w) / (224 / sqrt(H W)))))`, rounding halves to
        even. A box without extent goes to the first level.
    """
    if any(ops.is_tensor(side) for side in image_size):
        height, width = (ops.cast(side, "float64") for side in image_size)
        reference = ops.cast(224.0 / ops.sqrt(height * width), "float32")
    else:
        reference = 224.0 / float(np.sqrt(image_size[0] * image_size[1]))
    root = ops.sqrt(ops.maximum(areas(boxes), 1e-12))
    return _limited(4 + ops.round(ops.log(root / reference) / float(np.log(2.0))), levels)


def _limited(level, levels: tuple[int, int]):
    # NaN, cast to an integer, lies below all levels: the first one is taken.
    level = ops.cast(ops.clip(level, levels[0], levels[1]), "int32")
    return ops.maximum(level, levels[0])


def roi_align(
    features: Sequence,
    boxes,
    image_size: tuple[int, int],
    output_size: int,
    *,
    sampling: str = "matterport",
    method: str = "auto",
):
    """Returns the features under each box at a fixed size.

    Args:
        features: Maps of levels P2, P3, ... each float `(B, h, w, D)`.
        boxes: float32 `(B, N, 4)`, normalised, or in pixels for "torchvision"; no gradient flows
            to them.
        image_size: `(height, width)` of the network's input in pixels; int32 scalars of a graph
            where it is not known before.
        output_size: Rows and columns of the result, n.
        sampling: "matterport", "aligned" or "torchvision".
        method: "products", "gather", or "auto" by `quicker_method`; "gather" for maps of sizes
            that are not known before.

    Returns:
        `(B, N, n, n, D)` in the dtype of the features; NaN under a box that is NaN.
    """
    boxes = ops.stop_gradient(ops.cast(boxes, "float32"))
    last = 1 + len(features)
    if sampling == "torchvision":
        levels = pixel_levels(boxes, (2, last))
    else:
        levels = pyramid_levels(boxes, image_size, (2, last))
    if method == "auto":
        sides = features[0].shape[1:3]
        method = "gather" if None in sides else quicker_method(sides)
    if method == "products":
        return _by_products(features, boxes, levels, image_size, output_size, sampling)
    return _by_gather(features, boxes, levels, image_size, output_size, sampling)


def quicker_method(sides: tuple[int, int]) -> str:
    """Returns the method of `roi_align` for a level P2 of `(h, w)` cells."""
    return "products" if sides[0] * sides[1] <= 4096 else "gather"


def sample_positions(start, end, length, extent: int, count: int, sampling: str):
    """Returns where samples lie on one axis, in cells of the map, and which of them count.

    Args:
        start: float `(...)`, lower end of the box, in the units of `sampling`.
        end: float `(...)`, upper end.
        length: Cells of the map on this axis, float `(..., 1)` or a number.
        extent: Pixels of the image on this axis, a number or an int32 scalar.
        count: Bins on this axis.
        sampling: "matterport", "aligned" or "torchvision".

    Returns:
        `(positions, inside)`, float and bool `(..., samples)`; samples is `count` for
        "matterport" and else `2 * count`. Positions are cut to the map.
    """
    start, end = start[..., None], end[..., None]
    if sampling == "matterport":
        steps = np.linspace(0, 1, count, dtype=np.float32) if count > 1 else np.float32([0.5])
        # A mean of both ends, so that the last sample of a box that ends on the map's border
        # lies exactly there, and not outside by a rounding error.
        positions = (start * (1 - steps) + end * steps) * (length - 1)
        inside = ops.logical_and(positions >= 0, positions <= length - 1)
    else:
        if ops.is_tensor(extent):
            extent = ops.cast(extent, "float32")
        scale = length / extent
        offsets = (np.arange(2 * count, dtype=np.float32) + 0.5) / 2
        if sampling == "torchvision":
            bins = ops.maximum((end - start) * scale, 1.0) / count
            positions = start * scale + bins * offsets
        else:
            # Normalised ends are pixel centres; back to pixels with exclusive ends first.
            bins = ((end - start) * (extent - 1) + 1) * scale / count
            positions = start * (extent - 1) * scale - 0.5 + bins * offsets
        inside = ops.logical_and(positions >= -1, positions <= length)
    return ops.maximum(ops.minimum(positions, length - 1), 0), inside


def axis_weights(start, end, length, extent, count: int, sampling: str):
    """Returns the bilinear weights of one axis as a matrix, float32 `(..., count, length)`; length
    and extent are numbers or int32 scalars."""
    lib = np
    if ops.is_tensor(length):
        lib, length = ops, ops.cast(length, "float32")
    positions, inside = sample_positions(start, end, length, extent, count, sampling)
    cells = lib.arange(length, dtype="float32")
    weights = ops.maximum(0.0, 1.0 - ops.abs(positions[..., None] - cells))
    weights = weights * ops.cast(inside, "float32")[..., None]
    if sampling != "matterport":
        weights = 0.5 * (weights[..., 0::2, :] + weights[..., 1::2, :])
    return weights


def _by_products(features, boxes, levels, image_size, size, sampling):
    total = None
    for index, feature in enumerate(features):
        _, height, width, depth = ops.shape(feature)
        here = ops.cast(ops.equal(levels, index + 2), "float32")[..., None, None]
        y1, x1, y2, x2 = (boxes[..., i] for i in range(4))
        rows = axis_weights(y1, y2, height, image_size[0], size, sampling) * here
        columns = axis_weights(x1, x2, width, image_size[1], size, sampling)
        rows, columns = ops.cast(rows, feature.dtype), ops.cast(columns, feature.dtype)
        batch, count = ops.shape(boxes)[0], boxes.shape[1]
        rows = ops.reshape(rows, (batch, count * size, height))
        flat = ops.reshape(feature, (batch, height, width * depth))
        strips = ops.reshape(ops.matmul(rows, flat), (batch, count, size, width, depth))
        part = ops.matmul(columns[:, :, None], strips)  # (B, N, n, n, D)
        total = part if total is None else total + part
    return total


def _by_gather(features, boxes, levels, image_size, size, sampling):
    depth = features[0].shape[-1]
    shapes, starts, cells = _places(features)
    maps = [(feature, *ops.shape(feature)[:3]) for feature in features]
    flat = ops.concatenate([ops.reshape(f, (b, h * w, depth)) for f, b, h, w in maps], 1)
    batch, count = ops.shape(boxes)[0], boxes.shape[1]
    flat = ops.reshape(flat, (batch * cells, depth))
    base = ops.arange(batch, dtype="int32")[:, None] * cells
    base = base + ops.take(starts, levels - 2)
    heights = ops.take(shapes[:, 0], levels - 2)
    widths = ops.take(shapes[:, 1], levels - 2)
    rows, row_weights = _taps(boxes[..., 0], boxes[..., 2], heights, image_size[0], size, sampling)
    columns, weights = _taps(boxes[..., 1], boxes[..., 3], widths, image_size[1], size, sampling)
    taps = rows.shape[-1] ** 2
    stride = ops.cast(widths, "int32")[..., None, None, None, None]
    index = base[..., None, None, None, None] + rows[..., :, None, :, None] * stride
    index = index + columns[..., None, :, None, :]  # (B, N, n, n, taps, taps)
    weights = row_weights[..., :, None, :, None] * weights[..., None, :, None, :]
    index = ops.reshape(index, (batch, count, size * size * taps))
    weights = ops.cast(ops.reshape(weights, (batch, count, size * size, 1, taps)), flat.dtype)
    step = max(-(-count // _MOST_PARTS), _PART_FLOATS // (size * size * taps * depth), 1)
    parts = []
    for start in range(0, max(count, 1), step):
        chosen, share = index[:, start : start + step], weights[:, start : start + step]
        values = ops.take(flat, ops.reshape(chosen, (-1,)), axis=0)
        values = ops.reshape(values, (batch, chosen.shape[1], size * size, taps, depth))
        parts.append(ops.matmul(share, values))
    total = parts[0] if len(parts) == 1 else ops.concatenate(parts, axis=1)
    return ops.reshape(total, (batch, count, size, size, depth))


def _places(features):
    """Returns where each level lies among the cells of all levels, one after the other.

    Returns:
        `(shapes, starts, cells)`: float32 `(L, 2)` of rows and columns, int32 `(L,)`, and their
        number. Arrays and a number, or tensors where sizes are not known before.
    """
    sides = [ops.shape(feature)[1:3] for feature in features]
    if any(None in feature.shape[1:3] for feature in features):
        sides = ops.stack([ops.stack(pair) for pair in sides])
        ends = ops.cumsum(ops.prod(sides, axis=1))
        return ops.cast(sides, "float32"), ops.pad(ends[:-1], [[1, 0]]), ends[-1]
    ends = np.cumsum(np.prod(np.array(sides, np.int32), axis=1), dtype=np.int32)
    return np.array(sides, np.float32), np.pad(ends[:-1], [[1, 0]]), int(ends[-1])


def _taps(start, end, length, extent, count, sampling):
    """Returns the cells of one axis that each bin reads, and their weights, `(..., count, taps)`.

    A bin reads the lower and the upper neighbour of each of its samples.
    """
    length = length[..., None]
    positions, inside = sample_positions(start, end, length, extent, count, sampling)
    low = ops.floor(positions)
    high = ops.minimum(low + 1, length - 1)
    samples = positions.shape[-1] // count
    inside = ops.cast(inside, "float32") / samples
    share = positions - low
    # The cell of NaN would lie outside the map; its weight is NaN, and so is the result.
    cells = ops.maximum(ops.cast(ops.stack([low, high], axis=-1), "int32"), 0)
    weights = ops.stack([(1 - share) * inside, share * inside], axis=-1)
    shape = (ops.shape(positions)[0], positions.shape[1], count, 2 * samples)
    return ops.reshape(cells, shape), ops.reshape(weights, shape)


def crop_and_resize(images, boxes, output_size: int, sampling: str = "matterport"):
    """Returns one crop per image at a fixed size, sampled as RoIAlign does.

    Args:
        images: float `(..., h, w)`, one map for each box.
        boxes: float `(..., 4)`, normalised to the map: 0 and 1 are its first and last row.
        output_size: Rows and columns of the result, n.
        sampling: "matterport" or "aligned".

    Returns:
        float32 `(..., n, n)`, bilinear; 0 outside the map.
    """
    height, width = images.shape[-2:]
    boxes = ops.stop_gradient(boxes)
    rows = axis_weights(boxes[..., 0], boxes[..., 2], height, height, output_size, sampling)
    columns = axis_weights(boxes[..., 1], boxes[..., 3], width, width, output_size, sampling)
    images = ops.cast(images, "float32")
    return ops.matmul(ops.matmul(rows, images), ops.swapaxes(columns, -1, -2))
