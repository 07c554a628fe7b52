"""Chi-square distances and the histograms of nodes; fact 6 of the specification."""

from __future__ import annotations

import numpy as np
import slow_reference

from tfseg.models.portrait.affinity import chi_square
from tfseg.models.portrait.affinity.histograms import node_histograms

A, U = (0.5, 0.5, 0, 0), (0.4, 0.4, 0.2, 0)
V, B = (0.1, 0.1, 0.4, 0.4), (0, 0, 0.5, 0.5)


def test_the_weights_of_the_four_nodes():
    found = chi_square(np.array([A, U, V, A]), np.array([U, V, B, V]))
    np.testing.assert_allclose(found, (1 / 9, 0.413333, 1 / 9, 0.666667), atol=1e-6)


def test_nothing_in_common_is_one_and_equal_is_zero():
    assert chi_square(np.array(A), np.array(B)) == 1
    assert chi_square(np.array(U), np.array(U)) == 0
    assert chi_square(np.zeros(4), np.zeros(4)) == 0


def test_it_lies_between_zero_and_one():
    rng = np.random.default_rng(0)
    one, other = (v / v.sum(1, keepdims=True) for v in rng.exponential(1, (2, 50, 80)))
    found = chi_square(one, other)
    assert found.shape == (50,) and (found > 0).all() and (found < 1).all()
    expected = [slow_reference.chi_square(a, b) for a, b in zip(one, other, strict=True)]
    np.testing.assert_allclose(found, expected)


def test_histograms_of_nodes():
    rng = np.random.default_rng(0)
    lab = rng.integers(0, 256, (23, 31, 3), np.uint8)
    nodes = rng.integers(0, 6, (23, 31)).astype(np.int32)
    found = node_histograms(lab, nodes, 6)
    assert found.shape == (7, 80) and not found[0].any() and not found[6].any()
    np.testing.assert_allclose(found[1:6].sum(axis=1), 1, rtol=1e-6)
    for k in range(1, 6):
        group = [tuple(p) for p in np.argwhere(nodes == k)]
        np.testing.assert_allclose(found[k], slow_reference.histogram(group, lab), atol=1e-7)


def test_a_part_of_a_picture_keeps_its_place():
    rng = np.random.default_rng(1)
    lab = rng.integers(0, 256, (40, 50, 3), np.uint8)
    nodes = np.zeros((40, 50), np.int32)
    nodes[11:23, 20:33] = rng.integers(1, 4, (12, 13))
    whole = node_histograms(lab, nodes, 3)
    place = np.s_[11:23, 20:33]
    part = node_histograms(lab[place], nodes[place], 3, corner=(11, 20), size=(40, 50))
    np.testing.assert_allclose(part, whole)


def test_colour_alone_leaves_positions_out():
    lab = np.zeros((4, 4, 3), np.uint8)
    nodes = np.arange(1, 17, dtype=np.int32).reshape(4, 4)
    found = node_histograms(lab, nodes, 16, weights=(1, 0))
    assert not found[:, 48:].any()
    np.testing.assert_allclose(found[1:].sum(axis=1), 1, rtol=1e-6)
