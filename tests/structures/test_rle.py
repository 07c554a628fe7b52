import json

import numpy as np
import pytest

from tfseg.errors import DataError
from tfseg.structures import rle


def masks():
    rng = np.random.default_rng(0)
    found = [rng.random((h, w)) > p for h, w, p in ((5, 7, 0.5), (30, 20, 0.1), (1, 9, 0.6))]
    found += [np.zeros((4, 6), bool), np.ones((4, 6), bool), np.ones((1, 1), bool)]
    found.append(np.zeros((1, 1), bool))
    return found


def slow_runs(mask):
    """Run lengths down the columns, zeros first, counted one pixel at a time."""
    runs, value = [0], False
    for pixel in mask.T.reshape(-1).tolist():
        if pixel == value:
            runs[-1] += 1
        else:
            runs.append(1)
            value = pixel
    return runs


def test_regions_of_a_map_are_encoded_as_their_masks():
    random = np.random.default_rng(0)
    for size in ((1, 1), (1, 9), (7, 1), (30, 20)):
        numbers = np.kron(random.integers(0, 6, size), np.ones((3, 2), int))
        found = rle.encode_regions(numbers, 7)
        assert found == [rle.encode(numbers == number) for number in range(1, 8)]
    assert rle.encode_regions(np.ones((4, 3), np.uint8), 1) == [rle.encode(np.ones((4, 3)))]
    assert rle.encode_regions(np.ones((4, 3), np.uint8), 0) == []


@pytest.mark.parametrize("mask", masks())
def test_encoding_against_counting(mask):
    encoded = rle.encode(mask)
    assert encoded["size"] == list(mask.shape)
    json.dumps(encoded)
    np.testing.assert_array_equal(rle.decode(encoded), mask)
    assert rle.decode(encoded).dtype == bool
    assert rle.area([encoded]).tolist() == [mask.sum()]
    plain = rle.to_uncompressed(encoded)
    assert plain["counts"] == slow_runs(mask)
    assert rle.from_uncompressed(plain) == encoded
    assert rle.encode(mask.astype(np.uint8) * 200) == encoded
    assert rle.encode(np.asfortranarray(mask)) == encoded


def test_decode_many():
    stack = np.random.default_rng(0).random((4, 6, 5)) > 0.5
    np.testing.assert_array_equal(rle.decode_many([rle.encode(m) for m in stack], (6, 5)), stack)
    assert rle.decode_many([], (6, 5)).shape == (0, 6, 5)


@pytest.mark.parametrize("seed", range(20))
def test_a_window_encodes_as_the_whole_picture(seed):
    rng = np.random.default_rng(seed)
    height, width = rng.integers(1, 12, 2)
    top, left = rng.integers(0, height), rng.integers(0, width)
    rows, columns = rng.integers(1, height - top + 1), rng.integers(1, width - left + 1)
    crop = rng.random((rows, columns)) > rng.choice([-1, 0.5, 2])
    whole = np.zeros((height, width), bool)
    whole[top : top + rows, left : left + columns] = crop
    assert rle.encode_crop(crop, top, left, (height, width)) == rle.encode(whole)


@pytest.mark.parametrize(
    ("crop", "place"), [((5, 6), (0, 0)), ((1, 1), (0, 0)), ((1, 1), (4, 5)), ((5, 1), (0, 3))]
)
@pytest.mark.parametrize("value", [True, False])
def test_windows_at_the_edges(crop, place, value):
    whole = np.zeros((5, 6), bool)
    whole[place[0] : place[0] + crop[0], place[1] : place[1] + crop[1]] = value
    assert rle.encode_crop(np.full(crop, value), *place, (5, 6)) == rle.encode(whole)


@pytest.mark.parametrize("crop", [(0, 0), (0, 3), (3, 0)])
def test_an_empty_window_is_an_empty_mask(crop):
    assert rle.encode_crop(np.zeros(crop), 1, 1, (5, 6)) == rle.encode(np.zeros((5, 6)))


@pytest.mark.parametrize("place", [(-1, 0), (0, -1), (4, 0), (0, 5)])
def test_a_window_outside_is_refused(place):
    with pytest.raises(DataError, match="does not lie inside an image of 5 x 6"):
        rle.encode_crop(np.ones((2, 2)), *place, (5, 6))


def test_polygons_and_their_union():
    mask = np.zeros((20, 30), bool)
    mask[2:10, 3:12] = mask[5:15, 8:25] = True
    square = [3, 2, 12, 2, 12, 10, 3, 10]
    other = [8, 5, 25, 5, 25, 15, 8, 15]
    np.testing.assert_array_equal(rle.decode(rle.from_polygons([square, other], (20, 30))), mask)
    np.testing.assert_array_equal(
        rle.decode(rle.from_polygons(np.array([square]), (20, 30)))[2:10, 3:12], True
    )


def test_many_areas_at_once():
    one = rle.encode(np.ones((40, 50)))
    assert rle.area([one] * 300).tolist() == [2000.0] * 300
    assert rle.area([]).shape == (0,)


def test_iou_against_pixels():
    rng = np.random.default_rng(0)
    first, second = rng.random((4, 9, 8)) > 0.5, rng.random((3, 9, 8)) > 0.4
    found = rle.iou([rle.encode(m) for m in first], [rle.encode(m) for m in second])
    expected = [[(a & b).sum() / (a | b).sum() for b in second] for a in first]
    np.testing.assert_allclose(found, expected)
    crowd = rle.iou(
        [rle.encode(m) for m in first], [rle.encode(m) for m in second], [False, True, False]
    )
    np.testing.assert_allclose(crowd[:, 1], [(a & second[1]).sum() / a.sum() for a in first])
    np.testing.assert_allclose(crowd[:, [0, 2]], found[:, [0, 2]])


@pytest.mark.parametrize("counts", [(0, 0), (0, 2), (2, 0)])
def test_iou_of_nothing(counts):
    one = rle.encode(np.ones((3, 3)))
    assert rle.iou([one] * counts[0], [one] * counts[1]).shape == counts
