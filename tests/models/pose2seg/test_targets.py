"""From people in an image to windows and back: plans, training inputs, decoding, the bound."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from posed_people import placed

from tfseg.errors import DataError
from tfseg.geometry import affine
from tfseg.models.pose2seg import targets
from tfseg.models.pose2seg.config import Pose2SegConfig
from tfseg.models.pose2seg.decode import decode, probabilities
from tfseg.models.pose2seg.skeleton.features import LIMBS_CVPR

CONFIG = Pose2SegConfig()
SIZE = (480, 640)


def drawn(pose, size=SIZE, width=28):
    """A person's mask: thick limbs, a trunk and a head, bool `(H, W)`."""
    mask = np.zeros(size, np.uint8)
    places = np.rint(pose[:, :2]).astype(int)
    there = pose[:, 2] > 0
    for a, b in LIMBS_CVPR:
        if there[a] and there[b]:
            cv2.line(mask, tuple(map(int, places[a])), tuple(map(int, places[b])), 1, width)
    if there[[5, 6, 11, 12]].all():
        cv2.fillConvexPoly(mask, places[[5, 6, 12, 11]].astype(np.int32), 1)
    cv2.circle(mask, tuple(map(int, places[0])), int(width * 0.9), 1, -1)
    return mask.astype(bool)


def people():
    """A whole person, one upside down and a half one in an image of 480 x 640."""
    return np.stack(
        [
            placed(0, scale=400.0, shift=(20, 20)),
            placed(0, scale=300.0, angle=np.pi, shift=(250, 100)),
            placed(1, scale=420.0, shift=(220, 60)),
        ]
    )


@pytest.mark.parametrize("settings", [{}, dict(variant="v1"), dict(image_size=256)])
def test_joints_land_on_their_template(settings):
    config = Pose2SegConfig(**settings)
    poses = people()
    made = targets.plan(poses, SIZE, config)
    half = 1 if config.variant == "v1" else 2
    assert made.alignment.templates.tolist() == [0, 0, half]
    templates = config.pose_templates
    for pose, matrix, inner, joints, k in zip(
        poses, made.windows, made.align, made.joints, made.alignment.templates
    ):
        seen = pose[:, 2] > 0
        goal = config.window * templates.joints[k, seen, :2]
        np.testing.assert_allclose(affine.transform(pose, matrix)[seen, :2], goal, atol=1e-9)
        np.testing.assert_allclose(affine.transform(joints, inner)[seen, :2], goal, atol=1e-9)
    assert len(targets.plan(poses[:0], SIZE, config)) == 0


def test_without_alignment_everyone_sees_the_whole_image():
    config = Pose2SegConfig(use_affine=False)
    made = targets.plan(people(), SIZE, config)
    whole = np.broadcast_to([[0.5, 0, 0], [0, 0.5, 0]], (3, 2, 3))
    np.testing.assert_array_equal(made.align, whole)
    assert made.alignment.templates.tolist() == [-1] * 3
    np.testing.assert_allclose(made.windows[0], [[0.1, 0, 0], [0, 0.1, 8]])


def test_whole_people_come_back_from_their_windows():
    poses = people()[:2]
    made = targets.plan(poses, SIZE, CONFIG)
    for pose, matrix in zip(poses, made.windows):
        mask = drawn(pose)
        shares = affine.warp_image(mask.astype(np.float32), matrix, (64, 64))
        back = affine.restore_mask(shares, matrix, SIZE)
        assert (mask & back).sum() / (mask | back).sum() >= 0.95


