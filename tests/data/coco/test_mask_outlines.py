"""Masks as polygons along the edges of their pixels, and back."""

import numpy as np

from tfseg.data.coco.mask_outlines import lost_pixels, one_polygon, polygons
from tfseg.structures import rle


def by_parity(polygon, size):
    """Crossings to the left of each pixel's centre, one edge after another."""
    points = polygon.reshape(-1, 2)
    y, x = np.mgrid[: size[0], : size[1]] + 0.5
    inside = np.zeros(size, bool)
    for (x1, y1), (x2, y2) in zip(points, np.roll(points, -1, axis=0), strict=True):
        if y1 != y2:
            crosses = (y1 > y) != (y2 > y)
            inside ^= crosses & (x < x1 + (y - y1) * (x2 - x1) / (y2 - y1))
    return inside


def masks():
    rng = np.random.default_rng(3)
    for _ in range(30):
        yield rng.random(rng.integers(1, 14, 2)) < rng.random()
    yield np.ones((4, 7), bool)
    yield np.eye(6, dtype=bool)  # pieces that touch across a corner
    yield np.indices((9, 9)).sum(axis=0) % 2 == 0
    ring = np.pad(np.ones((5, 5), bool), 1)
    ring[2:4, 2:4] = ring[4, 4] = False  # holes that touch across a corner
    yield ring


def test_a_mask_comes_back_to_the_pixel():
    for mask in masks():
        pieces, whole = polygons(mask), one_polygon(mask)
        if not mask.any():
            assert pieces == [] and whole.size == 0 and lost_pixels(mask, pieces) == 0
            continue
        drawn = np.any([by_parity(piece, mask.shape) for piece in pieces], axis=0)
        np.testing.assert_array_equal(drawn, mask)
        np.testing.assert_array_equal(by_parity(whole, mask.shape), mask)
        np.testing.assert_array_equal(rle.decode(rle.from_polygons(pieces, mask.shape)), mask)
        np.testing.assert_array_equal(rle.decode(rle.from_polygons([whole], mask.shape)), mask)
        assert lost_pixels(mask, pieces) == lost_pixels(mask, [whole]) == 0


def test_pieces_are_counted_and_corners_are_few():
    mask = np.zeros((20, 30), bool)
    mask[2:8, 3:12] = mask[10:18, 15:28] = True
    mask[12:15, 18:22] = False
    first, second = polygons(mask)
    assert first.tolist() == [3, 2, 12, 2, 12, 8, 3, 8]
    assert second.size == 2 * (4 + 4 + 2)  # the outline, the hole, and the two ends of the slit


def test_what_does_not_come_back_is_counted():
    mask = np.zeros((10, 10), bool)
    mask[2:8, 3:7] = True
    moved = polygons(mask)[0] + 1
    assert lost_pixels(mask, [moved]) == (by_parity(moved, mask.shape) != mask).sum() == 18
    assert lost_pixels(mask, []) == 24
