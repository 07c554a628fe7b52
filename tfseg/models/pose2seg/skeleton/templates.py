"""Pose templates: what people mostly look like, in a unit square."""

from __future__ import annotations

import dataclasses
import functools
import json
import os
from collections.abc import Mapping

import numpy as np

from tfseg import files
from tfseg.data.images.json_file import read_json
from tfseg.errors import ConfigError, DataError
from tfseg.structures.labels import COCO_KEYPOINT_FLIP, COCO_KEYPOINTS, COCO_SKELETON

__all__ = ["VISIBLE_FROM", "Templates", "default_templates", "read_templates", "write_templates"]

VISIBLE_FROM = 0.4
"""The mean visibility from which a joint of a template counts; of the public code."""

_JOINTS = len(COCO_KEYPOINTS)
_HEAD = 3  # nose and eyes, which are not seen from behind
# Rounded cluster centres of COCO's people: (x of the left joint, y) of nose, eye, ear, shoulder,
# elbow, wrist, hip, knee, ankle. Head joints lie near the middle, because missing joints were
# put there before clustering.
_FULL_BODY = ((50, 15), (51, 18), (52, 28), (57, 24), (60, 39), (58, 43), (55, 53), (56, 70))
_FULL_BODY += ((55, 85),)
_HALF_BODY = ((50, 25), (52, 25), (55, 32), (62, 41), (64, 63), (57, 62), (56, 77))


@dataclasses.dataclass(frozen=True, eq=False)
class Templates:
    """Poses that people are aligned with; joints are COCO's 17, in COCO's order.

    Attributes:
        joints: float64 `(T, 17, 3)` of x and y in the unit square and the mean visibility, from
            0 (missing) to 2 (visible).
        visible_from: A joint with a lower mean visibility is no joint of its template.

    Raises:
        ConfigError: For another shape, a number that is not finite, or a template with fewer than
            three joints, which nothing could be aligned with.
    """

    joints: np.ndarray
    visible_from: float = VISIBLE_FROM

    def __post_init__(self):
        joints = np.asarray(self.joints, np.float64)
        if joints.ndim != 3 or joints.shape[1:] != (_JOINTS, 3) or len(joints) == 0:
            raise ConfigError(
                f"templates should be (T, {_JOINTS}, 3): x, y and visibility of COCO's joints for "
                f"at least one template; got {joints.shape}."
            )
        if not np.isfinite(joints).all():
            raise ConfigError("templates have numbers that are not finite.")
        few = np.flatnonzero((joints[..., 2] >= self.visible_from).sum(axis=1) < 3)
        if len(few):
            raise ConfigError(
                f"template {few[0]} has fewer than three joints with a mean visibility of at least "
                f"{self.visible_from:g}. Lower that limit, or leave the template out."
            )
        object.__setattr__(self, "joints", joints)

    def __len__(self) -> int:
        return len(self.joints)

    @functools.cached_property
    def valid(self) -> np.ndarray:
        """bool `(T, 17)`: which joints each template has."""
        return self.joints[..., 2] >= self.visible_from

    @functools.cached_property
    def swapped(self) -> Templates:
        """The same places with left and right joints exchanged: people turned around."""
        return dataclasses.replace(self, joints=self.joints[:, list(COCO_KEYPOINT_FLIP)])

    @property
    def rows(self) -> tuple[tuple[float, ...], ...]:
        """The same as the setting `templates` takes them: 51 numbers a template."""
        return tuple(map(tuple, self.joints.reshape(len(self), -1).tolist()))

    def first(self, count: int) -> Templates:
        """Returns the first templates.

        Raises:
            ConfigError: If there are not as many.
        """
        if not 1 <= count <= len(self):
            raise ConfigError(f"there are {len(self)} templates; {count} were asked for.")
        return dataclasses.replace(self, joints=self.joints[:count])


def default_templates(behind: bool = False) -> Templates:
    """Returns a full body and a half body, the most frequent one first.

    Args:
        behind: Put a full body seen from behind between them, which the later paper found in the
            same data.
    """
    full, half = _symmetric(_FULL_BODY), _symmetric(_HALF_BODY)
    if not behind:
        return Templates(np.stack([full, half]))
    turned = full[list(COCO_KEYPOINT_FLIP)]
    turned[:_HEAD] = 0
    return Templates(np.stack([full, turned, half]))


def _symmetric(left: tuple) -> np.ndarray:
    """Returns a template `(17, 3)` of `(x, y)` in hundredths of the left joints; those behind the
    last one are missing."""
    joints = np.zeros((_JOINTS, 3))
    for index, (x, y) in enumerate(left):
        first = max(2 * index - 1, 0)
        joints[first] = x / 100, y / 100, 2
        joints[2 * index] = 1 - x / 100, y / 100, 2
    return joints


def read_templates(path: str | os.PathLike) -> Templates:
    """Returns the templates of a JSON file in the form of the public code: `names` (17),
    `templates` (rows of x, y and visibility, 51 numbers) and `vis_threshold`.

    Joints may stand in another order than COCO's.

    Raises:
        DataError: If the file is missing, damaged, or not of this form.
    """
    where, told = os.fspath(path), read_json(path, "template file")
    if not isinstance(told, Mapping) or "templates" not in told:
        raise DataError(f"{where}: expected pose templates, a JSON object with 'templates'.")
    names = told.get("names", list(COCO_KEYPOINTS))
    if not isinstance(names, list) or sorted(map(str, names)) != sorted(COCO_KEYPOINTS):
        raise DataError(
            f"{where}: 'names' should be COCO's 17 joints ({', '.join(COCO_KEYPOINTS)}), got "
            f"{names!r}."
        )
    try:
        rows = np.array(told["templates"], np.float64).reshape(-1, _JOINTS, 3)
        limit = float(told.get("vis_threshold", VISIBLE_FROM))
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{where}: 'templates' should be rows of {3 * _JOINTS} numbers and 'vis_threshold' a "
            f"number ({error})."
        ) from None
    order = [names.index(name) for name in COCO_KEYPOINTS]
    try:
        return Templates(rows[:, order], limit)
    except ConfigError as error:
        raise DataError(f"{where}: {error}") from None


def write_templates(templates: Templates, path: str | os.PathLike) -> None:
    """Writes templates in the form of the public code, which reads them too."""
    pairs = {name: COCO_KEYPOINTS[k] for name, k in zip(COCO_KEYPOINTS, COCO_KEYPOINT_FLIP)}
    told = {
        "names": list(COCO_KEYPOINTS),
        "templates": templates.joints.reshape(len(templates), -1).tolist(),
        "vis_threshold": templates.visible_from,
        "flip_map": {name: other for name, other in pairs.items() if name.startswith("left")},
        "connections": [[a + 1, b + 1] for a, b in COCO_SKELETON],
    }
    files.write_whole(path, f"{json.dumps(told)}\n".encode(), error=DataError)