@pytest.mark.real_data
def test_whole_people_of_photographs_come_back(real_data):
    from tfseg import CocoDataset

    dataset = CocoDataset(real_data / "coco_person/val.json", real_data / "coco_person/images")
    found = []
    for sample in (dataset[index] for index in range(len(dataset))):
        if sample.keypoints is None:
            continue
        joints = (sample.keypoints[..., 2] > 0).sum(axis=1)
        sample = sample.take((joints >= 12) & ~sample.is_crowd & sample.masks.any(axis=(1, 2)))
        made = targets.plan(sample.keypoints, sample.size, CONFIG)
        for mask, matrix, k in zip(sample.masks, made.windows, made.alignment.templates):
            rows, columns = np.nonzero(mask)
            places = affine.transform(np.stack([columns, rows], axis=1), matrix)
            if k == 0 and ((places > -0.5) & (places < 63.5)).all(axis=1).mean() > 0.995:
                shares = affine.warp_image(mask.astype(np.float32), matrix, (64, 64))
                back = affine.restore_mask(shares, matrix, sample.size)
                found.append((mask & back).sum() / (mask | back).sum())
    assert len(found) >= 10 and min(found) >= 0.95


def test_training_inputs_are_padded_and_leave_out_whom_nothing_is_known_of():
    config = Pose2SegConfig(people_per_image=4)
    poses = np.concatenate([people(), np.zeros((1, 17, 3)), people()[:1]])
    masks = np.stack([drawn(pose) if pose.any() else np.ones(SIZE, bool) for pose in poses])
    masks[4] = False  # a pose without a mask
    image = np.full((*SIZE, 3), 200, np.uint8)
    rows = targets.training_inputs(image, poses, masks, config)
    assert rows["image"].shape == (512, 512, 3) and rows["image"].dtype == np.uint8
    assert rows["image"][256, 256, 0] == 200 and not rows["image"][:60].any()
    assert rows["valid"].tolist() == [True, True, True, False]
    assert not rows["align"][3].any() and not rows["joints"][3].any()
    made = targets.plan(poses[:3], SIZE, config)
    np.testing.assert_allclose(rows["align"][:3], made.align, atol=1e-4)
    expected = affine.warp_mask(masks[2], made.windows[2], (64, 64), filtered=False)
    np.testing.assert_array_equal(rows["masks"][2], expected)
    few = targets.training_inputs(image, poses, masks, Pose2SegConfig(people_per_image=2))
    assert few["valid"].tolist() == [True, True]
    nobody = targets.training_inputs(image, poses[:0], masks[:0], config)
    assert not nobody["valid"].any()


def test_soft_targets_bring_a_better_mask_back():
    poses, soft = people()[:2], Pose2SegConfig(soft_targets=True)
    masks, made = np.stack([drawn(pose) for pose in poses]), targets.plan(people()[:2], SIZE, soft)
    shares, hard = (targets.window_masks(masks, made, c) for c in (soft, CONFIG))
    assert shares.dtype == np.float32 and hard.dtype == np.uint8
    rows = targets.training_inputs(np.zeros((*SIZE, 3), np.uint8), poses, masks, soft)
    np.testing.assert_array_equal(rows["masks"][:2], shares)
    for mask, matrix, one, other in zip(masks, made.windows, shares, hard):
        ious = []
        for window in (one, other.astype(np.float32)):
            back = affine.restore_mask(window, matrix, SIZE)
            ious.append((mask & back).sum() / (mask | back).sum())
        assert ious[0] > ious[1] + 0.01


def test_windows_move_as_the_settings_allow():
    config = Pose2SegConfig(rotation=30.0, scale_change=0.2, shift=0.1)
    changes = targets.window_change(config, 4000, np.random.default_rng(0))
    angles = np.degrees(np.arctan2(changes[:, 1, 0], changes[:, 0, 0]))
    sizes = affine.scales(changes)
    middles = affine.transform(np.array([[32.0, 32.0]]), changes)[:, 0] - 32
    for values, limit in (
        (angles, 30),
        (sizes - 1, 0.2),
        (middles[:, 0], 6.4),
        (middles[:, 1], 6.4),
    ):
        assert np.abs(values).max() <= limit + 1e-9
        assert abs(values.mean()) < 0.05 * limit and np.abs(values).max() > 0.98 * limit
    made = targets.plan(people(), SIZE, config, np.random.default_rng(1))
    still = targets.plan(people(), SIZE, config)
    assert np.abs(made.align - still.align).max() > 0.05
    # Features, skeleton and mask move alike.
    for one in (made, still):
        to_cells = affine.compose(affine.scaling(0.25), one.image)
        np.testing.assert_allclose(affine.compose(one.align, to_cells), one.windows)


