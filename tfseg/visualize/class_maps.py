"""Where a predicted class map is wrong, drawn."""

from __future__ import annotations

import cv2
import numpy as np

from tfseg.errors import DataError
from tfseg.structures import Prediction, Sample
from tfseg.structures.semantic import IGNORED, class_map, predicted_class_map
from tfseg.visualize.draw import draw, enlargement
from tfseg.visualize.files import as_colours, check_picture
from tfseg.visualize.gallery import grid
from tfseg.visualize.regions import as_map, is_map

__all__ = ["MISTAKES", "compare_maps", "draw_errors"]

MISTAKES = {
    "false positive": (255, 176, 0),
    "false negative": (255, 45, 110),
    "wrong class": (150, 90, 255),
    "true boundary": (255, 255, 255),
    "ignored": (110, 116, 126),
}
"""What `draw_errors` shows, and its colour (RGB). The first three differ in brightness as well as
in hue, for readers who do not tell all hues apart."""
_STRENGTH = 0.75


def draw_errors(
    image: np.ndarray,
    truth: Sample,
    prediction: Prediction,
    *,
    min_side: int | None = None,
    score: float = 0.5,
) -> np.ndarray:
    """Returns the image in grey with the mistakes of a class map in the colours of `MISTAKES`,
    uint8 `(H, W, 3)`; the input is not changed.

    A false positive is background taken for a class, a false negative a class taken for
    background. The true boundary is a thin line; ignored pixels are plain grey.

    Args:
        image: uint8 `(H, W, D)`, RGB where D is 3, or `(H, W)`.
        truth: The annotated sample, see `structures.semantic.class_map`.
        prediction: What was found, see `structures.semantic.predicted_class_map`.
        min_side: Enlarge a small image by a whole factor, as in `draw`.
        score: Lowest score of an object where the prediction has no class map.

    Raises:
        DataError: If the three have different sizes.
    """
    image = check_picture(as_colours(image))
    true, found = class_map(truth), predicted_class_map(prediction, score)
    for name, size in (("truth", true.shape), ("prediction", found.shape)):
        if size != image.shape[:2]:
            raise DataError(
                f"draw_errors: the image is {image.shape[0]} x {image.shape[1]} pixels, the {name} "
                f"{size[0]} x {size[1]}. Pass the image that they belong to."
            )
    factor = enlargement(image.shape[:2], min_side)
    large = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    grey = cv2.cvtColor(cv2.cvtColor(large, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    canvas = (grey * 0.6 + 60).astype(np.uint8)
    for name, mask in _mistakes(true, found).items():
        mask = np.kron(mask, np.ones((factor, factor), bool)) if factor > 1 else mask
        tint = np.array(MISTAKES[name], np.float32) * _STRENGTH
        canvas[mask] = np.rint(canvas[mask] * (1 - _STRENGTH) + tint).astype(np.uint8)
    _outline(canvas, true, factor)
    return canvas


def _mistakes(true: np.ndarray, found: np.ndarray) -> dict[str, np.ndarray]:
    counted = true != IGNORED
    wrong = counted & (true != found)
    return {
        "false positive": wrong & (true == 0),
        "false negative": wrong & (found == 0),
        "wrong class": wrong & (true > 0) & (found > 0),
        "ignored": ~counted,
    }


def _outline(canvas: np.ndarray, true: np.ndarray, factor: int) -> None:
    line = max(1, round(min(canvas.shape[:2]) / 400))
    for number in np.unique(true):
        if number in (0, IGNORED):
            continue
        region = (true == number).astype(np.uint8)
        region = cv2.resize(region, canvas.shape[1::-1], interpolation=cv2.INTER_NEAREST)
        found, _ = cv2.findContours(region, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        for contour in found:
            _inner_line(canvas, contour[:, 0], line)


def _inner_line(canvas: np.ndarray, points: np.ndarray, line: int) -> None:
    """Draws a contour, but not along the frame of the image, where no boundary is."""
    height, width = canvas.shape[:2]
    x, y = points[:, 0], points[:, 1]
    framed = (x == 0) | (y == 0) | (x == width - 1) | (y == height - 1)
    if not framed.any():
        cv2.polylines(canvas, [points], True, MISTAKES["true boundary"], line, cv2.LINE_AA)
        return
    start = int(np.argmax(framed))
    points, framed = np.roll(points, -start, axis=0), np.roll(framed, -start)
    ends = np.flatnonzero(np.diff(framed.astype(np.int8))) + 1
    for part in np.split(np.arange(len(points)), ends):
        if not framed[part[0]] and len(part) > 1:
            cv2.polylines(
                canvas, [points[part]], False, MISTAKES["true boundary"], line, cv2.LINE_AA
            )


def compare_maps(
    truth: Sample,
    prediction: Prediction,
    *,
    class_names: tuple[str, ...] | None = None,
    min_side: int | None = 320,
) -> np.ndarray:
    """Returns photo, truth, prediction and errors side by side with captions, uint8 `(H, W, 3)`.

    Args:
        truth: The annotated sample.
        prediction: What was found in the same image.
        class_names: Name of class id k at position k - 1. None: those of the prediction.
        min_side: Enlarge a small image by a whole factor, as in `draw`.
    """
    names = tuple(prediction.class_names if class_names is None else class_names)
    options = dict(class_names=names, min_side=min_side)
    shown = as_map(truth) if is_map(prediction) else truth
    pictures = [Sample(truth.image), shown, prediction]
    pictures = [draw(truth.image, objects, **options) for objects in pictures]
    pictures.append(draw_errors(truth.image, truth, prediction, min_side=min_side))
    classes = class_map(truth)
    counted = classes != IGNORED
    wrong = (classes != predicted_class_map(prediction)) & counted
    share = wrong.sum() / max(1, counted.sum())
    captions = ["photo", "truth", "prediction", f"errors: {share:.1%} of the pixels"]
    return grid(pictures, captions, columns=4)
