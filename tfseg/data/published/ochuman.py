"""OCHuman's own annotation file, `ochuman.json`, as files in COCO's form.

S. Zhang et al., "Pose2Seg: Detection Free Human Instance Segmentation", CVPR 2019. Its masks are
outer outlines less inner ones, its joints are 19 named ones, and its parts are the first 2,500
images by id of those with a whole annotation ("val") and the others ("test").
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping

import numpy as np

from tfseg import files
from tfseg.data.coco.coco_masks import checked_segmentation, segmentation_rle
from tfseg.data.images.json_file import read_json
from tfseg.data.reading.outlines import MaskError
from tfseg.errors import DataError
from tfseg.structures import rle
from tfseg.structures.labels import COCO_KEYPOINTS, COCO_SKELETON

__all__ = ["ochuman_as_coco", "write_ochuman_as_coco"]

_VAL = 2500
# Theirs: 0 missing, 1 visible, 2 hidden by the person, 3 hidden by others.
_VISIBILITY = {0: 0, 1: 2, 2: 2, 3: 1}


def write_ochuman_as_coco(file: str | os.PathLike, out: str | os.PathLike, split: str) -> int:
    """Writes one part of OCHuman as a COCO annotation file and returns the number of its images.

    Args:
        file: `ochuman.json`.
        out: The file to write.
        split: "val", "test" or "all".

    Raises:
        DataError: If the file is missing, damaged, or something else.
    """
    told = ochuman_as_coco(read_json(file, "annotation file"), split, os.fspath(file))
    files.write_whole(out, f"{json.dumps(told)}\n".encode(), error=DataError)
    return len(told["images"])


def ochuman_as_coco(content, split: str, where: str = "ochuman.json") -> dict:
    """Returns one part of OCHuman in COCO's form.

    People with a mask are objects, with joints where they have some. One without a mask becomes a
    crowd region of the box: it is neither found nor missed.

    Args:
        content: What `ochuman.json` holds.
        split: "val", "test" or "all".
        where: What to call it in errors.

    Raises:
        DataError: If it is something else, naming the image.
    """
    if split not in ("val", "test", "all"):
        raise DataError(f"OCHuman has the parts val, test and all; got {split!r}.")
    if not isinstance(content, Mapping) or not {"images", "keypoint_names"} <= content.keys():
        raise DataError(f"{where}: expected OCHuman's file, with 'images' and 'keypoint_names'.")
    names = list(content["keypoint_names"])
    missing = [name for name in COCO_KEYPOINTS if name not in names]
    if missing:
        raise DataError(f"{where}: keypoint_names lacks {', '.join(missing)}.")
    order = [names.index(name) for name in COCO_KEYPOINTS]
    whole = [one for one in content["images"] if any(map(_is_whole, one["annotations"]))]
    whole.sort(key=lambda one: str(one["image_id"]))
    chosen = {"val": whole[:_VAL], "test": whole[_VAL:], "all": whole}[split]
    images, annotations = [], []
    for number, image in enumerate(chosen, 1):
        size = int(image["height"]), int(image["width"])
        images.append(
            {"id": number, "file_name": image["file_name"], "height": size[0], "width": size[1]}
        )
        for one in image["annotations"]:
            place = f"{where}, image {image['file_name']!r}"
            record = _person(one, size, order, place)
            annotations.append({"id": len(annotations) + 1, "image_id": number, **record})
    category = {"id": 1, "name": "person", "keypoints": list(COCO_KEYPOINTS)}
    category["skeleton"] = [[a + 1, b + 1] for a, b in COCO_SKELETON]
    return {"images": images, "annotations": annotations, "categories": [category]}


def _is_whole(one: Mapping) -> bool:
    return bool(one.get("segms")) and bool(one.get("keypoints"))


def _person(one: Mapping, size: tuple[int, int], order: list[int], where: str) -> dict:
    mask, crowd = np.zeros(size, bool), not one.get("segms")
    if crowd:
        x1, y1, x2, y2 = (max(0, round(value)) for value in one["bbox"])
        mask[y1:y2, x1:x2] = True
    else:
        segms = one["segms"]
        mask = _drawn(segms["outer"], size, where) & ~_drawn(segms.get("inner"), size, where)
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        raise DataError(f"{where}: a person's mask has no pixel inside the image.")
    joints = np.zeros((len(order), 3))
    if one.get("keypoints"):
        given = np.array(one["keypoints"], np.float64).reshape(-1, 3)[order]
        seen = np.array([_VISIBILITY.get(int(value), 0) for value in given[:, 2]])
        joints = np.where(seen[:, None] > 0, np.c_[given[:, :2], seen], 0)
    box = [columns[0], rows[0], columns[-1] + 1 - columns[0], rows[-1] + 1 - rows[0]]
    return {
        "category_id": 1,
        "iscrowd": int(crowd),
        "bbox": list(map(int, box)),
        "area": int(mask.sum()),
        "segmentation": rle.encode(mask),
        "keypoints": joints.reshape(-1).tolist(),
        "num_keypoints": int((joints[:, 2] > 0).sum()),
    }


def _drawn(outlines, size: tuple[int, int], where: str) -> np.ndarray:
    if not outlines:
        return np.zeros(size, bool)
    try:
        sound, _ = checked_segmentation(outlines, size)
    except MaskError as error:
        raise DataError(f"{where}: a person {error}.") from error
    return rle.decode_many([segmentation_rle(sound, size)], size)[0]
