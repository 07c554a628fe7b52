"""A parsing on one sheet: the image, its people, and the map of each task, each with its legend.

After figure 1 of Loesch and Audigier, Describe me if you can! (2021).
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from tfseg.structures import Prediction, Sample, rle
from tfseg.structures.descriptions import describe, spoken
from tfseg.structures.semantic import IGNORED
from tfseg.visualize.colors import named_colour, palette
from tfseg.visualize.draw import checked_image
from tfseg.visualize.gallery import grid
from tfseg.visualize.legend import with_legend
from tfseg.visualize.reduced import reduced
from tfseg.visualize.regions import named_maps, names_of

__all__ = ["draw_parsing", "is_parsing"]

_STRENGTH = 0.85
_IGNORED = (110, 116, 126)


def is_parsing(objects: Prediction | Sample) -> bool:
    """Returns whether there are objects with attributes, and maps with names of what these are."""
    return getattr(objects, "attributes", None) is not None and bool(named_maps(objects))


def draw_parsing(
    image: np.ndarray | None,
    objects: Prediction | Sample,
    *,
    side: int = 800,
    scores: bool = True,
) -> np.ndarray:
    """Returns the image, its people and each named label map side by side, uint8 `(H, W, 3)`, and
    below them a sentence about each person. Classes that are colours are drawn in their colour.

    Args:
        image: uint8 `(H, W, D)`, RGB where D is 3, or `(H, W)`. None: the image of a `Sample`.
        objects: A prediction, or a sample for the truth; it may hold nobody.
        side: Panels are at most so many pixels long.
        scores: Write how sure each person is.

    Raises:
        DataError: If the image is no image or has another size than the objects.
    """
    sentences = describe(objects) if isinstance(objects, Prediction) else []
    image, objects = reduced(checked_image(image, objects), objects, side)
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    panels, captions = [image], ["image"]
    owners, keys = _people(objects, scores)
    panels.append(_panel(grey, owners, keys))
    captions.append("people")
    for name in named_maps(objects):
        labels = np.asarray(objects.label_maps[name])
        ignore = IGNORED
        if isinstance(objects, Sample):
            ignore = objects.label_map_kind(name).ignore
        panels.append(_panel(grey, labels, _keys(names_of(objects, name)), ignore))
        captions.append(spoken(name))
    height = max(len(panel) for panel in panels)  # legends differ, and images shall be level
    panels = [
        np.pad(panel, ((0, height - len(panel)), (0, 0), (0, 0)), constant_values=255)
        for panel in panels
    ]
    sheet = grid(panels, captions, columns=min(3, len(panels)))
    letters = np.clip(min(image.shape[:2]) / 28, 9, 40) / np.clip(min(sheet.shape[:2]) / 28, 9, 40)
    return with_legend(sheet, [], sentences, scale=1.3 * letters)


def _people(objects, scores: bool) -> tuple[np.ndarray, list]:
    """Returns the number of the person at each pixel, int32 `(h, w)`, and a key for each."""
    owners = np.zeros(objects.size, np.int32)
    colours = palette(len(objects))
    names = getattr(objects, "names", ["person"] * len(objects))
    keys = []
    for number in range(len(objects), 0, -1):  # the best on top
        if isinstance(objects, Sample):
            mask = objects.masks[number - 1]
        else:
            mask = rle.decode(objects.rles[number - 1])
        owners[mask] = number
        words = f"{spoken(names[number - 1])} {number}"
        if scores and isinstance(objects, Prediction):
            words += f": {objects.scores[number - 1]:.2f}"
        keys.append((words, colours[number - 1]))
    return owners, keys[::-1]


def _keys(names: Sequence[str]) -> list[tuple[str, np.ndarray]]:
    """Returns words and a colour for each class of a map."""
    own = [named_colour(name) for name in names]
    # All or none: a hue of the palette beside true ones would be taken for one of them.
    true = all(colour is not None for colour in own)
    colours = np.array(own, np.uint8) if true and own else palette(len(names))
    words = [name.replace("_", " ") for name in names]
    return list(zip(words, colours))


def _panel(grey: np.ndarray, labels: np.ndarray, keys: list, ignore: int | None = None):
    """Returns a map in its colours over the grey image, with the legend of what is in it."""
    table = np.zeros((max(256, len(keys) + 1, int(labels.max(initial=0)) + 1), 3), np.float32)
    for number, (_, colour) in enumerate(keys, 1):
        table[number] = colour
    there = labels > 0
    if ignore is not None:
        table[ignore] = _IGNORED
        there |= labels == ignore
    strength = np.where(there, _STRENGTH, 0.0)[..., None].astype(np.float32)
    picture = grey * 0.7 * (1 - strength) + table[labels] * strength
    present = [keys[number - 1] for number in np.unique(labels) if 0 < number <= len(keys)]
    if ignore is not None and (labels == ignore).any():
        present.append(("ignored", _IGNORED))
    return with_legend(np.rint(picture).astype(np.uint8), present)
