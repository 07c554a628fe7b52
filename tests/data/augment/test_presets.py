"""The named sets: their contents by measurement, and their effect on a scene that is known."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from each_case import each

import tfseg.data.augment as rooms
from tfseg.data.augment import presets
from tfseg.data.augment.imgaug_adapter import Augmenter
from tfseg.data.augment.imgaug_additions import Contrast128, GridWarp
from tfseg.data.augment.imgaug_compat import iaa, imgaug
from tfseg.errors import ConfigError
from tfseg.structures import Sample

SIDE = 96
PLACES = np.array([(30, 30), (66, 30), (30, 66), (48, 48)], np.float32)  # x, y


def scene(side=SIDE):
    """An L in red that its mask and label map repeat, with four marked points (in blue)."""
    mask = np.zeros((1, side, side), bool)
    mask[0, 20:80, 20:40] = mask[0, 60:80, 20:75] = True
    image = np.zeros((side, side, 3), np.uint8)
    image[..., 0] = mask[0] * np.uint8(255)
    points = np.zeros((1, 17, 3), np.float32)
    points[0, [5, 6, 9, 0]] = np.c_[PLACES, [2, 2, 2, 2]]
    for x, y in PLACES.astype(int):
        image[y - 1 : y + 2, x - 1 : x + 2, 2] = 255
    return Sample(image, 0, [1], mask, keypoints=points, label_maps={"attributes": mask[0] * 14})


def level(image):
    """Between the darkest and the brightest value, whatever the colours became."""
    return (float(image.min()) + float(image.max())) / 2


# Turns by 45 degrees leave "up" undefined, and other canvases have tests of their own:
# test_semantic_presets.py, test_scale_crop.py, test_detr_crop.py, test_wide_shots.py.
SAME_SIZE = [name for name in presets.NAMES if name not in ("voc", "detr", "portrait_wide")]
UPRIGHT = [name for name in SAME_SIZE if name not in ("portrait", "portrait_flip")]


@each("name", UPRIGHT)
def test_annotations_follow_the_image(name):
    augment = presets.build(name)
    for seed in range(8):
        before, after = scene(), augment(scene(), seed)
        red, mask = after.image[..., 0] > level(after.image[..., 0]), after.masks[0]
        assert (red & mask).sum() / (red | mask).sum() > 0.93
        labels = after.label_maps["attributes"]
        inside = labels != 255
        assert ((labels != 0) == mask)[inside].all() and len(np.unique(labels[inside])) == 2
        assert not mask[~inside].any()
        rows, columns = np.nonzero(mask)
        box = (rows.min(), columns.min(), rows.max() + 1, columns.max() + 1)
        np.testing.assert_array_equal(after.boxes[0], box)
        x, y, visibility = after.keypoints[0, :, :].T
        assert (visibility == 2).sum() == 4
        # Left and right are told by the L itself: its foot points right unless mirrored.
        foot = columns[rows > np.median(rows)].mean() - columns[rows < np.median(rows)].mean()
        assert set(np.unique(labels[inside])) == {0, 14 if foot > 0 else 15}
        corner = after.keypoints[0, 5 if foot > 0 else 6, :2]
        other = after.keypoints[0, 6 if foot > 0 else 5, :2]
        assert (corner[0] < other[0]) == (foot > 0)
        for i in np.flatnonzero(visibility):
            near = after.image[..., 2].astype(float) - after.image[..., 2].min()
            yy, xx = np.mgrid[:SIDE, :SIDE]
            near[(abs(yy - y[i]) > 3) | (abs(xx - x[i]) > 3)] = 0
            assert abs((near * xx).sum() / near.sum() - x[i]) < 0.5
            assert abs((near * yy).sum() / near.sum() - y[i]) < 0.5
        assert len(before) == len(after)


def affine_of(name, seed):
    """The change as seen by three key points: 2 x 3, about the centre; None if any left."""
    after = presets.build(name)(scene(), seed).keypoints[0, [5, 6, 9]]
    source = np.c_[PLACES[:3] - (SIDE - 1) / 2, np.ones(3)]
    return np.linalg.solve(source, after[:, :2].astype(float) - (SIDE - 1) / 2).T


def test_aug_geo_stays_in_its_ranges_and_reaches_them():
    """Scale .98 to 1.02 on each axis by itself, 5 % shift, 10 degrees, 5 degrees of shear."""
    turns, shears, scales, shifts = [], [], [], []
    for seed in range(150):
        matrix = affine_of("aug_geo", seed)
        (a, b), (c, d) = matrix[:, :2]
        turns.append(np.rad2deg(np.arctan2(c, a)))
        slant = np.rad2deg(np.arctan2(-b, d)) - turns[-1]
        shears.append(slant)
        scales.append((np.hypot(a, c), np.linalg.det(matrix[:, :2]) / np.hypot(a, c)))
        shifts.append(matrix[:, 2] / SIDE)
    turns, shears, scales, shifts = map(np.array, (turns, shears, scales, shifts))
    assert 8.5 < abs(turns).max() < 10.2 and turns.min() < -8 and turns.max() > 8
    assert 4 < abs(shears).max() < 5.4 and shears.min() < -4 and shears.max() > 4
    assert 0.975 < scales.min() < 0.983 and 1.017 < scales.max() < 1.025
    assert abs(np.corrcoef(scales.T)[0, 1]) < 0.35
    assert 0.04 < abs(shifts).max() < 0.06
    assert abs(turns.mean()) < 2 and abs(shifts.mean()) < 0.01


@each(
    ("name", "probability"),
    [("aug_flip", 0.2), ("aug_flip_blur", 0.2), ("people_light", 0.5)]
    + [("portrait", 0), ("portrait_flip", 0.5), ("portrait_light", 0.5)],
)
def test_mirrored_as_often_as_it_says(name, probability):
    augment = presets.build(name)
    tiny = Sample(np.zeros((4, 4, 3), np.uint8), 0, [1], np.ones((1, 4, 4), bool))
    tiny = tiny.replace(label_maps={"attributes": np.full((4, 4), 14)})
    turned = [(augment(tiny, seed).label_maps["attributes"] == 15).any() for seed in range(200)]
    assert abs(np.mean(turned) - probability) < 0.1


@each(("name", "flip", "blur"), [("a", 0.2, 0.1), ("b", 0.3, 0.2), ("c", 0.35, 0.25)])
def test_aug_all_is_made_of_the_single_sets(name, flip, blur):
    steps = list(presets.build(f"aug_all_{name}").augmenter)
    kinds = [type(step).__name__ for step in steps]
    assert kinds == ["Affine", "Fliplr", "Multiply", "Contrast128", "GaussianBlur", "Sharpen"]
    assert float(steps[1].p.p.value) == pytest.approx(flip)
    assert float(steps[4].sigma.b.value) == pytest.approx(blur)


def test_aug_color_multiplies_then_stretches_about_128():
    """Two flat greys give the two factors back, up to the rounding of whole values."""
    augment, factors = presets.build("aug_color"), []
    image = np.full((4, 4, 3), 100, np.uint8)
    image[2:] = 160
    for seed in range(150):
        after = augment(Sample(image), seed).image.astype(float)
        assert (after[:2] == after[0, 0, 0]).all() and (after[2:] == after[2, 0, 0]).all()
        product = (after[2, 0, 0] - after[0, 0, 0]) / 60
        contrast = (128 - after[0, 0, 0] + 100 * product) / 128
        factors.append((product / contrast, contrast))
    multiply, contrast = np.array(factors).T
    for found in (multiply, contrast):
        assert 0.78 < found.min() < 0.82 and 1.18 < found.max() < 1.22
        assert abs(found.mean() - 1) < 0.04


def test_aug_blur_is_weak_and_leaves_flat_parts_alone():
    augment = presets.build("aug_blur")
    image = np.full((9, 9, 3), 100, np.uint8)
    image[:, 5:] = 120
    for seed in range(20):
        after = augment(Sample(image), seed).image.astype(int)
        assert (after[:, :4] == 100).all() and (after[:, 6:] == 120).all()
        # Sharpening of a step of 20 by 3 neighbours of 9 weighs at most 0.1 * 3 * 20 = 6.
        assert 93 <= after[:, 4].min() <= 100 and 120 <= after[:, 5].max() <= 127


def test_aug_none_changes_nothing():
    before, after = scene(), presets.build("aug_none")(scene(), 3)
    for name in ("image", "masks", "boxes", "keypoints"):
        np.testing.assert_array_equal(getattr(after, name), getattr(before, name))


@each("name", SAME_SIZE)
@each("size", [(1, 1), (2, 3), (2000, 10), (7, 1500)])
def test_odd_sizes(name, size):
    height, width = size
    masks, points = np.ones((1, *size), bool), np.full((1, 17, 3), 2, np.float32)
    points[..., 0], points[..., 1] = (width - 1) / 2, (height - 1) / 2
    sample = Sample(np.full((*size, 3), 90, np.uint8), 0, [1], masks, keypoints=points)
    for seed in range(3):
        after = presets.build(name)(sample, seed)
        assert after.size == size and after.keypoints.shape == (len(after), 17, 3)
        assert after.masks.any() == bool(len(after))


def test_unknown_name_says_the_nearest():
    with pytest.raises(ConfigError, match=r"'aug_al_a'.*Did you mean 'aug_all_a'"):
        presets.build("aug_al_a")
    with pytest.raises(ConfigError, match="There are: aug_none, "):
        presets.build("xyz")


def test_names_are_known_without_imgaug():
    code = (
        "import sys\nfrom tfseg.data.augment import presets\n"
        "assert 'aug_all_a' in presets.NAMES and 'imgaug' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_rooms_door():
    assert rooms.Augmenter is Augmenter and rooms.presets is presets
    with pytest.raises(AttributeError, match="nothing_here"):
        _ = rooms.nothing_here


def test_contrast_turns_about_128():
    values = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)
    found = Contrast128((1.2, 1.2))(image=values)
    expected = np.clip(np.rint(128 + 1.2 * (values.astype(float) - 128)), 0, 255)
    np.testing.assert_array_equal(found, expected)


def test_grid_warp_without_shift_is_nothing():
    after = Augmenter(GridWarp((0, 0)))(scene(), 0)
    for name in ("image", "masks", "boxes"):
        np.testing.assert_array_equal(getattr(after, name), getattr(scene(), name))
    np.testing.assert_allclose(after.keypoints, scene().keypoints, atol=1e-4)


@pytest.mark.filterwarnings("ignore::FutureWarning")  # imgaug's own calls of scikit-image
def test_grid_warp_equals_the_piecewise_affine_map_of_its_knots():
    """Against SciPy's piecewise linear interpolation between the same knots, where both agree on
    the triangles' diagonal: at the knots and along the grid lines."""
    warp, shifts = GridWarp((0.02, 0.02)), np.random.default_rng(0).normal(0, 0.02, (4, 4, 2))
    sources = warp._sources(shifts, (90, 60))
    knots = np.clip(np.stack(np.meshgrid(*[np.linspace(0, 1, 4)] * 2), -1) + shifts, 0, 1)
    knots = knots * (60, 90)
    for i, row in enumerate((0, 30, 60)):
        for j, column in enumerate((0, 20, 40)):
            # The centre half a pixel inside the knot: linear from the knot along both edges.
            a, b, c = knots[i, j], knots[i, j + 1], knots[i + 1, j]
            expected = a + (b - a) * 0.5 / 20 + (c - a) * 0.5 / 30
            np.testing.assert_allclose(sources[row, column], expected, atol=1e-3)


