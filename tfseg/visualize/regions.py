"""The regions of a class map as objects, for drawing."""

from __future__ import annotations

import numpy as np

from tfseg.errors import DataError
from tfseg.structures import Prediction, Sample, rle
from tfseg.structures.semantic import CLASS_MAP, IGNORED, class_map

__all__ = ["as_map", "as_regions", "is_map", "named_maps", "names_of"]


def is_map(objects: Prediction | Sample) -> bool:
    """Returns whether a class map says all there is: there is one, and no objects or, in a
    prediction, nothing but one object for each class of the map, as large as its region."""
    if CLASS_MAP not in objects.label_maps:
        return False
    if not len(objects):
        return True
    if isinstance(objects, Sample):
        return False
    sizes = np.bincount(np.asarray(objects.label_maps[CLASS_MAP]).reshape(-1), minlength=256)
    ids = objects.class_ids
    present = np.flatnonzero(sizes[1:IGNORED]) + 1
    return np.array_equal(np.sort(ids), present) and np.array_equal(
        sizes[ids], rle.area(objects.rles)
    )


def as_map(sample: Sample) -> Sample:
    """Returns the sample with its class map alone, without objects: to stand beside a prediction
    that does not tell objects apart."""
    return Sample(
        sample.image, sample.image_id, path=sample.path, label_maps={CLASS_MAP: class_map(sample)}
    )


def named_maps(objects: Prediction | Sample) -> tuple[str, ...]:
    """Returns the label maps whose classes have names of their own, in the order in which the
    object has them: what there is to draw besides the objects."""
    if isinstance(objects, Prediction):
        return tuple(name for name in objects.label_maps if name in objects.label_names)
    kinds = ((name, objects.label_map_kind(name)) for name in objects.label_maps)
    return tuple(name for name, kind in kinds if kind.class_names and name != CLASS_MAP)


def names_of(objects: Prediction | Sample, label_map: str) -> tuple[str, ...]:
    """Returns the class names of a label map, name of number k at position k - 1.

    Raises:
        DataError: If there is no such label map.
    """
    if isinstance(objects, Prediction):
        return objects.names_of(label_map)
    if label_map not in objects.label_maps:
        known = ", ".join(objects.label_maps) or "none"
        raise DataError(f"this sample has no label map {label_map!r}; it has {known}.")
    return objects.label_map_kind(label_map).class_names


def as_regions(
    image: np.ndarray, objects: Prediction | Sample, label_map: str = CLASS_MAP
) -> Sample:
    """Returns a sample with one mask for each class of a label map, and one of class 255, a
    crowd region, for ignored pixels; the background has none.

    Args:
        image: The image, uint8 `(H, W, 3)`.
        objects: What has the label map.
        label_map: Which one.
    """
    classes = np.asarray(objects.label_maps[label_map])
    ignore = IGNORED
    if isinstance(objects, Sample):
        ignore = objects.label_map_kind(label_map).ignore
    present = [int(number) for number in np.unique(classes) if number > 0 or number == ignore]
    masks = np.array([classes == number for number in present], bool)
    return Sample(
        image,
        objects.image_id,
        class_ids=[IGNORED if number == ignore else number for number in present],
        masks=masks.reshape(len(present), *classes.shape),
        is_crowd=[number == ignore for number in present],
    )
