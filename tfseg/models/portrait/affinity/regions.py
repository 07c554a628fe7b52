"""The set of boxes that hold each pixel, as one small number: its region code."""

from __future__ import annotations

import numpy as np

from tfseg.models.portrait.affinity.boxes import Boxes

__all__ = ["Regions", "region_codes"]


class Regions:
    """The regions into which the edges of all boxes cut an image.

    The edges cut it into a small grid of cells, in each of which the set of boxes is the same. So
    sets are compared per cell, and any number of boxes fits.

    Attributes:
        members: bool `(R, K)`: whether region r lies in box k. Region 0 lies in none.
        sizes: int64 `(R,)`, the number of boxes of each.
    """

    def __init__(self, boxes: Boxes, size: tuple[int, int]):
        height, width = size
        rows = np.unique(np.concatenate([[0, height], boxes.rows.reshape(-1)]))
        columns = np.unique(np.concatenate([[0, width], boxes.columns.reshape(-1)]))
        self._grid, self.members = _cells(boxes, rows[:-1], columns[:-1])
        self._row_cells = np.repeat(np.arange(len(rows) - 1), np.diff(rows))
        self._column_cells = np.repeat(np.arange(len(columns) - 1), np.diff(columns))
        self.sizes = self.members.sum(axis=1)

    @property
    def owners(self) -> np.ndarray:
        """int64 `(R,)`: the one box of a region, -1 where there are none or several."""
        if not self.members.shape[1]:
            return np.full(len(self.members), -1)
        return np.where(self.sizes == 1, self.members.argmax(axis=1), -1)

    def codes(self, rows: slice = slice(None), columns: slice = slice(None)) -> np.ndarray:
        """Returns the region of each pixel of a part of the image, uint16 or int32 `(h, w)`."""
        return self._grid[self._row_cells[rows]][:, self._column_cells[columns]]


def region_codes(boxes: Boxes, size: tuple[int, int]) -> Regions:
    """Returns the regions of an image of `(H, W)` pixels."""
    return Regions(boxes, size)


def _cells(boxes: Boxes, rows: np.ndarray, columns: np.ndarray) -> tuple:
    """Returns the region of each cell, and the boxes of each region."""
    # A sum of random 64-bit keys stands for a set of boxes: two sets of the same sum are as good
    # as impossible.
    keys = np.random.default_rng(0).integers(1, 2**63, len(boxes), dtype=np.uint64)
    sums = np.zeros((len(rows), len(columns)), np.uint64)
    for key, across, along in zip(keys, boxes.rows, boxes.columns, strict=True):
        inside_rows = slice(*np.searchsorted(rows, across))
        inside_columns = slice(*np.searchsorted(columns, along))
        sums[inside_rows, inside_columns] += key
    # Zero, the sum of no box, sorts first; it is put there even where boxes cover everything.
    found, first, grid = np.unique(
        np.concatenate([[np.uint64(0)], sums.reshape(-1)]), return_index=True, return_inverse=True
    )
    cell = np.maximum(first - 1, 0)
    y, x = rows[cell // len(columns)], columns[cell % len(columns)]
    members = (boxes.rows[None, :, 0] <= y[:, None]) & (y[:, None] < boxes.rows[None, :, 1])
    members &= (boxes.columns[None, :, 0] <= x[:, None]) & (x[:, None] < boxes.columns[None, :, 1])
    members[0] = False
    kind = np.uint16 if len(found) <= 2**16 else np.int32
    return grid[1:].reshape(sums.shape).astype(kind), members
