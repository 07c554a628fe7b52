"""Pieces and borders against flooding and looking at every pair of pixels."""

from __future__ import annotations

import collections

import numpy as np
import pytest
import slow_reference

from tfseg.models.portrait.affinity.runs import Runs, united


def keys_of(seed):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 4, (rng.integers(1, 12), rng.integers(1, 12))).astype(np.int32)


def flooded(keys):
    pixels = {(int(y), int(x)): int(keys[y, x]) for y, x in np.argwhere(keys)}
    found = np.zeros(keys.shape, int)
    for number, group in enumerate(slow_reference.flood(pixels, slow_reference.FOUR), 1):
        for p in group:
            found[p] = number
    return found


def counted_borders(pieces):
    found = collections.Counter()
    for one, other in ((pieces[:, :-1], pieces[:, 1:]), (pieces[:-1], pieces[1:])):
        for a, b in zip(one.reshape(-1).tolist(), other.reshape(-1).tolist(), strict=True):
            if a and b and a != b:
                found[min(a, b), max(a, b)] += 1
    return found


@pytest.mark.parametrize("seed", range(30))
def test_pieces_borders_and_centroids(seed):
    keys = keys_of(seed)
    runs = Runs(keys)
    pieces = runs.pieces(runs.keys)
    painted = runs.paint(pieces)
    np.testing.assert_array_equal(painted, flooded(keys))
    found = zip(*(v.tolist() for v in runs.borders(pieces)), strict=True)
    assert {(a, b): n for a, b, n in found} == counted_borders(painted)
    middles = [np.argwhere(painted == k).mean(axis=0) + 0.5 for k in range(1, pieces.max() + 1)]
    if middles:
        np.testing.assert_allclose(runs.centroids(pieces), middles)


def test_a_run_may_be_given_a_coarser_key():
    runs = Runs(np.array([[1, 2, 3], [0, 2, 3]]))
    coarse = runs.pieces(np.array([0, 7, 8, 8])[runs.keys])
    np.testing.assert_array_equal(runs.paint(coarse), [[1, 2, 2], [0, 2, 2]])


def test_small_pieces_join_the_longest_border():
    keys = np.ones((6, 8), np.int32)
    keys[:, 5:] = 2
    keys[2, 3:6] = 3  # seven edges with 1, four with 2
    runs = Runs(keys)
    pieces = runs.pieces(runs.keys)
    assert len(np.unique(runs.paint(runs.joined(pieces, 4)))) == 2
    joined = runs.paint(runs.joined(pieces, 4))
    assert (joined[2, 3:6] == joined[0, 0]).all() and joined[0, 0] != joined[0, 7]
    np.testing.assert_array_equal(runs.joined(pieces, 3), pieces)


def test_nothing_has_no_pieces():
    for shape in ((0, 5), (4, 0), (3, 3)):
        runs = Runs(np.zeros(shape, np.int32))
        pieces = runs.pieces(runs.keys)
        assert not pieces.any() and runs.paint(pieces).shape == shape
        assert [len(v) for v in runs.borders(pieces)] == [0, 0, 0]
        assert not runs.joined(pieces, 5).any()


def test_united_chains_pairs():
    pairs = np.array([1, 4]), np.array([2, 2])
    assert united(6, *pairs).tolist() == [0, 1, 1, 2, 1, 3]
