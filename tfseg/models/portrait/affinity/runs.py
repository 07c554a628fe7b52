"""Connected pieces of equal numbers and their borders, by way of runs along the rows.

A run is a stretch of equal numbers within a row. There are ten times fewer of them than pixels,
so that all questions of what connects and touches are answered about runs.
"""

from __future__ import annotations

import numpy as np

__all__ = ["Runs", "united"]


class Runs:
    """The runs of a map.

    Args:
        keys: int `(H, W)`; 0 belongs to nothing, connects nothing and borders on nothing.

    Attributes:
        keys: `(R,)`, the number of each run.
        rows: int64 `(R,)`, the row of each.
        columns: int64 `(R,)`, its first column.
        lengths: int64 `(R,)`, its pixels.
    """

    def __init__(self, keys: np.ndarray):
        height, width = keys.shape
        starts = np.ones((height, width), bool)
        np.not_equal(keys[:, 1:], keys[:, :-1], out=starts[:, 1:])
        self._of_pixels = np.cumsum(starts.reshape(-1), dtype=np.int32).reshape(height, width)
        self._of_pixels -= 1
        first = np.flatnonzero(starts)
        self.keys = keys.reshape(-1)[first]
        self.rows, self.columns = np.divmod(first, max(width, 1))
        self.lengths = np.diff(first, append=height * width)
        self._touching = self._neighbours(starts)

    def _neighbours(self, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Returns which runs have an edge of pixels in common, and its length."""
        # Where a run starts in one of two rows, a new pair of runs meets.
        begin = np.flatnonzero(starts[1:] | starts[:-1])
        flat = self._of_pixels.reshape(-1)
        above, below = flat[begin], flat[begin + starts.shape[1]]
        ends = max(starts.size - starts.shape[1], 0)
        lengths = np.diff(begin, append=ends)
        left = np.flatnonzero(self.columns[1:]).astype(np.int32)
        first = np.concatenate([above, left])
        second = np.concatenate([below, left + 1])
        lengths = np.concatenate([lengths, np.ones(len(left), np.int64)])
        filled = (self.keys[first] != 0) & (self.keys[second] != 0)
        return first[filled], second[filled], lengths[filled]

    def pieces(self, keys: np.ndarray) -> np.ndarray:
        """Returns the connected piece of each run, int32 `(R,)`, from 1 in order of appearance.

        Args:
            keys: int `(R,)`: runs of one number that touch are one piece; 0 is in no piece.
        """
        first, second, _ = self._touching
        same = keys[first] == keys[second]
        groups = united(len(keys), first[same], second[same])
        filled = np.zeros(int(groups.max(initial=-1)) + 1, bool)
        filled[groups] = keys != 0
        return np.where(filled, np.cumsum(filled, dtype=np.int32), np.int32(0))[groups]

    def borders(self, pieces: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Returns which pieces touch, int64 first and second, the first being smaller, each pair
        once, and the length of their border in pixels.

        Args:
            pieces: int `(R,)`, the piece of each run; 0 is none.
        """
        first, second, lengths = self._touching
        one, other = pieces[first].astype(np.int64), pieces[second].astype(np.int64)
        differ = (one != other) & (one > 0) & (other > 0)
        one, other, lengths = one[differ], other[differ], lengths[differ]
        size = int(pieces.max(initial=0)) + 1
        codes = np.minimum(one, other) * size + np.maximum(one, other)
        order = np.argsort(codes)
        codes, lengths = codes[order], lengths[order]
        at = np.flatnonzero(np.diff(codes, prepend=-1))
        sums = np.add.reduceat(lengths, at) if len(at) else lengths
        return codes[at] // size, codes[at] % size, sums

    def joined(self, pieces: np.ndarray, smallest: float) -> np.ndarray:
        """Returns pieces of which those of fewer pixels have gone to the neighbour with the
        longest border, int32 `(R,)`."""
        count = int(pieces.max(initial=0)) + 1
        first, second, lengths = self.borders(pieces)
        small = np.bincount(pieces, self.lengths, count) < smallest
        sources, targets = np.concatenate([first, second]), np.concatenate([second, first])
        moving = np.flatnonzero(small[sources])
        sources, targets = sources[moving], targets[moving]
        lengths = np.concatenate([lengths, lengths])[moving]
        order = np.lexsort((-targets, lengths, sources))
        last = order[np.flatnonzero(np.diff(sources[order], append=-1))]
        return united(count, sources[last], targets[last])[pieces]

    def centroids(self, pieces: np.ndarray) -> np.ndarray:
        """Returns the mean place of the centres of each piece's pixels, float64 `(n, 2)`,
        `(y, x)`, for pieces 1 to n."""
        sizes = np.bincount(pieces, self.lengths)
        y = np.bincount(pieces, self.lengths * (self.rows + 0.5))
        x = np.bincount(pieces, self.lengths * (self.columns + self.lengths / 2))
        return np.stack([y[1:], x[1:]], 1) / sizes[1:, None]

    def paint(self, values: np.ndarray) -> np.ndarray:
        """Returns the map `(H, W)` that has each run's value on its pixels."""
        return values[self._of_pixels]


def united(count: int, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Returns the group of each of `count` things, int32 `(count,)`, if these pairs belong
    together. Groups count from 0 in the order of their first things."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    links = coo_array((np.ones(len(first), np.int8), (first, second)), shape=(count, count))
    return connected_components(links, directed=False)[1].astype(np.int32)
