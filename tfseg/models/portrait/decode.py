"""From the network's logits to a prediction in the image's own pixels."""

from __future__ import annotations

import numpy as np

from tfseg.geometry.resize import ResizePlan
from tfseg.geometry.shrink import resize_image
from tfseg.models.portrait.edges import SeenPlan, fitted_lines
from tfseg.opencv import cv2
from tfseg.structures import Prediction, rle
from tfseg.structures.semantic import semantic_prediction

__all__ = ["class_objects", "decode"]


def decode(
    logits: np.ndarray,
    plan: ResizePlan,
    *,
    class_names: tuple[str, ...],
    score_threshold: float | None = None,
    image_id: int | str = 0,
    path: str | None = None,
) -> Prediction:
    """Returns the prediction of one image.

    The logits are brought to the image's size, by the rule of
    `tfseg.geometry.shrink.resize_image`, and each pixel takes the class of the largest one. With
    a plan that knows the image, probabilities follow its edges, see `tfseg.models.portrait.edges`.

    Args:
        logits: float32 `(H, W, N)` of the network's input.
        plan: How the image was fitted into it; a `SeenPlan` brings the image along.
        class_names: Name of class id k at k - 1.
        score_threshold: Drops classes whose mean probability over their pixels is lower.
        image_id: For the prediction.
        path: For the prediction.

    Returns:
        Label maps `classes` uint8 `(H, W)` and `alpha` uint8 `(H, W)`, 255 times the probability
        of not being background; one object per class that occurs.
    """
    pixels = _along_edges if isinstance(plan, SeenPlan) else _pixels
    classes, alpha, certainty = pixels(logits, plan)
    return class_objects(
        classes,
        alpha,
        certainty,
        class_names=class_names,
        score_threshold=score_threshold,
        image_id=image_id,
        path=path,
    )


def class_objects(classes, alpha, certainty, *, score_threshold=None, **fields) -> Prediction:
    """Returns the prediction that has one object per class of a class map.

    Args:
        classes: uint8 `(H, W)`.
        alpha: uint8 `(H, W)`.
        certainty: float32 `(H, W)`, the probability of each pixel's class.
        score_threshold: See `decode`.
        fields: Of the prediction.
    """
    found = []
    for number in np.flatnonzero(np.bincount(classes.reshape(-1), minlength=2)[1:]) + 1:
        mask = classes == number
        left, top, width, height = cv2.boundingRect(mask.view(np.uint8))
        score = float(cv2.mean(certainty, mask.view(np.uint8))[0])
        if score_threshold is None or score >= score_threshold:
            box = (top, left, top + height, left + width)
            found.append((min(score, 1.0), number, box, rle.encode(mask)))
    return semantic_prediction(found, {"classes": classes, "alpha": alpha}, **fields)


def _pixels(logits: np.ndarray, plan: ResizePlan) -> tuple:
    """Returns `classes` uint8, `alpha` uint8 and the certainty float32, each `(H, W)`.

    Class by class, so that a large photograph needs a few maps of its size, not N.
    """
    y1, x1, y2, x2 = plan.window
    inside = np.asarray(logits, np.float32)[y1:y2, x1:x2]
    # Only differences count; against the background the sum below starts with 1.
    inside = inside - inside[..., :1]
    best = np.zeros(plan.original, np.float32)
    classes = np.zeros(plan.original, np.uint8)
    total = np.ones(plan.original, np.float32)
    for number in range(1, inside.shape[-1]):
        value = resize_image(inside[..., number], plan.original)
        larger = value > best
        classes[larger] = number
        np.maximum(best, value, out=best)
        # e^80 is far from certainty's limit and within float32.
        np.minimum(value, 80.0, out=value)
        total += np.exp(value, out=value)
    certainty = np.exp(np.minimum(best, 80.0), out=best)
    certainty /= total
    alpha = np.rint(255.0 - 255.0 / total).astype(np.uint8)
    return classes, alpha, certainty


def _along_edges(logits: np.ndarray, plan: SeenPlan) -> tuple:
    """Returns what `_pixels` does, of probabilities that follow the photograph's edges."""
    y1, x1, y2, x2 = plan.window
    inside = np.asarray(logits, np.float64)[y1:y2, x1:x2]
    shares = np.exp(inside - inside.max(axis=-1, keepdims=True))
    shares /= shares.sum(axis=-1, keepdims=True)
    lines = fitted_lines(plan.fitted[y1:y2, x1:x2], shares[..., 1:])
    colours = [np.multiply(plan.photograph[..., k], 1 / 255, dtype=np.float32) for k in range(3)]
    best = np.full(plan.original, -np.inf, np.float32)
    classes = np.zeros(plan.original, np.uint8)
    raw, total = np.zeros(plan.original, np.float32), np.zeros(plan.original, np.float32)
    for number, (*slopes, level) in enumerate(lines, 1):
        value = resize_image(level, plan.original)
        for slope, colour in zip(slopes, colours, strict=True):
            wide = resize_image(slope, plan.original)
            value += np.multiply(wide, colour, out=wide)
        larger = value > best
        classes[larger] = number
        np.maximum(best, value, out=best)
        raw += value
        total += np.maximum(value, 0, out=value)
    # The functions leave the range from 0 to 1 now and then.
    background = np.maximum(1 - raw, 0)
    classes[background >= best] = 0
    total += background
    alpha = np.rint(255 - 255 * background / total).astype(np.uint8)
    return classes, alpha, np.maximum(best, background) / total
