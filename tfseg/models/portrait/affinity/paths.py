"""Shortest paths from many nodes at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["geodesics"]


def geodesics(
    count: int,
    first: np.ndarray,
    second: np.ndarray,
    lengths: np.ndarray,
    sources: Sequence[np.ndarray],
) -> np.ndarray:
    """Returns the distance of every node from the nearest node of each set, float64
    `(len(sources), count)`; infinite where no path leads, and for an empty set.

    Args:
        count: Nodes.
        first: int `(E,)`, one end of each edge; each pair of nodes occurs at most once.
        second: int `(E,)`, the other end.
        lengths: float `(E,)`, 0 or more.
        sources: For each set the numbers of its nodes.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import dijkstra

    both = (np.concatenate([first, second]), np.concatenate([second, first]))
    # Stored zeros are edges of length 0 for scipy's graph routines.
    graph = coo_array((np.concatenate([lengths, lengths]), both), shape=(count, count)).tocsr()
    found = np.full((len(sources), count), np.inf)
    for row, nodes in zip(found, sources, strict=True):
        if len(nodes):
            row[:] = dijkstra(graph, directed=True, indices=nodes, min_only=True)
    return found
