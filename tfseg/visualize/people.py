"""One opacity for each person of an image whose persons were told apart."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from tfseg.structures import Prediction, rle
from tfseg.structures.semantic import CLASS_MAP

__all__ = ["person_alphas"]


def person_alphas(prediction: Prediction) -> Iterator[np.ndarray]:
    """Yields the opacity of each object, uint8 `(H, W)`, in the order of the prediction.

    A mask says to whom a pixel of the foreground belongs. Around it the image's opacity fades;
    there a pixel belongs to whom the nearest foreground pixel belongs to, so that each person has
    the soft edge that all of them together have. What is foreground and nobody's stays out.

    Args:
        prediction: With the label maps "alpha" and "classes", uint8 `(H, W)`.
    """
    alpha = prediction.label_maps["alpha"]
    if not len(prediction):
        return
    x, y, width, height = cv2.boundingRect(alpha)
    place = np.s_[y : y + height, x : x + width]
    owner = _owners(prediction, place)
    for number in range(1, len(prediction) + 1):
        own = np.zeros_like(alpha)
        np.copyto(own[place], alpha[place], where=owner == number)
        yield own


def _owners(prediction: Prediction, place) -> np.ndarray:
    """Returns whose each pixel of a part of the image is, int32: object k - 1, or 0: nobody's."""
    known = prediction.label_maps[CLASS_MAP][place] > 0
    owner = np.zeros(known.shape, np.int32)
    # The best is laid on top, should masks overlap.
    for index in reversed(prediction.best_first()):
        mask = rle.decode(prediction.rles[index])[place]
        owner[mask] = index + 1
        known |= mask
    if known.all() or not known.any():
        return owner
    _, nearest = cv2.distanceTransformWithLabels(
        (~known).view(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    of_nearest = np.zeros(int(nearest.max()) + 1, np.int32)
    of_nearest[nearest[known]] = owner[known]
    return of_nearest[nearest]
