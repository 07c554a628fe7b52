"""Objects drawn onto their image: masks, outlines, boxes, skeletons and labels."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image

from tfseg.errors import ConfigError, DataError
from tfseg.structures import Prediction, Sample
from tfseg.structures.semantic import IGNORED
from tfseg.visualize.colors import palette
from tfseg.visualize.files import as_colours, check_picture
from tfseg.visualize.gallery import grid
from tfseg.visualize.label_plates import write_labels
from tfseg.visualize.legend import with_legend
from tfseg.visualize.painting import (
    Scene,
    outline_truth,
    paint_boxes,
    paint_masks,
    scene_of,
)
from tfseg.visualize.parts import attribute_lines, attribute_parts
from tfseg.visualize.regions import as_regions, is_map, names_of
from tfseg.visualize.skeleton import draw_skeletons

__all__ = ["checked_image", "draw", "enlargement", "side_by_side"]


@dataclasses.dataclass(frozen=True)
class _Style:
    """Options of `draw`."""

    scores: bool
    masks: bool
    boxes: bool
    labels: bool
    keypoints: bool
    alpha: float
    color_by: str
    text_scale: float
    legend: bool

    def __post_init__(self):
        limits = (("alpha", self.alpha, 0, 1), ("text_scale", self.text_scale, 0.5, 4))
        for name, value, low, high in limits:
            if not low <= value <= high:
                raise ConfigError(f"{name}: expected a number from {low} to {high}, got {value!r}.")
        if self.color_by not in ("auto", "class", "instance"):
            raise ConfigError(
                f"color_by: expected 'auto', 'class' or 'instance', got {self.color_by!r}."
            )


@dataclasses.dataclass(frozen=True)
class _Content:
    """What is drawn: objects or the regions of a map, their attributes, and the legend."""

    objects: Prediction | Sample
    names: tuple[str, ...]
    color_by: str
    boxes: bool
    labels: bool
    parts: Prediction | None = None
    keys: Sequence[tuple[str, np.ndarray]] = ()
    lines: Sequence[str] = ()


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
    label_map: str | None = None,
    legend: bool = True,
) -> np.ndarray:
    """Returns the image with objects drawn on it, uint8 `(H, W, 3)`; the input is not changed.

    Where a class map says all there is (`regions.is_map`), its regions are drawn: filled, outlined
    and named, without boxes; ignored pixels are striped in grey. Attributes of objects are filled
    each in its own colour, and the legend tells which, and what they are like.

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
        label_map: Draw this one in place of the objects; `answers.draw_answers` draws all.
        legend: Add one below the image, where there are attributes or a named label map.

    Raises:
        DataError: If the image is no image or has another size than the objects.
        ConfigError: If an option is out of range.
    """
    image = checked_image(image, objects, truth)
    style = _Style(scores, masks, boxes, labels, keypoints, alpha, color_by, text_scale, legend)
    content = _content(image, objects, class_names, style, label_map)
    return _drawn(image, content, style, truth, enlargement(image.shape[:2], min_side))


def _content(image, objects, class_names, style: _Style, label_map: str | None) -> _Content:
    names = getattr(objects, "class_names", ()) if class_names is None else tuple(class_names)
    if label_map is not None:
        names = names_of(objects, label_map) if class_names is None else names
        regions = as_regions(image, objects, label_map)
        keys = _keys(regions, names) if style.legend else []
        return _Content(
            regions, names, "class", boxes=False, labels=style.labels and not keys, keys=keys
        )
    if is_map(objects):
        regions = as_regions(image, objects)
        return _Content(regions, names, "class", boxes=False, labels=style.labels)
    content = _Content(objects, names, style.color_by, style.boxes, style.labels)
    parts = attribute_parts(objects) if style.masks else None
    keys = [] if parts is None or not style.legend else _keys(parts, parts.class_names)
    lines = attribute_lines(objects, style.scores) if style.legend else []
    return dataclasses.replace(content, parts=parts, keys=keys, lines=lines)


def _drawn(image, content: _Content, style: _Style, truth, factor: int) -> np.ndarray:
    objects = content.objects
    canvas = np.ascontiguousarray(_enlarge(image, factor)).copy()
    size = canvas.shape[:2]
    scene = scene_of(objects, factor, content.names, content.color_by, size)
    if content.parts is not None:
        paint_masks(canvas, scene_of(content.parts, factor, (), "class", size), style.alpha)
    if style.masks:  # of objects with attributes the outlines alone
        paint_masks(canvas, scene, style.alpha if content.parts is None else 0)
    if content.boxes:
        paint_boxes(canvas, scene)
    if truth is not None:
        outline_truth(canvas, truth, factor, scene.line)
    if style.keypoints and objects.keypoints is not None:
        draw_skeletons(canvas, objects.keypoints * (factor, factor, 1), scene.colours, scene.line)
    if content.labels and len(objects):
        canvas = _write_words(canvas, scene, content, style)
    return with_legend(canvas, content.keys, content.lines, style.text_scale)


def _keys(objects: Prediction | Sample, names: tuple) -> list[tuple[str, np.ndarray]]:
    """Returns the name and the colour of each class that there is, for the legend."""
    present = [int(k) for k in np.unique(objects.class_ids) if 0 < k <= len(names)]
    colours = palette(max(present, default=0))
    return [(names[k - 1], colours[k - 1]) for k in present]


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


def checked_image(image, objects, truth=None) -> np.ndarray:
    """Returns the image that objects and truth are drawn on, uint8 `(H, W, 3)`; that of a sample
    where None is given.

    Raises:
        DataError: If it is no image, or of another size than they are.
    """
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


def _write_words(canvas: np.ndarray, scene: Scene, content: _Content, style: _Style) -> np.ndarray:
    found, words = scene.found, _words(scene.found, content.names, style.scores, scene.crowd)
    if content.lines:  # the legend speaks of the objects by number
        words = [f"{number} {word}" for number, word in enumerate(words, 1)]
    rows = np.arange(len(found))
    if isinstance(found, Prediction) and found.order == "given":
        rows = found.best_first()  # the best ones get the free places
    sheet = Image.fromarray(canvas)
    boxes, words = found.boxes[rows] * scene.factor, [words[row] for row in rows]
    write_labels(sheet, boxes, words, scene.colours[rows], style.text_scale)
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
