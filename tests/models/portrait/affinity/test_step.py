"""The affinity step as a whole: against a slow reference, its facts, and bad input."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import slow_reference

from tfseg.errors import DataError
from tfseg.models.portrait.affinity import AffinityConfig, explain, paths, split, step
from tfseg.opencv import cv2

COARSE = AffinityConfig(outside="join", nms_iou=1.0, min_superpixels=12, max_superpixels=40)


def noise(rng, height, width):
    """An image of a few soft blobs, so that superpixels have something to follow."""
    small = rng.integers(0, 256, (4, 5, 3), np.uint8)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


def random_case(seed):
    rng = np.random.default_rng(seed)
    height, width = rng.integers(8, 36, 2)
    mask = cv2.resize(rng.random((6, 7)), (int(width), int(height))) > rng.choice([0.3, 0.5, 0.6])
    count = int(rng.integers(1, 6))
    ends = np.sort(rng.uniform(-4, 1.1, (count, 2, 2)) % 1.1, axis=2)
    boxes = np.stack([ends[:, 0, 0], ends[:, 1, 0], ends[:, 0, 1], ends[:, 1, 1]], 1)
    boxes *= (height, width, height, width)
    if seed % 4 == 0 and count > 1:  # one inside the other: a box without a pixel of its own
        boxes[1] = boxes[0] + (1.25, 1.25, -1.25, -1.25)
        boxes[1, 2:] = np.maximum(boxes[1, 2:], boxes[1, :2])
    boxes = np.clip(boxes, 0, (height, width) * 2)
    boxes = boxes[(boxes[:, 2:] > boxes[:, :2]).all(1)]
    scores = rng.choice([0.5, 0.7, 0.9], len(boxes))
    return noise(rng, int(height), int(width)), mask, boxes, scores


@pytest.mark.parametrize("seed", range(40))
def test_it_agrees_with_loops_and_a_heap(seed, monkeypatch):
    image, mask, boxes, scores = random_case(seed)
    seen = []

    class Recorder(step.Runs):
        def joined(self, pieces, smallest):
            found = super().joined(pieces, smallest)
            seen.append(self.paint(found))
            return found

    monkeypatch.setattr(step, "Runs", Recorder)
    found = explain(image, mask, boxes, scores, config=COARSE)
    # Outside the components that were worked on, any other partition must lead to the same.
    superpixels = -1 - np.arange(mask.size).reshape(mask.shape) // 3
    if seen:
        y1, x1, y2, x2 = found.window
        np.copyto(superpixels[y1:y2, x1:x2], seen[0], where=seen[0] > 0)
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB)
    expected = slow_reference.split(lab, mask, boxes, scores, superpixels)
    np.testing.assert_array_equal(found.labels, expected)


def test_the_random_cases_reach_every_branch():
    facts = [explain(*random_case(seed), config=COARSE).facts for seed in range(40)]
    for name in ("uncertain_nodes", "geodesics", "stray_pixels", "unreached_nodes"):
        assert any(f[name] for f in facts), name
    assert any(f["boxes"] > 1 and f["uncertain_nodes"] == 0 for f in facts)


def forbid(monkeypatch):
    def never(*_, **__):
        raise RuntimeError("superpixels or shortest paths were made")

    monkeypatch.setattr(step.slic, "slic", never)
    monkeypatch.setattr(paths, "geodesics", never)
    monkeypatch.setattr("tfseg.models.portrait.affinity.assign.geodesics", never)


@pytest.mark.parametrize(
    "boxes",
    [
        [(0, 0, 8, 10), (8, 0, 16, 10)],
        [(0, 0, 16, 5), (0, 5, 16, 10)],
        [(0, 0, 7.5, 10), (7.5, 0, 16, 10)],
        [(0, 0, 4, 4), (9, 6, 16, 10)],
    ],
)
def test_boxes_that_only_touch_run_no_geodesics(boxes, monkeypatch):
    forbid(monkeypatch)
    image = np.zeros((16, 10, 3), np.uint8)
    found = explain(image, np.ones((16, 10), bool), boxes)
    assert found.facts["geodesics"] == found.facts["superpixels"] == found.facts["nodes"] == 0
    for k, (y1, x1, y2, x2) in enumerate(np.ceil(np.array(boxes) - 0.5).astype(int), 1):
        assert (found.labels[y1:y2, x1:x2] == k).all()


def test_boxes_that_overlap_do_run_them(monkeypatch):
    forbid(monkeypatch)
    with pytest.raises(RuntimeError, match="superpixels"):
        split(
            np.zeros((16, 10, 3), np.uint8),
            np.ones((16, 10), bool),
            [(0, 0, 9, 10), (7, 0, 16, 10)],
        )


def two_people():
    """Red left, blue right, the border at column 40; the boxes overlap in columns 25 to 55."""
    image = np.zeros((60, 80, 3), np.uint8)
    image[:, :40] = (200, 30, 30)
    image[:, 40:] = (30, 30, 200)
    return image, np.ones((60, 80), bool), np.array([(0, 25, 60, 80), (0, 0, 60, 55.0)])


@pytest.mark.parametrize("weights", [(0.8, 0.2), (1, 0)])
@pytest.mark.parametrize("superpixels", ["tiled", "scikit-image"])
def test_colour_tells_two_people_apart(superpixels, weights):
    image, mask, boxes = two_people()
    config = AffinityConfig(superpixels=superpixels, weights=weights)
    found = split(image, mask, boxes, config=config)
    assert found.dtype == np.int32
    truth = np.where(np.arange(80) < 40, 2, 1)[None].repeat(60, 0)
    assert (found == truth).mean() > 0.98


def test_labels_name_boxes_in_the_order_given():
    image, mask, boxes = two_people()
    boxes = np.concatenate([[(0, 0, 60, 80)], boxes[:1], boxes[:1] + 0.5, boxes[1:]])
    found = split(image, mask, boxes, [0.3, 0.9, 0.8, 0.6])
    assert set(np.unique(found)) == {2, 4}  # the first has too low a score, the third is a double
    assert (found[:, :20] == 4).all() and (found[:, 60:] == 2).all()


def test_a_box_inside_another_keeps_its_middle():
    image = np.full((60, 60, 3), 100, np.uint8)
    image[20:40, 20:40] = (220, 180, 20)
    boxes = [(0, 0, 60, 60), (20, 20, 40, 40)]
    found = split(image, np.ones((60, 60), bool), boxes)
    assert (found[22:38, 22:38] == 2).mean() > 0.95 and (found[:20] == 1).all()


def test_an_island_in_the_overlap_goes_to_the_nearer_centre():
    mask = np.zeros((20, 40), bool)
    mask[5:8, 17:19] = True  # in both boxes, connected to nothing, nearer to the first's centre
    mask[:, :5] = mask[:, 35:] = True
    boxes = [(0, 0, 20, 26), (0, 14, 20, 40)]
    found = explain(np.zeros((20, 40, 3), np.uint8), mask, boxes)
    assert found.facts["unreached_nodes"] > 0
    assert (found.labels[5:8, 17:19] == 1).all()


def test_strays_join_most_of_their_component_or_nobody():
    mask = np.zeros((12, 30), bool)
    mask[:4] = True  # 30 columns: 10 of box 1, 12 of box 2, 8 outside
    mask[8:] = True
    image = np.zeros((12, 30, 3), np.uint8)
    join = AffinityConfig(outside="join")
    found = split(image, mask, [(0, 0, 6, 10), (0, 10, 6, 22)], config=join)
    assert (found[:4, 22:] == 2).all() and (found[:4, :10] == 1).all()
    assert (found[8:] == 0).all()


def test_strays_are_nobodys_where_the_settings_say_so():
    mask = np.zeros((12, 30), bool)
    mask[:4] = True
    image, boxes = np.zeros((12, 30, 3), np.uint8), [(0, 0, 6, 10), (0, 10, 6, 22)]
    left = explain(image, mask, boxes)
    joined = explain(image, mask, boxes, config=AffinityConfig(outside="join"))
    assert (left.labels[:, 22:] == 0).all() and (joined.labels[:4, 22:] == 2).all()
    np.testing.assert_array_equal(left.labels[:, :22], joined.labels[:, :22])
    assert left.facts["stray_pixels"] == joined.facts["stray_pixels"] == 4 * 8


def test_every_pixel_of_a_reached_component_is_given_and_nothing_else():
    image, mask, boxes, scores = random_case(7)
    found = split(image, mask, boxes, scores)
    assert not found[~mask].any()


NOTHING = np.zeros((0, 4))


@pytest.mark.parametrize(
    ("mask", "boxes"),
    [
        (np.zeros((9, 7), bool), [(0, 0, 5, 5), (2, 2, 9, 7)]),
        (np.ones((9, 7), bool), []),
        (np.ones((9, 7), bool), NOTHING),
        (np.ones((9, 7), bool), [(20, 20, 30, 30), (-9, -9, -2, -2)]),
        (np.ones((9, 7), bool), [(3, 3, 3, 6)]),
    ],
    ids=["no person", "no boxes", "an empty array", "boxes outside", "a box without height"],
)
def test_without_persons_or_boxes_nobody_is_found(mask, boxes):
    found = split(np.zeros((9, 7, 3), np.uint8), mask, boxes)
    assert found.shape == (9, 7) and found.dtype == np.int32 and not found.any()


def test_boxes_that_reach_beyond_the_picture_are_cut():
    found = split(np.zeros((9, 7, 3), np.uint8), np.ones((9, 7), bool), [(-50, -3, 99, 4)])
    assert (found[:, :4] == 1).all() and not found[:, 4:].any()


def test_one_pixel_masks_and_pictures():
    one = np.ones((1, 1), bool)
    picture = np.zeros((1, 1, 3), np.uint8)
    assert split(picture, one, [(0, 0, 1, 1)]).tolist() == [[1]]
    assert split(picture, one, [(0, 0, 1, 1), (0, 0, 1, 0.9)], [0.6, 0.8]).tolist() == [[2]]
    assert split(picture, ~one, [(0, 0, 1, 1)]).tolist() == [[0]]
    mask = np.zeros((30, 20), bool)
    mask[11, 13] = True
    found = split(np.zeros((30, 20, 3), np.uint8), mask, [(0, 0, 30, 15), (5, 10, 30, 20)])
    assert np.count_nonzero(found) == 1 and found[11, 13] == 2
    assert split(np.zeros((0, 5, 3), np.uint8), np.zeros((0, 5), bool), [(0, 0, 1, 1)]).size == 0


def test_fifty_boxes():
    rng = np.random.default_rng(0)
    image = noise(rng, 120, 160)
    corners = rng.uniform(0, (90, 120), (50, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(15, 60, (50, 2))], 1)
    found = explain(image, np.ones((120, 160), bool), boxes, rng.uniform(0.5, 1, 50))
    assert found.facts["boxes"] > 30 and len(np.unique(found.labels)) > 30
    for k in np.unique(found.labels):
        inside = np.zeros((120, 160), bool)
        y1, x1, y2, x2 = np.ceil(boxes[k - 1] - 0.5).astype(int)
        inside[y1:y2, x1:x2] = True
        stray = ~(
            (boxes[:, None, None, 0] <= np.arange(120)[:, None] + 0.5)
            & (np.arange(120)[:, None] + 0.5 < boxes[:, None, None, 2])
            & (boxes[:, None, None, 1] <= np.arange(160) + 0.5)
            & (np.arange(160) + 0.5 < boxes[:, None, None, 3])
        ).any(axis=0)
        assert (inside | stray)[found.labels == k].all()


def test_the_input_may_lie_anyhow_in_memory_and_is_not_changed():
    image, mask, boxes = two_people()
    expected = split(image, mask, boxes)
    copies = image.copy(), mask.copy(), boxes.copy()
    strange = np.asfortranarray(image), np.asfortranarray(mask)[:, ::-1][:, ::-1]
    np.testing.assert_array_equal(split(*strange, boxes), expected)
    for array, copy in zip((image, mask, boxes), copies, strict=True):
        np.testing.assert_array_equal(array, copy)


def bad(**changes):
    good = {"image": np.zeros((9, 7, 3), np.uint8), "mask": np.ones((9, 7), bool)}
    return {**good, "boxes": [(0, 0, 5, 5)], **changes}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (bad(boxes=[(0, 0, np.nan, 5)]), "box 0 .*nan.*finite"),
        (bad(boxes=[(0, 0, 5, 5), (0, 0, np.inf, 5)]), "box 1 .*finite"),
        (bad(boxes=[(5, 0, 2, 5)]), "ends before it starts"),
        (bad(boxes=[(0, 0, 5)]), r"\(K, 4\)"),
        (bad(scores=[0.9, 0.8]), "a score for each of 1 boxes, got 2"),
        (bad(scores=[np.nan]), "score 0"),
        (bad(scores=[2.0]), "0 to 1"),
        (bad(mask=np.ones((9, 7), np.uint8)), "classes == 1"),
        (bad(mask=np.ones((8, 7), bool)), "differ in size"),
        (bad(mask="mask.png"), "foreground mask"),
        (bad(image=np.zeros((9, 7), np.uint8)), "uint8"),
        (bad(image=np.zeros((9, 7, 4), np.uint8)), "to_rgb"),
        (bad(image=np.zeros((9, 7, 3))), "float64"),
    ],
)
def test_bad_input_is_named(arguments, message):
    with pytest.raises(DataError, match=message):
        split(**arguments)


# VmHWM is the process's own; `ru_maxrss` starts with what the process that began it had.
LARGE = """
import numpy as np
from tfseg.models.portrait.affinity import split
rng = np.random.default_rng(0)
image = np.repeat(np.repeat(rng.integers(0, 256, (600, 400, 3), np.uint8), 10, 0), 10, 1)
mask = np.zeros((6000, 4000), bool)
boxes = [(500 + 90 * k, 100 + 650 * k, 5800, 1300 + 650 * k) for k in range(5)]
for y1, x1, y2, x2 in boxes:
    mask[y1:y2, x1 + 60 : x2 - 60] = True
found = split(image, mask, boxes)
peak = int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0])
print(len(np.unique(found)), peak // 1024)
"""


@pytest.mark.slow
def test_a_photograph_of_24_megapixels_stays_below_2_gb():
    done = subprocess.run(
        [sys.executable, "-c", LARGE], capture_output=True, text=True, check=True, timeout=900
    )
    labels, peak = map(int, done.stdout.split())
    assert labels == 6 and peak < 2000, f"{peak} MiB, of which Python and the libraries are a part"
