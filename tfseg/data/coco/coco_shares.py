"""COCO's annotations whose coordinates are shares of the image's sides, made pixels."""

from __future__ import annotations

from tfseg.data.coco.coco_records import hashable, number

__all__ = ["in_pixels"]


def in_pixels(content: dict) -> dict:
    """Returns a COCO file's content with polygons, boxes and keypoints multiplied by the sizes of
    their images, as far as those are stated and these are numbers; the rest as it is."""
    sizes = {}
    for image in content["images"]:
        identity = hashable(image, "id")
        if identity is not None:
            sizes[identity] = number(image.get("width")), number(image.get("height"))
    annotations = [
        _scaled(one, sizes.get(hashable(one, "image_id"))) for one in content["annotations"]
    ]
    return {**content, "annotations": annotations}


def _scaled(annotation, size):
    if size is None or not all(isinstance(side, int) for side in size):
        return annotation
    scaled = dict(annotation)
    polygons = annotation.get("segmentation")
    if isinstance(polygons, list):
        scaled["segmentation"] = [_times(polygon, size, 2) for polygon in polygons]
    for key, step in (("bbox", 2), ("keypoints", 3)):
        if key in annotation:
            scaled[key] = _times(annotation[key], size, step)
    return scaled


def _times(values, size: tuple[int, int], step: int):
    """Returns numbers, every first of `step` times the width and every second times the height."""
    if not isinstance(values, list) or not all(isinstance(v, (int, float)) for v in values):
        return values
    factors = (*size, 1)
    return [value * factors[place % step] for place, value in enumerate(values)]