def test_poses_like_an_estimators():
    random = np.random.default_rng(0)
    poses = np.repeat(people()[:1], 500, axis=0)
    moved = targets.disturbed(poses, 0.05, 0.2, random)
    seen = moved[..., 2] > 0
    assert abs(seen.mean() - 0.8) < 0.01 and not moved[~seen].any()
    gaps = (moved - poses)[..., :2][seen]
    side = np.ptp(people()[0, :, 1])
    assert abs(gaps.std() - 0.05 * side) < 0.002 * side and abs(gaps.mean()) < 0.002 * side
    np.testing.assert_array_equal(targets.disturbed(poses[:2], 0, 0, random), poses[:2])
    assert not targets.disturbed(np.zeros((2, 17, 3)), 0.1, 0.1, random).any()


def test_masks_and_boxes_at_the_size_of_the_image():
    poses = people()
    masks = np.stack([drawn(pose) for pose in poses])
    made = targets.plan(np.concatenate([poses, np.zeros((1, 17, 3))]), SIZE, CONFIG)
    shown = targets.window_masks(masks, targets.plan(poses, SIZE, CONFIG), CONFIG)
    logits = np.zeros((4, 64, 64, 2), np.float32)
    logits[:3, ..., 1] = np.where(shown, 9, -9)
    logits[3, ..., 0] = 9
    keypoints = np.concatenate([poses, np.zeros((1, 17, 3))])
    found = decode(logits, made, keypoints, np.float32([1, 0.5, 0.7, 0]), class_names=("person",))
    assert found.order == "given" and found.names == ["person"] * 4
    np.testing.assert_allclose(found.scores, [1, 0.5, 0.7, 0])
    for ours, box, mask in zip(found.masks, found.boxes, masks):
        assert (ours & mask).sum() / (ours | mask).sum() > 0.85
        rows, columns = np.nonzero(ours)
        ends = rows.min(), columns.min(), rows.max() + 1, columns.max() + 1
        assert box.tolist() == list(map(float, ends))
    assert not found.masks[3].any() and not found.boxes[3].any()
    names = [attributes[0].name for attributes in found.attributes]
    assert names == ["template 0", "template 0", "template 2", "whole image"]
    nobody = targets.plan(poses[:0], SIZE, CONFIG)
    assert len(decode(logits[:0], nobody, poses[:0], np.zeros(0))) == 0


def test_probabilities_are_a_softmax():
    logits = np.float32([[0, 0], [1, 3], [500, -500], [-500, 500]])
    np.testing.assert_allclose(probabilities(logits), [0.5, 1 / (1 + np.exp(-2)), 0, 1], atol=1e-6)


@pytest.mark.parametrize(
    ("poses", "message"),
    [
        (np.zeros((1, 18, 3)), r"expected poses of COCO's 17 joints, .* got \(1, 18, 3\)"),
        (np.full((1, 17, 3), np.nan), None),
        (np.concatenate([np.full((1, 17, 2), np.nan), np.ones((1, 17, 1))], 2), "nose of person 0"),
    ],
)
def test_poses_that_cannot_be_planned(poses, message):
    if message is None:  # all joints missing, wherever they are said to be
        assert targets.plan(poses, SIZE, CONFIG).alignment.templates.tolist() == [-1]
        return
    with pytest.raises(DataError, match=message):
        targets.plan(poses, SIZE, CONFIG)
