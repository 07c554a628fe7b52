"""One mask: read, resized, turned, compared with its box, and its outline."""

from __future__ import annotations

import io

import numpy as np
import pytest
import scipy.ndimage
from each_case import each
from PIL import Image

from tfseg.data.images.images import turn
from tfseg.data.open_images.masks import fit, outlines, read_mask, resize, tight_box
from tfseg.errors import DataError
from tfseg.structures import rle


def stored(values, mode=None, format="PNG"):
    stream = io.BytesIO()
    image = Image.fromarray(values)
    (image.convert(mode) if mode else image).save(stream, format)
    return stream.getvalue()


def blobs(shape, seed, smooth=2.0):
    noise = np.random.default_rng(seed).random(shape)
    return scipy.ndimage.gaussian_filter(noise, smooth) > 0.5


def box_of(mask):
    y1, x1, y2, x2 = tight_box(mask)
    height, width = mask.shape
    return x1 / width, y1 / height, x2 / width, y2 / height


INSIDE = blobs((9, 13), 0)


@each(
    "data",
    [
        stored(INSIDE.astype(np.uint8) * 255, "1"),
        stored(INSIDE.astype(np.uint8) * 255),
        stored(INSIDE.astype(np.uint8)),
        stored(np.where(INSIDE, 200, 100).astype(np.uint8)),
        stored(np.where(INSIDE, 128, 127).astype(np.uint8)),
        stored(np.where(INSIDE, 255, 0).astype(np.uint8), "P"),
        stored(np.where(INSIDE, 255, 0).astype(np.uint8), "RGB"),
        stored(np.where(INSIDE, 65535, 200).astype(np.uint16)),
    ],
)
def test_what_is_above_half_is_inside(data):
    mask = read_mask(data, "a.png")
    assert mask.dtype == bool
    np.testing.assert_array_equal(mask, INSIDE)


def test_a_mask_without_anything_inside_is_empty():
    assert not read_mask(stored(np.zeros((4, 5), np.uint8), "1"), "a.png").any()
    assert not read_mask(stored(np.full((4, 5), 90, np.uint8)), "a.png").any()


@each("data", [b"no image", stored(INSIDE.astype(np.uint8) * 255, "1")[:40]])
def test_a_broken_mask_is_an_error_with_its_name(data):
    with pytest.raises(DataError, match=r"a\.png: expected a mask"):
        read_mask(data, "a.png")


@each("size", [(20, 31), (9, 13), (4, 5), (1, 1), (27, 13), (8, 200)])
def test_each_pixel_takes_the_value_under_its_centre(size):
    height, width = INSIDE.shape
    expected = np.zeros(size, bool)
    for row in range(size[0]):
        for column in range(size[1]):
            y, x = (row + 0.5) * height / size[0], (column + 0.5) * width / size[1]
            expected[row, column] = INSIDE[int(y + 1e-9), int(x + 1e-9)]
    np.testing.assert_array_equal(resize(INSIDE, size), expected)


@each("scale", [2, 3, 5])
def test_an_enlarged_mask_comes_back_exactly(scale):
    large = INSIDE.repeat(scale, axis=0).repeat(scale, axis=1)
    np.testing.assert_array_equal(resize(large, INSIDE.shape), INSIDE)


def test_an_upright_image_leaves_mask_and_box_alone():
    mask = blobs((40, 60), 1)
    fitted = fit(mask, box_of(mask), (400, 600), 1)
    np.testing.assert_array_equal(fitted.mask, mask)
    assert (fitted.iou, fitted.agrees, fitted.notes, fitted.lost) == (1.0, True, (), None)


def test_sizes_that_were_rounded_are_the_same_shape():
    mask = blobs((1067, 1600), 1, 9)
    assert fit(mask, box_of(mask), (683, 1024), 1).notes == ()
    assert [code for code, _ in fit(mask, box_of(mask), (683, 800), 1).notes] == ["mask_shape"]


