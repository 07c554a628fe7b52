"""Any dataset as a COCO annotation file."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence

import numpy as np

from tfseg import files
from tfseg.data.coco.image_copies import ImageCopies
from tfseg.data.coco.mask_outlines import lost_pixels, polygons
from tfseg.data.dataset import Dataset
from tfseg.errors import DataError
from tfseg.structures import Sample, rle

__all__ = ["annotation_record", "category_records", "image_numbers", "write_coco"]


def write_coco(
    dataset: Dataset,
    annotation_file: str | os.PathLike,
    image_dir: str | os.PathLike | None = None,
    *,
    outlines: bool = False,
    link: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> str:
    """Writes a dataset in COCO's format, whole or not at all, and returns the file's path.

    Masks become compressed run lengths, or polygons along the edges of their pixels; class ids 1 to
    C become category ids (those of the source if it has `category_ids`). Image ids are kept if they
    are different whole numbers from 0 in all of the dataset, else counted from 1; annotation ids
    likewise, but from 1: pycocotools takes a match with annotation 0 for none.

    Args:
        dataset: The source; it may be empty.
        annotation_file: The JSON file to write.
        image_dir: Folder for the images. Those that lie in it already stay, files from
            elsewhere are copied under their own names, and images without a file are written
            as PNG, named by their place. None: images are not written and the file refers to
            them where they are, relative to its own folder.
        outlines: Write polygons (`tfseg.data.coco.mask_outlines`) that COCO draws to the same
            pixels, but for crowd regions, of which it has run lengths alone.
        link: Make links to the images in `image_dir` in place of copies.
        progress: Called with the images done and their number.

    Raises:
        DataError: An image has no file and `image_dir` is None, or a mask is empty. Images
            that were written before that are taken away again.
    """
    annotation_file = os.fspath(annotation_file)
    home = os.path.dirname(os.path.abspath(annotation_file))
    stored = ImageCopies(home, image_dir, link=link)
    numbers = getattr(dataset, "category_ids", tuple(range(1, len(dataset.class_names) + 1)))
    images, annotations = [], []
    try:
        for index in range(len(dataset)):
            sample = dataset[index]
            height, width = sample.size
            images.append({"id": sample.image_id, "file_name": stored.name(sample, index)})
            images[-1].update(height=height, width=width)
            for row in range(len(sample)):
                annotations.append((index, _checked_annotation(sample, row, numbers, outlines)))
            if progress is not None:
                progress(index + 1, len(dataset))
        _give_ids(images, annotations)
        records = [record for _, record in annotations]
        names = tuple(getattr(dataset, "keypoint_names", ()))
        categories = category_records(dataset.class_names, numbers, records, names)
        content = {"info": {"description": "written by tfseg"}, "images": images}
        content |= {"annotations": records, "categories": categories}
        files.write_together({annotation_file: json.dumps(content).encode()}, error=DataError)
    except BaseException:
        stored.take_back()
        raise
    return annotation_file


def _give_ids(images: list[dict], annotations: list[tuple[int, dict]]) -> None:
    """Numbers images and annotations; an annotation comes with its image's place."""
    image_ids = image_numbers([image["id"] for image in images])
    annotation_ids = _numbered([record["id"] for _, record in annotations], least=1)
    for image, identity in zip(images, image_ids):
        image["id"] = identity
    for (index, record), identity in zip(annotations, annotation_ids):
        record.update(id=identity, image_id=image_ids[index])


def image_numbers(ids: Sequence) -> list[int]:
    """Returns the image ids of a COCO file: the ids themselves if they are different whole
    numbers from 0, else 1, 2, ..."""
    return _numbered(ids, least=0)


def _numbered(ids: Sequence, least: int) -> list[int]:
    whole = all(
        isinstance(i, (int, np.integer)) and not isinstance(i, bool) and i >= least for i in ids
    )
    if whole and len(set(ids)) == len(ids):
        return [int(i) for i in ids]
    return list(range(1, len(ids) + 1))


def _checked_annotation(sample: Sample, row: int, numbers: Sequence[int], outlines: bool) -> dict:
    record = annotation_record(sample, row, numbers)
    if not record["area"]:
        raise DataError(
            f"{sample.where}, annotation {sample.annotation_ids[row]}: the mask is empty, which "
            "COCO's format cannot hold. Remove the object."
        )
    if outlines and not record["iscrowd"]:
        pieces = polygons(sample.masks[row])
        if not lost_pixels(sample.masks[row], pieces):
            record["segmentation"] = [piece.tolist() for piece in pieces]
    return record


def annotation_record(sample: Sample, row: int, numbers: Sequence[int]) -> dict:
    """Returns one object as COCO writes it, without `image_id`.

    Args:
        sample: The image.
        row: Which of its objects.
        numbers: Category id of class id k at position k - 1.
    """
    runs = rle.encode(sample.masks[row])
    y1, x1, y2, x2 = (float(value) for value in sample.boxes[row])
    record = {
        "id": sample.annotation_ids[row],
        "category_id": int(numbers[int(sample.class_ids[row]) - 1]),
        "segmentation": runs,
        "area": float(rle.area([runs])[0]),
        "bbox": [x1, y1, x2 - x1, y2 - y1],
        "iscrowd": int(sample.is_crowd[row]),
    }
    if sample.keypoints is not None:
        points = sample.keypoints[row]
        record["keypoints"] = [float(value) for value in points.reshape(-1)]
        record["num_keypoints"] = int((points[:, 2] > 0).sum())
    return record


def category_records(
    class_names: Sequence[str],
    numbers: Sequence[int],
    annotations: Sequence[dict] = (),
    keypoint_names: Sequence[str] = (),
) -> list[dict]:
    """Returns the categories of a COCO file, with keypoint names where annotations have some."""
    categories = [{"id": int(number), "name": name} for number, name in zip(numbers, class_names)]
    with_points = {
        r["category_id"]: len(r["keypoints"]) // 3 for r in annotations if "keypoints" in r
    }
    for category in categories:
        count = with_points.get(category["id"], 0)
        if count:
            fits = len(keypoint_names) == count
            known = keypoint_names if fits else [f"point {k}" for k in range(1, count + 1)]
            category["keypoints"] = list(known)
    return categories
