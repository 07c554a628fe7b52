"""Who found whom: the greedy assignment, and the area under a precision-recall curve."""

from __future__ import annotations

import numpy as np

from tfseg.metrics.pairing import Pair

__all__ = ["IGNORED", "UNMATCHED", "envelope_area", "match"]

UNMATCHED = -1
IGNORED = -2


def match(pair: Pair, iou: float = 0.5, *, compat: bool = False) -> np.ndarray:
    """Returns the truth that each prediction found.

    In order of score each prediction takes, among the truths of its class that are not taken
    yet, the one of highest mask IoU, if that is at least `iou`. Crowd regions are not taken:
    a prediction without a partner whose area lies in a crowd region of its class by at least
    `iou` is left out of all counts.

    Args:
        pair: The image.
        iou: The lowest overlap that counts, at most 1.
        compat: Repeat a slip in copies of the public Matterport code (`compute_matches`): a
            truth counts as taken only if the position of its prediction is above 0, so what the
            best prediction found can be found once more.

    Returns:
        int64 `(P,)`: position of the truth, `UNMATCHED` or `IGNORED`.
    """
    found = np.full(len(pair.scores), UNMATCHED, np.int64)
    taken_by = np.full(len(pair.truth_ids), -1, np.int64)
    for index, class_id in enumerate(pair.predicted_ids):
        overlap = pair.iou[index]
        fits = (pair.truth_ids == class_id) & (overlap >= iou)
        free = fits & ~pair.crowd & ~(taken_by > (0 if compat else -1))
        if free.any():
            best = int(np.argmax(np.where(free, overlap, -1.0)))
            found[index], taken_by[best] = best, index
        elif (fits & pair.crowd).any():
            found[index] = IGNORED
    return found


def envelope_area(hits: np.ndarray, truths: int) -> float:
    """Returns the area under the precision-recall curve, its precision made non-increasing.

    Source: `compute_ap` of the public Matterport code, which follows PASCAL VOC 2010. It can
    pass 1 only if `hits` holds more matches than there are truths (the slip of `match`).

    Args:
        hits: bool `(P,)`, best score first: did the prediction find a truth?
        truths: The number of truths. With 0 the area is not defined: NaN.
    """
    if truths == 0:
        return float("nan")
    right = np.cumsum(hits)
    precision = np.concatenate([[0.0], right / np.arange(1, len(hits) + 1), [0.0]])
    recall = np.concatenate([[0.0], right / truths, [1.0]])
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(recall) * precision[1:]))
