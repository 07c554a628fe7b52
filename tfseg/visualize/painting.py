"""Masks, outlines and boxes painted onto a canvas."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np

from tfseg.structures import Prediction, Sample, rle
from tfseg.visualize.colors import palette

__all__ = ["Scene", "outline_truth", "paint_boxes", "paint_masks", "scene_of"]

_CROWD = np.array((150, 150, 158), np.uint8)


@dataclasses.dataclass(frozen=True)
class Scene:
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


def scene_of(objects, factor: int, names: tuple, color_by: str, size: tuple[int, int]) -> Scene:
    """Returns what to draw on a canvas of a size, `(H, W)`, and in which colours; see `draw`."""
    ids = np.maximum(objects.class_ids, 1)
    by_class = color_by == "class" or (color_by == "auto" and (len(names) > 1 or (ids > 1).any()))
    position = ids - 1 if by_class else np.arange(len(ids))
    colours = palette(int(position.max(initial=-1)) + 1)[position]
    crowd = getattr(objects, "is_crowd", np.zeros(len(ids), bool))
    colours[crowd] = _CROWD
    return Scene(objects, factor, colours, crowd, max(1, round(min(size) / 280)))


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


def _regions(scene: Scene):
    """Yields `(object, region, offset)`, large objects first so that small ones stay in sight:
    the mask's window on the canvas as uint8 and its `(x, y)`."""
    areas = np.prod(scene.found.boxes[:, 2:] - scene.found.boxes[:, :2], axis=1)
    for index in np.argsort(-np.nan_to_num(areas), kind="stable"):
        mask = scene.mask(index)
        window = _window(mask)
        if window is not None:
            offset = (window[1].start * scene.factor, window[0].start * scene.factor)
            yield int(index), _smooth(mask[window], scene.factor), offset


def paint_masks(canvas: np.ndarray, scene: Scene, alpha: float) -> None:
    """Fills the masks with their colours, as strongly as `alpha`, and outlines them."""
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


def paint_boxes(canvas: np.ndarray, scene: Scene) -> None:
    """Draws the boxes that are finite and inside the canvas."""
    height, width = canvas.shape[:2]
    for box, colour in zip(scene.found.boxes * scene.factor, scene.colours, strict=True):
        if not np.isfinite(box).all():
            continue
        y1, x1, y2, x2 = np.rint(np.clip(box, 0, (height, width, height, width))).astype(int)
        if y2 > y1 and x2 > x1:
            corners = (int(x1), int(y1)), (int(x2) - 1, int(y2) - 1)
            cv2.rectangle(canvas, *corners, colour.tolist(), scene.line)


def outline_truth(canvas: np.ndarray, truth: Sample, factor: int, line: int) -> None:
    """Outlines the masks of the truth in dashed white, but no crowd regions."""
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
