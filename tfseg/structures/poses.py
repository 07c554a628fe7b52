"""Poses of people from anywhere, brought to COCO's 17 joints by their names."""

from __future__ import annotations

import dataclasses
import logging
from typing import Literal

import numpy as np

from tfseg.errors import DataError
from tfseg.structures.labels import COCO_KEYPOINTS

__all__ = ["LAYOUTS", "MEDIAPIPE_33", "OPENPOSE_18", "OPENPOSE_25", "Poses"]
__all__ += ["annotated_keypoints", "check_inside", "coco_poses"]

_LOG = logging.getLogger(__name__)

OPENPOSE_18 = (
    *("nose", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder"),
    *("left_elbow", "left_wrist", "right_hip", "right_knee", "right_ankle", "left_hip"),
    *("left_knee", "left_ankle", "right_eye", "left_eye", "right_ear", "left_ear"),
)
"""Joints of OpenPose's COCO model, in its order."""

OPENPOSE_25 = (
    *OPENPOSE_18[:8],
    *("mid_hip", "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle"),
    *("right_eye", "left_eye", "right_ear", "left_ear", "left_big_toe", "left_small_toe"),
    *("left_heel", "right_big_toe", "right_small_toe", "right_heel"),
)
"""Joints of OpenPose's BODY_25 model, in its order."""

MEDIAPIPE_33 = (
    *("nose", "left_eye_inner", "left_eye", "left_eye_outer", "right_eye_inner", "right_eye"),
    *("right_eye_outer", "left_ear", "right_ear", "mouth_left", "mouth_right", "left_shoulder"),
    *("right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_pinky"),
    *("right_pinky", "left_index", "right_index", "left_thumb", "right_thumb", "left_hip"),
    *("right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle", "left_heel"),
    *("right_heel", "left_foot_index", "right_foot_index"),
)
"""Landmarks of MediaPipe's pose models, in their order."""

LAYOUTS = {
    "coco": COCO_KEYPOINTS,
    "openpose_18": OPENPOSE_18,
    "openpose_25": OPENPOSE_25,
    "mediapipe_33": MEDIAPIPE_33,
}
"""Name to the joints of the layouts that are known."""

_BY_COUNT = {len(names): name for name, names in LAYOUTS.items()}
# MediaPipe's landmarks are shares of the image's sides, a little more outside of it.
_LARGEST_SHARE = 3.0


@dataclasses.dataclass(frozen=True, eq=False)
class Poses:
    """The poses of one image.

    Attributes:
        keypoints: float32 `(N, 17, 3)`, COCO's joints: x, y in pixels, whole numbers at their
            centres, and 0 missing, 1 hidden, 2 visible. Missing joints are zeros.
        scores: float32 `(N,)`, how sure the estimator was; 1 where it did not say.
    """

    keypoints: np.ndarray
    scores: np.ndarray

    def __len__(self) -> int:
        return len(self.keypoints)


def annotated_keypoints(sample) -> np.ndarray | None:
    """Returns a sample's keypoints, `(N, 17, 3)`; None where its objects have none. An image
    without objects needs none."""
    if sample.keypoints is None and not len(sample):
        return np.zeros((0, len(COCO_KEYPOINTS), 3))
    return sample.keypoints


def coco_poses(
    poses,
    size: tuple[int, int] | None = None,
    *,
    layout: str | None = None,
    third: Literal["auto", "visibility", "confidence"] = "auto",
    min_confidence: float = 0.3,
    normalized: bool | None = None,
    scores=None,
    where: str = "poses",
) -> Poses:
    """Returns poses as COCO's 17 joints, in the order given; joints that a layout lacks are
    missing. There may be no people.

    Args:
        poses: Numbers `(N, K, 3)` of x, y and a third, or `(N, K, 2)`: then every joint is taken
            as visible, but for those at (0, 0), which is how missing ones are stored.
        size: `(H, W)` of the image; None: not checked.
        layout: One of `LAYOUTS`; None tells it from K.
        third: What the third number is. "visibility" is COCO's 0, 1 and 2. "confidence" lies in
            [0, 1]; joints below `min_confidence` are missing, the others visible. "auto" takes
            COCO's joints with whole numbers and at least one 2 as visibility, and anything else
            as confidence, of which 1 is the highest.
        min_confidence: See there.
        normalized: Whether x and y are shares of the image's sides. None: those of MediaPipe's
            layout are, unless they are too large for it.
        scores: float `(N,)`; None: the mean confidence of the joints that are there.
        where: What the poses are, for errors.

    Raises:
        DataError: For another number of joints, numbers that are not finite where a joint is
            said to be, a third number out of range, or a pose that lies wholly outside the image.
    """
    points = _array(poses, where)
    layout = _layout(points, layout, where)
    if points.shape[2] == 2:
        _LOG.warning("%s: no visibility is given; joints are taken as visible.", where)
        there = (points != 0).any(axis=2)
        seen, sure = np.where(there, 2.0, 0.0), np.where(there, 1.0, 0.0)
    else:
        seen, sure = _visibility(points[..., 2], layout, third, min_confidence, where)
    _check_finite(points, seen, LAYOUTS[layout], where)
    points = np.where((seen > 0)[..., None], points[..., :2], 0.0)
    if normalized is None:
        normalized = layout == "mediapipe_33" and np.abs(points).max(initial=0) <= _LARGEST_SHARE
    if normalized:
        points = _pixels(points, size, where)
    names = {name: index for index, name in enumerate(LAYOUTS[layout])}
    order = [names[name] for name in COCO_KEYPOINTS]
    points, seen, sure = points[:, order], seen[:, order], sure[:, order]
    keypoints = np.where((seen > 0)[..., None], np.concatenate([points, seen[..., None]], -1), 0.0)
    found = Poses(keypoints.astype(np.float32), _scores(scores, sure, seen, where))
    if size is not None:
        check_inside(found, size, where, in_pixels=normalized)
    return found


def _array(poses, where: str) -> np.ndarray:
    try:
        points = np.asarray(poses, np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"{where}: expected numbers (N, K, 3) or (N, K, 2) ({error}).") from None
    if points.size == 0 and points.ndim < 3:
        return np.zeros((0, len(COCO_KEYPOINTS), 3))
    if points.ndim != 3 or points.shape[2] not in (2, 3):
        hint = " One person's pose needs an axis more: pose[None]." if points.ndim == 2 else ""
        raise DataError(f"{where}: expected (N, K, 3) or (N, K, 2), got {points.shape}.{hint}")
    return points


def _layout(points: np.ndarray, layout: str | None, where: str) -> str:
    if layout is not None and layout not in LAYOUTS:
        raise DataError(f"{where}: layout should be one of {', '.join(LAYOUTS)}; got {layout!r}.")
    count = points.shape[1]
    found = layout or _BY_COUNT.get(count)
    if found is None or len(LAYOUTS[found]) != count:
        known = ", ".join(f"{len(names)} ({name})" for name, names in LAYOUTS.items())
        raise DataError(
            f"{where}: {count} joints a person; expected {known}. Give the 17 of COCO in its "
            "order, with visibility 0 for those that are missing."
        )
    return found


def _visibility(values, layout: str, third: str, least: float, where: str):
    """Returns `(seen, sure)`, float64 `(N, K)`: COCO's visibility, and the confidence."""
    values = np.nan_to_num(values, nan=0.0)
    if third == "auto":
        whole = np.isin(values, (0, 1, 2)).all() and (values == 2).any()
        third = "visibility" if layout == "coco" and whole else "confidence"
    if third == "visibility":
        if not np.isin(values, (0, 1, 2)).all():
            wrong = values[~np.isin(values, (0, 1, 2))][0]
            raise DataError(
                f"{where}: a visibility of {wrong:g}; expected 0 missing, 1 hidden, 2 visible. "
                "Pass third='confidence' if these are confidences."
            )
        return values, (values > 0).astype(np.float64)
    if third != "confidence":
        raise DataError(f"{where}: third should be auto, visibility or confidence; got {third!r}.")
    if values.size and not (values.min() >= 0 and values.max() <= 1):
        wrong = values.min() if values.min() < 0 else values.max()
        raise DataError(
            f"{where}: a confidence of {wrong:g}; expected 0 to 1, or COCO's visibility 0, 1, 2 "
            "(third='visibility')."
        )
    there = (values >= least) & (values > 0)
    return np.where(there, 2.0, 0.0), np.where(there, values, 0.0)


def _check_finite(points, seen, names, where: str):
    wrong = ~np.isfinite(points[..., :2]).all(axis=2) & (seen > 0)
    if wrong.any():
        person, joint = (int(index[0]) for index in np.nonzero(wrong))
        raise DataError(
            f"{where}: {names[joint]} of person {person} is at "
            f"({points[person, joint, 0]:g}, {points[person, joint, 1]:g}). Expected pixels; give "
            "joints that are missing the visibility 0."
        )


def _pixels(points, size, where: str):
    if size is None:
        raise DataError(
            f"{where}: x and y are shares of the image's sides, and its size is not known. Pass "
            "coco_poses(..., size=(height, width))."
        )
    # Shares count from the image's edge, pixels from the centre of the first one.
    return points * np.array([size[1], size[0]]) - 0.5


def check_inside(
    poses: Poses, size: tuple[int, int], where: str = "poses", *, in_pixels: bool = False
) -> None:
    """Raises DataError for a pose that has joints, and none of them in the image.

    Args:
        poses: The poses of an image.
        size: Its `(H, W)`.
        where: What the poses are, for the error.
        in_pixels: Whether it is known that they are no shares of the image's sides.
    """
    keypoints = poses.keypoints
    seen = keypoints[..., 2] > 0
    x, y = keypoints[..., 0], keypoints[..., 1]
    inside = seen & (x >= -0.5) & (y >= -0.5) & (x <= size[1] - 0.5) & (y <= size[0] - 0.5)
    for person in np.flatnonzero(seen.any(axis=1) & ~inside.any(axis=1)):
        x, y = keypoints[person, seen[person], 0], keypoints[person, seen[person], 1]
        raise DataError(
            f"{where}: person {person} lies outside the image of {size[0]} x {size[1]} pixels "
            f"(height x width): x {x.min():.0f} to {x.max():.0f}, y {y.min():.0f} to "
            f"{y.max():.0f}. Poses are wanted in pixels of this very image."
        )
    largest = np.abs(keypoints[..., :2][seen]).max(initial=0)
    if not in_pixels and seen.sum() > 1 and largest <= 1 and min(size) > 8:
        raise DataError(
            f"{where}: all joints lie within the first pixel of the image. If x and y are shares "
            "of its sides, pass normalized=True."
        )


def _scores(scores, sure, seen, where: str) -> np.ndarray:
    if scores is None:
        count = np.maximum((seen > 0).sum(axis=1), 1)
        found = sure.sum(axis=1) / count
        return np.where((seen > 0).any(axis=1), found, 0.0).astype(np.float32)
    scores = np.asarray(scores, np.float32).reshape(-1)
    if len(scores) != len(sure) or not np.isfinite(scores).all():
        raise DataError(
            f"{where}: expected a finite score for each of {len(sure)} poses, got {len(scores)} "
            "scores."
        )
    return scores
