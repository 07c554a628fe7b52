import math

import numpy as np
import pytest
from each_case import each

from tfseg.data.reading.outlines import MaskError
from tfseg.data.tools.shapes import checked_points, ellipse, polygon, rectangle
from tfseg.structures import rle


@each("corners", [[(3, 4), (9, 12)], [(9, 4), (3, 12)], [(9, 12), (3, 4)]])
def test_a_rectangle_has_its_pixels_exactly(corners):
    mask = rle.decode(rle.from_polygons([rectangle(corners)], (20, 20)))
    expected = np.zeros((20, 20), bool)
    expected[4:12, 3:9] = True
    np.testing.assert_array_equal(mask, expected)


@each("radii", [(0.4, 0.4), (5, 5), (300, 2), (40_000, 30_000)])
def test_an_ellipse_is_as_near_as_it_says(radii):
    rx, ry = radii
    points = ellipse(7, -3, rx, ry, 0.4).reshape(-1, 2) - (7, -3)
    along = points @ (math.cos(0.4), math.sin(0.4))
    across = points @ (-math.sin(0.4), math.cos(0.4))
    np.testing.assert_allclose(np.hypot(along / rx, across / ry), 1, atol=1e-9)
    middle = np.hypot((along + np.roll(along, 1)) / 2 / rx, (across + np.roll(across, 1)) / 2 / ry)
    assert ((1 - middle) * max(rx, ry) <= 0.02 + 1e-9).all()


@each(
    ("draw", "code"),
    [
        (lambda: polygon([(0, 0), (4, 4)]), "bad_polygon"),
        (lambda: polygon([(0, 0), (4, 4), (1, math.inf)]), "not_finite"),
        (lambda: polygon([(0, 0), (4, 4), (1e9, 3)]), "bad_mask"),
        (lambda: polygon([(0, 0), (4, "x"), (1, 3)]), "bad_mask"),
        (lambda: polygon(5), "bad_mask"),
        (lambda: polygon([(0, 0), (4, 10**400), (1, 3)]), "bad_mask"),
        (lambda: polygon([(0, 0), (4, 4), (1, None)]), "not_finite"),
        (lambda: polygon([(0, 0), (4, 4), (1, 2, 3)]), "bad_mask"),
        (lambda: rectangle([(0, 0), (0, 4)]), "zero_box"),
        (lambda: rectangle([(0, 0)]), "bad_mask"),
        (lambda: ellipse(0, 0, 0, 4), "zero_box"),
        (lambda: ellipse(0, 0, 3, -4), "zero_box"),
        (lambda: ellipse(0, math.nan, 3, 4), "not_finite"),
        (lambda: checked_points([]), "bad_mask"),
        (lambda: checked_points([[1, 2, 3]]), "bad_mask"),
    ],
)
def test_shapes_that_cannot_be(draw, code):
    with pytest.raises(MaskError) as error:
        draw()
    assert error.value.code == code


def test_numbers_may_be_text():
    np.testing.assert_array_equal(checked_points([("115", " 2.5 ")]), [[115, 2.5]])
