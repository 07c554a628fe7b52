"""RoIAlign over a feature pyramid, with fixed shapes and gradients to the features.

Bilinear sampling on a grid parallel to the axes is separable: each output row is a weighted sum
of feature rows, each output column of feature columns. So there are two ways to compute it, and
which is faster depends on the sizes:

- `products`: two matrix products per level with sparse weights as dense matrices. Best for maps
  of a few thousand cells, and the only one whose gradient is fast on every backend.
- `gather`: each bin reads the neighbours of its samples, 4 or 16 cells, and sums them with one
  small matrix product. Best for many RoIs on large maps.

What the public codes do differently are separate settings; these combinations are theirs:

=============================  ============  ===========  ==============  ========
code                           `units`       `points`     `half_pixel`    `level_rule`
=============================  ============  ===========  ==============  ========
matterport/Mask_RCNN           "normalized"  "corners"    (means nothing)  "round"
torchvision, `aligned=False`   "pixels"      2            False           "floor"
Detectron2's `ROIAlignV2`      "pixels"      "adaptive"   True            "floor"
=============================  ============  ===========  ==============  ========
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from keras import ops

from tfseg.nn.ops.boxes import areas, denormalize, normalize

__all__ = ["crop_and_resize", "quicker_method", "roi_align", "roi_levels"]

# What is read at once should stay near the processor's caches: on a CPU parts of this size ran
# twice as fast as all RoIs of an image together. Too many make long graphs.
_PART_FLOATS = 2**22
_MOST_PARTS = 50
# Samples per bin and axis that "adaptive" ends at: enough for RoIs of 56 cells in 7 bins.
_MOST_POINTS = 8


class _Grid(NamedTuple):
    """Where the samples of a box lie: bins on each axis, and the settings of `roi_align`."""

    bins: int
    points: int | str
    half_pixel: bool


def roi_levels(
    boxes,
    image_size: tuple[int, int],
    *,
    units: Literal["normalized", "pixels"] = "normalized",
    rule: Literal["round", "floor"] = "round",
    levels: tuple[int, int] = (2, 5),
):
    """Returns the pyramid level of each box, int32 `(...)`.

    Args:
        boxes: float `(..., 4)`.
        image_size: `(height, width)` of the network's input in pixels; int32 scalars of a graph
            where it is not known before.
        units: Of the boxes: "pixels" with exclusive ends, or "normalized" as in
            `tfseg.nn.ops.boxes.normalize`.
        rule: "round": `4 + round(log2(sqrt(h w) / 224))`, halves to even, of matterport/Mask_RCNN,
            where h and w are shares of the image times its sides; "floor":
            `floor(4 + log2(sqrt(h w) / 224) + 1e-6)`, equation 1 of the FPN paper, of torchvision
            and Detectron2.
        levels: First and last level to choose from. A box without extent goes to the first.
    """
    if rule == "floor":
        if units == "normalized":
            boxes = denormalize(boxes, image_size)
        root = ops.sqrt(ops.maximum(areas(boxes), 1e-12))
        return _limited(ops.floor(4 + ops.log2(root / 224.0) + 1e-6), levels)
    if units == "pixels":
        reference = 224.0
    elif any(ops.is_tensor(side) for side in image_size):
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
    units: Literal["normalized", "pixels"] = "pixels",
    points: int | Literal["adaptive", "corners"] = 2,
    half_pixel: bool = True,
    level_rule: Literal["round", "floor"] = "floor",
    method: str = "auto",
):
    """Returns the features under each box at a fixed size.

    Args:
        features: Maps of levels P2, P3, ... each float `(B, h, w, D)`.
        boxes: float32 `(B, N, 4)`; no gradient flows to them.
        image_size: `(height, width)` of the network's input in pixels; int32 scalars of a graph
            where it is not known before.
        output_size: Rows and columns of the result, n.
        units: Of the boxes: "pixels" with exclusive ends, or "normalized" as in
            `tfseg.nn.ops.boxes.normalize`.
        points: Samples per bin and axis, evenly spread and averaged; "adaptive" takes as many as
            the bin has cells, rounded up, at most 8; "corners" takes one, the outer ones on the
            box's corners (`crop_and_resize`), and what lies outside the map is 0. Other samples up
            to one cell outside the map take its border, and 0 beyond.
        half_pixel: Whether pixel 0 covers 0 to 1, so that its middle lies at 0.5. False: pixel 0 of
            the box lies on the centre of cell 0, and a box covers at least one cell. It means
            nothing for "corners".
        level_rule: See `roi_levels`.
        method: "products", "gather", or "auto" by `quicker_method`; "gather" for maps of sizes
            that are not known before.

    Returns:
        `(B, N, n, n, D)` in the dtype of the features; NaN under a box that is NaN.
    """
    boxes = ops.stop_gradient(ops.cast(boxes, "float32"))
    levels = roi_levels(
        boxes, image_size, units=units, rule=level_rule, levels=(2, 1 + len(features))
    )
    boxes = _in_grid_units(boxes, units, points, image_size)
    if method == "auto":
        sides = features[0].shape[1:3]
        method = "gather" if None in sides else quicker_method(sides)
    grid = _Grid(output_size, points, half_pixel)
    compute = _by_products if method == "products" else _by_gather
    return compute(features, boxes, levels, image_size, grid)


def _in_grid_units(boxes, units: str, points, size: tuple[int, int]):
    """Returns the boxes in the units that samples are placed in: the corners of normalised boxes,
    the bins of boxes in pixels."""
    if points == "corners":
        return normalize(boxes, size) if units == "pixels" else boxes
    return denormalize(boxes, size) if units == "normalized" else boxes


def quicker_method(sides: tuple[int, int]) -> str:
    """Returns the method of `roi_align` for a level P2 of `(h, w)` cells."""
    return "products" if sides[0] * sides[1] <= 4096 else "gather"


def _samples(start, end, length, extent, grid: _Grid):
    """Returns where samples lie on one axis, in cells of the map, and their shares of their bins.

    Args:
        start: float `(...)`, lower end of the box, see `_in_grid_units`.
        end: float `(...)`, upper end.
        length: Cells of the map on this axis, float `(..., 1)` or a number.
        extent: Pixels of the image on this axis, a number or an int32 scalar.
        grid: Bins and points.

    Returns:
        `(positions, shares)`, float32 `(..., bins * points)`, bin after bin. Positions are cut to
        the map; the share of a sample that lies outside is 0.
    """
    start, end, bins = start[..., None], end[..., None], grid.bins
    if grid.points == "corners":
        steps = np.linspace(0, 1, bins, dtype=np.float32) if bins > 1 else np.float32([0.5])
        # A mean of both ends, so that the last sample of a box that ends on the map's border
        # lies exactly there, and not outside by a rounding error.
        positions = (start * (1 - steps) + end * steps) * (length - 1)
        inside = ops.logical_and(positions >= 0, positions <= length - 1)
        return _cut(positions, length), ops.cast(inside, "float32")
    if ops.is_tensor(extent):
        extent = ops.cast(extent, "float32")
    scale = length / extent
    first, step = start * scale, (end - start) * scale
    if grid.half_pixel:
        first = first - 0.5
    else:
        step = ops.maximum(step, 1.0)
    step = step / bins
    if grid.points == "adaptive":
        count = ops.clip(ops.ceil(step), 1, _MOST_POINTS)
        places = np.tile(np.arange(_MOST_POINTS, dtype=np.float32), bins)
        offsets = np.repeat(np.arange(bins, dtype=np.float32), _MOST_POINTS)
        offsets = offsets + (places + 0.5) / count
        shares = ops.cast(places < count, "float32") / count
    else:
        offsets = (np.arange(grid.points * bins, dtype=np.float32) + 0.5) / grid.points
        shares = 1.0 / grid.points
    positions = first + step * offsets
    inside = ops.logical_and(positions >= -1, positions <= length)
    return _cut(positions, length), ops.cast(inside, "float32") * shares


def _cut(positions, length):
    return ops.maximum(ops.minimum(positions, length - 1), 0)


def _axis_weights(start, end, length, extent, grid: _Grid):
    """Returns the bilinear weights of one axis as a matrix, float32 `(..., bins, length)`; length
    and extent are numbers or int32 scalars."""
    lib = np
    if ops.is_tensor(length):
        lib, length = ops, ops.cast(length, "float32")
    positions, shares = _samples(start, end, length, extent, grid)
    cells = lib.arange(length, dtype="float32")
    weights = ops.maximum(0.0, 1.0 - ops.abs(positions[..., None] - cells))
    weights = weights * shares[..., None]
    points = positions.shape[-1] // grid.bins
    parts = [weights[..., i::points, :] for i in range(points)]
    return sum(parts[1:], parts[0])


def _by_products(features, boxes, levels, image_size, grid):
    total, size = None, grid.bins
    for index, feature in enumerate(features):
        _, height, width, depth = ops.shape(feature)
        here = ops.cast(ops.equal(levels, index + 2), "float32")[..., None, None]
        y1, x1, y2, x2 = (boxes[..., i] for i in range(4))
        rows = _axis_weights(y1, y2, height, image_size[0], grid) * here
        columns = _axis_weights(x1, x2, width, image_size[1], grid)
        rows, columns = ops.cast(rows, feature.dtype), ops.cast(columns, feature.dtype)
        batch, count = ops.shape(boxes)[0], boxes.shape[1]
        rows = ops.reshape(rows, (batch, count * size, height))
        flat = ops.reshape(feature, (batch, height, width * depth))
        strips = ops.reshape(ops.matmul(rows, flat), (batch, count, size, width, depth))
        part = ops.matmul(columns[:, :, None], strips)  # (B, N, n, n, D)
        total = part if total is None else total + part
    return total


def _by_gather(features, boxes, levels, image_size, grid):
    depth, size = features[0].shape[-1], grid.bins
    shapes, starts, cells = _places(features)
    maps = [(feature, *ops.shape(feature)[:3]) for feature in features]
    flat = ops.concatenate([ops.reshape(f, (b, h * w, depth)) for f, b, h, w in maps], 1)
    batch, count = ops.shape(boxes)[0], boxes.shape[1]
    flat = ops.reshape(flat, (batch * cells, depth))
    base = ops.arange(batch, dtype="int32")[:, None] * cells
    base = base + ops.take(starts, levels - 2)
    heights = ops.take(shapes[:, 0], levels - 2)
    widths = ops.take(shapes[:, 1], levels - 2)
    rows, row_weights = _taps(boxes[..., 0], boxes[..., 2], heights, image_size[0], grid)
    columns, weights = _taps(boxes[..., 1], boxes[..., 3], widths, image_size[1], grid)
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


def _taps(start, end, length, extent, grid: _Grid):
    """Returns the cells of one axis that each bin reads, and their weights, `(..., bins, taps)`.

    A bin reads the lower and the upper neighbour of each of its samples.
    """
    length = length[..., None]
    positions, shares = _samples(start, end, length, extent, grid)
    low = ops.floor(positions)
    high = ops.minimum(low + 1, length - 1)
    part = positions - low
    # The cell of NaN would lie outside the map; its weight is NaN, and so is the result.
    cells = ops.maximum(ops.cast(ops.stack([low, high], axis=-1), "int32"), 0)
    weights = ops.stack([(1 - part) * shares, part * shares], axis=-1)
    taps = 2 * positions.shape[-1] // grid.bins
    shape = (ops.shape(positions)[0], positions.shape[1], grid.bins, taps)
    return ops.reshape(cells, shape), ops.reshape(weights, shape)


def crop_and_resize(
    images,
    boxes,
    output_size: int,
    *,
    units: Literal["normalized", "pixels"] = "normalized",
    points: int | Literal["adaptive", "corners"] = "corners",
    half_pixel: bool = True,
):
    """Returns one crop per image at a fixed size, sampled as RoIAlign does.

    Args:
        images: float `(..., h, w)`, one map for each box.
        boxes: float `(..., 4)`, in the units of the map.
        output_size: Rows and columns of the result, n.
        units: See `roi_align`.
        points: See `roi_align`.
        half_pixel: See `roi_align`.

    Returns:
        float32 `(..., n, n)`, bilinear; 0 outside the map.
    """
    height, width = images.shape[-2:]
    grid = _Grid(output_size, points, half_pixel)
    boxes = _in_grid_units(ops.stop_gradient(boxes), units, points, (height, width))
    rows = _axis_weights(boxes[..., 0], boxes[..., 2], height, height, grid)
    columns = _axis_weights(boxes[..., 1], boxes[..., 3], width, width, grid)
    images = ops.cast(images, "float32")
    return ops.matmul(ops.matmul(rows, images), ops.swapaxes(columns, -1, -2))
