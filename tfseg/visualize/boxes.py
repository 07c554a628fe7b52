"""Boxes, heat maps and small masks: what goes on inside a detector, drawn."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image

from tfseg.errors import DataError
from tfseg.visualize.files import check_picture
from tfseg.visualize.gallery import grid
from tfseg.visualize.label_plates import write_labels

__all__ = ["as_picture", "draw_boxes", "draw_heat", "enlarge", "mask_sheet"]


def as_picture(image: np.ndarray) -> np.ndarray:
    """Returns a network's input as an image uint8 `(H, W, 3)`: values are rounded and cut to 0 to
    255; one channel becomes grey, of more than three the first three are shown."""
    image = np.clip(np.rint(np.asarray(image, np.float32)), 0, 255).astype(np.uint8)
    if image.ndim == 2 or image.shape[2] < 3:
        image = np.repeat(image.reshape(*image.shape[:2], -1)[..., :1], 3, axis=2)
    return np.ascontiguousarray(image[..., :3])


def enlarge(image: np.ndarray, min_side: int) -> tuple[np.ndarray, int]:
    """Returns the image enlarged by a whole factor until its short side has at least that many
    pixels, at most 8 times; and the factor."""
    factor = min(8, max(1, -(-min_side // min(image.shape[:2]))))
    if factor == 1:
        return image, 1
    return cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC), factor


def draw_boxes(
    image: np.ndarray,
    boxes: np.ndarray,
    colours: np.ndarray | Sequence[int],
    *,
    words: Sequence[str] | None = None,
    dashed: bool = False,
    line: int | None = None,
) -> np.ndarray:
    """Returns the image with boxes on it, uint8 `(H, W, 3)`; the input is not changed.

    Args:
        image: uint8 `(H, W, 3)` RGB.
        boxes: float `(N, 4)`, `(y1, x1, y2, x2)` in pixels; the first ones are drawn on top. What
            lies outside the image is cut off, boxes without extent or not finite are left out.
        colours: uint8 RGB, one `(3,)` for all or `(N, 3)`.
        words: N labels, written where there is room; "" for none.
        dashed: Broken lines.
        line: Their width in pixels; None goes by the size of the image.
    """
    canvas = check_picture(image).copy()
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    colours = np.broadcast_to(np.asarray(colours, np.uint8), (len(boxes), 3))
    if words is not None and len(words) != len(boxes):
        raise DataError(f"words: expected {len(boxes)}, one a box, got {len(words)}.")
    width = line or max(1, round(min(canvas.shape[:2]) / 280))
    # Far outside, OpenCV's integers would not do.
    limit = 4 * max(canvas.shape[:2])
    for box, colour in zip(boxes[::-1], colours[::-1]):
        if np.isfinite(box).all() and (box[2:] > box[:2]).all():
            corners = np.rint(np.clip(box, -limit, limit)).astype(int)
            _rectangle(canvas, corners, colour.tolist(), width, dashed)
    if words is None:
        return canvas
    sheet = Image.fromarray(canvas)
    write_labels(sheet, boxes, words, colours)
    return np.asarray(sheet)


def _rectangle(canvas: np.ndarray, box, colour: list[int], width: int, dashed: bool) -> None:
    y1, x1, y2, x2 = (int(v) for v in box)
    y2, x2 = y2 - 1, x2 - 1
    if not dashed:
        cv2.rectangle(canvas, (x1, y1), (x2, y2), colour, width)
        return
    dash = 4 * width
    for x in range(x1, x2, 2 * dash):
        for y in (y1, y2):
            cv2.line(canvas, (x, y), (min(x + dash, x2), y), colour, width)
    for y in range(y1, y2, 2 * dash):
        for x in (x1, x2):
            cv2.line(canvas, (x, y), (x, min(y + dash, y2)), colour, width)


def draw_heat(image: np.ndarray, values: np.ndarray, alpha: float = 0.65) -> np.ndarray:
    """Returns the image with a map laid over it, dark for 0 and bright for 1.

    Args:
        image: uint8 `(H, W, 3)` RGB.
        values: float `(h, w)` in [0, 1], one number for each of the image's h x w parts.
        alpha: Strength of the map.
    """
    image = check_picture(image)
    grey = np.clip(np.nan_to_num(np.asarray(values, np.float32)) * 255, 0, 255).astype(np.uint8)
    warm = cv2.cvtColor(cv2.applyColorMap(grey, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)
    # Nearest: each cell of the map shall be seen as one.
    warm = cv2.resize(warm, image.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    return cv2.addWeighted(np.ascontiguousarray(image), 1 - alpha, warm, alpha, 0)


def mask_sheet(
    masks: np.ndarray,
    captions: Sequence[str],
    crops: Sequence[np.ndarray] | None = None,
    *,
    cell: int = 112,
    columns: int = 4,
) -> np.ndarray:
    """Returns small masks side by side, enlarged so that each cell can be seen.

    Args:
        masks: float `(N, m, m)` in [0, 1]; none gives a sheet that says so.
        captions: N lines of text.
        crops: The images under the masks, each drawn beside its mask; None: masks alone.
        cell: Side of each mask on the sheet.
        columns: Masks in a row.
    """
    tiles = []
    for index, mask in enumerate(np.asarray(masks, np.float32)):
        grey = np.clip(np.rint(mask * 255), 0, 255).astype(np.uint8)
        tile = cv2.resize(grey, (cell, cell), interpolation=cv2.INTER_NEAREST)
        tile = np.repeat(tile[..., None], 3, axis=2)
        if crops is not None:
            crop = np.ascontiguousarray(crops[index])
            crop = crop if crop.size else np.zeros((1, 1, 3), np.uint8)
            # Pillow's, which filters what gets smaller.
            shown = Image.fromarray(crop).resize((cell, cell), Image.Resampling.BILINEAR)
            tile = np.concatenate([shown, tile], axis=1)
        tiles.append(tile)
    return grid(tiles, list(captions) if tiles else None, columns=columns)
