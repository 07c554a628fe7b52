"""Elementary losses against NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from keras import ops

from tfseg.nn.losses.boxes import smooth_l1, squared_error
from tfseg.nn.losses.classification import masked_mean, softmax_cross_entropy
from tfseg.nn.losses.masks import sigmoid_cross_entropy


def numpy_of(value):
    return ops.convert_to_numpy(value)


def test_the_specifications_regression_losses():
    target, zero = np.float32([[2.8125, -0.625, 1.115718, 0]]), np.zeros((1, 4), np.float32)
    assert numpy_of(smooth_l1(target, zero)).mean() == pytest.approx(0.780883, abs=1e-5)
    assert numpy_of(squared_error(target, zero)).mean() == pytest.approx(2.386402, abs=1e-5)


def test_smooth_l1_by_parts():
    gap = np.float32([-3, -1, -0.5, 0, 0.5, 1, 3])
    expected = [2.5, 0.5, 0.125, 0, 0.125, 0.5, 2.5]
    np.testing.assert_allclose(numpy_of(smooth_l1(gap, np.zeros(7, np.float32))), expected)
    np.testing.assert_allclose(numpy_of(smooth_l1(np.zeros(7, np.float32), gap)), expected)


def test_softmax_cross_entropy_against_numpy():
    random = np.random.default_rng(0)
    logits = random.normal(0, 5, (4, 6, 3)).astype(np.float32)
    labels = random.integers(0, 3, (4, 6))
    exact = np.exp(logits.astype(np.float64))
    exact /= exact.sum(-1, keepdims=True)
    expected = -np.log(np.take_along_axis(exact, labels[..., None], -1))[..., 0]
    np.testing.assert_allclose(numpy_of(softmax_cross_entropy(labels, logits)), expected, atol=1e-4)


def test_cross_entropies_of_extreme_logits_are_finite():
    logits = np.float32([[1e4, -1e4], [-1e4, 1e4]])
    ours = numpy_of(softmax_cross_entropy(np.array([0, 0]), logits))
    np.testing.assert_allclose(ours, [0, 2e4])
    ours = numpy_of(sigmoid_cross_entropy(np.float32([1, 0, 1]), np.float32([1e4, 1e4, -1e4])))
    np.testing.assert_allclose(ours, [0, 1e4, 1e4])


def test_sigmoid_cross_entropy_against_numpy():
    random = np.random.default_rng(1)
    logits = random.normal(0, 3, (5, 7)).astype(np.float32)
    targets = random.integers(0, 2, (5, 7)).astype(np.float32)
    p = 1 / (1 + np.exp(-logits.astype(np.float64)))
    expected = -(targets * np.log(p) + (1 - targets) * np.log(1 - p))
    np.testing.assert_allclose(
        numpy_of(sigmoid_cross_entropy(targets, logits)), expected, atol=1e-5
    )


def test_masked_mean():
    values = np.float32([[1, 2, 3], [4, 5, 6]])
    mask = np.array([[True, False, True], [False, False, True]])
    assert float(masked_mean(values, mask)) == pytest.approx(10 / 3)
    assert float(masked_mean(values, mask[:, :1])) == pytest.approx(2)  # a row of three
    assert float(masked_mean(values, np.zeros((2, 3), bool))) == 0


def test_masked_mean_ignores_what_is_not_finite_behind_the_mask():
    values = np.float32([1, np.nan, np.inf, 3])
    assert float(masked_mean(values, np.array([True, False, False, True]))) == 2
