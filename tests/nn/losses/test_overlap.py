"""Dice and focal losses: the specification's numbers, masks that are empty, pixels left out."""

from __future__ import annotations

import numpy as np
import pytest
from keras import ops

from tfseg.nn.losses.overlap import dice, sigmoid_focal

LOGITS, TARGETS = np.float32([2, -1, 0, 3]), np.float32([1, 0, 1, 1])
CHANCES = 1 / (1 + np.exp(-LOGITS))


def test_the_specifications_numbers():
    assert float(dice(TARGETS, CHANCES)) == pytest.approx(0.141703, abs=1e-6)
    assert float(ops.mean(sigmoid_focal(TARGETS, LOGITS))) == pytest.approx(0.015198, abs=1e-6)
    plain = ops.mean(sigmoid_focal(TARGETS, LOGITS, alpha=None))
    assert float(plain) == pytest.approx(0.049464, abs=1e-6)


def test_focal_loss_without_its_factors_is_cross_entropy():
    ours = ops.convert_to_numpy(sigmoid_focal(TARGETS, LOGITS, alpha=None, gamma=0.0))
    np.testing.assert_allclose(
        ours, -np.log(np.where(TARGETS > 0, CHANCES, 1 - CHANCES)), atol=1e-6
    )


def test_large_logits_are_finite_and_right_ones_cost_nothing():
    ours = ops.convert_to_numpy(sigmoid_focal(np.float32([1, 0, 1]), np.float32([1e4, 1e4, -1e4])))
    np.testing.assert_allclose(ours, [0, 7500, 2500])


def test_pixels_that_do_not_count_might_hold_anything():
    weights = np.float32([1, 1, 0, 1])
    short = [0, 1, 3]
    ours = float(dice(TARGETS, CHANCES, weights))
    assert ours == pytest.approx(float(dice(TARGETS[short], CHANCES[short])), abs=1e-6)
    assert float(dice(np.zeros(4), np.zeros(4))) == 0
    several = dice(np.stack([TARGETS, TARGETS]), np.stack([CHANCES, CHANCES]), weights)
    np.testing.assert_allclose(ops.convert_to_numpy(several), [ours, ours], atol=1e-6)
