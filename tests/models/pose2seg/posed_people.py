"""Poses to test with, made of the shipped templates."""

from __future__ import annotations

import numpy as np

from tfseg.models.pose2seg.skeleton.templates import default_templates


def placed(template: int = 0, *, scale=80.0, angle=0.0, shift=(20.0, 25.0), behind=False):
    """A template's pose, turned, enlarged and moved, all its joints visible, float64 `(17, 3)`."""
    joints = default_templates(behind).joints[template].copy()
    a, b = scale * np.cos(angle), scale * np.sin(angle)
    seen = joints[:, 2] > 0
    joints[:, :2] = (joints[:, :2] - 0.5) @ np.array([[a, -b], [b, a]]).T
    joints[:, :2] += np.array(shift) + 0.5 * scale
    joints[~seen] = 0
    return joints


def some_poses() -> np.ndarray:
    """Whole, half, turned, moved about and sparse people, float64 `(N, 17, 3)`."""
    random = np.random.default_rng(5)
    poses = [placed(), placed(1), placed(angle=2.0), placed(1, angle=-1.2, scale=50.0)]
    for index in range(8):
        pose = placed(index % 2, angle=random.uniform(-3, 3), scale=random.uniform(30, 100))
        pose[:, :2] += random.normal(0, 2, (17, 2))
        pose[random.random(17) < 0.3, 2] = 0
        pose[random.random(17) < 0.3, 2] *= 0.5
        poses.append(pose)
    empty = np.zeros((17, 3))
    return np.stack([*poses, empty])
