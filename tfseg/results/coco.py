"""Predictions as COCO result files, which pycocotools reads with `COCO.loadRes`.

pycocotools sorts predictions into small, medium and large by an area that `loadRes` computes: of
the box where the records have boxes, of the mask where they have none. So predictions are written
twice, and each file gives the numbers of `evaluate` to the last digit:

- `NAME.json`, boxes and masks, for `COCOeval(truth, truth.loadRes("NAME.json"), "bbox")`;
- `NAME.segm.json`, masks alone, for `COCOeval(..., "segm")`. With the first file, AP, AP50, AP75
  and AR of masks are the same, and only their numbers by area differ.
"""

from __future__ import annotations

import itertools
import json
import logging
import os
from collections.abc import Iterable, Sequence

import numpy as np

from tfseg import files
from tfseg.data.coco.coco_writer import annotation_record, category_records, image_numbers
from tfseg.data.dataset import Dataset
from tfseg.errors import DataError
from tfseg.structures import Prediction, Sample

__all__ = [
    "CocoFiles",
    "category_ids_of",
    "coco_results",
    "unlisted_categories",
    "write_coco_results",
]

_LOG = logging.getLogger(__name__)


def category_ids_of(dataset: Dataset, class_names: Sequence[str]) -> tuple[int, ...]:
    """Returns the category id of each class name: the dataset's own (`category_ids`, else its
    class ids), and unused numbers for classes that the dataset does not have."""
    own = getattr(dataset, "category_ids", range(1, len(dataset.class_names) + 1))
    known = dict(zip(dataset.class_names, map(int, own)))
    free = itertools.count(max(known.values(), default=0) + 1)
    return tuple(known[name] if name in known else next(free) for name in class_names)


def unlisted_categories(dataset: Dataset | None, class_names: Sequence[str]) -> dict[str, int]:
    """Returns the classes, and their category ids in result files, that the annotation file of a
    dataset does not list; nothing where there is no such file.

    Raises:
        DataError: It lists none of the classes, so that none of its ids would be used.
    """
    if not hasattr(dataset, "annotation_file"):
        return {}
    ids = dict(zip(class_names, category_ids_of(dataset, class_names)))
    new = {name: number for name, number in ids.items() if name not in dataset.class_names}
    if new and len(new) == len(ids):
        raise DataError(
            f"{dataset.annotation_file}: none of its categories ({', '.join(dataset.class_names)}) "
            f"is a class of the predictions ({', '.join(class_names)}), so its ids cannot say what "
            "was found. Predict the images without the annotation file: class ids then count "
            "from 1."
        )
    return new


def coco_results(
    predictions: Iterable[Prediction], *, dataset: Dataset | None = None
) -> list[dict]:
    """Returns the result records of predictions: `image_id`, `category_id`, `bbox` (x, y, w, h),
    `segmentation` (compressed run lengths, `counts` as text) and `score`, unrounded.

    Args:
        predictions: What `predict` returned, one for each image.
        dataset: What was predicted on. Its category ids are kept, with their gaps, and the image
            ids of its annotation file; those of a dataset without such a file are numbered as
            `write_coco` numbers them. None: class ids count from 1, and so do the images, in
            the order given, unless all their ids are different whole numbers.

    Raises:
        DataError: The annotation file of `dataset` has none of the classes.
    """
    predictions = _checked(predictions)
    numbers = _image_ids(predictions, dataset)
    names = _class_names(predictions, dataset)
    categories = range(1, len(names) + 1) if dataset is None else category_ids_of(dataset, names)
    unlisted = unlisted_categories(dataset, names)
    if unlisted:
        told = ", ".join(f"{name} {number}" for name, number in unlisted.items())
        _LOG.warning("category ids of classes that %s lacks: %s", dataset.annotation_file, told)
    records = []
    for prediction, number in zip(predictions, numbers, strict=True):
        wrong = prediction.class_ids[
            (prediction.class_ids < 1) | (prediction.class_ids > len(names))
        ]
        if len(wrong):
            raise DataError(
                f"prediction of image {prediction.image_id!r}: class id {wrong[0]} is none of "
                f"the {len(names)} classes ({', '.join(names)})."
            )
        for record in prediction.to_coco(categories):
            records.append({**record, "image_id": number})
    return records


def write_coco_results(
    predictions: Iterable[Prediction],
    file: str | os.PathLike,
    *,
    dataset: Dataset | None = None,
) -> list[str]:
    """Writes predictions as COCO result files, all or none, and returns their paths.

    Beside `NAME.json` (boxes and masks) and `NAME.segm.json` (masks alone, see above) there is
    `NAME.images.json` where no annotation file numbers the images: a COCO file of images and
    categories without annotations, whose `loadRes` takes the results.

    Args:
        predictions: What `predict` returned, one for each image.
        file: The JSON file to write; its folder must exist.
        dataset: See `coco_results`.

    Raises:
        DataError: A file cannot be written, or two predictions are of one image.
    """
    predictions = _checked(predictions)
    file = os.fspath(file)
    records = coco_results(predictions, dataset=dataset)
    contents = _result_files(file, records)
    if not hasattr(dataset, "annotation_file"):
        names = _class_names(predictions, dataset)
        folder = os.path.dirname(os.path.abspath(file))
        images = [
            _image(prediction, number, folder)
            for prediction, number in zip(predictions, _image_ids(predictions, dataset))
        ]
        ids = range(1, len(names) + 1) if dataset is None else category_ids_of(dataset, names)
        contents[f"{_stem(file)}.images.json"] = {
            "info": {"description": "images that tfseg predicted on"},
            "images": images,
            "annotations": [],
            "categories": category_records(names, ids),
        }
    _write(contents)
    return list(contents)


