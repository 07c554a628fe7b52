"""Affine windows against plain loops, OpenCV and numerical gradients."""

from __future__ import annotations

import cv2
import keras
import numpy as np
import pytest
from keras import ops

from tfseg.nn.ops.affine import affine_sample, compose, invert, transform

REFLECTION = np.float32([[-0.5, 0, 70], [0, 0.5, 0]])


def slow_window(feature, matrix, size):
    """One window by definition, float64."""
    inverse = np.linalg.inv(np.vstack([matrix.astype(np.float64), [0, 0, 1]]))
    out = np.zeros((*size, feature.shape[2]))
    for v in range(size[0]):
        for u in range(size[1]):
            x, y, _ = inverse @ [u, v, 1]
            for j in (int(np.floor(y)), int(np.floor(y)) + 1):
                for i in (int(np.floor(x)), int(np.floor(x)) + 1):
                    if 0 <= j < feature.shape[0] and 0 <= i < feature.shape[1]:
                        share = (1 - abs(x - i)) * (1 - abs(y - j))
                        out[v, u] += share * feature[j, i]
    return out


def matrices(count, random):
    """Rotations by any angle with scales 0.4 to 3, some mirrored, near a 20 x 24 map."""
    angle, scale = random.uniform(-np.pi, np.pi, count), random.uniform(0.4, 3, count)
    a, b = scale * np.cos(angle), scale * np.sin(angle)
    mirror = np.where(np.arange(count) % 3 == 0, -1, 1)
    linear = np.stack([np.stack([a, -b * mirror], 1), np.stack([b, a * mirror], 1)], 1)
    centre = np.float64([12, 10]) + random.uniform(-6, 6, (count, 2))
    shift = np.float64([8, 7]) - np.einsum("nij,nj->ni", linear, centre)
    return np.concatenate([linear, shift[..., None]], -1).astype(np.float32)


@pytest.fixture
def case():
    random = np.random.default_rng(0)
    features = random.normal(0, 1, (3, 20, 24, 5)).astype(np.float32)
    return features, matrices(9, random), np.int32([0, 2, 1, 1, 0, 2, 2, 0, 1])


def test_the_fact_of_the_specification():
    # A mirrored person: output pixel (32, 32) reads the source at (76, 64).
    np.testing.assert_allclose(invert(REFLECTION[None])[0], [[-2, 0, 140], [0, 2, 0]])
    features = np.zeros((1, 128, 128, 1), np.float32)
    features[0, 64, 76] = 1
    window = ops.convert_to_numpy(affine_sample(features, REFLECTION[None], (64, 64), [0]))
    assert window[0, 32, 32, 0] == 1 and window.sum() == 1


def test_windows_against_loops(case):
    features, given, owners = case
    ours = ops.convert_to_numpy(affine_sample(features, given, (14, 16), owners))
    assert ours.shape == (9, 14, 16, 5) and ours.dtype == np.float32
    for window, matrix, owner in zip(ours, given, owners):
        expected = slow_window(features[owner].astype(np.float64), matrix, (14, 16))
        np.testing.assert_allclose(window, expected, atol=2e-5)


def test_windows_are_opencvs(case):
    _, given, owners = case
    # Smooth, with zeros at the border: OpenCV may round places to a 32nd of a pixel.
    rows, columns = np.mgrid[:20, :24].astype(np.float32)
    hill = np.sin(np.pi * rows / 19) * np.sin(np.pi * columns / 23)
    features = np.stack([hill, hill * rows / 19, hill * columns / 23] * 3, -1).reshape(20, 24, 3, 3)
    features = np.ascontiguousarray(features.transpose(2, 0, 1, 3))
    ours = ops.convert_to_numpy(affine_sample(features, given, (14, 16), owners))
    for window, matrix, owner in zip(ours, given, owners):
        theirs = cv2.warpAffine(features[owner], matrix.astype(np.float64), (16, 14))
        np.testing.assert_allclose(window, theirs, atol=0.008)


def test_many_windows_are_read_in_parts(case, monkeypatch):
    features, given, owners = case
    whole = ops.convert_to_numpy(affine_sample(features, given, (14, 16), owners))
    monkeypatch.setattr("tfseg.nn.ops.affine._PART_FLOATS", 2 * 14 * 16 * 5)
    parts = ops.convert_to_numpy(affine_sample(features, given, (14, 16), owners))
    np.testing.assert_array_equal(parts, whole)