def test_grid_warp_moves_points_by_the_inverse_of_its_map():
    warp, shifts = GridWarp((0.02, 0.02)), np.random.default_rng(1).normal(0, 0.02, (4, 4, 2))
    sources = warp._sources(shifts, (90, 60))
    targets = np.array([(5, 8), (31, 44), (50, 80), (20, 61)])
    points = imgaug.KeypointsOnImage.from_xy_array(
        np.array([sources[y, x] for x, y in targets]), shape=(90, 60, 3)
    )
    warp._keypoints(points, shifts)
    np.testing.assert_allclose(points.to_xy_array(), targets + 0.5, atol=1e-3)


def test_grid_warp_refuses_what_it_does_not_move():
    boxes = imgaug.BoundingBoxesOnImage([imgaug.BoundingBox(1, 1, 2, 2)], shape=(9, 9, 3))
    with pytest.raises(ConfigError, match="PiecewiseAffine"):
        GridWarp((0.01, 0.03))(image=np.zeros((9, 9, 3), np.uint8), bounding_boxes=boxes)


def test_own_augmenters_tell_their_parameters():
    assert len(Contrast128((0.8, 1.2)).get_parameters()) == 1
    assert GridWarp((0.01, 0.03)).get_parameters()[1] == 4
    assert "Contrast128" in str(iaa.Sequential([Contrast128((0.8, 1.2))]))
