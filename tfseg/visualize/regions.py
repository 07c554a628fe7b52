"""The regions of a class map as objects, for drawing."""

from __future__ import annotations

import numpy as np

from tfseg.structures import Prediction, Sample, rle
from tfseg.structures.semantic import CLASS_MAP, IGNORED, class_map

__all__ = ["as_map", "as_regions", "is_map"]


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


def as_regions(image: np.ndarray, objects: Prediction | Sample) -> Sample:
    """Returns a sample with one mask for each class of the class map, and one of class 255, a
    crowd region, for ignored pixels; the background has none.

    Args:
        image: The image, uint8 `(H, W, 3)`.
        objects: What has the class map.
    """
    classes = np.asarray(objects.label_maps[CLASS_MAP])
    present = [int(number) for number in np.unique(classes) if number > 0]
    masks = np.array([classes == number for number in present], bool)
    return Sample(
        image,
        objects.image_id,
        class_ids=present,
        masks=masks.reshape(len(present), *classes.shape),
        is_crowd=[number == IGNORED for number in present],
    )
