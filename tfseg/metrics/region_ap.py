"""AP^r and AP^cr: are the parts of people found, each by itself, with the right label?

Source: Li et al., Multiple-Human Parsing (2017), for AP^r; the evaluation of Gong et al., Instance-
level Human Parsing via Part Grouping Network (2018), for its arithmetic; Loesch and Audigier
(2021), section 4, for AP^cr.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tfseg.errors import ConfigError, DataError
from tfseg.metrics.matching import envelope_area
from tfseg.metrics.pairing import check_class_names
from tfseg.structures import Report

__all__ = ["THRESHOLDS", "RegionAP", "first_of_each"]

THRESHOLDS = tuple(step / 10 for step in range(1, 10))
"""IoU thresholds that the measures called "vol" are averaged over."""


class RegionAP:
    """The average precision of regions of each class, and its mean over classes and thresholds.

    For each class, the found regions of all images stand in one list by score. Each is compared
    with the truth of its class in its image that it overlaps most, and is right if that IoU is
    above the threshold and, in "strict" mode, no region of a better score was right about the same
    truth. Equal scores keep the order in which images were added.

    AP^r: a region is one attribute of one person, the classes are attributes. AP^cr: a region is
    one characteristic on one attribute of one person, the classes are characteristics; attributes
    do not matter.

    Args:
        class_names: Name of class id k at position k - 1.
        name: What the numbers are called: `{name}_vol`, the mean, and `{name}_50`, at IoU 0.5.
        mode: "strict", or "pgn_compat" for the public script of the Part Grouping Network, which
            counts every region about the same truth as right, so that recall and AP may pass 1.
            Use it to compare with numbers that were published by that script, and never beside
            strict ones.

    Raises:
        ConfigError: If `mode` is another word or the class names are no names.
    """

    def __init__(self, class_names: Sequence[str], *, name: str = "ap_r", mode: str = "strict"):
        self.class_names = check_class_names(class_names)
        self.name, self.mode = name, _checked(mode)
        self._truths = np.zeros(len(self.class_names) + 1, np.int64)
        # One row a found region: class, score, best IoU, number of that truth (-1 for none).
        self._rows: list[np.ndarray] = []
        self._count = 0

    def update(
        self,
        truth: np.ndarray,
        truth_classes: Sequence[int],
        found: np.ndarray,
        found_classes: Sequence[int],
        scores: Sequence[float],
    ) -> None:
        """Adds one image. Regions without a pixel do not exist and are left out.

        Args:
            truth: int `(H, W)`, the number of the true region at each pixel, from 1; 0 for none.
            truth_classes: The class of region n at position n - 1.
            found: The same for what was found, at the same size.
            found_classes: Classes of the found regions.
            scores: Their scores.

        Raises:
            DataError: If sizes differ, a region has no class, or a class is out of range.
        """
        truth, found = np.asarray(truth), np.asarray(found)
        truth_classes = self._classes(truth_classes, truth, "truth")
        found_classes = self._classes(found_classes, found, "prediction")
        scores = np.asarray(scores, np.float64).reshape(-1)
        if truth.shape != found.shape or len(scores) != len(found_classes):
            raise DataError(
                f"expected two maps of one size and a score for each of {len(found_classes)} "
                f"regions, got {truth.shape}, {found.shape} and {len(scores)} scores."
            )
        table = _overlaps(truth, len(truth_classes), found, len(found_classes))
        areas, found_areas = table.sum(axis=1)[1:], table.sum(axis=0)[1:]
        real, seen = areas > 0, found_areas > 0
        shared = table[1:, 1:][real][:, seen]
        iou = shared / (areas[real][:, None] + found_areas[seen] - shared)
        self.update_ious(iou.T, truth_classes[real], found_classes[seen], scores[seen])

    def update_ious(
        self,
        iou: np.ndarray,
        truth_classes: Sequence[int],
        found_classes: Sequence[int],
        scores: Sequence[float],
    ) -> None:
        """Adds one image by the overlaps of its regions, which may then overlap each other.

        Args:
            iou: float `(P, T)`, of each found region with each true one.
            truth_classes: The class of each true region.
            found_classes: The class of each found region.
            scores: The score of each found region.
        """
        truth_classes, found_classes = (
            np.asarray(classes, np.int64).reshape(-1) for classes in (truth_classes, found_classes)
        )
        np.add.at(self._truths, truth_classes, 1)
        iou = np.reshape(iou, (len(found_classes), len(truth_classes)))
        iou = np.where(found_classes[:, None] == truth_classes, iou, -1.0)
        highest = iou.max(axis=1, initial=-1.0)
        best = iou.argmax(axis=1) if len(truth_classes) else np.zeros(len(iou))
        number = np.where(highest >= 0, self._count + best, -1)
        self._rows.append(np.stack([found_classes, scores, highest, number], axis=1))
        self._count += len(truth_classes)

    def compute(self, mode: str | None = None) -> Report:
        """Returns the two means over the classes that have truth, NaN without any, and for each
        class the mean over thresholds. `details` holds the mean at each threshold.

        Args:
            mode: Another one than that of the measure, for both numbers of the same regions.
        """
        mode = self.mode if mode is None else _checked(mode)
        rows = np.concatenate([np.zeros((0, 4)), *self._rows])
        rows = rows[np.argsort(-rows[:, 1], kind="stable")]
        values = np.full((len(self.class_names), len(THRESHOLDS)), math.nan)
        for place in range(len(self.class_names)):
            own = rows[rows[:, 0] == place + 1]
            for column, threshold in enumerate(THRESHOLDS):
                hits = _hits(own, threshold, mode)
                values[place, column] = envelope_area(hits, int(self._truths[place + 1]))
        known = values[self._truths[1:] > 0]
        means = known.mean(axis=0) if len(known) else np.full(len(THRESHOLDS), math.nan)
        by_class = dict(zip(self.class_names, values.mean(axis=1).tolist(), strict=True))
        half = THRESHOLDS.index(0.5)
        return Report(
            {f"{self.name}_vol": float(means.mean()), f"{self.name}_50": float(means[half])},
            {self.name: by_class},
            details={
                "mode": mode,
                "thresholds": list(THRESHOLDS),
                f"{self.name}_by_threshold": means.tolist(),
                f"{self.name}_by_class_and_threshold": values.tolist(),
            },
        )

    def _classes(self, classes, numbers: np.ndarray, what: str) -> np.ndarray:
        classes = np.asarray(classes, np.int64).reshape(-1)
        count = len(self.class_names)
        wrong = classes[(classes < 1) | (classes > count)]
        if wrong.size:
            raise DataError(
                f"the {what} has a region of class {int(wrong[0])}, expected 1 to {count} in the "
                "order of class_names."
            )
        if numbers.size and not 0 <= int(numbers.min()) <= int(numbers.max()) <= len(classes):
            raise DataError(
                f"the {what}'s map has regions {int(numbers.min())} to {int(numbers.max())}, and "
                f"{len(classes)} classes were given. Number regions from 1, 0 is none."
            )
        return classes


def _checked(mode: str) -> str:
    if mode not in ("strict", "pgn_compat"):
        raise ConfigError(f"mode should be 'strict' or 'pgn_compat'; got {mode!r}.")
    return mode


def _hits(rows: np.ndarray, threshold: float, mode: str) -> np.ndarray:
    """Returns which regions of one class, best score first, are right, bool `(P,)`."""
    over = rows[:, 2] > threshold
    return first_of_each(rows[:, 3], over) if mode == "strict" else over


def first_of_each(numbers: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """Returns the places where a number comes up for the first time among the counted ones, bool
    `(P,)`."""
    places = np.flatnonzero(counted)
    _, first = np.unique(numbers[places], return_index=True)
    hits = np.zeros(len(numbers), bool)
    hits[places[first]] = True
    return hits


def _overlaps(truth, truths: int, found, founds: int) -> np.ndarray:
    """Returns the pixels that each true region shares with each found one, int64 `(truths + 1,
    founds + 1)`; row and column 0 are no region."""
    side = founds + 1
    places = truth.astype(np.int64).ravel() * side + found.ravel()
    return np.bincount(places, minlength=(truths + 1) * side).reshape(-1, side)