class CocoFiles:
    """Truth and predictions of an evaluation, for plain pycocotools to repeat it.

    Numbers follow what the evaluation does: images count in the order in which it ranks them
    unless their ids are whole numbers already, and the category ids are those of the dataset if
    they rise with the class ids. pycocotools then meets everything in the same order, so that even
    ties and the rounding of means fall alike.

    Args:
        class_names: Name of class id k at position k - 1.
        dataset: The source of category ids; None counts from 1.
    """

    def __init__(self, class_names: Sequence[str], dataset: Dataset | None = None):
        self.class_names = tuple(class_names)
        plain = tuple(range(1, len(self.class_names) + 1))
        ids = plain if dataset is None else category_ids_of(dataset, self.class_names)
        self.category_ids = ids if list(ids) == sorted(ids) else plain
        self._images: list[tuple[dict, list[dict], Prediction]] = []

    def update(self, sample: Sample, prediction: Prediction) -> None:
        """Adds one image; class ids of both are those of `class_names`."""
        image = {"id": sample.image_id, "file_name": sample.path or str(sample.image_id)}
        image.update(height=sample.size[0], width=sample.size[1])
        truths = [annotation_record(sample, row, self.category_ids) for row in range(len(sample))]
        self._images.append((image, truths, prediction))

    def write(self, directory: str | os.PathLike) -> list[str]:
        """Writes `truth.json`, `predictions.json` and `predictions.segm.json`, all or none, and
        returns their paths; the folder is made if need be."""
        directory = os.fspath(directory)
        try:
            os.makedirs(directory, exist_ok=True)
        except OSError as error:
            raise DataError(f"{directory}: cannot be written ({error.strerror}).") from error
        ordered = sorted(self._images, key=lambda entry: _rank(entry[0]["id"]))
        numbers = image_numbers([image["id"] for image, _, _ in ordered])
        images, truths, results = [], [], []
        for number, (image, records, prediction) in zip(numbers, ordered):
            name = image["file_name"]
            if os.path.isabs(name) or os.path.exists(name):
                name = os.path.relpath(name, directory)
            images.append({**image, "id": number, "file_name": name})
            truths += [{**record, "image_id": number} for record in records]
            for record in prediction.to_coco(self.category_ids):
                results.append({**record, "image_id": number})
        for number, record in enumerate(truths, 1):
            record["id"] = number
        contents = {
            os.path.join(directory, "truth.json"): {
                "info": {"description": "truth of an evaluation, written by tfseg"},
                "images": images,
                "annotations": truths,
                "categories": category_records(self.class_names, self.category_ids, truths),
            },
            **_result_files(os.path.join(directory, "predictions.json"), results),
        }
        _write(contents)
        return list(contents)


def _write(contents: dict) -> None:
    texts = {path: json.dumps(content).encode() for path, content in contents.items()}
    files.write_together(texts, error=DataError)


def _result_files(file: str, records: list[dict]) -> dict[str, list[dict]]:
    masks = [{key: value for key, value in r.items() if key != "bbox"} for r in records]
    return {file: records, f"{_stem(file)}.segm.json": masks}


def _stem(file: str) -> str:
    return file[: -len(".json")] if file.lower().endswith(".json") else file


def _checked(predictions: Iterable[Prediction]) -> list[Prediction]:
    if isinstance(predictions, Prediction):
        predictions = [predictions]
    predictions = list(predictions)
    for prediction in predictions:
        if not isinstance(prediction, Prediction):
            raise DataError(
                f"expected predictions as model.predict returns them, got "
                f"{type(prediction).__name__}."
            )
    return predictions


def _image_ids(predictions: list[Prediction], dataset: Dataset | None) -> list:
    ids = [p.image_id for p in predictions]
    if not hasattr(dataset, "annotation_file"):
        return image_numbers(ids)
    if len(set(ids)) != len(ids):
        twice = next(i for i in ids if ids.count(i) > 1)
        raise DataError(f"two predictions are of image {twice!r}. Predict each image once.")
    return [int(i) if isinstance(i, np.integer) else i for i in ids]


def _class_names(predictions: list[Prediction], dataset: Dataset | None) -> tuple[str, ...]:
    """Returns the names of the class ids of the predictions, which are the model's."""
    known = {p.class_names for p in predictions if p.class_names}
    if len(known) > 1:
        raise DataError(
            f"predictions of models with different classes: {'; '.join(map(str, sorted(known)))}."
            " Write them to files of their own."
        )
    if known:
        return known.pop()
    if dataset is not None:
        return tuple(dataset.class_names)
    highest = max((int(p.class_ids.max(initial=0)) for p in predictions), default=0)
    return tuple(f"class {k}" for k in range(1, highest + 1))


def _image(prediction: Prediction, number: int, folder: str) -> dict:
    path = prediction.path
    name = os.path.relpath(path, folder) if path else str(prediction.image_id)
    height, width = prediction.size
    return {"id": number, "file_name": name, "height": height, "width": width}


def _rank(image_id) -> tuple:
    """Sorts image ids as `metrics.coco_ap` does, which decides between equal scores."""
    if isinstance(image_id, (int, float, np.number)):
        return 0, image_id, ""
    return 1, 0, str(image_id)
