"""Work on the first rows of a padded tensor alone, in the few sizes that a compiler is told of."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from keras import ops

__all__ = ["on_first_rows", "row_counts"]

_LEAST, _FACTOR = 8, 4


def row_counts(limit: int) -> tuple[int, ...]:
    """Returns the numbers of rows that are computed: 0, 8, 32, 128, ... and `limit`.

    Each is one more part of the graph to trace and to compile, so they are few, and the last but
    one is at most half of the limit.
    """
    counts, count = [0], _LEAST
    while 2 * count <= limit:
        counts.append(count)
        count *= _FACTOR
    return (*counts, limit)


def on_first_rows(count, shape: tuple[int, ...], compute: Callable[[int], object]):
    """Returns what `compute` gives for the rows that count, and zeros for the others.

    Only the branch for the smallest of `row_counts` that holds them runs, and with it its gradient.

    Args:
        count: int32 scalar, the rows that count, `0 <= count <= N`; those behind need not be
            zeros.
        shape: `(B, N, ...)` of the result. B may be a tensor.
        compute: Given a number of rows k, returns float32 `(B, k, ...)` of them.

    Returns:
        float32 `(B, N, ...)`.
    """
    counts = row_counts(shape[1])
    index = ops.sum(ops.cast(count > np.array(counts, np.int32), "int32"))

    def branch(rows):
        if rows == 0:
            return lambda: ops.zeros(shape, "float32")
        rest = [(0, 0)] * len(shape)
        rest[1] = (0, shape[1] - rows)
        return lambda: ops.pad(compute(rows), rest)

    return ops.switch(index, [branch(rows) for rows in counts])
