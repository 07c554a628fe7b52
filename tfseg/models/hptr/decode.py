"""People with what they wear, and the label maps, at the image's own size out of raw tensors."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from tfseg.geometry.resize import ResizePlan
from tfseg.models.hptr.config import MAP_STRIDE, HPTRConfig
from tfseg.structures import Prediction, rle
from tfseg.structures.attributes import Attribute, Trait
from tfseg.structures.pasting import linear_weights

__all__ = ["TRAITS", "Regions", "decode", "pixel_boxes"]

TRAITS = {"sizes": "size", "patterns": "pattern", "colors": "color"}
"""Label map to the respect in which an `Attribute` has its traits."""
_OTHERS = "attributes"


@dataclasses.dataclass(frozen=True, eq=False)
class Regions:
    """Regions that do not overlap, each with what it is and how sure that is.

    Attributes:
        numbers: int32 `(H, W)`, the number of the region at each pixel, from 1; 0 is none.
        owners: int `(R,)`, row of the person whose region n + 1 is.
        attributes: int `(R,)`, its attribute.
        classes: int `(R,)`, what counts: the attribute, or the characteristic on it.
        pixels: int `(R,)`.
        scores: float `(R,)`, the person's score times the mean probability of the class.
    """

    numbers: np.ndarray
    owners: np.ndarray
    attributes: np.ndarray
    classes: np.ndarray
    pixels: np.ndarray
    scores: np.ndarray


def decode(
    outputs: Mapping[str, np.ndarray],
    plan: ResizePlan,
    config: HPTRConfig,
    *,
    score_threshold: float,
    **fields,
) -> tuple[Prediction, dict[str, Regions]]:
    """Returns the prediction, best people first, and the regions of each task.

    A pixel belongs to the person of whom score times mask probability is highest there, among
    those with more than 0.5; masks do not overlap, and people without a pixel are left out. An
    attribute's trait is that which most of its pixels have.

    Args:
        outputs: Of the network for one image, without the batch axis.
        plan: How the image was fitted into its input.
        config: The model's settings.
        score_threshold: The lowest score of a person.
        fields: Further fields of the prediction, such as `image_id`.
    """
    kept = np.flatnonzero(outputs["scores"] >= np.float32(score_threshold))
    owners = _owners(outputs["masks"], outputs["scores"], kept, plan)
    seen = np.bincount(owners.ravel(), minlength=len(kept) + 1) > 0
    rows = kept[seen[1:]]
    number = np.zeros(len(kept) + 1, np.int32)
    number[1:][seen[1:]] = np.arange(1, len(rows) + 1)
    owners = number[owners]
    scores = outputs["scores"][rows]
    maps, chances = {}, {}
    for task in config.tasks:
        maps[task], chances[task] = _class_map(outputs[task], plan, config.background_channel)
    regions = {
        task: _regions(owners, maps[_OTHERS], maps[task], chances[task], scores)
        for task in config.tasks
    }
    prediction = Prediction(
        size=plan.original,
        boxes=pixel_boxes(outputs["boxes"][rows], plan.original),
        class_ids=outputs["class_ids"][rows],
        scores=scores,
        rles=tuple(rle.encode_regions(owners, len(rows))),
        class_names=config.classes,
        label_maps={**maps, "instances": owners},
        label_names={task: getattr(config, task) for task in config.tasks},
        attributes=_attributes(len(rows), regions, config),
        **fields,
    )
    return prediction, regions


def pixel_boxes(shares: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Returns `(y1, x1, y2, x2)` in pixels within the image, float32 `(N, 4)`.

    Args:
        shares: `(N, 4)`, `(cx, cy, w, h)` in shares of the image.
        size: `(H, W)` of the image.
    """
    cx, cy, width, height = np.asarray(shares, np.float64).reshape(-1, 4).T
    ends = [cy - height / 2, cx - width / 2, cy + height / 2, cx + width / 2]
    return (np.clip(np.stack(ends, axis=1), 0, 1) * (*size, *size)).astype(np.float32)


