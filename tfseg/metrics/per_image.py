"""How good a single image's prediction is, to find the best and the worst."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tfseg.errors import ConfigError
from tfseg.metrics.image_map import image_ap
from tfseg.metrics.matching import IGNORED, UNMATCHED, match
from tfseg.metrics.pairing import Pair, pair
from tfseg.structures import Prediction, Sample

__all__ = ["best_and_worst", "image_scores"]


def image_scores(
    sample: Sample,
    prediction: Prediction,
    *,
    iou: float = 0.5,
    score: float = 0.5,
    paired: Pair | None = None,
) -> dict:
    """Returns how well one image was understood.

    Args:
        sample: The truth.
        prediction: What was found.
        iou: The lowest mask overlap that counts as found.
        score: Predictions below it do not count, except in `ap`.
        paired: The result of `pairing.pair`, where a caller has it already.

    Returns:
        `image_id`; `found`, `missed`, `false_alarms`: counts; `f1`; `quality`: the F1 with each
        object found counting by its overlap (panoptic quality, Kirillov et al. 2019), 1 for an
        image without objects where none was seen, 0 where one was; `ap`: the image's average
        precision, NaN without truth.
    """
    paired = paired or pair(sample, prediction)
    kept = paired.scores >= score
    partners = match(paired, iou)[kept]
    rows = np.flatnonzero(partners >= 0)
    hits, alarms = len(rows), int((partners == UNMATCHED).sum())
    missed = int((~paired.crowd).sum()) - hits
    overlap = float(paired.iou[rows, partners[rows]].sum())
    weight = hits + 0.5 * (missed + alarms)
    return {
        "image_id": sample.image_id,
        "found": hits,
        "missed": missed,
        "false_alarms": alarms,
        "ignored": int((partners == IGNORED).sum()),
        "f1": hits / weight if weight else 1.0,
        "quality": overlap / weight if weight else 1.0,
        "ap": image_ap(paired, iou),
    }


def best_and_worst(scores: Sequence[dict], count: int = 4) -> tuple[list[int], list[int]]:
    """Returns the positions of the best images, best first, and of the worst, worst first.

    The order is by `quality`; between equals, images with more objects come first. Images
    where nothing was found are among the best only if there are no others: an empty image left
    empty is right, but shows little. No image is in both lists.

    Args:
        scores: Results of `image_scores`.
        count: The most images in each list, 0 or more.
    """
    if count < 0:
        raise ConfigError(f"count: expected 0 or more, got {count}.")
    objects = [row["found"] + row["missed"] for row in scores]
    order = sorted(
        range(len(scores)),
        key=lambda i: (scores[i]["found"] == 0, -scores[i]["quality"], -objects[i], i),
    )
    best = order[: min(count, (len(order) + 1) // 2)]
    rest = [i for i in order if i not in set(best)]
    rest.sort(key=lambda i: (scores[i]["quality"], -objects[i], i))
    return best, rest[:count]
