"""Random choice: exact numbers, even chances, the same again with the same seed."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from tfseg.nn.ops import sampling


def choose(candidates, count, seed):
    positions, chosen = sampling.choose(candidates, count, seed)
    return ops.convert_to_numpy(positions), ops.convert_to_numpy(chosen)


def keep(candidates, limit, seed):
    return ops.convert_to_numpy(sampling.keep_at_most(candidates, limit, seed))


@pytest.mark.parametrize("count", [1, 5, 20])
def test_choose_takes_exactly_as_many_as_there_are_places(count):
    candidates = np.random.default_rng(0).random((6, 20)) < 0.4
    candidates[2] = False
    candidates[3] = True
    positions, chosen = choose(candidates, count, 7)
    assert positions.shape == chosen.shape == (6, count)
    np.testing.assert_array_equal(chosen.sum(1), np.minimum(candidates.sum(1), count))
    for row in range(6):
        picked = positions[row][chosen[row]]
        assert len(set(picked)) == len(picked)
        assert candidates[row][picked].all()
        assert not chosen[row][chosen[row].sum() :].any()  # chosen places come first


def test_choose_without_seed_takes_the_first():
    candidates = np.array([[False, True, False, True, True]])
    positions, chosen = choose(candidates, 2, None)
    assert positions.tolist() == [[1, 3]] and chosen.all()


@pytest.mark.parametrize("limit", [0, 1, 4, 50])
def test_keep_at_most_keeps_exactly(limit):
    candidates = np.random.default_rng(1).random((5, 30)) < 0.5
    candidates[0] = False
    kept = keep(candidates, limit, 3)
    assert not (kept & ~candidates).any()
    np.testing.assert_array_equal(kept.sum(1), np.minimum(candidates.sum(1), limit))


def test_keep_at_most_with_a_limit_per_row():
    candidates = np.ones((4, 10), bool)
    kept = keep(candidates, np.array([0, 3, 10, 12], np.int32), 3)
    np.testing.assert_array_equal(kept.sum(1), [0, 3, 10, 10])


def test_keep_at_most_without_seed_keeps_the_last():
    kept = keep(np.array([[True, True, False, True]]), 2, None)
    assert kept.tolist() == [[False, True, False, True]]


def test_equal_random_numbers_do_not_add_candidates(monkeypatch):
    monkeypatch.setattr(
        keras.random, "uniform", lambda shape, *args, **kwargs: ops.full(shape, 0.75)
    )
    candidates = np.array([[True, False, True, True, True], [False] * 5])
    np.testing.assert_array_equal(keep(candidates, 2, 0).sum(1), [2, 0])


@pytest.mark.parametrize("draw", ["choose", "keep"])
def test_every_candidate_has_the_same_chance(draw):
    # 4,000 draws of 3 out of 8: each is drawn with chance 3/8, deviation 0.0077.
    candidates = np.zeros((4000, 12), bool)
    candidates[:, 2:10] = True
    if draw == "keep":
        share = keep(candidates, 3, 11).mean(0)
    else:
        positions, chosen = choose(candidates, 3, 11)
        assert chosen.all()
        share = np.bincount(positions.ravel(), minlength=12) / 4000
    np.testing.assert_allclose(share[2:10], 3 / 8, atol=5 * 0.0077)
    assert not share[:2].any() and not share[10:].any()


def test_a_seed_repeats_and_a_generator_moves_on():
    candidates = np.ones((2, 100), bool)
    np.testing.assert_array_equal(choose(candidates, 10, 5)[0], choose(candidates, 10, 5)[0])
    first, second = keras.random.SeedGenerator(5), keras.random.SeedGenerator(5)
    one, two = choose(candidates, 10, first)[0], choose(candidates, 10, first)[0]
    assert (one != two).any()
    np.testing.assert_array_equal(one, choose(candidates, 10, second)[0])
    np.testing.assert_array_equal(two, choose(candidates, 10, second)[0])
