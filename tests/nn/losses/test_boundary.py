"""Edges by Sobel, their cells, and the balanced loss, against numbers by hand and plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from tfseg.nn.losses.boundary import balanced_cross_entropy, edge_map, pool_cells, reliable


def test_the_edge_of_a_square_by_hand():
    labels = np.zeros((1, 8, 8), np.int32)
    labels[0, 2:6, 2:6] = 1
    expected = np.zeros((8, 8), bool)
    expected[1:7, 1:7] = True
    expected[3:5, 3:5] = False
    found = np.asarray(edge_map(labels, 2))[0]
    np.testing.assert_array_equal(found, expected)
    assert found.sum() == 32


@pytest.mark.parametrize("shape", [(7, 9), (1, 5), (1, 1)])
def test_edges_equal_scipys_sobel_on_each_plane(shape):
    labels = np.random.default_rng(0).integers(0, 4, (2, *shape)).astype(np.int32)
    found = np.asarray(edge_map(labels, 4))
    for one, edges in zip(labels, found):
        expected = np.zeros(shape, bool)
        for number in range(4):
            plane = (one == number).astype(float)
            gy, gx = (ndimage.sobel(plane, axis, mode="nearest") for axis in (0, 1))
            expected |= gx**2 + gy**2 > 0
        np.testing.assert_array_equal(edges, expected)


def test_a_plain_picture_has_no_edge():
    assert not np.asarray(edge_map(np.ones((1, 5, 4), np.int32), 3)).any()


def test_the_border_of_the_padding_is_not_reliable():
    valid = np.zeros((1, 5, 6), bool)
    valid[0, 1:, 1:] = True
    expected = np.zeros((5, 6), bool)
    expected[2:, 2:] = True
    np.testing.assert_array_equal(np.asarray(reliable(valid))[0], expected)


@pytest.mark.parametrize(("shape", "stride"), [((8, 8), 4), ((5, 7), 2), ((3, 3), 8)])
def test_cells_round_up_and_start_at_the_first_pixel(shape, stride):
    mask = np.random.default_rng(1).random((2, *shape)) < 0.1
    rows, columns = -(-shape[0] // stride), -(-shape[1] // stride)
    expected = [
        [
            [
                one[r * stride : (r + 1) * stride, c * stride : (c + 1) * stride].any()
                for c in range(columns)
            ]
            for r in range(rows)
        ]
        for one in mask
    ]
    np.testing.assert_array_equal(np.asarray(pool_cells(mask, stride)), expected)


LOGITS = np.array([2, -1, 0, -3], np.float32)
TARGETS = np.array([True, False, False, False])


def test_the_balanced_loss_by_hand():
    assert float(balanced_cross_entropy(TARGETS, LOGITS)) == pytest.approx(0.239297, abs=1e-6)


def test_an_empty_group_adds_nothing():
    losses = np.log1p(np.exp(LOGITS))
    found = balanced_cross_entropy(np.zeros(4, bool), LOGITS)
    assert float(found) == pytest.approx(0.5 * losses.mean(), rel=1e-6)
    assert float(balanced_cross_entropy(TARGETS, LOGITS, np.zeros(4, bool))) == 0.0


def test_cells_that_do_not_count_change_nothing():
    valid = np.array([True, True, False, True])
    other = LOGITS.copy()
    other[2] = 50
    one = float(balanced_cross_entropy(TARGETS, LOGITS, valid))
    assert one == float(balanced_cross_entropy(TARGETS, other, valid))
    assert one == pytest.approx(0.5 * 0.126928 + 0.25 * (0.313262 + 0.048587), abs=1e-5)
