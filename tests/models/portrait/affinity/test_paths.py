"""Shortest paths: fact 6 of the specification, and a heap in loops."""

from __future__ import annotations

import numpy as np
import pytest
import slow_reference

from tfseg.models.portrait.affinity import chi_square, geodesics

HISTOGRAMS = np.array(
    [(0.5, 0.5, 0, 0), (0.4, 0.4, 0.2, 0), (0.1, 0.1, 0.4, 0.4), (0, 0, 0.5, 0.5)]
)


def test_the_four_nodes():
    first, second = np.array([0, 1, 2, 0]), np.array([1, 2, 3, 2])  # A-U, U-V, V-B, A-V
    lengths = chi_square(HISTOGRAMS[first], HISTOGRAMS[second])
    found = geodesics(4, first, second, lengths, [np.array([0]), np.array([3])])
    np.testing.assert_allclose(found[0], (0, 0.111111, 0.524444, 0.635556), atol=1e-6)
    np.testing.assert_allclose(found[1], (0.635556, 0.524444, 0.111111, 0), atol=1e-6)
    assert found[0, 1] < found[1, 1] and found[1, 2] < found[0, 2]  # U is A's, V is B's


@pytest.mark.parametrize("seed", range(10))
def test_any_graph_and_any_sources(seed):
    rng = np.random.default_rng(seed)
    count = 20
    pairs = np.argwhere(np.triu(rng.random((count, count)) < 0.12, 1))
    lengths = rng.choice([0.0, 0.3, 0.5, 1.0], len(pairs))
    sources = [rng.choice(count, n, replace=False) for n in (0, 1, 4)]
    found = geodesics(count, pairs[:, 0], pairs[:, 1], lengths, sources)
    neighbours = [{} for _ in range(count)]
    for (a, b), length in zip(pairs.tolist(), lengths.tolist(), strict=True):
        neighbours[a][b] = neighbours[b][a] = length
    for row, nodes in zip(found, sources, strict=True):
        np.testing.assert_allclose(row, slow_reference.distances(neighbours, nodes.tolist()))


def test_no_path_is_infinite():
    none = np.zeros(0, int)
    found = geodesics(3, none, none, np.zeros(0), [np.array([1]), none])
    np.testing.assert_array_equal(found, [(np.inf, 0, np.inf), (np.inf,) * 3])
    assert geodesics(3, none, none, np.zeros(0), []).shape == (0, 3)
