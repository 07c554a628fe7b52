"""Templates out of a dataset: the centres of its poses. Source: Li et al. (2018), section 3.2, and
the public code of the later paper, which clusters the visibility too."""

from __future__ import annotations

import numpy as np

from tfseg.errors import DataError
from tfseg.models.pose2seg.skeleton.templates import VISIBLE_FROM, Templates
from tfseg.structures.labels import COCO_KEYPOINT_FLIP

__all__ = ["cluster_templates", "k_means", "normalized_poses"]

_MIDDLE = 0.5


def cluster_templates(
    keypoints: np.ndarray,
    boxes: np.ndarray,
    count: int,
    *,
    min_joints: int = 8,
    seed: int = 0,
    restarts: int = 5,
    visible_from: float = VISIBLE_FROM,
) -> Templates:
    """Returns the templates of people, that of the largest cluster first.

    Args:
        keypoints: float `(N, 17, 3)`, x, y in pixels and visibility 0, 1 or 2.
        boxes: float `(N, 4)`, `(y1, x1, y2, x2)` of the same people.
        count: Number of templates.
        min_joints: People with fewer labelled joints are left out.
        seed: Of the random starts.
        restarts: Starts, of which the one with the tightest clusters is taken.
        visible_from: See `Templates`.

    Raises:
        DataError: If there are not enough people.
    """
    keypoints, boxes = np.asarray(keypoints, np.float64), np.asarray(boxes, np.float64)
    extents = boxes[:, 2:] - boxes[:, :2]
    enough = (keypoints[..., 2] > 0).sum(axis=1) >= min_joints
    enough &= (extents > 0).all(axis=1) & np.isfinite(keypoints).all(axis=(1, 2))
    if enough.sum() < count:
        raise DataError(
            f"expected at least {count} people with {min_joints} labelled joints and a box to make "
            f"{count} templates of, got {enough.sum()} of {len(keypoints)}. Take more images, or "
            "a lower min_joints."
        )
    poses = normalized_poses(keypoints[enough], boxes[enough])
    rows = np.concatenate([poses, _mirrored(poses)]).reshape(2 * len(poses), -1)
    random = np.random.default_rng(seed)
    best = None
    for _ in range(restarts):
        start = rows[random.choice(len(rows), count, replace=False)]
        found = k_means(rows, start)
        if best is None or found[2] < best[2]:
            best = found
    centres, owners, _ = best
    order = np.argsort(-np.bincount(owners, minlength=count), kind="stable")
    joints = centres[order].reshape(count, -1, 3)
    return Templates(joints, visible_from)


def normalized_poses(keypoints: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Returns poses in the unit square, float64 `(N, 17, 3)`: their boxes fill it as far as their
    proportions allow, centred; missing joints lie in the middle.

    Args:
        keypoints: float `(N, 17, 3)`.
        boxes: float `(N, 4)`, `(y1, x1, y2, x2)`, not empty.
    """
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    longest = (boxes[:, 2:] - boxes[:, :2]).max(axis=1)
    places = keypoints[..., :2] - middles[:, None, ::-1]
    places = places / longest[:, None, None] + _MIDDLE
    labelled = keypoints[..., 2:] > 0
    return np.concatenate(
        [np.where(labelled, places, _MIDDLE), np.where(labelled, keypoints[..., 2:], 0.0)], axis=-1
    )


def _mirrored(poses: np.ndarray) -> np.ndarray:
    mirrored = poses[:, list(COCO_KEYPOINT_FLIP)].copy()
    mirrored[..., 0] = 1 - mirrored[..., 0]
    return mirrored


def k_means(
    rows: np.ndarray, start: np.ndarray, iterations: int = 100
) -> tuple[np.ndarray, np.ndarray, float]:
    """Returns the centres `(K, D)`, each row's cluster `(N,)`, and the mean squared distance.

    Ends early when no row changes its cluster. A cluster that loses all its rows keeps its centre.

    Args:
        rows: float64 `(N, D)`.
        start: float64 `(K, D)`, the first centres.
        iterations: At most as many.
    """
    centres, owners = np.array(start, np.float64), None
    for _ in range(iterations):
        distances = np.stack([((rows - centre) ** 2).sum(axis=1) for centre in centres], axis=1)
        nearest = distances.argmin(axis=1)
        if owners is not None and np.array_equal(nearest, owners):
            break
        owners = nearest
        for index in range(len(centres)):
            if (owners == index).any():
                centres[index] = rows[owners == index].mean(axis=0)
    distances = np.stack([((rows - centre) ** 2).sum(axis=1) for centre in centres], axis=1)
    return centres, distances.argmin(axis=1), float(distances.min(axis=1).mean())