def test_matrices_without_inverse_and_broken_ones_give_zeros(case):
    features = case[0] + 10
    given = np.zeros((5, 2, 3), np.float32)
    given[1] = [[1, 1, 0], [1, 1, 0]]
    given[2] = np.nan
    given[3] = [[1, 0, np.inf], [0, 1, 0]]
    given[4] = [[1, 0, 1e12], [0, 1, 0]]
    ours = ops.convert_to_numpy(affine_sample(features, given, (6, 6), np.zeros(5, np.int32)))
    assert not ours.any()
    none = affine_sample(features, given[:0], (6, 6), np.zeros(0, np.int32))
    assert tuple(none.shape) == (0, 6, 6, 5)


def value_and_gradient(scalar, array):
    """Compiled: with XLA on TensorFlow, by jit on JAX."""
    if keras.backend.backend() == "jax":
        import jax

        value, gradient = jax.jit(jax.value_and_grad(scalar))(array)
        return float(value), np.asarray(gradient)
    import tensorflow as tf

    @tf.function(jit_compile=True)
    def run(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = scalar(x)
        return value, tape.gradient(value, x)

    value, gradient = run(tf.constant(array))
    return float(value), tf.convert_to_tensor(gradient).numpy()


def test_the_gradient_to_the_features_compiled(case):
    features, given, owners = case
    weights = np.random.default_rng(1).normal(0, 1, (9, 14, 16, 5)).astype(np.float32)

    def scalar(x):
        return ops.sum(affine_sample(x, given, (14, 16), owners) * weights)

    value, gradient = value_and_gradient(scalar, features)
    plain = ops.convert_to_numpy(affine_sample(features, given, (14, 16), owners))
    assert value == pytest.approx(float((plain * weights).sum()), abs=1e-3)
    # The windows are linear in the features, so that a step of any length is exact.
    for place in ((0, 9, 11, 2), (1, 10, 12, 0), (2, 3, 4, 4), (2, 19, 23, 1)):
        step = np.zeros_like(features)
        step[place] = 1
        change = ops.convert_to_numpy(affine_sample(step, given, (14, 16), owners))
        expected = (change.astype(np.float64) * weights).sum()
        assert gradient[place] == pytest.approx(expected, abs=1e-4)


def test_no_gradient_flows_to_the_matrices(case):
    features, given, owners = case

    def scalar(x):
        return ops.sum(affine_sample(features, x, (14, 16), owners)) + 2.0 * ops.sum(x)

    np.testing.assert_allclose(value_and_gradient(scalar, given)[1], 2.0)


def test_half_precision_keeps_its_dtype_and_the_places(case):
    features, given, owners = case
    exact = ops.convert_to_numpy(affine_sample(features, given, (14, 16), owners))
    ours = affine_sample(ops.cast(features, "bfloat16"), given, (14, 16), owners)
    assert keras.backend.standardize_dtype(ours.dtype) == "bfloat16"
    np.testing.assert_allclose(ops.convert_to_numpy(ops.cast(ours, "float32")), exact, atol=0.06)


def test_inverse_composition_and_points_agree_with_numpy(case):
    first, second = case[1][:4], case[1][4:8]
    both = ops.convert_to_numpy(compose(first, second))
    rows = np.broadcast_to(np.float64([[[0, 0, 1]]]), (4, 1, 3))
    full = [np.concatenate([each, rows], 1) for each in (first, second)]
    np.testing.assert_allclose(both, (full[0] @ full[1])[:, :2], atol=1e-4)
    back = ops.convert_to_numpy(invert(first))
    np.testing.assert_allclose(back, np.linalg.inv(full[0])[:, :2], rtol=1e-4, atol=1e-4)
    points = np.random.default_rng(2).uniform(0, 20, (4, 7, 2)).astype(np.float32)
    ours = ops.convert_to_numpy(transform(points, first))
    expected = np.einsum("nij,nkj->nki", first[..., :2], points) + first[:, None, :, 2]
    np.testing.assert_allclose(ours, expected, atol=1e-4)
    returned = ops.convert_to_numpy(transform(transform(points, first), back))
    np.testing.assert_allclose(returned, points, atol=1e-4)
