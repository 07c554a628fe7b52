"""What layers pass to each other, drawn: class maps with their attention, and boundaries."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image, ImageDraw

from tfseg.errors import DataError
from tfseg.visualize import text
from tfseg.visualize.colors import ink_on, palette
from tfseg.visualize.gallery import grid

__all__ = ["attention_bar", "attention_panel", "boundary_panel"]

_BACKGROUND = (38, 41, 48)
_BAR = 24  # height in pixels
_BORDER = 3  # between a map and its bar
_FEW = 4  # so many classes are all explained; of more, those that occur


def attention_panel(
    before: Sequence[np.ndarray],
    after: Sequence[np.ndarray],
    class_names: Sequence[str],
    size: tuple[int, int],
    *,
    received: Sequence[np.ndarray | None] | None = None,
) -> np.ndarray:
    """Returns the class map of each layer before (first row) and after (second row) it was
    multiplied by an attention, uint8 `(h, w, 3)`. Below each map lies a bar of its own categorical
    attention, one field a class, dark for 0 and bright for 1: the sigmoid of the mean logit, which
    is what it passes on. After the figure 3 of Zhu et al. 2019.

    Args:
        before: For each layer float `(h_i, w_i, N)`, the logits; N counts the background, which
            is first.
        after: The same after the attention.
        class_names: N - 1 names, without the background.
        size: `(height, width)` to draw each map at; the cells of small maps show.
        received: For each layer the attention it was multiplied by, float `(N,)` in [0, 1], or
            None where it was left as it was: a third row of bars. None: no such row.

    Raises:
        DataError: If shapes or numbers do not fit.
    """
    names = ("background", *class_names)
    before = [_maps(one, f"before[{i}]", len(names)) for i, one in enumerate(before)]
    after = [_maps(one, f"after[{i}]", len(names)) for i, one in enumerate(after)]
    _same_count(before=before, after=after, received=after if received is None else received)
    tiles = [_with_bar(one, names, size) for one in (*before, *after)]
    layers = range(1, len(before) + 1)
    captions = [f"layer {i} {when}" for when in ("before", "after") for i in layers]
    for i, vector in zip(layers, received or ()):
        empty = np.full((_BAR, size[1], 3), 235, np.uint8)
        tiles.append(empty if vector is None else attention_bar(vector, names, size[1]))
        captions.append(f"layer {i} received" + (" nothing" if vector is None else ""))
    sheet = grid(tiles, captions if tiles else None, columns=max(1, len(before)))
    return np.concatenate([sheet, _key([*before, *after], names, sheet.shape[1])])


def boundary_panel(
    before: Sequence[np.ndarray], after: Sequence[np.ndarray], size: tuple[int, int]
) -> np.ndarray:
    """Returns the boundary that each layer sees before (first row) and after (second row) the
    shallower layers' boundaries were added, uint8 `(h, w, 3)`: the sigmoid of the logits, dark for
    0 and bright for 1. After the figure 4 of Zhu et al. 2019.

    Args:
        before: For each layer float `(h_i, w_i)` or `(h_i, w_i, 1)`, logits.
        after: The same after the addition.
        size: `(height, width)` to draw each map at; the cells of small maps show.

    Raises:
        DataError: If shapes or numbers do not fit.
    """
    parts = []
    for name, layers in (("before", before), ("after", after)):
        layers = [np.asarray(one)[..., None] if np.ndim(one) == 2 else one for one in layers]
        parts.append([_maps(one, f"{name}[{i}]", 1) for i, one in enumerate(layers)])
    _same_count(before=parts[0], after=parts[1])
    tiles = [_stretched(_warm(_sigmoid(one[..., 0])), size) for part in parts for one in part]
    layers = range(1, len(parts[0]) + 1)
    captions = [f"layer {i} {when}" for when in ("before", "after") for i in layers]
    return grid(tiles, captions if tiles else None, columns=max(1, len(parts[0])))


def attention_bar(values: np.ndarray, names: Sequence[str], width: int) -> np.ndarray:
    """Returns a bar with a field for each class, dark for 0 and bright for 1, uint8
    `(24, width, 3)`. Where there is room a field holds the class's name and value, else its value,
    else its number.

    Args:
        values: float `(N,)` in [0, 1].
        names: N names.
        width: In pixels; at least one a class is drawn.
    """
    values = np.asarray(values, np.float64).reshape(-1)
    if len(values) != len(names) or not ((values >= 0) & (values <= 1)).all():
        raise DataError(
            f"attention: expected {len(names)} numbers from 0 to 1, one for each of "
            f"{', '.join(names)}; got {np.round(values, 3).tolist()}."
        )
    width = max(width, len(values))
    edges = np.rint(np.linspace(0, width, len(values) + 1)).astype(int)
    bar = np.repeat(_warm(values[None]), np.diff(edges), axis=1).repeat(_BAR, axis=0)
    sheet = Image.fromarray(bar)
    canvas = ImageDraw.Draw(sheet)
    for number, (value, left, right) in enumerate(zip(values, edges[:-1], edges[1:])):
        long, short = f"{names[number]} {value:.2f}", f"{value:.2f}"
        for words, letters in ((long, 10), (short, 10), (str(number), 8)):
            face = text.font(letters)
            wide = text.width_of(words, face)
            if wide <= right - left - 1:
                place = (left + (right - left - wide) // 2, (_BAR - text.height_of(face)) // 2)
                canvas.text(place, words, ink_on(bar[0, left]), face)
                break
    return np.asarray(sheet)


def _with_bar(logits: np.ndarray, names: Sequence[str], size: tuple[int, int]) -> np.ndarray:
    colours = _colours(len(names))
    tile = _stretched(colours[logits.argmax(axis=2)], size)
    bar = attention_bar(_sigmoid(logits.mean(axis=(0, 1))), names, size[1])
    tile = np.pad(tile, ((0, _BORDER), (0, bar.shape[1] - size[1]), (0, 0)), constant_values=255)
    return np.concatenate([tile, bar])


def _key(maps: Sequence[np.ndarray], names: Sequence[str], width: int) -> np.ndarray:
    """Returns a strip that says which colour is which class, as long as there is room."""
    seen = {int(k) for one in maps for k in np.unique(one.argmax(axis=2))}
    shown = [k for k in range(len(names)) if k in seen or len(names) <= _FEW]
    face = text.font(12)
    tall = text.height_of(face)
    rows, left = [[]], 8
    for k in shown:
        wide = tall + 6 + text.width_of(names[k], face) + 16
        if left + wide > width and rows[-1]:
            rows.append([])
            left = 8
        rows[-1].append((left, k))
        left += wide
    strip = Image.new("RGB", (width, len(rows) * (tall + 6) + 4), (255, 255, 255))
    canvas, colours = ImageDraw.Draw(strip), _colours(len(names))
    for number, row in enumerate(rows):
        top = number * (tall + 6)
        for left, k in row:
            box = (left, top + 2, left + tall - 2, top + tall)
            canvas.rectangle(box, fill=tuple(colours[k].tolist()))
            words = text.cut_to_width(names[k], face, width - left - tall - 6)
            canvas.text((left + tall + 6, top), words, (30, 30, 36), face)
    return np.asarray(strip)


def _colours(count: int) -> np.ndarray:
    return np.concatenate([np.array([_BACKGROUND], np.uint8), palette(count - 1)])


def _maps(logits: np.ndarray, name: str, channels: int) -> np.ndarray:
    logits = np.asarray(logits, np.float64)
    if logits.ndim != 3 or logits.shape[2] != channels or not logits.size:
        raise DataError(
            f"{name}: expected logits (h, w, {channels}) of at least one cell, got shape "
            f"{logits.shape}. Take the batch axis off first."
        )
    if not np.isfinite(logits).all():
        raise DataError(f"{name}: the logits hold NaN or infinity; the training diverged.")
    return logits


def _same_count(**parts: Sequence) -> None:
    if len({len(part) for part in parts.values()}) > 1:
        counts = ", ".join(f"{name} {len(part)}" for name, part in parts.items())
        raise DataError(f"expected as many layers in each part, got {counts}.")


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(0.5 * logits))  # does not overflow


def _warm(values: np.ndarray) -> np.ndarray:
    grey = np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)
    return cv2.cvtColor(cv2.applyColorMap(grey, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)


def _stretched(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return cv2.resize(
        np.ascontiguousarray(picture), (size[1], size[0]), interpolation=cv2.INTER_NEAREST
    )
