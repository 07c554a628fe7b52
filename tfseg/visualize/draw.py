"""Objects drawn onto their image: masks, outlines, boxes, skeletons and labels."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image

from tfseg.errors import ConfigError, DataError
from tfseg.structures import Prediction, Sample, rle
from tfseg.structures.semantic import IGNORED
from tfseg.visualize.colors import palette
from tfseg.visualize.files import as_colours, check_picture
from tfseg.visualize.gallery import grid
from tfseg.visualize.label_plates import write_labels
from tfseg.visualize.regions import as_regions, is_map
from tfseg.visualize.skeleton import draw_skeletons

__all__ = ["draw", "enlargement", "side_by_side"]

_CROWD = np.array((150, 150, 158), np.uint8)


@dataclasses.dataclass(frozen=True)
class _Scene:
    """What to draw, in pixels of the canvas: the image, enlarged `factor` times."""

    found: Prediction | Sample
    factor: int
    colours: np.ndarray
    crowd: np.ndarray
    line: int

    def mask(self, index: int) -> np.ndarray:
        """bool `(H, W)`, not enlarged. One at a time: 300 of a photograph do not fit in memory."""
        if isinstance(self.found, Sample):
            return self.found.masks[index]
        return rle.decode(self.found.rles[index])


def draw(
    image: np.ndarray | None,
    objects: Prediction | Sample,
    *,
    class_names: Sequence[str] | None = None,
    scores: bool = True,
    masks: bool = True,
    boxes: bool = True,
    labels: bool = True,
    keypoints: bool = True,
    alpha: float = 0.45,
    truth: Sample | None = None,
    min_side: int | None = None,
    color_by: str = "auto",
    text_scale: float = 1.0,
) -> np.ndarray:
    """Returns the image with objects drawn on it, uint8 `(H, W, 3)`; the input is not changed.

    Where a class map says all there is (`regions.is_map`), its regions are drawn: filled, outlined
    and named, without boxes; ignored pixels are striped in grey.

    Args:
        image: uint8 `(H, W, D)`, RGB where D is 3, or `(H, W)`. None: the image of a `Sample`.
        objects: A `Prediction`, or a `Sample` for the truth. It may hold no objects.
        class_names: Name of class id k at position k - 1. None: those of the prediction.
        scores: Write scores behind the names.
        masks: Fill and outline the masks.
        boxes: Draw the boxes.
        labels: Write names and scores, best first, where they find a free place.
        keypoints: Draw joints (hollow where hidden) and the bones between them.
        alpha: Strength of the mask's colour, from 0 to 1.
        truth: Outline these masks in dashed white on top.
        min_side: Enlarge a small image by a whole factor until its short side has so many
            pixels (at most 4 times as many on the long side). None: keep the size.
        color_by: "class", "instance", or "auto": by instance if there is but one class.
        text_scale: Enlarges the letters, from 0.5 to 4.

    Raises:
        DataError: If the image is no image or has another size than the objects.
        ConfigError: If an option is out of range.
    """
    image = _checked(image, objects, truth)
    _check_options(alpha, text_scale, color_by)
    factor = enlargement(image.shape[:2], min_side)
    names = getattr(objects, "class_names", ()) if class_names is None else tuple(class_names)
    if is_map(objects):
        objects, color_by, boxes = as_regions(image, objects), "class", False
    canvas = np.ascontiguousarray(_enlarge(image, factor)).copy()
    scene = _scene(objects, factor, names, color_by, canvas.shape[:2])
    if masks:
        _paint_masks(canvas, scene, alpha)
    if boxes:
        _paint_boxes(canvas, scene)
    if truth is not None:
        _outline_truth(canvas, truth, factor, scene.line)
    if keypoints and objects.keypoints is not None:
        draw_skeletons(canvas, objects.keypoints * (factor, factor, 1), scene.colours, scene.line)
    if labels and len(objects):
        canvas = _write_words(canvas, scene, names, scores, text_scale)
    return canvas


def side_by_side(
    truth: Sample,
    prediction: Prediction,
    *,
    class_names: Sequence[str] | None = None,
    captions: tuple[str, str] = ("truth", "prediction"),
    min_side: int | None = 320,
    **options,
) -> np.ndarray:
    """Returns the truth, left, and the prediction, right, with a caption below each, uint8
    `(H, W, 3)`. Further options are those of `draw`."""
    names = tuple(class_names if class_names is not None else prediction.class_names)
    options.update(class_names=names, min_side=min_side)
    left = draw(truth.image, truth, **options)
    right = draw(truth.image, prediction, **options)
    return grid([left, right], list(captions), columns=2)


def _check_options(alpha: float, text_scale: float, color_by: str) -> None:
    for name, value, low, high in (("alpha", alpha, 0, 1), ("text_scale", text_scale, 0.5, 4)):
        if not low <= value <= high:
            raise ConfigError(f"{name}: expected a number from {low} to {high}, got {value!r}.")
    if color_by not in ("auto", "class", "instance"):
        raise ConfigError(f"color_by: expected 'auto', 'class' or 'instance', got {color_by!r}.")


def _checked(image, objects, truth) -> np.ndarray:
    if not isinstance(objects, (Prediction, Sample)):
        raise DataError(
            f"draw expects a Prediction or a Sample, got {type(objects).__name__}. "
            f"model.predict returns a list: draw its items."
        )
    if image is None and isinstance(objects, Sample):
        image = objects.image
    image = check_picture(as_colours(image))
    for name, value in (("objects", objects), ("truth", truth)):
        if value is not None and tuple(value.size) != image.shape[:2]:
            raise DataError(
                f"draw: the image is {image.shape[0]} x {image.shape[1]} pixels, the {name} "
                f"{value.size[0]} x {value.size[1]}. Pass the image that they belong to."
            )
    return image


def enlargement(size: tuple[int, int], min_side: int | None) -> int:
    """Returns the whole factor by which `draw` enlarges an image `(H, W)` for a `min_side`."""
    if not min_side:
        return 1
    wanted = -(-min_side // min(size))
    return max(1, min(wanted, 4 * min_side // max(size)))


def _enlarge(image: np.ndarray, factor: int) -> np.ndarray:
    if factor == 1:
        return image
    return cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)


def _scene(objects, factor: int, names: tuple, color_by: str, size: tuple[int, int]) -> _Scene:
    ids = np.maximum(objects.class_ids, 1)
    by_class = color_by == "class" or (color_by == "auto" and (len(names) > 1 or (ids > 1).any()))
    position = ids - 1 if by_class else np.arange(len(ids))
    colours = palette(int(position.max(initial=-1)) + 1)[position]
    crowd = getattr(objects, "is_crowd", np.zeros(len(ids), bool))
    colours[crowd] = _CROWD
    return _Scene(objects, factor, colours, crowd, max(1, round(min(size) / 280)))


def _window(mask: np.ndarray) -> tuple[slice, slice] | None:
    """The rows and columns that hold the mask, a pixel of margin included; None if empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    return (
        slice(max(0, rows[0] - 1), min(mask.shape[0], rows[-1] + 2)),
        slice(max(0, columns[0] - 1), min(mask.shape[1], columns[-1] + 2)),
    )


