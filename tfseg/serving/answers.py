"""The outputs of an exported model, for one image, as the `Prediction` that `predict` gives.

Which of these reads them says the model itself: `answers` among what its signature `describe` says.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping

import numpy as np

from tfseg.structures import Prediction, rle
from tfseg.structures.attributes import Attribute, Trait
from tfseg.structures.pasting import PASTES
from tfseg.structures.poses import Poses
from tfseg.structures.semantic import semantic_prediction

__all__ = ["DECODERS"]

Row = Mapping[str, object]


def objects(row: Row, facts: Mapping, poses: Poses | None, fields: Mapping) -> Prediction:
    """Returns the prediction of a model that finds objects.

    Args:
        row: Output to its value for this image.
        facts: What the model says of itself.
        poses: Of the image, where the model takes them.
        fields: Further fields of the prediction.
    """
    size, count = _size(row), int(row["num_detections"])
    boxes = np.asarray(row["detection_boxes"], np.float32)[:count].reshape(-1, 4)
    masks = np.asarray(row["detection_masks"], np.float32)[:count]
    paste, kept, rles = PASTES[facts["mask_paste"]], [], []
    for index, (box, mask) in enumerate(zip(boxes, masks, strict=True)):
        crop, top, left = paste(mask, box, size)
        if crop.size:
            kept.append(index)
            rles.append(rle.encode_crop(crop, top, left, size))
    return Prediction(
        size=size,
        boxes=boxes[kept],
        class_ids=np.asarray(row["detection_classes"], np.int32)[:count][kept],
        scores=np.asarray(row["detection_scores"], np.float32)[:count][kept],
        rles=tuple(rles),
        class_names=facts["class_names"],
        **fields,
    )


def pixels(row: Row, facts: Mapping, poses: Poses | None, fields: Mapping) -> Prediction:
    """Returns the prediction of a model that gives each pixel a class: one object a class; see
    `objects`."""
    classes, alpha = _map(row["classes_png_bytes"]), _map(row["alpha_png_bytes"])
    scores = np.asarray(row["class_scores"], np.float32)
    found = []
    for number in np.flatnonzero(np.bincount(classes.reshape(-1), minlength=2)[1:]) + 1:
        mask = classes == number
        found.append((scores[number - 1], number, _box(mask), rle.encode(mask)))
    maps = {"classes": classes, "alpha": alpha}
    return semantic_prediction(found, maps, class_names=facts["class_names"], **fields)


def people(row: Row, facts: Mapping, poses: Poses | None, fields: Mapping) -> Prediction:
    """Returns the prediction of a model that finds people and what they wear; see `objects`."""
    names, count = facts["label_names"], int(row["num_people"])
    maps = {task: _map(row[f"{task}_png_bytes"]) for task in names}
    owners = _map(row["instances_png_bytes"]).astype(np.int32)
    tables = {
        task: (
            np.asarray(row[f"attribute_{task}"], np.int32),
            np.asarray(row[f"attribute_{respect}_scores"], np.float64),
            respect,
        )
        for task, respect in facts["traits"].items()
    }
    sure = np.asarray(row["attribute_scores"], np.float64)
    worn = maps["attributes"].astype(np.int64)
    kinds = len(names["attributes"]) + 1
    keys = np.where((owners > 0) & (worn > 0), owners * kinds + worn, 0)
    present = [key for key in np.unique(keys).tolist() if key]
    regions = np.searchsorted([0, *present], keys).astype(np.int32)
    attributes: list[list[Attribute]] = [[] for _ in range(count)]
    for key, mask in zip(present, rle.encode_regions(regions, len(present))):
        person, kind = key // kinds - 1, key % kinds - 1
        traits = {
            respect: Trait(names[task][numbers[person, kind] - 1], scores[person, kind])
            for task, (numbers, scores, respect) in tables.items()
            if numbers[person, kind] > 0
        }
        name = names["attributes"][kind]
        attributes[person].append(Attribute(name, sure[person, kind], mask, traits))
    return Prediction(
        size=owners.shape,
        boxes=np.asarray(row["person_boxes"], np.float32)[:count],
        class_ids=np.asarray(row["person_classes"], np.int32)[:count],
        scores=np.asarray(row["person_scores"], np.float32)[:count],
        rles=tuple(rle.encode_regions(owners, count)),
        class_names=facts["class_names"],
        label_maps={**maps, "instances": owners},
        label_names=names,
        attributes=tuple(map(tuple, attributes)),
        **fields,
    )


def posed(row: Row, facts: Mapping, poses: Poses | None, fields: Mapping) -> Prediction:
    """Returns the prediction of a model that gives each pose a mask; see `objects`."""
    count = len(poses)
    masks = [_map(file) > 0 for file in list(row["masks_png_bytes"])[:count]]
    aligned = zip(list(row["templates"])[:count], list(row["turned"])[:count], strict=True)
    names = [
        f"template {k}{' turned' if t else ''}" if k >= 0 else "whole image" for k, t in aligned
    ]
    return Prediction(
        size=_size(row),
        boxes=np.array([_box(mask) for mask in masks], np.float32),
        class_ids=np.ones(count, np.int32),
        scores=poses.scores,
        rles=tuple(map(rle.encode, masks)),
        class_names=facts["class_names"],
        keypoints=poses.keypoints,
        attributes=tuple((Attribute(name),) for name in names),
        order="given",
        **fields,
    )


DECODERS: dict[str, Callable[..., Prediction]] = {
    "objects": objects,
    "pixels": pixels,
    "people": people,
    "poses": posed,
}
"""What a model says of its answers to the function that reads them."""


def _size(row: Row) -> tuple[int, int]:
    height, width = row["image_sizes"]
    return int(height), int(width)


def _map(file: bytes) -> np.ndarray:
    """Returns a grey PNG file's numbers, uint8 or uint16 `(H, W)`."""
    from PIL import Image

    with Image.open(io.BytesIO(file)) as image:
        labels = np.asarray(image)
    return labels if labels.dtype == np.uint8 else labels.astype(np.uint16)


def _box(mask: np.ndarray) -> tuple[int, int, int, int]:
    """Returns `(y1, x1, y2, x2)` around a mask, zeros for an empty one."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return 0, 0, 0, 0
    return rows[0], columns[0], rows[-1] + 1, columns[-1] + 1
