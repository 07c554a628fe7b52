import numpy as np
import pytest
from each_case import each

from tfseg.data.published.pieces import PieceRule
from tfseg.errors import DataError


def canvas(*rectangles, size=(100, 200)):
    mask = np.zeros(size, bool)
    for top, left, bottom, right in rectangles:
        mask[top:bottom, left:right] = True
    return mask


LEFT = (10, 10, 60, 50)  # 2000 pixels
RIGHT = (10, 100, 60, 130)  # 1500 pixels
CRUMB = (20, 53, 24, 57)  # 16 pixels, 3 columns to the right of LEFT
FAR_CRUMB = (90, 190, 94, 194)  # 16 pixels, far from both


def test_whole_is_one_instance():
    (whole,) = PieceRule("whole", 0, 0, 0).instances(canvas(LEFT, RIGHT, CRUMB))
    np.testing.assert_array_equal(whole, canvas(LEFT, RIGHT, CRUMB))


def test_components_come_largest_first():
    parts = PieceRule("components", 0, 0, 0).instances(canvas(RIGHT, LEFT))
    np.testing.assert_array_equal(parts, [canvas(LEFT), canvas(RIGHT)])


def test_pixels_that_touch_at_a_corner_are_one_piece():
    mask = canvas((0, 0, 10, 10), (10, 10, 20, 20))
    assert len(PieceRule("components", 0, 0, 0).instances(mask)) == 1


@each(("min_piece", "reach"), [(0.01, 5), (20, 5), (0.01, 0.025)])
def test_fragments_join_the_nearest_piece_or_go(min_piece, reach):
    mask = canvas(LEFT, RIGHT, CRUMB, FAR_CRUMB)
    parts = PieceRule("components", min_piece, reach, 0).instances(mask)
    np.testing.assert_array_equal(parts, [canvas(LEFT, CRUMB), canvas(RIGHT)])
    (whole,) = PieceRule("whole", min_piece, reach, 0).instances(mask)
    np.testing.assert_array_equal(whole, canvas(LEFT, RIGHT, CRUMB))


def test_a_fragment_joins_the_nearer_of_two():
    near_right = (20, 94, 24, 98)
    parts = PieceRule("components", 0.01, 50, 0).instances(canvas(LEFT, RIGHT, near_right))
    np.testing.assert_array_equal(parts, [canvas(LEFT), canvas(RIGHT, near_right)])


def test_the_gap_decides_to_the_pixel():
    # The nearest pixels of LEFT and CRUMB are columns 49 and 53, a distance of 4.
    for reach, expected in ((3.5, canvas(LEFT)), (4.0, canvas(LEFT, CRUMB))):
        (whole,) = PieceRule("whole", 0.01, reach, 0).instances(canvas(LEFT, CRUMB))
        np.testing.assert_array_equal(whole, expected)


def test_small_instances_are_left_out():
    assert PieceRule("whole", 0, 0, 17).instances(canvas(CRUMB)) == []
    assert len(PieceRule("whole", 0, 0, 16).instances(canvas(CRUMB))) == 1
    assert len(PieceRule("components", 0, 0, 1600).instances(canvas(LEFT, RIGHT))) == 1
    assert PieceRule("whole", 5000, 0, 0).instances(canvas(LEFT, RIGHT)) == []


def test_empty_full_and_single_pixel():
    rule = PieceRule(min_area=0)
    assert rule.instances(np.zeros((5, 6), bool)) == []
    np.testing.assert_array_equal(rule.instances(np.ones((5, 6), bool)), np.ones((1, 5, 6), bool))
    assert rule.instances(canvas((3, 4, 4, 5)))[0].sum() == 1
    assert rule.instances(np.ones((1, 1), bool))[0].shape == (1, 1)


def test_the_result_does_not_depend_on_where_the_picture_is_cut():
    rule = PieceRule("components", 0.01, 0.05, 0)
    mask = canvas(LEFT, RIGHT, CRUMB, FAR_CRUMB)
    turned = rule.instances(np.ascontiguousarray(mask[::-1, ::-1]))
    np.testing.assert_array_equal([part[::-1, ::-1] for part in turned], rule.instances(mask))


@each(
    "setting",
    [{"kind": "piece"}, {"min_piece": -1}, {"merge_distance": float("nan")}, {"min_area": "9"}],
)
def test_settings_are_checked(setting):
    with pytest.raises(DataError):
        PieceRule(**setting)
