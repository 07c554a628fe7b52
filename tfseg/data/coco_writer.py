"""Any data set as a COCO annotation file."""

from __future__ import annotations

import json
import os

import numpy as np
from PIL import Image

from tfseg.data.dataset import Dataset
from tfseg.errors import DataError
from tfseg.structures import Sample, rle

__all__ = ["write_coco"]


def write_coco(
    dataset: Dataset,
    annotation_file: str | os.PathLike,
    image_dir: str | os.PathLike | None = None,
) -> str:
    """Writes a data set in COCO's format, whole or not at all, and returns the file's path.

    Masks become compressed run lengths, class ids 1 to C become category ids (those of the
    source if it has `category_ids`). Annotation ids are kept if they are different whole
    numbers above 0 in all of the data set, else counted from 1; image ids likewise.

    Args:
        dataset: The source; it may be empty.
        annotation_file: The JSON file to write.
        image_dir: Folder for the pictures. Those that lie in it already stay, the others are
            written there as PNG, named by their number. None: pictures are not written and the
            file refers to them where they are, relative to its own folder.

    Raises:
        DataError: A picture has no file and `image_dir` is None, or a mask is empty.
    """
    annotation_file = os.fspath(annotation_file)
    folder = os.path.dirname(os.path.abspath(annotation_file))
    if image_dir is not None:
        try:
            os.makedirs(image_dir, exist_ok=True)
        except OSError as error:
            raise DataError(f"{image_dir}: cannot be written ({error.strerror}).") from error
    numbers = getattr(dataset, "category_ids", tuple(range(1, len(dataset.class_names) + 1)))
    images, annotations = [], []
    for index in range(len(dataset)):
        sample = dataset[index]
        images.append(
            {
                "id": sample.image_id,
                "file_name": _file_name(sample, index, folder, image_dir),
                "height": sample.size[0],
                "width": sample.size[1],
            }
        )
        for row in range(len(sample)):
            annotations.append((index, _annotation(sample, row, numbers)))
    image_ids = _numbered([image["id"] for image in images])
    annotation_ids = _numbered([record["id"] for _, record in annotations])
    for image, identity in zip(images, image_ids):
        image["id"] = identity
    for (index, record), identity in zip(annotations, annotation_ids):
        record.update(id=identity, image_id=image_ids[index])
    content = {
        "info": {"description": "written by tfseg"},
        "images": images,
        "annotations": [record for _, record in annotations],
        "categories": _categories(dataset, numbers, [record for _, record in annotations]),
    }
    _write_whole(annotation_file, json.dumps(content).encode())
    return annotation_file


def _numbered(ids: list) -> list[int]:
    """Returns the ids if they are different whole numbers above 0, else 1, 2, ..."""
    if all(isinstance(i, (int, np.integer)) and i > 0 for i in ids) and len(set(ids)) == len(ids):
        return [int(i) for i in ids]
    return list(range(1, len(ids) + 1))


def _file_name(sample: Sample, index: int, folder: str, image_dir) -> str:
    path = os.path.abspath(sample.path) if sample.path else None
    if image_dir is None:
        if path is None:
            raise DataError(
                f"{sample.where} has no file to refer to. Pass image_dir= to have the pictures "
                "written."
            )
        return os.path.relpath(path, folder)
    home = os.path.abspath(image_dir)
    if path is not None and os.path.commonpath([path, home]) == home:
        return os.path.relpath(path, home)
    name = f"{index + 1:06d}.png"
    target = os.path.join(home, name)
    partial = f"{target}.partial"
    try:
        Image.fromarray(sample.image).save(partial, format="PNG")
        os.replace(partial, target)
    except OSError as error:
        raise DataError(f"{target}: cannot be written ({error.strerror}).") from error
    return name


def _annotation(sample: Sample, row: int, numbers) -> dict:
    runs = rle.encode(sample.masks[row])
    area = float(rle.area([runs])[0])
    if not area:
        raise DataError(
            f"{sample.where}, annotation {sample.annotation_ids[row]}: the mask is empty, which "
            "COCO's format cannot hold. Remove the object."
        )
    y1, x1, y2, x2 = (float(value) for value in sample.boxes[row])
    record = {
        "id": sample.annotation_ids[row],
        "category_id": int(numbers[int(sample.class_ids[row]) - 1]),
        "segmentation": runs,
        "area": area,
        "bbox": [x1, y1, x2 - x1, y2 - y1],
        "iscrowd": int(sample.is_crowd[row]),
    }
    if sample.keypoints is not None:
        points = sample.keypoints[row]
        record["keypoints"] = [float(value) for value in points.reshape(-1)]
        record["num_keypoints"] = int((points[:, 2] > 0).sum())
    return record


def _categories(dataset: Dataset, numbers, annotations: list[dict]) -> list[dict]:
    categories = [
        {"id": int(number), "name": name} for number, name in zip(numbers, dataset.class_names)
    ]
    with_points = {
        r["category_id"]: len(r["keypoints"]) // 3 for r in annotations if "keypoints" in r
    }
    names = tuple(getattr(dataset, "keypoint_names", ()))
    for category in categories:
        count = with_points.get(category["id"], 0)
        if count:
            known = names if len(names) == count else [f"point {k}" for k in range(1, count + 1)]
            category["keypoints"] = list(known)
    return categories


def _write_whole(path: str, content: bytes):
    partial = f"{path}.partial"
    try:
        with open(partial, "wb") as file:
            file.write(content)
        os.replace(partial, path)
    except OSError as error:
        if os.path.exists(partial):
            os.remove(partial)
        raise DataError(f"{path}: cannot be written ({error.strerror}).") from error
