"""What a COCO annotation has besides its mask: box, crowd mark, keypoints.

None of it is needed to learn a mask. `Extras` notes a fault of one of them and goes on without it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tfseg.data.coco.coco_records import DROP, RecordError, number, short
from tfseg.data.reading.outlines import FARTHEST

__all__ = ["read_extras"]

_REMEDY = f"Correct it, {DROP} to go on without the"


def read_extras(record: dict, keypoints: int, note: Callable[[RecordError], None]):
    """Returns the box, the crowd mark and the keypoints of an annotation.

    Args:
        record: The annotation.
        keypoints: How many keypoints its category names; 0 if it names none.
        note: Called with each fault; what is faulty is then as if the record did not have it.

    Returns:
        float64 `(y1, x1, y2, x2)` or None; whether it is a crowd region; float32 `(K, 3)` or None.
    """
    found = []
    for read, default in (
        (lambda: _read_box(record.get("bbox")), None),
        (lambda: _read_crowd(record), False),
        (lambda: _read_keypoints(record.get("keypoints"), keypoints * 3), None),
    ):
        try:
            found.append(read())
        except RecordError as fault:
            note(fault)
            found.append(default)
    return tuple(found)


def _read_crowd(record: dict) -> bool:
    value = record.get("iscrowd", 0)
    crowd = number(value)
    if not isinstance(crowd, (int, float)) or crowd not in (0, 1):
        raise RecordError(
            "malformed", f"expected iscrowd 0 or 1, got {short(value)}. {_REMEDY} mark."
        )
    return bool(crowd)


def _read_box(value) -> np.ndarray | None:
    """Returns COCO's `(x, y, width, height)` as float64 `(y1, x1, y2, x2)`, or None."""
    if value is None or (isinstance(value, list) and not value):
        return None
    remedy = f"{_REMEDY} box."
    try:
        x, y, width, height = (float(number) for number in value)
    except (TypeError, ValueError, OverflowError):
        raise RecordError(
            "bad_box", f"expected bbox as [x, y, width, height], got {short(value)}. {remedy}"
        ) from None
    if not np.isfinite((x, y, width, height)).all():
        raise RecordError("not_finite", f"the box {value} has NaN or infinity. {remedy}")
    if max(map(abs, (x, y, width, height))) > FARTHEST:
        raise RecordError("bad_box", f"the box {value} is far outside any image. {remedy}")
    for name, length in (("height", height), ("width", width)):
        if length <= 0:
            corners = ", ".join(f"{v:.6g}" for v in (y, x, y + height, x + width))
            raise RecordError(
                "zero_box", f"box ({corners}) (y1, x1, y2, x2) has {name} {length:g}. {remedy}"
            )
    return np.array([y, x, y + height, x + width])


def _read_keypoints(value, expected: int) -> np.ndarray | None:
    """Returns float32 `(K, 3)`, or None where nothing was annotated."""
    if not value:
        return None
    remedy = f"Correct them, {DROP} to go on without the keypoints."
    try:
        with np.errstate(over="ignore"):
            points = np.asarray(value, np.float32)
    except (TypeError, ValueError, OverflowError):
        points = np.zeros(0, np.float32)
    if points.ndim != 1 or not points.size or points.size % 3 or expected not in (0, points.size):
        raise RecordError(
            "bad_keypoints",
            f"expected {expected or 'a multiple of 3'} keypoint numbers x, y, visibility, got "
            f"{len(value) if isinstance(value, list) else short(value)}. {remedy}",
        )
    points = points.reshape(-1, 3)
    if not np.isfinite(points).all():
        raise RecordError("not_finite", f"its keypoints have NaN or infinity. {remedy}")
    if not np.isin(points[:, 2], (0, 1, 2)).all():
        raise RecordError("bad_keypoints", f"expected keypoint visibilities 0, 1 or 2. {remedy}")
    return points
