"""AP^p and PCP: is each person's map of parts right as a whole?

Source: Zhao et al., Understanding Humans in Crowded Scenes (2018), for both; the evaluation of Yang
et al., Parsing R-CNN (2019), for their arithmetic.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tfseg.errors import DataError
from tfseg.metrics.matching import envelope_area
from tfseg.metrics.pairing import check_class_names
from tfseg.metrics.region_ap import THRESHOLDS, first_of_each
from tfseg.structures import Report

__all__ = ["PersonParsingAP"]


class PersonParsingAP:
    """The average precision of people by the mean IoU of their parts, and the share of right parts.

    A found person is compared with the true one of the image whose parts it meets best: the mean,
    over the classes that either map has, background included, of the IoU over the whole image. It
    is right if that mean is above the threshold and nobody of a better score was right about the
    same person. PCP is the share of a true person's parts whose IoU with the right person is above
    the same threshold, 0 for a person who was not found, averaged over all true people.

    Args:
        class_names: Name of class id k at position k - 1, without the background.
        lowest_score: People below it do not count, as in the original.
    """

    def __init__(self, class_names: Sequence[str], *, lowest_score: float = 0.001):
        self.class_names = check_class_names(class_names)
        self.lowest_score = lowest_score
        # One row a found person: score, best mean IoU, number of that true person (-1 for none).
        self._rows: list[tuple[float, float, int]] = []
        self._part_ious: list[np.ndarray] = []  # beside each row, (C,)
        self._part_counts: list[int] = []  # of each true person

    def update(self, truth: np.ndarray, found: np.ndarray, scores: Sequence[float]) -> None:
        """Adds one image.

        Args:
            truth: int `(N, H, W)`, a map of parts for each true person, 0 elsewhere.
            found: int `(M, H, W)`, the same for the people found; they may overlap.
            scores: M numbers.

        Raises:
            DataError: If sizes differ, or a class is out of range.
        """
        truth, found = self._maps(truth, "truth"), self._maps(found, "prediction")
        scores = np.asarray(scores, np.float64).reshape(-1)
        if len(scores) != len(found) or (
            len(found) and len(truth) and truth.shape[1:] != found.shape[1:]
        ):
            raise DataError(
                f"expected maps of one size and a score for each person found, got {truth.shape}, "
                f"{found.shape} and {len(scores)} scores."
            )
        first = len(self._part_counts)
        people = [_Person(one, len(self.class_names)) for one in truth]
        self._part_counts += [int((person.pixels[1:] > 0).sum()) for person in people]
        for one, score in zip(found, scores.tolist(), strict=True):
            if score < self.lowest_score:
                continue
            person = _Person(one, len(self.class_names))
            best, number, parts = -math.inf, -1, np.full(len(self.class_names), math.nan)
            for place, other in enumerate(people):
                ious = person.ious(other)
                mean = float(np.nanmean(ious))
                if mean > best:
                    best, number, parts = mean, first + place, ious[1:]
            self._rows.append((score, best, number))
            self._part_ious.append(parts)

    def compute(self) -> Report:
        """Returns `ap_p_vol` and `pcp_vol`, means over the thresholds, and both at 0.5; NaN without
        any true person. `details` holds both at each threshold."""
        rows = np.array(self._rows, np.float64).reshape(-1, 3)
        order = np.argsort(-rows[:, 0], kind="stable")
        rows = rows[order]
        ious = np.reshape(self._part_ious, (-1, len(self.class_names)))[order]
        counts = np.array(self._part_counts, np.float64)
        precisions, shares = [], []
        for threshold in THRESHOLDS:
            hits = first_of_each(rows[:, 2], rows[:, 1] > threshold)
            precisions.append(envelope_area(hits, len(counts)))
            right = np.zeros(len(counts))
            with np.errstate(invalid="ignore"):
                right[rows[hits, 2].astype(int)] = (ious[hits] > threshold).sum(axis=1)
            share = right / np.maximum(counts, 1)
            shares.append(float(share.mean()) if len(counts) else math.nan)
        half = THRESHOLDS.index(0.5)
        metrics = {
            "ap_p_vol": float(np.mean(precisions)),
            "ap_p_50": precisions[half],
            "pcp_vol": float(np.mean(shares)),
            "pcp_50": shares[half],
        }
        details = {"people": len(counts), "thresholds": list(THRESHOLDS)}
        details.update(ap_p_by_threshold=precisions, pcp_by_threshold=shares)
        return Report(metrics, details=details)

    def _maps(self, maps, what: str) -> np.ndarray:
        maps = np.asarray(maps)
        if maps.ndim != 3:
            raise DataError(f"the {what} should be maps (people, H, W), got {maps.shape}.")
        count = len(self.class_names)
        if maps.size and not 0 <= int(maps.min()) <= int(maps.max()) <= count:
            raise DataError(
                f"the {what} has a part of class {int(maps.max())}, expected 0 for none and 1 to "
                f"{count} in the order of class_names."
            )
        return maps


class _Person:
    """One map of parts, cut to where the person is.

    Attributes:
        pixels: int64 `(C + 1,)`, pixels of each class in the whole image.
    """

    def __init__(self, parts: np.ndarray, class_count: int):
        self.pixels = np.bincount(parts.ravel(), minlength=class_count + 1)
        rows, columns = np.flatnonzero(parts.any(axis=1)), np.flatnonzero(parts.any(axis=0))
        self.top, self.bottom = (int(rows[0]), int(rows[-1]) + 1) if len(rows) else (0, 0)
        self.left, self.right = (int(columns[0]), int(columns[-1]) + 1) if len(rows) else (0, 0)
        self.parts = parts[self.top : self.bottom, self.left : self.right]

    def ious(self, other: _Person) -> np.ndarray:
        """Returns the IoU of each class over the image, float64 `(C + 1,)`; NaN where neither has
        the class."""
        ours, theirs = self._within(other), other._within(self)
        both = (ours > 0) & (theirs > 0)
        shared = np.bincount(ours[both & (ours == theirs)], minlength=len(self.pixels))
        somebody = self.pixels[1:].sum() + other.pixels[1:].sum() - both.sum()
        shared[0] = self.pixels.sum() - somebody
        union = self.pixels + other.pixels - shared
        values = np.full(len(union), math.nan)
        return np.divide(shared, union, out=values, where=union > 0)

    def _within(self, other: _Person) -> np.ndarray:
        """Returns the part of this map that lies in both boxes."""
        top, bottom = max(self.top, other.top), min(self.bottom, other.bottom)
        left, right = max(self.left, other.left), min(self.right, other.right)
        if top >= bottom or left >= right:
            return self.parts[:0, :0]
        rows = slice(top - self.top, bottom - self.top)
        return self.parts[rows, left - self.left : right - self.left]
