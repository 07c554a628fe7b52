"""SLIC of the foreground against k-means in loops, and what superpixels are for."""

from __future__ import annotations

import numpy as np
import pytest

from tfseg.models.portrait.affinity.superpixels import slic, slic_of_scikit_image
from tfseg.opencv import cv2


def scene(seed=0, height=60, width=75):
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (5, 6, 3), np.uint8)
    image = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    mask = cv2.resize(rng.random((4, 5)), (width, height)) > 0.35
    return image, cv2.cvtColor(image, cv2.COLOR_RGB2LAB), mask


def slow_slic(lab, mask, count, compactness, iterations):
    """The definition, pixel by pixel; returns squared distances to all tiles nearby as well."""
    side = max(1, round((mask.sum() / count) ** 0.5))
    weight = compactness / side
    points = {}
    for y, x in np.argwhere(mask):
        lightness, a, b = lab[y, x].astype(float)
        points[y, x] = np.array(
            (lightness * 100 / 255, a - 128, b - 128, (y + 0.5) * weight, (x + 0.5) * weight)
        )
    tiles = sorted({(y // side, x // side) for y, x in points})
    owner = {p: (p[0] // side, p[1] // side) for p in points}
    for _ in range(iterations):
        centres = {}
        for tile in tiles:
            members = [points[p] for p, t in owner.items() if t == tile]
            if members:
                centres[tile] = np.mean(members, axis=0)
        costs = {}
        for p, point in points.items():
            near = [
                (p[0] // side + dy, p[1] // side + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)
            ]
            costs[p] = {t: ((point - centres[t]) ** 2).sum() for t in near if t in centres}
            owner[p] = min(costs[p], key=costs[p].get)
    names = {tile: number for number, tile in enumerate(tiles, 1)}
    found = np.zeros(mask.shape, int)
    for p, tile in owner.items():
        found[p] = names[tile]
    return found


@pytest.mark.parametrize(("count", "iterations"), [(30, 1), (30, 3), (200, 2)])
def test_all_pixels_give_the_same_as_loops(count, iterations):
    _, lab, mask = scene()
    found = slic(lab, mask, count, iterations=iterations, samples=4096)
    expected = slow_slic(lab, mask, count, 10.0, iterations)
    # Equal distances fall this way or that in 32-bit numbers.
    assert (found == expected).mean() > 0.995
    np.testing.assert_array_equal(found > 0, mask)


def test_samples_change_little():
    _, lab, mask = scene(1, 240, 300)
    every = slic(lab, mask, 60, samples=4096)
    some = slic(lab, mask, 60, samples=64)
    assert (every == some).mean() > 0.8
    counts = [len(np.unique(labels)) for labels in (every, some)]
    assert abs(counts[0] - counts[1]) <= 5


def test_their_number_is_about_that_asked_for():
    _, lab, mask = scene(2, 300, 400)
    for count in (20, 100, 900):
        found = len(np.unique(slic(lab, mask, count))) - 1
        assert 0.8 * count < found < 1.6 * count  # tiles at outlines are not full


def test_they_keep_to_edges_of_colour():
    image = np.zeros((80, 80, 3), np.uint8)
    y, x = np.mgrid[:80, :80]
    disc = (y - 37) ** 2 + (x - 43) ** 2 < 24**2
    image[disc] = (250, 240, 60)
    mask = np.ones((80, 80), bool)
    found = slic(cv2.cvtColor(image, cv2.COLOR_RGB2LAB), mask, 64)
    crossing = sum(min(disc[found == k].sum(), (~disc)[found == k].sum()) for k in np.unique(found))
    squares = y // 10 * 8 + x // 10
    crossing_squares = sum(
        min(disc[squares == k].sum(), (~disc)[squares == k].sum()) for k in range(64)
    )
    assert crossing < 0.1 * crossing_squares


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (23, 1), (5, 4)])
def test_tiny_masks(shape):
    lab = np.zeros((*shape, 3), np.uint8)
    assert (slic(lab, np.ones(shape, bool), 200) > 0).all()
    assert (slic(lab, np.ones(shape, bool), 1) > 0).all()
    assert not slic(lab, np.zeros(shape, bool), 200).any()
    one = np.zeros(shape, bool)
    one[-1, -1] = True
    np.testing.assert_array_equal(slic(lab, one, 200) > 0, one)


def test_pixels_that_no_sample_stands_for_are_given_too():
    mask = np.zeros((200, 200), bool)
    mask[::50, ::50] = True
    mask[100:190, 3:100] = True
    found = slic(np.zeros((200, 200, 3), np.uint8), mask, 4, samples=1)
    np.testing.assert_array_equal(found > 0, mask)


def test_scikit_image_gives_the_same_kind_of_map():
    image, _, mask = scene(3)
    found = slic_of_scikit_image(image, mask, 30, compactness=10.0, iterations=5)
    np.testing.assert_array_equal(found > 0, mask)
    assert found.dtype == np.int32
    empty = slic_of_scikit_image(image, mask & False, 30, compactness=10.0, iterations=5)
    assert not empty.any()
