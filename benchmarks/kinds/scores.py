"""From masks to numbers: pooled IoU with its interval, IoU of images, boundary F."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from kinds.sets import IGNORED

RESAMPLES = 2000
SEED = 0


@dataclasses.dataclass
class Scores:
    """What one contestant did on one kind at one factor, image by image.

    Attributes:
        names: Of the images.
        both: Pixels that are person in truth and mask.
        either: Pixels that are person in one of them.
        boundary: Boundary F, NaN where truth has no boundary that is known.
    """

    names: list[str] = dataclasses.field(default_factory=list)
    both: list[int] = dataclasses.field(default_factory=list)
    either: list[int] = dataclasses.field(default_factory=list)
    boundary: list[float] = dataclasses.field(default_factory=list)

    def add(self, name: str, truth: np.ndarray, mask: np.ndarray, *, boundary: bool = True) -> None:
        """Takes one image: truth uint8 `(H, W)` with 255 ignored, mask bool `(H, W)`."""
        from tfseg.metrics.boundary import boundary_scores

        counted, person = truth != IGNORED, truth == 1
        self.names.append(name)
        self.both.append(int((person & mask).sum()))
        self.either.append(int((person | (mask & counted)).sum()))
        found = math.nan
        if boundary:
            found = boundary_scores(truth.astype(np.int32), mask.astype(np.int32))[2]
        self.boundary.append(found)

    def ious(self) -> np.ndarray:
        """Returns the IoU of each image, NaN where nobody is and nobody was seen."""
        return ratio(np.array(self.both, float), np.array(self.either, float))

    def pooled(self) -> float:
        """Returns the IoU over all pixels."""
        return float(ratio(np.array(sum(self.both)), np.array(sum(self.either))))

    def resampled(self) -> np.ndarray:
        """Returns pooled IoU `(RESAMPLES,)` of images drawn with replacement: the same ones for
        every contestant, so that differences are of pairs."""
        count = len(self.names)
        rows = np.random.default_rng(SEED).integers(0, count, (RESAMPLES, count))
        both, either = np.array(self.both, float), np.array(self.either, float)
        return ratio(both[rows].sum(axis=1), either[rows].sum(axis=1))

    def summary(self) -> dict:
        """Returns the measures as plain numbers."""
        known = [value for value in self.boundary if not math.isnan(value)]
        return {
            "images": len(self.names),
            "person_iou": self.pooled(),
            "interval": interval(self.resampled()),
            "iou_image_mean": mean(self.ious()),
            "boundary_f": mean(known),
            "boundary_images": len(known),
        }

    def record(self) -> dict:
        """Returns everything for the JSON file; what is not known is None."""
        row = {"names": self.names, "both": self.both, "either": self.either}
        known = [None if math.isnan(value) else round(value, 5) for value in self.boundary]
        return {**self.summary(), "each": {**row, "boundary": known}}


def difference(one: Scores, other: Scores) -> dict:
    """Returns pooled IoU of one minus the other's on the same images, with the interval of it."""
    if one.names != other.names:
        raise ValueError("expected the same images in the same order.")
    drawn = one.resampled() - other.resampled()
    return {"difference": one.pooled() - other.pooled(), "interval": interval(drawn)}


def interval(drawn: np.ndarray) -> tuple[float, float]:
    """Returns the middle 95 % of resampled numbers."""
    low, high = np.nanpercentile(drawn, (2.5, 97.5))
    return float(low), float(high)


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Returns part / whole, NaN where there is nothing."""
    return np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=np.asarray(whole) > 0)


def mean(values) -> float:
    """Returns the mean of the numbers that are known, NaN without one."""
    values = np.asarray(values, float)
    return float(np.nanmean(values)) if np.isfinite(values).any() else math.nan