def _weights(plan: ResizePlan, axis: int, first: int = 0, last: int | None = None) -> tuple:
    """Returns `(weights, cells)`: float32 `(last - first, cells)`, how the pixels of the image
    blend the cells of a map along an axis. Cells that show nothing but padding take no part."""
    side, resized = plan.original[axis], plan.resized[axis]
    cells = -(-resized // MAP_STRIDE)
    end = side * cells * MAP_STRIDE / resized  # where the last cell ends, in pixels of the image
    last = side if last is None else last
    return linear_weights(first, last, 0, end, cells), cells


def _owners(logits, scores, kept, plan: ResizePlan) -> np.ndarray:
    """Returns the person of each pixel, int32 `(H, W)`: 1 + place in `kept`, 0 for nobody."""
    owners, best = np.zeros(plan.original, np.int32), np.zeros(plan.original, np.float32)
    cells = [-(-side // MAP_STRIDE) for side in plan.resized]
    for place, row in enumerate(kept.tolist(), start=1):
        chances = _sigmoid(logits[row, : cells[0], : cells[1]])
        over = chances > 0.5  # between cells none of which is above, no pixel is
        if not over.any():
            continue
        ranges = [_reach(over.any(axis=1 - axis), plan, axis) for axis in (0, 1)]
        (top, bottom), (left, right) = ranges
        vertical, _ = _weights(plan, 0, top, bottom)
        horizontal, _ = _weights(plan, 1, left, right)
        wide = vertical @ chances @ horizontal.T
        value = np.where(wide > 0.5, wide * scores[row], 0.0)
        here = (slice(top, bottom), slice(left, right))
        better = value > best[here]
        best[here] = np.where(better, value, best[here])
        owners[here] = np.where(better, place, owners[here])
    return owners


def _reach(over: np.ndarray, plan: ResizePlan, axis: int) -> tuple[int, int]:
    """Returns the pixels, first and behind the last, that some cells have a share in."""
    places, side = np.flatnonzero(over), plan.original[axis]
    pixels = MAP_STRIDE * side / plan.resized[axis]  # of a cell
    first, last = (places[0] - 0.5) * pixels, (places[-1] + 1.5) * pixels
    return max(0, int(np.floor(first))), min(side, int(np.ceil(last)) + 1)


def _class_map(logits: np.ndarray, plan: ResizePlan, background: bool) -> tuple:
    """Returns the likeliest class of each pixel, uint8 `(H, W)`, and its probability, float32."""
    vertical, rows = _weights(plan, 0)
    horizontal, columns = _weights(plan, 1)
    best = np.full(plan.original, -np.inf, np.float32)
    classes = np.zeros(plan.original, np.uint8)
    for channel in range(logits.shape[-1]):  # one at a time: all of a photograph are gigabytes
        wide = vertical @ logits[:rows, :columns, channel] @ horizontal.T
        better = wide > best
        best = np.where(better, wide, best)
        classes[better] = channel + (not background)
    chances = _sigmoid(best)
    if not background:
        classes[chances <= 0.5] = 0
    return classes, chances


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(np.asarray(logits, np.float32), -80, 80)))


def _regions(owners, attributes, classes, chances, scores) -> Regions:
    """Returns the regions of one person, one attribute and one class each."""
    numbers = np.zeros(owners.shape, np.int32)
    inside = (owners > 0) & (attributes > 0) & (classes > 0)
    sides = int(attributes.max(initial=0)) + 1, int(classes.max(initial=0)) + 1
    key = owners[inside].astype(np.int64) * sides[0] + attributes[inside]
    key = key * sides[1] + classes[inside]
    pixels = np.bincount(key)
    keys = np.flatnonzero(pixels)
    place = np.zeros(len(pixels), np.int32)
    place[keys] = np.arange(1, len(keys) + 1)
    numbers[inside] = place[key]
    pixels, sums = pixels[keys], np.bincount(key, chances[inside])[keys]
    people = keys // (sides[0] * sides[1]) - 1
    sure = np.minimum(sums / pixels * np.asarray(scores, np.float64)[people], 1.0)
    attribute = keys // sides[1] % sides[0]
    return Regions(numbers, people, attribute, keys % sides[1], pixels, sure)


def _attributes(count: int, regions: Mapping[str, Regions], config: HPTRConfig) -> tuple:
    """Returns what each person wears and shows, a tuple of `Attribute` for each."""
    found = [[] for _ in range(count)]
    parts = regions[_OTHERS]
    masks = rle.encode_regions(parts.numbers, len(parts.owners))
    traits = {
        respect: _traits(regions[task], getattr(config, task))
        for task, respect in TRAITS.items()
        if task in regions
    }
    for index, key in enumerate(zip(parts.owners.tolist(), parts.attributes.tolist())):
        own = {respect: known[key] for respect, known in traits.items() if key in known}
        name = config.attributes[key[1] - 1]
        found[key[0]].append(Attribute(name, float(parts.scores[index]), masks[index], own))
    return tuple(map(tuple, found))


def _traits(regions: Regions, names) -> dict[tuple[int, int], Trait]:
    """Returns the characteristic that most pixels of each person's attribute have."""
    best: dict[tuple[int, int], int] = {}
    pixels = regions.pixels.tolist()
    for index, key in enumerate(zip(regions.owners.tolist(), regions.attributes.tolist())):
        if key not in best or pixels[index] > pixels[best[key]]:
            best[key] = index
    return {
        key: Trait(names[regions.classes[index] - 1], float(regions.scores[index]))
        for key, index in best.items()
    }
