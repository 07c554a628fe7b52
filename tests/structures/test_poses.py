"""Poses of other programs as COCO's joints, and input that cannot be a pose."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from tfseg.errors import DataError
from tfseg.structures.labels import COCO_KEYPOINTS
from tfseg.structures.poses import LAYOUTS, coco_poses

SIZE = (480, 640)


def numbered(count, third=1.0):
    """One person whose joint k lies at (10 + k, 100 + k)."""
    rows = np.arange(count, dtype=float)
    return np.stack([10 + rows, 100 + rows, np.full(count, third)], axis=1)[None]


@pytest.mark.parametrize(
    ("layout", "places"),
    [
        # nose, left eye, right shoulder, left wrist, right hip, left ankle in each layout.
        ("coco", (0, 1, 6, 9, 12, 15)),
        ("openpose_18", (0, 15, 2, 7, 8, 13)),
        ("openpose_25", (0, 16, 2, 7, 9, 14)),
        ("mediapipe_33", (0, 2, 12, 15, 24, 27)),
    ],
)
def test_joints_are_found_by_name(layout, places):
    found = coco_poses(numbered(len(LAYOUTS[layout])), SIZE, third="confidence", normalized=False)
    wanted = ("nose", "left_eye", "right_shoulder", "left_wrist", "right_hip", "left_ankle")
    ours = found.keypoints[0, [COCO_KEYPOINTS.index(name) for name in wanted]]
    np.testing.assert_array_equal(ours[:, 0], 10 + np.array(places))
    np.testing.assert_array_equal(ours[:, 1:], [[100 + k, 2] for k in places])
    assert found.scores.tolist() == [1.0]
    assert len(set(LAYOUTS[layout])) == len(LAYOUTS[layout])


def test_mediapipes_shares_become_pixels():
    pose = numbered(33, 0.9)
    pose[..., :2] = 0.25, 0.75
    found = coco_poses(pose, SIZE)
    np.testing.assert_allclose(found.keypoints[0, 3], [159.5, 359.5, 2])
    assert found.scores[0] == pytest.approx(0.9)
    with pytest.raises(DataError, match="size=.height, width"):
        coco_poses(pose)


def test_what_the_third_number_means():
    truth = numbered(17, 2)
    truth[0, 3, 2], truth[0, 4, 2] = 1, 0
    found = coco_poses(truth, SIZE)
    assert found.keypoints[0, 3:6, 2].tolist() == [1, 0, 2]
    assert found.keypoints[0, 4].tolist() == [0, 0, 0] and found.scores.tolist() == [1]
    guessed = numbered(17, 0.8)
    guessed[0, 3, 2], guessed[0, 4, 2] = 0.31, 0.29
    found = coco_poses(guessed, SIZE)
    assert found.keypoints[0, 3:6, 2].tolist() == [2, 0, 2]
    assert found.scores[0] == pytest.approx((15 * 0.8 + 0.31) / 16)
    assert coco_poses(guessed, SIZE, min_confidence=0.5).keypoints[0, 3, 2] == 0
    # Nothing but ones is what estimators write that do not tell: seen, not hidden.
    assert (coco_poses(numbered(17, 1), SIZE).keypoints[..., 2] == 2).all()
    hidden = coco_poses(numbered(17, 1), SIZE, third="visibility").keypoints
    assert (hidden[..., 2] == 1).all()


def test_without_visibility_it_is_assumed_and_said(caplog):
    pose = numbered(17)[..., :2]
    pose[0, 5] = 0, 0
    with caplog.at_level(logging.WARNING, "tfseg"):
        found = coco_poses(pose, SIZE, where="cat.jpg")
    assert "cat.jpg" in caplog.text and "taken as visible" in caplog.text
    assert found.keypoints[0, 5, 2] == 0 and (found.keypoints[0, :5, 2] == 2).all()


def test_nobody_and_people_without_joints():
    for nobody in ([], np.zeros((0, 17, 3)), np.zeros((0, 25, 2))):
        found = coco_poses(nobody, SIZE)
        assert found.keypoints.shape == (0, 17, 3) and found.scores.shape == (0,)
    blank = np.full((1, 17, 3), np.nan)
    found = coco_poses(blank, SIZE)
    assert not found.keypoints.any() and found.scores.tolist() == [0]


def changed(third=2.0, **joints):
    pose = numbered(17, third)
    for name, joint in joints.items():
        pose[0, int(name[1:])] = joint
    return pose


@pytest.mark.parametrize(
    ("poses", "options", "message"),
    [
        (numbered(16), {}, "16 joints a person; expected 17"),
        (numbered(17), {"layout": "openpose_18"}, "17 joints a person"),
        (numbered(17), {"layout": "human36m"}, "layout should be one of coco"),
        (numbered(17)[0], {}, r"got \(17, 3\). One person's pose needs an axis more"),
        (np.zeros((1, 17, 4)), {}, r"got \(1, 17, 4\)"),
        ([[["a", 2, 3]] * 17], {}, "expected numbers"),
        (changed(j7=(np.nan, 3, 2)), {}, r"left_elbow of person 0 is at \(nan, 3\)"),
        (changed(j7=(np.inf, 3, 2)), {}, "left_elbow of person 0"),
        (changed(j7=(4, 3, 3)), {"third": "visibility"}, "a visibility of 3"),
        (changed(0.5, j7=(4, 3, 1.5)), {}, "a confidence of 1.5"),
        (changed(0.5, j7=(4, 3, -1)), {}, "a confidence of -1"),
        (numbered(17) + [700, 0, 1], {}, "person 0 lies outside the image of 480 x 640"),
        (numbered(17) * [0.01, 0.005, 2], {}, "pass normalized=True"),
        (numbered(17), {"scores": [1, 2]}, "a finite score for each of 1 poses"),
        (numbered(17), {"third": "z"}, "third should be auto"),
    ],
)
def test_input_that_is_no_pose(poses, options, message):
    with pytest.raises(DataError, match=message) as error:
        coco_poses(poses, SIZE, where="photo.jpg", **options)
    assert str(error.value).startswith("photo.jpg: ")
