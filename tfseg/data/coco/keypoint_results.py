"""Poses out of COCO keypoint files: what an estimator wrote, or an annotation file."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping

import numpy as np

from tfseg.data.images.json_file import read_json
from tfseg.errors import DataError
from tfseg.structures.labels import COCO_KEYPOINTS
from tfseg.structures.poses import Poses, coco_poses

__all__ = ["keypoint_results", "read_keypoint_results"]

_LOG = logging.getLogger(__name__)

_NUMBERS = 3 * len(COCO_KEYPOINTS)


def read_keypoint_results(
    path: str | os.PathLike, *, min_confidence: float = 0.3
) -> dict[int | str, Poses]:
    """Returns the poses of each image by its id, in the order of the file.

    Two kinds of file are read: results, a list of `image_id`, `keypoints` (51 numbers) and
    `score`, and annotation files, whose people get the score 1, but for crowds and people without
    a joint, whose number is logged. A record may name its image by `file_name` in place of
    `image_id`.

    The third numbers are what `tfseg.structures.poses.coco_poses` takes them for, one file at a
    time: where 2 never occurs they are confidences, and a 1 means visible, for estimators do not
    tell what is hidden.

    Args:
        path: The file.
        min_confidence: Joints below it are missing.

    Raises:
        DataError: If the file is missing, damaged or of another form, naming the record; or if
            none of its annotations has keypoints.
    """
    return keypoint_results(read_json(path, "keypoint file"), os.fspath(path), min_confidence)


def keypoint_results(told, where: str, min_confidence: float = 0.3) -> dict[int | str, Poses]:
    """Returns the same of what a file holds; `where` names it in errors."""
    annotated = isinstance(told, Mapping)
    records = told.get("annotations") if annotated else told
    if not isinstance(records, list):
        raise DataError(
            f"{where}: expected COCO keypoint results (a list of records with image_id, keypoints "
            "and score) or a COCO annotation file."
        )
    if annotated:
        _check_keypoints(records, where)
    images, rows, scores, left_out = [], [], [], 0
    for number, record in enumerate(records):
        if annotated and _is_crowd(record):
            continue
        if annotated and _lacks_keypoints(record):
            left_out += 1
            continue
        image, row, score = _record(record, number, where)
        if annotated and not any(row[2::3]):
            left_out += 1
            continue
        images.append(image)
        rows.append(row)
        scores.append(score)
    if left_out:
        _LOG.warning(
            "%s: %d of its %d annotations have no keypoints and are left out.",
            where,
            left_out,
            left_out + len(rows),
        )
    points = np.array(rows, np.float64).reshape(-1, len(COCO_KEYPOINTS), 3)
    third = "visibility" if annotated else "auto"
    poses = coco_poses(
        points,
        layout="coco",
        third=third,
        min_confidence=min_confidence,
        scores=np.array(scores, np.float32),
        where=where,
    )
    found: dict[int | str, list[int]] = {}
    for index, image in enumerate(images):
        found.setdefault(image, []).append(index)
    return {
        image: Poses(poses.keypoints[indices], poses.scores[indices])
        for image, indices in found.items()
    }


def _check_keypoints(records: list, where: str) -> None:
    """Raises DataError for annotations of which none has keypoints: they are another file's."""
    told = [isinstance(record, Mapping) and "keypoints" in record for record in records]
    if told and not any(told):
        raise DataError(
            f"{where}: none of its {len(told)} annotations has 'keypoints'. Name the file that has "
            "them, such as COCO's person_keypoints_val2017.json, or an estimator's results."
        )


def _is_crowd(record) -> bool:
    return isinstance(record, Mapping) and bool(record.get("iscrowd"))


def _lacks_keypoints(record) -> bool:
    if not isinstance(record, Mapping):
        return False  # refused where it is read
    return record.get("keypoints") in (None, []) or record.get("num_keypoints") == 0


def _record(record, number: int, where: str) -> tuple[int | str, list[float], float]:
    if not isinstance(record, Mapping):
        raise DataError(f"{where}: record {number} is {record!r:.60}; expected an object.")
    image = record.get("image_id", record.get("file_name"))
    if not isinstance(image, (int, str)) or isinstance(image, bool):
        raise DataError(f"{where}: record {number} names no image: it needs image_id or file_name.")
    row = record.get("keypoints")
    numbers = isinstance(row, list) and all(
        isinstance(value, (int, float)) and not isinstance(value, bool) for value in row
    )
    if not numbers or len(row) != _NUMBERS:
        got = f"{len(row)} entries" if isinstance(row, list) else f"{row!r:.40}"
        raise DataError(
            f"{where}: record {number} (image {image!r}): 'keypoints' should be {_NUMBERS} "
            f"numbers, x, y and visibility of COCO's 17 joints; got {got}."
        )
    score = record.get("score", 1.0)
    if not isinstance(score, (int, float)) or isinstance(score, bool):
        raise DataError(f"{where}: record {number} (image {image!r}): the score is {score!r}.")
    return image, row, float(score)
