"""Matrices, warped images and restored masks against NumPy's linear algebra and plain loops."""

from __future__ import annotations

import numpy as np
import pytest

from tfseg.errors import DataError
from tfseg.geometry import affine

UPSIDE_DOWN = np.array([[-0.5, 0, 82], [0, -0.5, 72]])


def full(matrix):
    return np.vstack([matrix, [0, 0, 1]])


def test_the_letterbox_of_the_specification():
    np.testing.assert_allclose(
        affine.letterbox((480, 640), (512, 512)), [[0.8, 0, 0], [0, 0.8, 64]]
    )
    np.testing.assert_allclose(affine.letterbox((128, 128), (64, 64)), [[0.5, 0, 0], [0, 0.5, 0]])
    with pytest.raises(DataError, match="0 x 5"):
        affine.letterbox((0, 5), (64, 64))


def test_chains_inverses_and_points_against_numpy():
    random = np.random.default_rng(0)
    first, second, third = random.normal(0, 1, (3, 2, 3))
    chain = affine.compose(third, second, first)
    np.testing.assert_allclose(full(chain), full(third) @ full(second) @ full(first))
    np.testing.assert_allclose(full(affine.invert(chain)), np.linalg.inv(full(chain)))
    many = random.normal(0, 1, (4, 2, 3))
    np.testing.assert_allclose(affine.compose(third, many)[2], affine.compose(third, many[2]))
    np.testing.assert_allclose(affine.compose(many, third)[1], affine.compose(many[1], third))
    points = random.normal(0, 5, (4, 6, 3))
    moved = affine.transform(points, many)
    np.testing.assert_array_equal(moved[..., 2], points[..., 2])
    expected = full(many[1]) @ [*points[1, 3, :2], 1]
    np.testing.assert_allclose(moved[1, 3, :2], expected[:2])
    assert affine.scales(UPSIDE_DOWN) == 0.5
    with pytest.raises(DataError, match="inverse"):
        affine.invert(np.zeros((2, 3)))


def test_a_pixel_lands_where_the_matrix_says():
    image = np.zeros((200, 200, 3), np.uint8)
    image[72:76, 80:84] = (200, 100, 50)  # the middle of the block is (81.5, 73.5)
    window = affine.warp_image(image, UPSIDE_DOWN, (64, 64))
    rows, columns = np.nonzero(window[..., 0])
    weights = window[..., 0][rows, columns].astype(float)
    place = np.average(columns, weights=weights), np.average(rows, weights=weights)
    np.testing.assert_allclose(place, affine.transform([[81.5, 73.5]], UPSIDE_DOWN)[0], atol=0.05)


def test_shrinking_reads_every_pixel_and_moves_nothing():
    random = np.random.default_rng(1)
    image = random.integers(0, 256, (403, 500)).astype(np.uint8)
    matrix = affine.letterbox(image.shape, (40, 40))  # 12.5 to 1
    smooth = affine.warp_image(image, matrix, (40, 40)).astype(float)
    inner = smooth[6:34, 2:38]
    assert abs(inner.mean() - image.mean()) < 1.5 and inner.std() < 10
    assert affine.warp_image(image, matrix, (40, 40), filtered=False)[6:34, 2:38].std() > 40
    ramp = np.broadcast_to(np.arange(500, dtype=np.float32), (403, 500))
    shrunk = affine.warp_image(np.ascontiguousarray(ramp), matrix, (40, 40))
    expected = affine.transform([[20.0, 20.0]], affine.invert(matrix))[0, 0]
    assert shrunk[20, 20] == pytest.approx(expected, abs=0.5)


@pytest.mark.parametrize("filtered", [True, False])
def test_a_body_comes_back_after_warp_and_restore(filtered):
    # Fact 9: a filled rectangle of the body's size, through the matrix of fact 1 and back.
    mask = np.zeros((128, 128), bool)
    mask[40:125, 70:128] = True
    window = affine.warp_mask(mask, UPSIDE_DOWN, (64, 64), filtered=filtered)
    back = affine.restore_mask(window.astype(np.float32), UPSIDE_DOWN, mask.shape)
    assert (mask & back).sum() / (mask | back).sum() >= 0.95


def test_restoring_against_a_loop():
    random = np.random.default_rng(2)
    angle, scale = 0.7, 0.31
    a, b = scale * np.cos(angle), scale * np.sin(angle)
    matrix = np.array([[a, -b, 6.0], [b, a, -4.0]])
    rows, columns = np.mgrid[:16, :16]
    window = (0.5 + 0.5 * np.sin(rows / 3 + random.random()) * np.cos(columns / 4)).astype("f4")
    ours = affine.restore_mask(window, matrix, (50, 70))
    chances = np.zeros((50, 70))
    for y in range(50):
        for x in range(70):
            u, v = matrix @ [x, y, 1]
            for j in (int(np.floor(v)), int(np.floor(v)) + 1):
                for i in (int(np.floor(u)), int(np.floor(u)) + 1):
                    if 0 <= j < 16 and 0 <= i < 16:
                        chances[y, x] += (1 - abs(u - i)) * (1 - abs(v - j)) * window[j, i]
    sure = np.abs(chances - 0.5) > 0.02
    np.testing.assert_array_equal(ours[sure], chances[sure] > 0.5)
    assert ours.any() and sure.mean() > 0.9


def test_a_window_outside_the_image_gives_an_empty_mask():
    matrix = np.array([[1.0, 0, 500], [0, 1.0, 500]])
    assert not affine.restore_mask(np.ones((64, 64), np.float32), matrix, (40, 40)).any()
