"""What a prediction is compared with: the best that its windows could show, and hulls of joints."""

from __future__ import annotations

import dataclasses

import numpy as np

from tfseg.geometry.hull import hull_mask
from tfseg.metrics.person_masks import Compared
from tfseg.models.pose2seg.config import Pose2SegConfig
from tfseg.models.pose2seg.decode import decode
from tfseg.models.pose2seg.targets import Plan, window_masks
from tfseg.structures import Prediction, Sample, rle
from tfseg.structures.poses import Poses
from tfseg.structures.sample import boxes_from_masks

__all__ = ["compared", "owners"]

_FAR = 0.25  # of a person's longer side: a pose whose joints are farther off is somebody else's


def compared(
    prediction: Prediction, sample: Sample, planned: Plan, poses: Poses, config: Pose2SegConfig
) -> Compared:
    """Returns the prediction with two others beside it, one mask for each of its poses too.

    - "bound": the true mask of the person whose pose it is, seen through the window and brought
      back, as a network would that made no mistake. What leaves the window is lost, and so are
      details finer than its pixels. Empty for a pose that is nobody's.
    - "hull": the convex hull of the pose's joints, filled.
    """
    plain = {f.name: getattr(prediction, f.name) for f in dataclasses.fields(Prediction)}
    who = owners(poses.keypoints, sample)
    masks = np.zeros((len(planned), *planned.size), bool)
    masks[who >= 0] = sample.masks[who[who >= 0]]
    shares = window_masks(masks, planned, config).astype(np.float32)
    # Logits whose probabilities are these shares.
    shares = np.clip(shares, 1e-6, 1 - 1e-6)
    logits = np.stack([np.zeros_like(shares), np.log(shares / (1 - shares))], axis=-1)
    about = {name: plain[name] for name in ("class_names", "image_id", "path")}
    bound = decode(logits, planned, poses.keypoints, poses.scores, **about)
    boxes, rles = np.zeros((len(planned), 4), np.float32), []
    for box, pose in zip(boxes, poses.keypoints):  # one at a time: a crowd's masks are large
        mask = hull_mask(pose[pose[:, 2] > 0, :2], planned.size)
        box[:] = boxes_from_masks(mask[None])[0]
        rles.append(rle.encode(mask))
    hull = Prediction(
        size=planned.size,
        boxes=boxes,
        class_ids=np.ones(len(planned), np.int32),
        scores=poses.scores,
        rles=tuple(rles),
        order="given",
        **about,
    )
    return Compared(**plain, beside={"bound": bound, "hull": hull})


def owners(keypoints: np.ndarray, sample: Sample) -> np.ndarray:
    """Returns whose poses these are: positions of a sample's people, int `(N,)`, -1 for nobody's.

    The nearest pair of a pose and a person is settled first, by the mean distance of the joints
    that both have, as a share of the person's longer side.

    Args:
        keypoints: float `(N, 17, 3)`.
        sample: With keypoints.
    """
    found = np.full(len(keypoints), -1)
    truth = sample.keypoints
    if truth is None or truth.shape[1:] != keypoints.shape[1:] or not (len(truth) and len(found)):
        return found
    common = (keypoints[:, None, :, 2] > 0) & (truth[None, :, :, 2] > 0) & ~sample.is_crowd[:, None]
    distances = np.linalg.norm(keypoints[:, None, :, :2] - truth[None, :, :, :2], axis=-1)
    count = common.sum(axis=-1)
    sides = np.maximum((sample.boxes[:, 2:] - sample.boxes[:, :2]).max(axis=1), 1)
    means = np.where(common, distances, 0).sum(axis=-1) / np.maximum(count, 1) / sides
    means = np.where((count > 0) & (means <= _FAR), means, np.inf)
    while np.isfinite(means).any():
        row, column = np.unravel_index(means.argmin(), means.shape)
        found[row] = column
        means[row], means[:, column] = np.inf, np.inf
    return found
