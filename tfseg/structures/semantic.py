"""One class number for every pixel of an image, given as such or made from instance masks."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tfseg.errors import DataError
from tfseg.structures import rle
from tfseg.structures.label_maps import IGNORED
from tfseg.structures.prediction import Prediction
from tfseg.structures.sample import Sample

__all__ = [
    "CLASS_MAP",
    "IGNORED",
    "class_map",
    "predicted_class_map",
    "renumbered_class_map",
    "semantic_prediction",
]

CLASS_MAP = "classes"
"""The name under which `Sample.label_maps` and `Prediction.label_maps` hold the class map."""


def class_map(sample: Sample) -> np.ndarray:
    """Returns the class of each pixel, int32 `(H, W)`: 0 background, class ids from 1, 255 ignored.

    It is the sample's label map "classes" if it has one, in which what the map itself ignores
    under another number becomes 255. Otherwise instance masks are laid over
    each other, later objects on top, and what a crowd region alone covers is ignored: nobody
    traced its outline. An image without objects is all background.
    """
    if CLASS_MAP in sample.label_maps:
        classes, ignore = sample.label_maps[CLASS_MAP], sample.label_map_kind(CLASS_MAP).ignore
        if ignore not in (None, IGNORED):
            return np.where(classes == ignore, IGNORED, classes).astype(np.int32)
        return np.asarray(classes, np.int32)
    classes = np.zeros(sample.size, np.int32)
    for mask in sample.masks[sample.is_crowd]:
        classes[mask] = IGNORED
    objects = ~sample.is_crowd
    for mask, number in zip(sample.masks[objects], sample.class_ids[objects]):
        classes[mask] = number
    return classes


def semantic_prediction(found: list, label_maps: Mapping[str, np.ndarray], **fields) -> Prediction:
    """Returns the prediction of a class map: one object for each class in it, best score first.

    Args:
        found: `(score, class id, (y1, x1, y2, x2), run lengths)` of each class.
        label_maps: The maps of the prediction, the class map among them.
        fields: Further ones of the prediction.
    """
    found = sorted(found, key=lambda entry: -entry[0])
    return Prediction(
        size=label_maps[CLASS_MAP].shape,
        boxes=np.array([box for _, _, box, _ in found], np.float32),
        class_ids=np.array([number for _, number, _, _ in found], np.int32),
        scores=np.array([score for score, _, _, _ in found], np.float32),
        rles=tuple(mask for *_, mask in found),
        label_maps=label_maps,
        **fields,
    )


def renumbered_class_map(sample: Sample, ids: np.ndarray) -> np.ndarray | None:
    """Returns the sample's label map "classes" with other class ids, or None if it has none.

    0 and the number that the map ignores (255) stay what they are. The map keeps its integer
    type, unless an id needs a wider one.

    Args:
        sample: The sample.
        ids: int `(C + 1,)`: the new id of each class id; entry 0 is 0. `arange` only checks.

    Raises:
        DataError: The map holds something else than 0 to C and what it ignores.
    """
    if CLASS_MAP not in sample.label_maps:
        return None
    classes = np.asarray(sample.label_maps[CLASS_MAP])
    count = len(ids) - 1
    ignore = sample.label_map_kind(CLASS_MAP).ignore
    also, ignored = (f", and {ignore} for what is ignored", ignore) if ignore else ("", 0)
    if classes.dtype.kind not in "iub":
        raise DataError(
            f"{sample.where}: expected whole numbers in label_maps[{CLASS_MAP!r}], got "
            f"{classes.dtype}. Convert the map with astype('uint8')."
        )
    low, high = int(classes.min(initial=0)), int(classes.max(initial=0))
    if low < 0 or high > count:
        strange = (classes < 0) | ((classes > count) & (classes != ignored))
        if strange.any():
            raise DataError(
                f"{sample.where}: label_maps[{CLASS_MAP!r}] holds {int(classes[strange][0])}; "
                f"expected 0 for the background, class ids from 1 to {count}{also}."
            )
    if (ids == np.arange(count + 1)).all():
        return classes
    table = np.zeros(max(count, ignored) + 1, np.int32)
    table[ignored] = ignored  # a class of that id outranks it, as it does everywhere
    table[: count + 1] = ids
    new = table[classes.astype(np.int64)]
    fits = classes.dtype.kind != "b" and int(table.max()) <= np.iinfo(classes.dtype).max
    return new.astype(classes.dtype) if fits else new


def predicted_class_map(prediction: Prediction, score: float = 0.5) -> np.ndarray:
    """Returns the predicted class of each pixel, int32 `(H, W)`: 0 background, class ids from 1.

    It is the prediction's label map "classes" if it has one. Otherwise, as for an instance
    model, the masks of all objects of at least that score are laid over each other, the best on
    top. Without objects all is background.
    """
    if CLASS_MAP in prediction.label_maps:
        return np.asarray(prediction.label_maps[CLASS_MAP], np.int32)
    classes = np.zeros(prediction.size, np.int32)
    for index in np.argsort(prediction.scores, kind="stable"):
        if prediction.scores[index] >= score:
            classes[rle.decode(prediction.rles[index])] = prediction.class_ids[index]
    return classes
