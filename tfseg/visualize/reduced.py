"""Images shrunk together with their objects, before they are drawn on a page."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np

from tfseg.structures import Attribute, Prediction, Sample, rle
from tfseg.structures.semantic import CLASS_MAP
from tfseg.visualize.regions import is_map, named_maps

__all__ = ["reduced"]


def reduced(
    image: np.ndarray, objects: Prediction | Sample, long_side: int
) -> tuple[np.ndarray, Prediction | Sample]:
    """Returns an image of at most so many pixels on its long side, and its objects, so that lines
    and letters keep their size on the page: all that `draw` shows of them.

    Args:
        image: uint8 `(H, W, 3)`.
        objects: A prediction, or a sample.
        long_side: Pixels; a smaller image stays as it is.
    """
    scale = long_side / max(np.shape(image)[:2])
    if scale >= 1:
        return image, objects
    if isinstance(objects, Prediction) and is_map(objects):
        objects = objects[:0]  # the map says it all, and stays one when both are shrunk
    size = tuple(max(1, round(scale * n)) for n in image.shape[:2])
    small = cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA)
    masks = np.zeros((len(objects), *size), bool)
    for index in range(len(objects)):
        one = isinstance(objects, Prediction)
        mask = rle.decode(objects.rles[index]) if one else objects.masks[index]
        masks[index] = _mask(mask, size)
    ratio = np.array([size[0] / image.shape[0], size[1] / image.shape[1]] * 2, np.float32)
    keypoints = objects.keypoints
    if keypoints is not None:
        keypoints = keypoints * np.array([ratio[1], ratio[0], 1], np.float32)
    shared = dict(class_ids=objects.class_ids, boxes=objects.boxes * ratio, keypoints=keypoints)
    maps = list(objects.label_maps)
    if isinstance(objects, Prediction):  # others, such as an opacity, are not drawn
        maps = [name for name in maps if name in (CLASS_MAP, *named_maps(objects))]
    shared["label_maps"] = {name: _labels(objects.label_maps[name], size) for name in maps}
    if isinstance(objects, Sample):
        kinds = {name: objects.label_map_kind(name) for name in maps}
        shared.update(is_crowd=objects.is_crowd, label_map_kinds=kinds)
        return small, Sample(small, objects.image_id, masks=masks, **shared)
    shared.update(scores=objects.scores, class_names=objects.class_names, order=objects.order)
    shared.update(attributes=_attributes(objects, size), label_names=objects.label_names)
    return small, Prediction.from_masks(masks, size=size, **shared)


def _mask(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    grey = cv2.resize(mask.astype(np.uint8) * 255, size[::-1], interpolation=cv2.INTER_AREA)
    return grey >= 128


def _labels(labels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    labels = np.asarray(labels)
    labels = labels.astype(np.uint8 if labels.max(initial=0) < 256 else np.uint16)
    return cv2.resize(labels, size[::-1], interpolation=cv2.INTER_NEAREST)


def _attributes(objects: Prediction, size: tuple[int, int]):
    if objects.attributes is None:
        return None

    def small(one: Attribute) -> Attribute:
        if one.rle is None:
            return one
        return dataclasses.replace(one, rle=rle.encode(_mask(rle.decode(one.rle), size)))

    return tuple(tuple(map(small, ones)) for ones in objects.attributes)
