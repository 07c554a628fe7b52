"""Run-length masks as COCO stores them: small in memory, ready for pycocotools.

A run-length mask is a dict `{"size": [height, width], "counts": str}` in COCO's compressed
form. Pixels run down the columns, first a run of zeros.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pycocotools import mask as coco_mask

from tfseg.errors import DataError

__all__ = [
    "area",
    "box",
    "decode",
    "decode_many",
    "encode",
    "encode_crop",
    "encode_regions",
    "from_polygons",
    "from_uncompressed",
    "iou",
    "to_uncompressed",
    "union",
]


def _text(rle: dict) -> dict:
    counts = rle["counts"]
    counts = counts.decode("ascii") if isinstance(counts, bytes) else counts
    return {"size": [int(n) for n in rle["size"]], "counts": counts}


def encode(mask: np.ndarray) -> dict:
    """Returns the run lengths of a mask, any dtype `(H, W)`; not zero is inside."""
    mask = np.asfortranarray(np.asarray(mask) != 0, dtype=np.uint8)
    return _text(coco_mask.encode(mask))


def encode_crop(crop: np.ndarray, top: int, left: int, size: tuple[int, int]) -> dict:
    """Returns the run lengths of a mask that is known only inside a window.

    The cost depends on the window, not on the image, which matters for a hundred objects
    in a large photograph.

    Args:
        crop: `(h, w)`, not zero is inside; it must lie within the image.
        top: First row of the window in the image.
        left: First column.
        size: `(H, W)` of the image.
    """
    height, width = int(size[0]), int(size[1])
    rows, columns = crop.shape
    if top < 0 or left < 0 or top + rows > height or left + columns > width:
        raise DataError(
            f"a mask window of {rows} x {columns} at row {top}, column {left} does not lie inside "
            f"an image of {height} x {width}."
        )
    strip = np.zeros((columns, height), bool)
    strip[:, top : top + rows] = (np.asarray(crop) != 0).T
    flat = strip.reshape(-1)
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1 + left * height
    first = left * height
    if flat.size and flat[0]:
        edges = np.concatenate([[first], edges])
    last = (left + columns) * height
    if flat.size and flat[-1]:
        edges = np.concatenate([edges, [last]])
    counts = np.diff(np.concatenate([[0], edges, [height * width]]))
    if len(counts) > 1 and counts[-1] == 0:
        counts = counts[:-1]
    return from_uncompressed({"size": [height, width], "counts": counts.tolist()})


def encode_regions(numbers: np.ndarray, count: int) -> list[dict]:
    """Returns the run lengths of each region of a map, in one pass over it whatever their number.

    Args:
        numbers: int `(H, W)`, the number of the region at each pixel, from 1; 0 is none.
        count: The highest number; a region without a pixel is an empty mask.
    """
    height, width = numbers.shape
    flat = np.asarray(numbers).T.reshape(-1)
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    starts, ends = np.append(0, edges), np.append(edges, flat.size)
    owners = flat[starts]
    order = np.argsort(owners, kind="stable")
    bounds = np.searchsorted(owners[order], np.arange(1, count + 2))
    found = []
    for first, last in zip(bounds[:-1], bounds[1:], strict=True):
        rows = order[first:last]
        runs = np.stack([starts[rows], ends[rows]], axis=1).reshape(-1)
        counts = np.diff(np.concatenate([[0], runs, [flat.size]]))
        if len(counts) > 1 and counts[-1] == 0:
            counts = counts[:-1]
        found.append(from_uncompressed({"size": [height, width], "counts": counts.tolist()}))
    return found


def decode(rle: dict) -> np.ndarray:
    """Returns the mask, bool `(H, W)`."""
    return coco_mask.decode(rle).astype(bool)


def decode_many(rles: Sequence[dict], size: tuple[int, int]) -> np.ndarray:
    """Returns the masks, bool `(N, H, W)`; `size` gives the shape where there is none."""
    masks = np.zeros((len(rles), *size), bool)
    for index, rle in enumerate(rles):
        masks[index] = coco_mask.decode(rle)
    return masks


def from_polygons(polygons: Sequence[Sequence[float]], size: tuple[int, int]) -> dict:
    """Returns the union of polygons `[x1, y1, x2, y2, ...]` in pixels, as COCO draws them."""
    parts = coco_mask.frPyObjects([list(map(float, p)) for p in polygons], *map(int, size))
    return _text(coco_mask.merge(parts))


def union(rles: Sequence[dict]) -> dict:
    """Returns what any of some masks of one size covers; at least one."""
    return _text(coco_mask.merge(list(rles)))


def from_uncompressed(rle: dict) -> dict:
    """Returns the compressed form of `{"size", "counts": [int, ...]}`."""
    return _text(coco_mask.frPyObjects(rle, *map(int, rle["size"])))


def to_uncompressed(rle: dict) -> dict:
    """Returns the form with `counts` as a list of integers."""
    flat = np.concatenate([[False], decode(rle).reshape(-1, order="F")])
    edges = np.flatnonzero(flat[1:] != flat[:-1])
    counts = np.diff(np.concatenate([[0], edges, [flat.size - 1]])).tolist()
    return {"size": list(rle["size"]), "counts": counts}


def area(rles: Sequence[dict]) -> np.ndarray:
    """Returns the number of pixels of each mask, float64 `(N,)`."""
    # One at a time: pycocotools 2.0.11 on NumPy 2 overflows on lists of more than 255.
    return np.array([float(coco_mask.area(one)) for one in rles], np.float64)


def box(rle: dict) -> np.ndarray:
    """Returns the box around a mask, float64 `(y1, x1, y2, x2)` in pixels, ends exclusive; zeros
    for an empty one."""
    x, y, width, height = coco_mask.toBbox(rle)
    return np.array([y, x, y + height, x + width])


def iou(first: Sequence[dict], second: Sequence[dict], second_is_crowd=None) -> np.ndarray:
    """Returns intersection over union, float64 `(len(first), len(second))`.

    For a crowd region in `second` the intersection is divided by the area of the first mask,
    as COCO does.
    """
    if not len(first) or not len(second):
        return np.zeros((len(first), len(second)))
    crowd = np.zeros(len(second)) if second_is_crowd is None else second_is_crowd
    crowd = [int(flag) for flag in crowd]
    return np.asarray(coco_mask.iou(list(first), list(second), crowd)).reshape(
        len(first), len(second)
    )
