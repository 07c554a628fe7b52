"""The assignment in the graph against scipy's, on thousands of cases at once."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops
from scipy.optimize import linear_sum_assignment

from tfseg.errors import ConfigError
from tfseg.nn.ops.assignment import assign


def compiled(by_xla=True):
    """Returns `assign` as XLA compiles it, or as TensorFlow does without."""
    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(assign)
    import tensorflow as tf

    return tf.function(assign, jit_compile=by_xla)


def check(cost, valid, found, share=1e-5):
    """Compares the sums of problems `(P, Q, N)` with the best ones, in float64, to a share of the
    distance between the largest and the smallest cost."""
    found = np.asarray(ops.convert_to_numpy(found))
    assert found.dtype == np.int32 and found.shape == valid.shape
    assert (found[~valid] == -1).all()
    for one, real, query in zip(cost.astype(np.float64), valid, found):
        query, targets = query[real], np.flatnonzero(real)
        assert len(set(query.tolist())) == len(targets) and (query >= 0).all()
        ours = one[query, targets].sum()
        best = one[:, real][linear_sum_assignment(one[:, real])].sum()
        assert ours <= best + share * np.ptp(one), (ours, best)


def kinds(random, shape):
    """Yields costs that are random, tied, degenerate, far apart in size, or of boxes."""
    problems, queries, targets = shape
    yield random.normal(size=shape)
    yield random.integers(0, 4, shape)
    yield random.integers(0, 2, shape)
    yield np.zeros(shape)
    yield random.random((problems, queries, 1)) + np.zeros(shape)  # every target wants the same
    yield random.random((problems, 1, targets)) + np.zeros(shape)
    yield random.random((problems, queries, 1)) * random.random((problems, 1, targets))
    yield 10.0 ** random.integers(-6, 6, shape) * random.choice([-1, 1], shape)
    boxes, truth = (
        random.random((problems, queries, 1, 4)),
        random.random((problems, 1, targets, 4)),
    )
    yield np.abs(boxes - truth).sum(-1)
    yield 1e6 + random.random(shape)


@pytest.mark.parametrize(
    ("problems", "queries", "targets"),
    [(400, 1, 1), (300, 5, 5), (200, 9, 3), (80, 20, 20), (20, 40, 40)],
)
def test_ten_kinds_of_costs_with_all_numbers_of_targets(problems, queries, targets):
    random = np.random.default_rng(queries)
    shape = (problems, queries, targets)
    cost = np.concatenate([*kinds(random, shape)]).astype(np.float32)
    # None, some and all of the targets are real; those of some places in between are padding.
    share = np.repeat(random.choice([0, 0.3, 0.7, 1, 1], problems), 10)[: len(cost)]
    valid = random.random((len(cost), targets)) < share[:, None]
    assert (valid.all(1)).any() and not (valid.any(1)).all()
    check(cost, valid, compiled()(cost, valid))


def test_whole_numbers_have_exactly_the_best_sum_without_xla_too():
    random = np.random.default_rng(1)
    cost = random.integers(-1000, 1000, (60, 12, 10)).astype(np.float32)
    valid = random.random((60, 10)) < 0.8
    check(cost, valid, compiled(by_xla=False)(cost, valid), share=0)


def test_layers_and_images_are_leading_axes():
    random = np.random.default_rng(2)
    cost = random.normal(size=(2, 3, 6, 4)).astype(np.float32)
    valid = np.broadcast_to(random.random((3, 4)) < 0.6, (2, 3, 4))
    found = ops.convert_to_numpy(assign(cost, valid))
    assert found.shape == (2, 3, 4)
    check(cost.reshape(6, 6, 4), valid.reshape(6, 4), found.reshape(6, 4))


def test_nothing_to_assign():
    assert ops.shape(assign(np.zeros((2, 3, 5, 0), np.float32), np.zeros((2, 3, 0)))) == (2, 3, 0)
    found = assign(np.full((2, 3, 2), np.nan, np.float32), np.zeros((2, 2), bool))
    np.testing.assert_array_equal(ops.convert_to_numpy(found), -1)


def test_costs_that_are_no_numbers_are_avoided_and_never_hang():
    bad, solve = np.float32([np.nan, np.inf]), compiled(by_xla=False)
    for value in bad:
        # The cheapest sum would take the bad pair if it counted as 0, or as any finite cost.
        cost = np.float32([[value, 500], [-400, 0], [-300, 900]])
        found = ops.convert_to_numpy(solve(cost[None], np.ones((1, 2), bool)))
        np.testing.assert_array_equal(found, [[2, 1]])
    cost = np.float32([[-np.inf, -900], [-800, 0]])
    found = ops.convert_to_numpy(solve(cost[None], np.ones((1, 2), bool)))
    np.testing.assert_array_equal(found, [[0, 1]])
    for value in (*bad, -np.inf, 3e38, -3e38):
        cost = np.full((1, 4, 4), value, np.float32)
        found = ops.convert_to_numpy(solve(cost, np.ones((1, 4), bool)))
        assert sorted(found[0].tolist()) == [0, 1, 2, 3]
    # A target without any usable query takes what the others leave.
    cost = np.float32([[np.nan, 1], [np.nan, 0], [np.nan, 2]])
    found = ops.convert_to_numpy(solve(cost[None], np.ones((1, 2), bool)))[0]
    assert found[1] == 1 and found[0] in (0, 2)


def test_bad_costs_of_padding_do_not_matter():
    cost = np.random.default_rng(3).normal(size=(1, 5, 4)).astype(np.float32)
    valid = np.array([[True, False, True, False]])
    clean = ops.convert_to_numpy(assign(cost, valid))
    cost[..., ~valid[0]] = np.nan, 1e38
    np.testing.assert_array_equal(ops.convert_to_numpy(assign(cost, valid)), clean)


def test_more_targets_than_queries_are_refused():
    with pytest.raises(ConfigError, match=r"\(1, 2, 3\). Keep the largest targets"):
        assign(np.zeros((1, 2, 3), np.float32), np.ones((1, 3), bool))
