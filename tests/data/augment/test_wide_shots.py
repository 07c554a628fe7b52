"""Windows on images, and the sizes, places and cameras that `portrait_wide` draws."""

from __future__ import annotations

import numpy as np
import pytest
from each_case import each

from tfseg.data.augment import choose, presets
from tfseg.data.augment.camera import behind_defocused
from tfseg.data.augment.wide_shots import WideShots
from tfseg.data.augment.window import Window
from tfseg.errors import ConfigError
from tfseg.structures import Sample


def ramp(height, width):
    """Red grows down, green to the right; both reach 200 within the image."""
    y, x = np.mgrid[:height, :width] + 0.5
    return np.stack([200 * y / height, 200 * x / width, 0 * x + 255], -1).round().astype(np.uint8)


@each(
    "window",
    [
        Window((60, 80), (120, 160), (120, 160)),
        Window((60, 80), (60, 40), (96, 64)),
        Window((70, 90), (110, 150), (30, 40), turn=20),
        Window((50, 60), (70, 60), (64, 48), turn=-15, mirrored=True),
        Window((10, 150), (300, 300), (100, 100), turn=5),
    ],
)
def test_image_labels_and_points_go_the_same_way(window):
    """The colours of a ramp say where a pixel came from, to the rounding of a grey value."""
    height, width = 120, 160
    image = window.image(ramp(height, width))
    source = window.source((height, width))
    rows, columns = np.mgrid[:height, :width]
    found = [source.label_map(place.astype(np.int32), -1) for place in (rows, columns)]
    known = found[0] >= 0
    assert (image[..., 2] == 255)[known].mean() > 0.9  # beside the edge it is mixed with black
    deep = known & (image[..., 2] == 255)
    grain = 1 + max(max(s / c for s, c in zip(window.size, window.canvas)), 1)
    for channel, place, side in ((0, found[0], height), (1, found[1], width)):
        seen = image[..., channel].astype(float) / 200 * side - 0.5
        assert np.abs(seen - place)[deep].max() <= grain
    points = window.points([(80.0, 60.0), (30.5, 20.5)])
    back = np.column_stack([points, np.ones(2)]) @ window.matrix().T
    np.testing.assert_allclose(back, [(80, 60), (30.5, 20.5)], atol=1e-9)
    # One step to the right in an image that is turned clockwise goes down.
    if window.turn > 0:
        a, b = window.points([(80.0, 60.0), (90.0, 60.0)])
        assert b[1] > a[1]


def person(height=240, width=160, box=(60, 60, 220, 100)):
    mask = np.zeros((1, height, width), bool)
    y1, x1, y2, x2 = box
    mask[0, y1:y2, x1:x2] = True
    return Sample(ramp(height, width), 0, [1], mask)


def test_people_are_seen_from_a_face_that_fills_the_frame_to_a_figure_in_the_distance():
    sample, shots = person(), WideShots((64, 48))
    windows = [shots.window(sample, seed) for seed in range(600)]
    tall = np.array([window.size[0] for window in windows])
    assert tall.min() < 0.25 * 160 and tall.max() > 230
    turned = np.mean([window.turn != 0 for window in windows])
    mirrored = np.mean([window.mirrored for window in windows])
    assert 0.33 < turned < 0.47 and 0.44 < mirrored < 0.56
    shares, cut = [], 0
    for seed in range(200):
        classes = shots(sample, seed).label_maps["classes"]
        seen = classes == 1
        shares.append(seen.mean())
        cut += seen[:, 0].any() or seen[:, -1].any() or seen[0].any()
    assert max(shares) > 0.6 and np.mean(np.array(shares) > 0.01) > 0.85
    assert np.mean(np.array(shares) < 0.15) > 0.05 and cut > 40
    outside = np.mean(
        [(shots(sample, seed).label_maps["classes"] == 255).mean() for seed in range(99)]
    )
    assert outside < 0.12


def test_annotations_follow_and_equal_seeds_are_equal():
    points = np.array([[[80, 70, 2], [80, 200, 1], [0, 0, 0]]], np.float32)
    sample = person().replace(keypoints=points, label_maps={"tags": person().masks[0] * 7})
    augment = presets.build("portrait_wide", size=(96, 64), keypoint_flip=(0, 1, 2))
    visible = 0
    for seed in range(40):
        first, second = augment(sample, seed), augment(sample, seed)
        assert first.size == (96, 64) and first.image.dtype == np.uint8
        np.testing.assert_array_equal(first.image, second.image)
        np.testing.assert_array_equal(first.masks, second.masks)
        classes, tags = first.label_maps["classes"], first.label_maps["tags"]
        np.testing.assert_array_equal(classes == 1, tags == 7)
        if not len(first):
            continue
        np.testing.assert_array_equal(first.masks[0], classes == 1)
        for x, y, seen in first.keypoints[0]:
            if seen:
                visible += 1
                near = np.s_[max(0, int(y) - 2) : int(y) + 3, max(0, int(x) - 2) : int(x) + 3]
                assert first.masks[0][near].any()
    assert visible > 20
    photos = {augment(sample, seed).image.tobytes() for seed in range(20)}
    assert len(photos) == 20


def test_it_makes_its_own_canvas_and_takes_images_without_people_and_of_any_size():
    augment = choose("portrait_wide").on_canvas((40, 72))
    assert augment.canvas == (40, 72) and augment.name == "portrait_wide"
    for height, width in ((1, 1), (5, 900), (700, 9), (40, 72)):
        for seed in range(6):
            after = augment(Sample(np.full((height, width, 3), 90, np.uint8), 0), seed)
            assert after.size == (40, 72)
            assert set(np.unique(after.label_maps["classes"])) <= {0, 255}
    grey = augment(Sample(np.full((50, 50, 1), 90, np.uint8), 0), 1)
    assert grey.image.shape == (40, 72, 1)
    everywhere = person(60, 60, (0, 0, 60, 60))
    assert augment(everywhere, 3).label_maps["classes"].max() >= 1
    with pytest.raises(ConfigError, match="size must be whole numbers"):
        WideShots((0, 3))


def test_a_defocused_background_leaves_people_sharp_and_takes_none_of_their_colour():
    image = np.zeros((100, 80, 3), np.uint8)
    image[::2, :, 1] = 200
    someone = np.zeros((100, 80), bool)
    someone[30:, 30:50] = True
    image[someone] = (255, 0, 0)
    changed = 0
    for seed in range(40):
        after = behind_defocused(image, someone, np.random.default_rng(seed))
        if (after != image).any():
            changed += 1
            assert (after[40:, 35:45] == (255, 0, 0)).all()
            assert after[:, :26, 0].max() == 0
            assert after[5:20, :, 1].std() < image[5:20, :, 1].std()
    assert 2 <= changed <= 16
