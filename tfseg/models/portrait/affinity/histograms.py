"""What a node of the graph looks like and where it lies, and how much two nodes differ."""

from __future__ import annotations

import numpy as np

from tfseg.opencv import cv2

__all__ = ["chi_square", "node_histograms"]

_AT_ONCE = 1 << 20  # pixels; bounds the memory that a large photograph takes
# The fixed ranges of L, a and b, and the step and the start of the bytes that OpenCV stores.
_RANGES = ((0.0, 100.0), (-128.0, 127.0), (-128.0, 127.0))
_BYTES = ((100 / 255, 0.0), (1.0, -128.0), (1.0, -128.0))


def chi_square(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Returns half the sum of (a - b)^2 / (a + b), terms of 0 / 0 being 0, float64 `(...)`.

    For histograms that sum to 1 it lies between 0, equal, and 1, nothing in common.

    Args:
        first: float `(..., bins)`.
        second: float `(..., bins)`.
    """
    first, second = np.asarray(first), np.asarray(second)
    total = first + second
    terms = first - second
    terms *= terms
    np.divide(terms, total, out=terms, where=total > 0)
    return 0.5 * terms.sum(axis=-1, dtype=np.float64)


def node_histograms(
    lab: np.ndarray,
    nodes: np.ndarray,
    count: int,
    *,
    bins: int = 16,
    weights: tuple[float, float] = (0.8, 0.2),
    corner: tuple[int, int] = (0, 0),
    size: tuple[int, int] | None = None,
) -> np.ndarray:
    """Returns float32 `(count + 1, 5 * bins)`: a block each of L, a, b, x / W and y / H, which
    together sum to 1; row 0, of no node, and nodes without pixels are zeros.

    Args:
        lab: uint8 `(h, w, 3)`, CIE Lab as OpenCV stores it in bytes.
        nodes: int32 `(h, w)`, the node of each pixel, 0 none.
        count: The largest node.
        bins: Of each block.
        weights: Of the three colour blocks together, and of the two position blocks.
        corner: Where in the image these arrays begin, `(y, x)`.
        size: `(H, W)` of the image; None: these arrays are all of it.
    """
    height, width = nodes.shape
    full_height, full_width = size or (height, width)
    rows = _bin((np.arange(height) + corner[0] + 0.5) / full_height, 0, 1, bins)
    columns = _bin((np.arange(width) + corner[1] + 0.5) / full_width, 0, 1, bins)
    tables = [
        _bin(np.arange(256) * step + start, *limits, bins)
        for (step, start), limits in zip(_BYTES, _RANGES, strict=True)
    ]
    tables = np.stack(tables, axis=-1).astype(np.uint8)[None]
    counts = np.zeros((5, (count + 1) * bins), np.int64)
    band = max(1, _AT_ONCE // max(width, 1))
    for top in range(0, height, band):
        part = slice(top, min(top + band, height))
        base = nodes[part].astype(np.int64)
        base *= bins
        binned = cv2.LUT(np.ascontiguousarray(lab[part]), tables)
        blocks = (binned[..., 0], binned[..., 1], binned[..., 2], columns, rows[part, None])
        for total, block in zip(counts, blocks, strict=True):
            total += np.bincount((base + block).reshape(-1), minlength=counts.shape[1])
    counts[:, :bins] = 0  # what no node holds
    counts = counts.reshape(5, count + 1, bins).astype(np.float32)
    counts /= np.maximum(counts[:1].sum(axis=2, keepdims=True), 1)
    counts *= np.repeat(np.divide(weights, (3, 2)), (3, 2)).astype(np.float32)[:, None, None]
    return np.ascontiguousarray(counts.transpose(1, 0, 2)).reshape(count + 1, 5 * bins)


def _bin(values: np.ndarray, low: float, high: float, bins: int) -> np.ndarray:
    found = np.floor((values - low) / (high - low) * bins).astype(np.int64)
    return np.clip(found, 0, bins - 1)