def _smooth(mask: np.ndarray, factor: int) -> np.ndarray:
    """Enlarges a mask with rounded steps, uint8 0 or 1."""
    mask = mask.astype(np.uint8)
    if factor == 1:
        return mask
    grown = cv2.resize(mask * 255, None, fx=factor, fy=factor, interpolation=cv2.INTER_LINEAR)
    return (grown >= 128).astype(np.uint8)


def _regions(scene: _Scene):
    """Yields `(object, region, offset)`, large objects first so that small ones stay in sight:
    the mask's window on the canvas as uint8 and its `(x, y)`."""
    areas = np.prod(scene.found.boxes[:, 2:] - scene.found.boxes[:, :2], axis=1)
    for index in np.argsort(-np.nan_to_num(areas), kind="stable"):
        mask = scene.mask(index)
        window = _window(mask)
        if window is not None:
            offset = (window[1].start * scene.factor, window[0].start * scene.factor)
            yield int(index), _smooth(mask[window], scene.factor), offset


def _paint_masks(canvas: np.ndarray, scene: _Scene, alpha: float) -> None:
    outlines = []
    for index, region, (x, y) in _regions(scene):
        view = canvas[y : y + region.shape[0], x : x + region.shape[1]]
        colour = np.full_like(view, scene.colours[index])
        blend = cv2.addWeighted(view, 1 - alpha, colour, alpha, 0)
        if scene.crowd[index]:  # stripes: many objects, none of them told apart
            down, right = np.indices(region.shape)
            fill = region * ((down + y + right + x) // (4 * scene.line) % 2).astype(np.uint8)
        else:
            fill = region
        cv2.copyTo(blend, fill, view)
        found, _ = cv2.findContours(region, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE, offset=(x, y))
        outlines.append((found, scene.colours[index].tolist()))
    for found, colour in outlines:
        cv2.drawContours(canvas, found, -1, colour, scene.line, cv2.LINE_AA)


def _paint_boxes(canvas: np.ndarray, scene: _Scene) -> None:
    height, width = canvas.shape[:2]
    for box, colour in zip(scene.found.boxes * scene.factor, scene.colours, strict=True):
        if not np.isfinite(box).all():
            continue
        y1, x1, y2, x2 = np.rint(np.clip(box, 0, (height, width, height, width))).astype(int)
        if y2 > y1 and x2 > x1:
            corners = (int(x1), int(y1)), (int(x2) - 1, int(y2) - 1)
            cv2.rectangle(canvas, *corners, colour.tolist(), scene.line)


def _outline_truth(canvas: np.ndarray, truth: Sample, factor: int, line: int) -> None:
    dash = 5 * line
    for mask, crowd in zip(truth.masks, truth.is_crowd, strict=True):
        window = _window(mask)
        if crowd or window is None:
            continue
        offset = (window[1].start * factor, window[0].start * factor)
        found, _ = cv2.findContours(
            _smooth(mask[window], factor), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE, offset=offset
        )
        for contour in found:
            points = contour[:, 0]
            cv2.polylines(canvas, [points], True, (0, 0, 0), line)
            for start in range(0, len(points), 2 * dash):
                cv2.polylines(canvas, [points[start : start + dash]], False, (255,) * 3, line)


def _write_words(canvas: np.ndarray, scene: _Scene, names, scores, scale: float) -> np.ndarray:
    words = _words(scene.found, names, scores, scene.crowd)
    sheet = Image.fromarray(canvas)
    write_labels(sheet, scene.found.boxes * scene.factor, words, scene.colours, scale)
    return np.asarray(sheet)


def _words(objects, names: tuple, scores: bool, crowd: np.ndarray) -> list[str]:
    known = getattr(objects, "scores", None)
    words = []
    for index, class_id in enumerate(objects.class_ids.tolist()):
        word = names[class_id - 1] if 0 < class_id <= len(names) else f"class {class_id}"
        if class_id == IGNORED and crowd[index]:
            word = ""  # stripes say it; a plate at each ring of ignored pixels would hide the rest
        elif crowd[index]:
            word += " (crowd)"
        if scores and known is not None:
            word += f" {known[index]:.2f}"
        words.append(word)
    return words