@each(
    ("box", "iou", "agrees"),
    [
        ((0.2, 0.2, 0.6, 0.6), 1, True),
        ((0.2, 0.2, 0.6, 1.0), 0.5, True),
        ((0.2, 0.2, 0.7, 0.9), 16 / 35, False),
        ((0.6, 0.6, 1.0, 1.0), 0, False),
    ],
)
def test_the_box_is_compared_by_intersection_over_union(box, iou, agrees):
    mask = np.zeros((50, 100), bool)
    mask[10:30, 20:60] = True
    fitted = fit(mask, box, (50, 100), 1)
    assert fitted.iou == pytest.approx(iou) and fitted.agrees == agrees


def test_a_mask_of_two_pixels_may_miss_its_box_by_one():
    mask = np.zeros((50, 100), bool)
    mask[10:12, 20:22] = True
    assert fit(mask, (0.21, 0.22, 0.23, 0.26), (50, 100), 1).agrees
    assert not fit(mask, (0.25, 0.22, 0.27, 0.26), (50, 100), 1).agrees


SEEN = blobs((40, 60), 3)[:, :50] & (np.arange(50) < 20)
INVERSE = {2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}


@each("orientation", INVERSE)
@each("box_frame", ["seen", "stored"])
def test_masks_of_the_stored_pixels_are_turned_with_the_image(orientation, box_frame):
    mask = turn(SEEN, INVERSE[orientation])
    box = box_of(mask if box_frame == "stored" else SEEN)
    fitted = fit(mask, box, (80, 100), orientation)
    np.testing.assert_array_equal(fitted.mask, SEEN)
    assert fitted.agrees and fitted.iou == pytest.approx(1)
    code = "exif_rotated" if orientation >= 5 else "exif_ambiguous"
    assert [code for code, _ in fitted.notes] == [code]


@each("orientation", [5, 6, 7, 8])
def test_masks_of_the_seen_image_stay(orientation):
    fitted = fit(SEEN, box_of(SEEN), (80, 100), orientation)
    np.testing.assert_array_equal(fitted.mask, SEEN)
    assert fitted.agrees and [code for code, _ in fitted.notes] == ["exif_rotated"]


def test_a_square_image_with_a_tag_cannot_tell_and_says_so():
    square = blobs((40, 40), 4) & (np.arange(40) < 15)
    fitted = fit(turn(square, 8), box_of(turn(square, 8)), (80, 80), 6)
    np.testing.assert_array_equal(fitted.mask, square)
    assert [code for code, _ in fitted.notes] == ["exif_ambiguous"]


@each("orientation", [6, 8])
def test_a_mask_across_an_image_without_a_tag_is_turned_if_the_box_says_how(orientation):
    corner = np.zeros((60, 100), bool)
    corner[5:20, 10:70] = True
    fitted = fit(turn(corner, INVERSE[orientation]), box_of(corner), (120, 200), 1)
    np.testing.assert_array_equal(fitted.mask, corner)
    assert fitted.agrees and [code for code, _ in fitted.notes] == ["mask_turned"]


def test_a_mask_across_an_image_that_nothing_explains_is_lost():
    corner = np.zeros((60, 100), bool)
    corner[5:20, 10:70] = True
    sideways = turn(corner, 6)
    fitted = fit(sideways, box_of(sideways), (60, 100), 1)
    assert "lies across its image" in fitted.lost


@each("seed", range(40))
def test_outlines_give_the_mask_back_but_for_its_holes(seed):
    random = np.random.default_rng(seed)
    shape = tuple(random.integers(1, 40, 2))
    mask = blobs(shape, seed, random.choice([0.01, 1, 2]))
    mask[tuple(random.integers(0, shape))] = True
    polygons = outlines(mask)
    assert all(len(polygon) >= 8 and len(polygon) % 2 == 0 for polygon in polygons)
    assert all(value == int(value) for polygon in polygons for value in polygon)
    drawn = rle.decode(rle.from_polygons(polygons, shape))
    np.testing.assert_array_equal(drawn, scipy.ndimage.binary_fill_holes(mask))
