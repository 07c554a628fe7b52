"""What Pose2Seg takes besides images: the poses of people. No Keras in it."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping

import numpy as np

from tfseg.engine.extras import Extra
from tfseg.errors import DataError
from tfseg.structures.poses import Poses, annotated_keypoints, coco_poses

__all__ = ["EXTRAS", "PeoplePoses"]

_LOG = logging.getLogger(__name__)


class PeoplePoses(Extra):
    """The poses of an image's people; each gets a mask.

    In `item.extras["poses"]` stands a `tfseg.structures.poses.Poses`.
    """

    name = "poses"
    what = "poses (N, 17, 3)"
    hint = "Each image has a list of poses, and one pose is a list too: [[[x, y, v], ...]], ...]."
    by_image = '{"a.jpg": [[[x, y, v], ... 17 joints], ...], ...}'
    option_help = (
        "JSON file: COCO keypoint results or annotations, or an object of lists of poses by image"
    )
    evaluation_help = "truth: the annotated poses; or a file of an estimator's"
    required = True

    def check(self, value) -> Poses:
        """Returns the poses of one image: `Poses`, numbers as of `coco_poses`, or a pair of such
        numbers and the scores."""
        return _poses(value)

    def is_one(self, values) -> bool:
        """Returns whether these are the poses of one image, alone or with their scores."""
        return isinstance(values, Poses) or _is_pair(values) or _is_numbers(values)

    def read(self, path: str | os.PathLike) -> Poses | dict[str, Poses]:
        """Returns the poses of a JSON file by image, or those of one image.

        OpenPose's file of an image is read too. COCO's files name images by number: these are known
        as `139` and as the name that COCO gives its images, `000000000139`, and by the file names
        of an annotation file.
        """
        from tfseg.data.coco.keypoint_results import keypoint_results
        from tfseg.data.images.json_file import read_json

        where, content = os.fspath(path), read_json(path, "file of poses")
        if isinstance(content, list) and content and isinstance(content[0], list):
            return coco_poses(content, where=where)
        if isinstance(content, Mapping) and isinstance(content.get("people"), list):
            return _openpose(content["people"], where)
        if isinstance(content, Mapping) and "annotations" not in content:
            return {name: coco_poses(v, where=f"{where}: {name}") for name, v in content.items()}
        files = _file_names(content)
        found = {}
        for image, poses in keypoint_results(content, where).items():
            names = [str(image), files.get(image, str(image))]
            names += [f"{image:012d}"] if isinstance(image, int) else []
            found.update(dict.fromkeys(names, poses))
        return found

    def absent(self, problem: str) -> Poses:
        """Returns no poses, and notes it: estimators' results do not name images without people."""
        _LOG.warning("%s It is taken for an image without people.", problem)
        return coco_poses([])

    def truth(self, sample, config) -> Poses:
        """Returns the annotated poses of people with a joint, crowd regions excepted."""
        keypoints = annotated_keypoints(sample)
        if keypoints is None:
            raise DataError(f"{sample.where}: its dataset has no keypoints. Give the poses.")
        people = ~sample.is_crowd & (keypoints[..., 2] > 0).any(axis=1)
        return coco_poses(keypoints[people], third="visibility", where=sample.where)

    def found_by(self, finder, image: np.ndarray, config) -> Poses:
        """Returns what a pose estimator finds in an image: a function of it, or an object with
        `predict`. Shares of the image's sides, as MediaPipe gives them, become pixels."""
        value = finder(image) if callable(finder) else finder.predict(image)
        return _poses(value, image.shape[:2])


EXTRAS = (PeoplePoses(),)


def _poses(value, size: tuple[int, int] | None = None) -> Poses:
    if isinstance(value, Poses):
        return value
    if _is_pair(value):
        return coco_poses(value[0], size, scores=value[1])
    return coco_poses(value, size)


def _openpose(people: list, where: str) -> Poses:
    """Returns the poses of a file that OpenPose wrote for one image: `pose_keypoints_2d` of each
    person, x, y and confidence in turn."""
    rows = []
    for number, one in enumerate(people):
        row = one.get("pose_keypoints_2d") if isinstance(one, Mapping) else None
        if not isinstance(row, list) or not row or len(row) % 3:
            raise DataError(
                f"{where}: person {number} has no 'pose_keypoints_2d' of x, y and confidence of "
                "each joint, as OpenPose writes them."
            )
        rows.append([row[k : k + 3] for k in range(0, len(row), 3)])
    if len({len(row) for row in rows}) > 1:
        raise DataError(f"{where}: people with different numbers of joints.")
    return coco_poses(rows, where=where)


def _is_pair(values) -> bool:
    """True for poses `(N, K, 3)` with scores `(N,)` beside them."""
    if not isinstance(values, (tuple, list)) or len(values) != 2:
        return False
    try:
        return np.ndim(values[0]) == 3 and np.ndim(values[1]) == 1
    except ValueError:  # lists of different lengths
        return False


def _is_numbers(values) -> bool:
    """True for the poses of one image, rather than a list of such."""
    try:
        array = np.asarray(values, np.float64)
    except (TypeError, ValueError):
        return False
    return array.ndim == 3 or array.shape == (0,)


def _file_names(content) -> dict:
    """Returns the file names of an annotation file's images by their id."""
    images = content.get("images") if isinstance(content, Mapping) else None
    listed = [one for one in images if isinstance(one, Mapping)] if isinstance(images, list) else []
    return {one.get("id"): one["file_name"] for one in listed if "file_name" in one}
