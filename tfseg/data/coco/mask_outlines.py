"""A mask as polygons along the edges of its pixels, from which it comes back to the pixel.

Corners are whole numbers, pixel (y, x) covers x to x + 1 and y to y + 1. A polygon is filled by
parity, as COCO fills it: what it runs around twice is outside. So a hole is cut out by a slit, a
line to its outline and back that encloses nothing, and pieces can be joined by such a line too.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from tfseg.structures import rle

__all__ = ["lost_pixels", "one_polygon", "polygons"]


def polygons(mask: np.ndarray) -> list[np.ndarray]:
    """Returns a polygon for each connected piece of a mask, holes cut out by slits.

    Args:
        mask: bool `(H, W)`.

    Returns:
        float64 `x1, y1, x2, y2, ...` in pixels each; none for an empty mask.
    """
    return [_joined(loops) for loops in _pieces(mask)]


def one_polygon(mask: np.ndarray) -> np.ndarray:
    """Returns one polygon for the whole of a mask, bool `(H, W)`, its pieces joined by lines to and
    fro; of the size 0 for an empty mask."""
    loops = [loop for piece in _pieces(mask) for loop in piece]
    return _joined(loops) if loops else np.zeros(0)


def lost_pixels(mask: np.ndarray, outlines: Sequence[np.ndarray]) -> int:
    """Returns how many pixels of a mask, bool `(H, W)`, come back from its polygons otherwise."""
    if not len(outlines):
        return int(mask.sum())
    return int((rle.decode(rle.from_polygons(outlines, mask.shape)) != mask).sum())


def _pieces(mask: np.ndarray) -> list[list[np.ndarray]]:
    """Returns the loops of each connected piece, the outermost one first, `(N, 2)` of `(x, y)`."""
    numbers, _ = ndimage.label(mask)
    found = []
    for number, (rows, columns) in enumerate(ndimage.find_objects(numbers), 1):
        loops = _loops(numbers[rows, columns] == number)
        found.append([loop + (columns.start, rows.start) for loop in loops])
    return found


def _loops(inside: np.ndarray) -> list[np.ndarray]:
    """Returns the closed outlines of a mask, from the topmost down.

    Corners are where a two by two window has one or three pixels inside, and twice where it has
    two across. Along a row they pair up to the edges of the outline, and down a column alike.
    """
    padded = np.pad(inside, 1).astype(np.int8)
    a, b, c, d = padded[:-1, :-1], padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:]
    count = a + b + c + d
    times = (count % 2) + 2 * ((count == 2) & (a == d))
    ys, xs = np.nonzero(times)
    ys, xs = (np.repeat(values, times[np.nonzero(times)]) for values in (ys, xs))
    down = np.lexsort((ys, xs))
    beside, below = np.arange(len(ys)) ^ 1, np.empty(len(ys), np.int64)
    below[down[::2]], below[down[1::2]] = down[1::2], down[::2]
    beside, below = beside.tolist(), below.tolist()
    seen, loops = np.zeros(len(ys), bool).tolist(), []
    for start in range(len(ys)):
        if seen[start]:
            continue
        place, loop = start, []
        while not seen[place]:
            other = beside[place]
            seen[place] = seen[other] = True
            loop += [place, other]
            place = below[other]
        loops.append(np.stack([xs[loop], ys[loop]], axis=1))
    return loops


def _joined(loops: Sequence[np.ndarray]) -> np.ndarray:
    """Returns loops as one flat polygon, each reached by a line from the nearest corner before."""
    path = loops[0]
    for loop in loops[1:]:
        near = int(((path - loop[0]) ** 2).sum(axis=1).argmin())
        path = np.concatenate([path[: near + 1], loop, loop[:1], path[near:]])
    return path.astype(np.float64).reshape(-1)
