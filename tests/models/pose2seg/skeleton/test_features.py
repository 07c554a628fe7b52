"""Skeleton maps: the facts of the specification, a plain loop, and the same inside a graph."""

from __future__ import annotations

import numpy as np
import pytest
from keras import ops

from tfseg.models.pose2seg.skeleton.features import (
    LIMBS_CVPR,
    LIMBS_V1,
    joint_maps,
    limb_fields,
    skeleton_features,
)


def person(**joints):
    """A pose of `j3=(x, y, v)`; the other joints are missing, with places that mean nothing."""
    pose = np.full((1, 17, 3), np.nan)
    pose[..., 2] = 0
    for name, joint in joints.items():
        pose[0, int(name[1:])] = joint
    return pose


def test_the_bell_of_a_joint():
    maps = joint_maps(person(j3=(3, 4, 2)), 8, sigma=1.0)
    assert maps.shape == (1, 8, 8, 17) and maps.dtype == np.float32
    bell = maps[0, :, :, 3]
    assert bell[4, 3] == 1
    np.testing.assert_allclose([bell[4, 4], bell[3, 3]], 0.606531, atol=1e-6)
    assert bell[5, 4] == pytest.approx(0.367879, abs=1e-6)
    assert bell[4, 6] == pytest.approx(0.011109, abs=1e-6)
    assert bell[5, 6] == 0  # 0.0067, below the cut
    assert not maps[..., np.arange(17) != 3].any()


def test_hidden_joints_count_as_the_variant_says():
    pose = person(j0=(3, 3, 1), j1=(3, 3, 2))
    shown, turned = joint_maps(pose, 8), joint_maps(pose, 8, hidden=-1.0)
    np.testing.assert_array_equal(shown[..., 0], shown[..., 1])
    np.testing.assert_array_equal(turned[..., 0], -turned[..., 1])


def test_the_direction_and_the_place_of_limbs():
    fields = limb_fields(person(j0=(1, 1, 2), j1=(5, 4, 1)), 8, [(0, 1)])
    assert fields.shape == (1, 8, 8, 2)
    on = fields[0].any(axis=-1)
    np.testing.assert_allclose(fields[0][on], np.broadcast_to([0.8, 0.6], (on.sum(), 2)), atol=1e-6)
    assert on[1, 1] and on[4, 5] and not on[1, 5] and not on[7].any()
    flat = limb_fields(person(j0=(1, 2, 2), j1=(6, 2, 2)), 8, [(0, 1)])[0]
    assert flat[2, 1:6].tolist() == [[1, 0]] * 5 and not flat[[1, 3]].any()
    for broken in (person(j0=(1, 1, 2)), person(j0=(4, 4, 2), j1=(4, 4, 2))):
        assert not limb_fields(broken, 8, [(0, 1)]).any()


def slow_features(pose, size, limbs, sigma, width, hidden):
    """The definition, pixel by pixel."""
    out = np.zeros((size, size, 17 + 2 * len(limbs)))
    for y in range(size):
        for x in range(size):
            for k, (px, py, v) in enumerate(pose):
                exponent = ((x - px) ** 2 + (y - py) ** 2) / (2 * sigma**2)
                if v > 0 and exponent < 4.6025:
                    out[y, x, k] = np.exp(-exponent) * (hidden if v == 1 else 1)
            for k, (a, b) in enumerate(limbs):
                p, q = pose[a, :2], pose[b, :2]
                length = np.hypot(*(q - p))
                if pose[a, 2] == 0 or pose[b, 2] == 0 or length == 0:
                    continue
                unit = (q - p) / length
                low = np.round(np.minimum(p, q) - width)
                high = np.round(np.maximum(p, q) + width)
                inside = (low <= (x, y)).all() and (high > (x, y)).all()
                if inside and abs((x - p[0]) * unit[1] - (y - p[1]) * unit[0]) < width:
                    out[y, x, 17 + 2 * k : 19 + 2 * k] = unit
    return out


@pytest.mark.parametrize(("limbs", "hidden"), [(LIMBS_CVPR, -1.0), (LIMBS_V1, 1.0)])
def test_people_against_a_loop(limbs, hidden):
    random = np.random.default_rng(3)
    poses = np.concatenate(
        [random.uniform(-6, 30, (3, 17, 2)), random.integers(0, 3, (3, 17, 1))], axis=-1
    )
    settings = dict(sigma=2.5, width=1.3, hidden=hidden)
    ours = skeleton_features(poses, 24, limbs, **settings)
    assert ours.shape == (3, 24, 24, 39 if limbs is LIMBS_V1 else 55)
    for image, pose in zip(ours, poses):
        np.testing.assert_allclose(image, slow_features(pose, 24, limbs, **settings), atol=1e-6)
    assert skeleton_features(poses[:0], 24, limbs).shape == (0, 24, 24, ours.shape[-1])


@pytest.mark.both_backends
def test_the_same_inside_a_graph():
    random = np.random.default_rng(4)
    poses = np.concatenate(
        [random.uniform(-6, 70, (4, 17, 2)), random.integers(0, 3, (4, 17, 1))], axis=-1
    ).astype(np.float32)
    poses[0, :5] = np.nan, np.nan, 0
    exact = skeleton_features(poses, 64, LIMBS_CVPR, hidden=-1.0)
    inside = skeleton_features(ops.convert_to_tensor(poses), 64, LIMBS_CVPR, hidden=-1.0, lib=ops)
    differs = np.abs(ops.convert_to_numpy(inside) - exact) > 1e-5
    # A pixel on the very edge of a limb or of the cut may fall on either side.
    assert differs.mean() < 1e-5 and exact.any()
