"""The pieces that drawn people are made of, each against an obvious computation."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from each_case import each

from tfseg.data.synthetic import outfit, palette, pose, scene, shapes, wardrobe
from tfseg.data.synthetic.background import paint_place
from tfseg.data.synthetic.canvas import Canvas, Part
from tfseg.data.synthetic.dice import Dice
from tfseg.data.synthetic.light import illuminate
from tfseg.data.synthetic.objects import FOREGROUND, THINGS, paint
from tfseg.structures import labels


class TestDice:
    def test_stream_is_pinned(self):
        """These numbers must never change: every drawn dataset hangs on them."""
        dice = Dice(3, 5)
        assert [dice.whole(0, 999) for _ in range(5)] == [232, 941, 381, 276, 278]

    def test_keys_do_not_run_into_each_other(self):
        assert Dice(1, 2).unit() != Dice(2, 1).unit()
        assert Dice(0, 1).unit() != Dice(1).unit()

    def test_ranges(self):
        dice = Dice(0)
        wholes = [dice.whole(2, 4) for _ in range(300)]
        assert set(wholes) == {2, 3, 4}
        assert {dice.weighted({"a": 1, "b": 3, "c": 0}) for _ in range(200)} == {"a", "b"}
        assert all(3.0 <= dice.around(4.0, 1.0) <= 5.0 for _ in range(100))
        assert len(dice.octets(7)) == 7
        assert dice.octets(0) == b""


class TestColors:
    @each("number", list(palette.CLOTH))
    def test_cloth_colors_are_of_the_class_they_stand_under(self, number):
        for color in palette.CLOTH[number]:
            assert palette.color_class(color) == number, color

    @each(
        ("color", "name"),
        [
            ((0, 0, 0), "dark"),
            ((128, 128, 128), "medium"),
            ((255, 255, 255), "light"),
            ((255, 0, 0), "red"),
            ((0, 160, 0), "green"),
            ((0, 0, 255), "blue"),
            ((255, 255, 0), "yellow"),
            ((255, 128, 0), "orange"),
            ((110, 60, 20), "brown"),
            ((255, 160, 190), "pink"),
            ((120, 0, 180), "purple"),
        ],
    )
    def test_plain_colors(self, color, name):
        assert labels.CCIHP_COLORS[palette.color_class(color)] == name

    def test_pattern_makes_multicolor_only_with_another_class_on_a_third(self):
        red, dark_red, blue = (214, 48, 46), (150, 26, 34), (44, 92, 180)
        multicolor = labels.CCIHP_COLORS.index("multicolor")
        cases = [("stripes", blue, True), ("stripes", dark_red, False), ("dots", blue, False)]
        for kind, accent, expected in cases:
            cloth = outfit.Cloth("dress", "", red, (accent, accent), kind)
            assert (cloth.color_class == multicolor) is expected


class TestShapes:
    def test_capsule_holds_the_points_near_its_axis(self):
        shape = shapes.capsule((10, 10), (30, 25), 4, 2).astype(np.float32)
        assert cv2.pointPolygonTest(shape, (20, 17.5), False) > 0
        assert cv2.pointPolygonTest(shape, (10 - 3, 10 - 2), False) > 0
        assert cv2.pointPolygonTest(shape, (33, 29), False) < 0

    def test_capsule_of_no_length_is_a_disc(self):
        shape = shapes.capsule((5, 5), (5, 5), 2, 2)
        np.testing.assert_allclose(np.hypot(*(shape - 5).T), 2)

    def test_smooth_passes_through_its_corners(self):
        corners = np.array([(0, 0), (10, 1), (12, 9), (1, 8)], float)
        np.testing.assert_allclose(shapes.smooth(corners)[::4], corners)

    def test_between_equals_numpy(self):
        levels, values = (-1.0, 0.5, 2.0), (3.0, -1.0, 7.0)
        for level in (-2, -1, 0, 0.5, 1.3, 2, 5):
            expected = np.interp(level, levels, values)
            assert shapes.between(levels, values, level) == pytest.approx(expected)


class TestCanvas:
    def test_part_is_the_foremost_that_covers_half(self):
        rng = np.random.default_rng(0)
        canvas = Canvas(9, 11)
        canvas.numbers[:] = rng.integers(0, 4, canvas.numbers.shape)
        found = canvas.part_map()
        for y in range(9):
            for x in range(11):
                quarters = canvas.numbers[2 * y : 2 * y + 2, 2 * x : 2 * x + 2].ravel()
                expected = max(n for n in range(4) if (quarters >= n).sum() >= 2)
                assert found[y, x] == expected

    def test_colors_and_numbers_share_their_geometry(self):
        canvas, dice = Canvas(40, 50), Dice(1)
        for k in range(1, 60):
            middle = dice.between(-5, 55), dice.between(-5, 45)
            color = (k, 255 - k, (7 * k) % 256)
            if k % 3:
                canvas.fill([shapes.disc(*middle, dice.between(0.3, 9))], color)
            else:
                end = dice.between(0, 50), dice.between(0, 40)
                canvas.stroke([[middle, end]], dice.between(0.2, 3), color)
        colors = np.zeros((60, 3), np.uint8)
        colors[1:] = [(k, 255 - k, (7 * k) % 256) for k in range(1, 60)]
        np.testing.assert_array_equal(canvas.paint, colors[canvas.numbers])

    def test_tint_leaves_the_numbers_alone(self):
        canvas = Canvas(20, 20)
        canvas.fill([shapes.rectangle(0, 0, 20, 20)], (200, 200, 200))
        before = canvas.numbers.copy()
        canvas.tint(shapes.disc(10, 10, 5), (0, 0, 0), 0.5)
        canvas.tint(shapes.disc(100, 100, 5), (0, 0, 0), 0.5)
        np.testing.assert_array_equal(canvas.numbers, before)
        assert tuple(canvas.paint[20, 20]) == (100, 100, 100)
        assert tuple(canvas.paint[2, 2]) == (200, 200, 200)

    def test_table_holds_a_row_for_each_part(self):
        canvas = Canvas(4, 4)
        first = canvas.fill([shapes.disc(1, 1, 1)], (1, 1, 1), Part(person=3, color=2))
        second = canvas.fill([shapes.disc(1, 1, 1)], (1, 1, 1), Part(person=3), surface=first)
        table = canvas.table()
        assert table["person"].tolist() == [0, 3, 3]
        assert table["color"].tolist() == [0, 2, 0]
        assert table["surface"].tolist() == [0, first, first]
        assert second == 2


class TestPose:
    def test_bones_keep_their_lengths_in_every_pose(self):
        lengths = set()
        for seed in range(40):
            dice = Dice(seed)
            body = pose.draw_body(dice)
            name = dice.one(tuple(pose.POSES))
            points = pose._skeleton(dice, body, pose._angles(dice, name))
            for side in ("left", "right"):
                thigh = math.dist(points[f"{side}_hip"], points[f"{side}_knee"])
                lengths.add((body.child, round(thigh, 6)))
        assert lengths == {(False, 0.235), (True, round(0.235 * 0.93, 6))}

    def test_left_shoulder_is_on_the_right_of_one_who_faces_us(self):
        for seed in range(60):
            figure = pose.pose_figure(Dice(seed), 50, 90, 80)
            gap = figure.joints["left_shoulder"][0] - figure.joints["right_shoulder"][0]
            if abs(figure.facing) > 0.2:
                assert (gap > 0) == (figure.facing > 0)

    def test_lowest_foot_is_near_the_ground(self):
        for seed in range(60):
            figure = pose.pose_figure(Dice(seed), 50, 90, 80)
            feet = [
                figure.joints[f"{s}_{j}"][1] for s in ("left", "right") for j in ("toe", "ankle")
            ]
            assert 90 - 0.15 * 80 < max(feet) < 90

    def test_every_pose_occurs(self):
        poses = {pose.pose_figure(Dice(seed), 0, 0, 1).pose for seed in range(400)}
        assert poses == set(pose.POSES)


@each("name", outfit.GARMENTS)
def test_wanted_garment_is_part_of_the_outfit(name):
    for seed in range(40):
        worn = wardrobe.draw_outfit(Dice(seed), False, name)
        pieces = [getattr(worn, field) for field in worn.__dataclass_fields__]
        names = {piece.name for piece in pieces if isinstance(piece, outfit.Cloth)}
        assert name in names


@each("kind", list(THINGS))
def test_each_thing_leaves_something_to_see(kind):
    canvas = Canvas(64, 64)
    paint(canvas, Dice(1), kind, 32, 50)
    assert (canvas.part_map() > 0).sum() > 8


def test_things_in_front_of_people_exist_for_each_place():
    places = {paint_place(Canvas(24, 24), Dice(seed)).kind for seed in range(60)}
    assert places == set(FOREGROUND)
    assert set().union(*FOREGROUND.values()) <= set(THINGS)


def test_place_covers_the_whole_canvas():
    for seed in range(30):
        canvas = Canvas(32, 48)
        canvas.paint[:] = (1, 255, 3)
        paint_place(canvas, Dice(seed))
        assert not (canvas.paint == (1, 255, 3)).all(axis=2).any()


def test_light_changes_little_and_keeps_the_shape():
    rng = np.random.default_rng(1)
    surface = rng.integers(0, 3, (40, 60)).astype(np.int32)
    picture = np.full((40, 60, 3), 128, np.uint8)
    lit = illuminate(picture, surface, np.ones((40, 60), np.uint8), Dice(2))
    assert lit.shape == picture.shape and lit.dtype == np.uint8
    assert abs(float(lit.mean()) - 128) < 40
    assert lit.std() > 1


@pytest.fixture(scope="module")
def flat():
    """Scenes whose colours are as painted, before light."""
    patch = pytest.MonkeyPatch()
    patch.setattr(scene, "illuminate", lambda picture, *rest: picture)
    drawn = [scene.paint_scene(Dice(8, k), (192, 192), 2) for k in range(60)]
    patch.undo()
    return drawn


def pieces(drawn, least):
    """Yields (pixels (n, 3), attribute, pattern, colour) of each piece of cloth."""
    for picture in drawn:
        names = ("person", "garment", "attribute", "pattern", "color")
        maps = {name: picture.map(name) for name in names}
        key = (maps["person"] * 32 + maps["garment"]) * 20 + maps["attribute"]
        for value in np.unique(key[(maps["color"] > 0) & (maps["garment"] > 0)]):
            mask = key == value
            if mask.sum() >= least:
                first = tuple(np.argwhere(mask)[0])
                yield picture.image[mask], maps["pattern"][first], maps["color"][first]


def test_solid_cloth_shows_the_color_of_its_label(flat):
    agree = total = 0
    for pixels, pattern, color in pieces(flat, 60):
        if labels.CCIHP_PATTERNS[pattern] == "solid":
            classes = [palette.color_class(tuple(int(c) for c in pixel)) for pixel in pixels]
            agree += np.mean(np.array(classes) == color) > 0.5
            total += 1
    assert total > 100
    assert agree > 0.95 * total


def test_patterns_are_drawn(flat):
    """Patterned cloth has pixels far from its commonest colour, plain cloth few."""
    shares = {name: [] for name in labels.CCIHP_PATTERNS[1:]}
    for pixels, pattern, _ in pieces(flat, 250):
        values, counts = np.unique(pixels // 16, axis=0, return_counts=True)
        ground = values[counts.argmax()].astype(int) * 16 + 8
        far = np.abs(pixels.astype(int) - ground).max(axis=1) > 48
        shares[labels.CCIHP_PATTERNS[pattern]].append(far.mean())
    assert all(len(values) >= 3 for values in shares.values()), shares
    assert np.median(shares["solid"]) < 0.1
    assert np.median(shares["geometrical"]) > 0.25
    assert np.median(shares["fancy"]) > 0.15
    assert np.median(shares["letters"]) > 0.03
