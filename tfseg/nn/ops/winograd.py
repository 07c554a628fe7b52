"""Several 3x3 convolutions of one map with a quarter of the products, the map transformed once.

Source: Lavin and Gray, Fast algorithms for convolutional neural networks (2016); the places of
evaluation are smaller than theirs, which halves the error of rounding.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from keras import ops

__all__ = ["TILE", "convs_of_one_map"]

TILE = 4
"""Cells of the results that are computed together, in each direction."""

_TAPS, _WINDOW = 3, 6  # of the kernels; of cells that a tile's results look at
# Where the polynomials of a tile and of a kernel are multiplied; the sixth place is infinity.
_PLACES = (0.0, 0.75, -0.75, 1.5, -1.5)


def _powers(count: int) -> np.ndarray:
    """Returns polynomials' values at all places, as a matrix of their `count` coefficients."""
    at_infinity = np.eye(count)[-1:]
    return np.concatenate([np.vander(_PLACES, count, increasing=True), at_infinity])


def _on_both_axes(matrix: np.ndarray) -> np.ndarray:
    return np.kron(matrix, matrix).astype(np.float32)


# The product of two polynomials is interpolated from its values; correlating is the transpose of
# multiplying, which makes the interpolation the first step and the tile's powers the last.
_TO_WINDOW = _on_both_axes(np.linalg.inv(_powers(_WINDOW)).T)  # (36, 36)
_TO_KERNEL = _on_both_axes(_powers(_TAPS))  # (36, 9)
_TO_TILE = _on_both_axes(_powers(TILE).T)  # (16, 36)


def convs_of_one_map(x, kernels: Sequence) -> list:
    """Returns the 3x3 convolutions of `x` with each of the kernels, padded with zeros as padding
    "same" does.

    One convolution alone takes as long as the plain one, each further one about half; their errors
    of rounding are up to three times the plain one's. For float32: with half the digits they show.

    Args:
        x: float32 `(B, h, w, D)`; h and w are multiples of `TILE`.
        kernels: `(3, 3, D, E)` each.

    Returns:
        A list of `(B, h, w, E)`.
    """
    count, (inputs, outputs) = len(kernels), kernels[0].shape[2:]
    kernel = ops.transpose(ops.stack(kernels), (1, 2, 0, 3, 4))
    kernel = ops.matmul(_TO_KERNEL, ops.reshape(kernel, (_TAPS**2, -1)))
    kernel = ops.reshape(kernel, (_WINDOW**2, count, inputs, outputs))
    batch, height, width = ops.shape(x)[:3]
    down, across = height // TILE, width // TILE
    windows = ops.matmul(_TO_WINDOW, _windows(x, down, across))
    # Every kernel meets every window, cell by cell of the transformed windows.
    met = ops.matmul(ops.reshape(windows, (_WINDOW**2, 1, -1, inputs)), kernel)
    tiles = ops.matmul(_TO_TILE, ops.reshape(met, (_WINDOW**2, -1)))
    tiles = ops.reshape(tiles, (TILE, TILE, count, batch, down, across, outputs))
    maps = ops.transpose(tiles, (2, 3, 4, 0, 5, 1, 6))
    maps = ops.reshape(maps, (count, batch, height, width, outputs))
    return [maps[number] for number in range(count)]


def _windows(x, down, across):
    """Returns the cells of all windows, `(36, B * down * across * D)`; neighbours share cells."""
    batch, depth = ops.shape(x)[0], x.shape[-1]
    x = ops.pad(x, ((0, 0), (1, TILE - 1), (1, TILE - 1), (0, 0)))
    x = ops.reshape(x, (batch, down + 1, TILE, across + 1, TILE, depth))
    x = ops.transpose(x, (2, 4, 0, 1, 3, 5))
    cells = []
    for row, column in np.ndindex(_WINDOW, _WINDOW):
        (top, row), (left, column) = divmod(row, TILE), divmod(column, TILE)
        cells.append(x[row, column, :, top : top + down, left : left + across])
    return ops.reshape(ops.stack(cells), (_WINDOW**2, -1))
