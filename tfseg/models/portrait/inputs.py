"""What the portrait system takes besides images: the boxes of people. No Keras in it."""

from __future__ import annotations

import os

import numpy as np

from tfseg.engine.extras import Extra
from tfseg.errors import DataError
from tfseg.models.portrait import affinity
from tfseg.models.portrait.affinity.boxes import as_numbers

__all__ = ["EXTRAS", "PeopleBoxes", "scored"]


class PeopleBoxes(Extra):
    """The boxes of an image's people, for the affinity step.

    In `item.extras["boxes"]` stands `(boxes, scores)`, float64 `(K, 4)` as `(y1, x1, y2, x2)` in
    pixels of the image and `(K,)`; scores None where all are sure; or None, which leaves the image
    whole.
    """

    name = "boxes"
    what = "boxes (K, 4)"
    hint = "Each image has a list of boxes, and one box is a list too: [[[y1, x1, y2, x2]], ...]."
    by_image = '{"a.jpg": [[y1, x1, y2, x2], ...], ...}'
    option_help = (
        "JSON file: [[y1, x1, y2, x2, score], ...], the score optional, or an object of such lists "
        "by image"
    )
    evaluation_help = "truth: a portrait model tells people apart by the true boxes"

    def check(self, value):
        """Returns boxes and scores, see `scored`."""
        return scored(value)

    def is_one(self, values) -> bool:
        """Returns whether these are the boxes of one image, alone or with their scores."""
        return _is_pair(values) or _is_one(values)

    def read(self, path: str | os.PathLike) -> list | dict[str, list]:
        """Returns the rows `[y1, x1, y2, x2]` or `[y1, x1, y2, x2, score]` of a JSON file, for one
        image, or a dict of such lists by image."""
        from tfseg.data.images.json_file import read_json

        content = read_json(path, "file of boxes")
        if isinstance(content, dict):
            return {name: _rows(rows, f"{path}: {name}") for name, rows in content.items()}
        return _rows(content, os.fspath(path))

    def truth(self, sample, config):
        """Returns the annotated boxes of the foreground class, crowd regions excepted."""
        return sample.boxes[~sample.is_crowd & (sample.class_ids == config.foreground_id)]

    def found_by(self, finder, image: np.ndarray, config):
        """Returns what a detector finds (`affinity.detect`), without what scores too little."""
        boxes, scores = affinity.detect(finder, image, config.foreground_name)
        sure = scores.astype(np.float64) >= config.affinity.score_threshold
        return boxes[sure], scores[sure]


EXTRAS = (PeopleBoxes(),)


def scored(boxes) -> tuple[np.ndarray, np.ndarray | None] | None:
    """Returns boxes `(K, 4)` and their scores `(K,)`, None where all are sure.

    Raises:
        DataError: If they are no numbers in rows of equal length.
    """
    if boxes is None:
        return None
    if _is_pair(boxes):
        return as_numbers(boxes[0]), as_numbers(boxes[1])
    array = as_numbers(boxes)
    if array.ndim == 2 and array.shape[1] == 5:
        return array[:, :4], array[:, 4]
    return array, None


def _is_one(boxes) -> bool:
    """True for the boxes of one image, rather than a list of such."""
    try:
        array = np.asarray(boxes, np.float64)
    except (TypeError, ValueError):
        return False
    return array.ndim == 2 or array.shape == (0,)


def _is_pair(boxes) -> bool:
    """True for boxes `(K, 4)` with scores `(K,)` beside them."""
    if not isinstance(boxes, (tuple, list)) or len(boxes) != 2:
        return False
    try:
        return np.ndim(boxes[0]) == 2 and np.ndim(boxes[1]) == 1
    except ValueError:  # lists of lists of different lengths
        return False


def _rows(rows, where: str) -> list[list[float]]:
    sound = isinstance(rows, list) and all(
        isinstance(row, list) and len(row) in (4, 5) and all(map(_is_number, row)) for row in rows
    )
    if not sound or len({len(row) for row in rows}) > 1:
        raise DataError(
            f"{where}: expected [[y1, x1, y2, x2], ...] in pixels, or [[y1, x1, y2, x2, score], "
            "...], or an object of such lists by image; got something else."
        )
    return rows


def _is_number(value) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
