"""Finds what would ruin a training before it starts, and says where it is.

`diagnose` reads every image and every annotation, goes on after each fault, and returns a
`Diagnosis` that prints as a short report.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable

from tfseg.data.dataset import Dataset, check_dataset
from tfseg.data.doctor.diagnosis import Diagnosis
from tfseg.data.doctor.doctor_checks import check_sample, content_hash
from tfseg.data.doctor.reach import Limits, Reach
from tfseg.data.doctor.statistics import Statistics
from tfseg.data.masks.empty_images import EmptyImageDataset
from tfseg.data.opening import formats
from tfseg.data.opening.parts import PART_OPTIONS, Parts, open_parts
from tfseg.data.opening.sources import open_dataset, recognise
from tfseg.data.reading.format import Format
from tfseg.data.reading.labels import alike_labels
from tfseg.data.reading.problem import EXAMINE, Problem
from tfseg.errors import DataError
from tfseg.geometry.resize import SquareResize
from tfseg.structures import Sample

__all__ = ["SMALLEST", "Diagnosis", "diagnose"]

SMALLEST = Limits(
    SquareResize(192, 192).plan, 192, 16, 20, "the light recipe (configs/mask_rcnn/clothing_light)"
)
"""What the doctor counts with where nobody names a recipe: that of the README for one's own
photographs on a CPU, the smallest that is meant for them."""


def diagnose(
    data: Dataset | str | os.PathLike,
    *,
    split: str = "train",
    format: str | Format = "auto",
    limit: int | None = None,
    against: Dataset | str | os.PathLike | None = None,
    limits: Limits | None = None,
    progress: Callable[[int, int], None] | None = None,
    **options,
) -> Diagnosis:
    """Returns all problems of a dataset, with the place of each, and its statistics.

    Of the files of COCO and of annotation tools the raw records are looked at as well, so that
    every fault is listed where their reader would stop at the first. Nothing is raised for bad
    data: a dataset that cannot be opened at all is a diagnosis of one error.

    Errors stop a training or teach it nonsense: faulty records, unreadable images, class ids
    out of range, boxes without area, empty masks, masks off their boxes, NaN, duplicate ids,
    images that are also in `against`, no object at all. Warnings are likely mistakes:
    duplicate images and objects, classes without objects, 100 times as many of one class as
    of another, small, thin or blank images, EXIF turns that cannot be checked. Infos are
    worth knowing: images without objects, tiny objects. Objects that a network's `limits` lose
    are warnings, and infos where these are only a guess.

    Args:
        data: A dataset, or a path as in `tfseg.data.open_dataset`.
        split: The part, where `data` is a path.
        format: The format, where `data` is a path, as in `tfseg.data.open_dataset`.
        limit: Look at the first images only. Records of a COCO file are all checked.
        against: Another part (a dataset, a path, or a split's name): shared images are errors.
        limits: What the network that is to be trained takes; None counts with `SMALLEST`.
        progress: Called with `(images done, images in all)`.
        **options: Passed on to the reader, where `data` is a path. With `drop_invalid=True` the
            faults that the reader leaves out are warnings.
    """
    name = str(data) if isinstance(data, (str, os.PathLike)) else type(data).__name__
    problems: list[Problem] = []
    dataset = None
    try:
        dataset = _open(data, split, format, options)
        problems += _as_read(getattr(dataset, "problems", ()), options)
        check_dataset(dataset, read_first=False)
    except DataError as error:
        problems.append(_nothing_left(problems, error))
        return Diagnosis(name, _advised(problems, (0, 0)), {}, 0, 0, (0, 0))
    total = len(dataset)
    count = total if limit is None else min(max(int(limit), 0), total)
    statistics = Statistics(dataset.class_names, isinstance(dataset, EmptyImageDataset))
    reach = Reach(limits or SMALLEST)
    hashes = _look(dataset, count, (statistics, reach), problems, options, progress)
    if against is not None:
        problems += _shared(hashes, data, against, format, options)
    problems += [*statistics.problems(complete=count == total), *_alike(dataset)]
    problems += _not_reached(reach, "info" if limits is None else "warning")
    remaining = getattr(dataset, "remaining", None)
    return Diagnosis(
        name, _advised(problems, remaining), statistics.to_dict(), count, total, remaining
    )


def _alike(dataset) -> list[Problem]:
    """Returns a warning for class names that differ in capitals alone."""
    readers = getattr(dataset, "datasets", (dataset,))
    merges = any("synonyms" in inspect.signature(type(one)).parameters for one in readers)
    found = []
    for group in alike_labels(dataset.class_names):
        listed = ", ".join(group)
        remedy = f", or merge them: data.synonyms={{{group[0]}: [{listed}]}}" if merges else ""
        message = (
            f"the classes {', '.join(map(repr, group))} differ in capitals alone and are learnt "
            f"apart. If they are one, correct the labels{remedy}."
        )
        found.append(Problem("warning", "alike_labels", "", message))
    return found


def _nothing_left(problems: list[Problem], error: DataError) -> Problem:
    """Returns why no image can be looked at; with faults listed, that is the last of them."""
    if not problems:
        return Problem("error", "unusable", "", str(error))
    message = "no image can be looked at. Correct the faults first."
    return Problem("error", "no_pictures", "", message)


def _not_reached(reach: Reach, severity: str) -> list[Problem]:
    """Returns what a network would not learn of the images."""
    end = " Counted for that recipe; --config FILE counts for yours." if severity == "info" else ""
    return [Problem(severity, code, "", f"{text}{end}") for code, text in reach.findings()]


def _advised(problems: list[Problem], remaining: tuple[int, int] | None) -> tuple[Problem, ...]:
    """Returns the problems, without the advice to leave faults out where nothing would be left."""
    if remaining is None or remaining[1]:
        return tuple(problems)
    return tuple(problem.without_advice() for problem in problems)


def _open(data, split: str, format: str, options: dict) -> Dataset:
    """Returns a dataset that goes on after faults where its reader can."""
    if hasattr(data, "lenient"):
        return data.lenient()
    if not isinstance(data, (str, os.PathLike)):
        return data
    text = os.fspath(data)
    if PART_OPTIONS & options.keys():

        def open_one(path, *, split, format="auto", **given):
            return _open(path, split, format, given)

        given = {**dict.fromkeys(PART_OPTIONS), **options}
        given["format"] = None if format == "auto" else format
        return open_parts(text, split, open_one=open_one, repeat=False, **given)
    chosen = formats.named(recognise(text, split) if format == "auto" else format)
    if "drop_invalid" in chosen.options(0):
        options = {**options, "drop_invalid": EXAMINE}
    return open_dataset(text, split=split, format=chosen, **options)


def _as_read(problems, options: dict) -> list[Problem]:
    """Returns a reader's problems as they matter with these options: what it leaves out, because
    it was told to, does not stop a training."""
    leaves_out = bool(options.get("drop_invalid", False))
    return [problem.left_out() if leaves_out else problem for problem in problems]


def _look(dataset, count: int, counters: tuple, problems: list, options, progress) -> dict:
    """Reads `count` images; returns the hash of each with the name it was first met under."""
    hashes: dict[bytes, str] = {}
    ids: dict[int, dict] = {}  # of each reader: parts may number their images alike
    for index in range(count):
        reader, place = dataset, index
        if isinstance(dataset, Parts):
            which, place = dataset.locate(index)
            reader = dataset.datasets[which]
        try:
            sample, found = _read(reader, place)
        except Exception as error:  # a reader of the user's own may raise anything
            problems.append(_unreadable(reader, place, error))
        else:
            sized = not hasattr(reader, "size_is_stated") or reader.size_is_stated(place)
            problems += check_sample(sample, dataset.class_names, size_is_stated=sized)
            problems += _as_read(found, options)
            problems += _met_before(sample, hashes, ids.setdefault(id(reader), {}))
            for counter in counters:
                counter.add(sample)
        if progress is not None:
            progress(index + 1, count)
    return hashes


def _read(dataset, index: int) -> tuple[Sample, list[Problem]]:
    """Returns a sample, and the faults of objects that its reader left out of it."""
    if hasattr(dataset, "examine"):
        return dataset.examine(index)
    return dataset[index], []


def _unreadable(dataset, index: int, error: Exception) -> Problem:
    path = dataset.image_path(index) if hasattr(dataset, "image_path") else None
    if isinstance(error, DataError):
        return Problem("error", "unreadable", "", str(error), path)
    return Problem(
        "error",
        "reader_failed",
        f"image {index}" + (f" ({path})" if path else ""),
        f"the dataset raised {type(error).__name__}: {error}. Correct its __getitem__.",
        path,
    )


def _met_before(sample, hashes: dict, ids: dict) -> list[Problem]:
    name, found = sample.path or sample.where, []
    if ids.setdefault(sample.image_id, name) is not name:
        found.append(
            Problem(
                "error",
                "duplicate_image_id",
                sample.where,
                f"the image id is also that of {ids[sample.image_id]}. Give each its own.",
                name,
            )
        )
    key = content_hash(sample.image)
    if hashes.setdefault(key, name) is not name:
        found.append(
            Problem(
                "warning",
                "duplicate_image",
                sample.where,
                f"the same pixels as {hashes[key]}. Keep one, and its better annotation.",
                name,
            )
        )
    return found


def _shared(hashes: dict, data, against, format: str, options: dict) -> list[Problem]:
    """Returns an error for each image that is in the other part as well."""
    path = isinstance(data, (str, os.PathLike))
    inside = path and isinstance(against, str) and not os.path.exists(against)
    try:
        if inside and against != "synthetic":
            other = _open(data, against, format, options)
        else:
            other = _open(against, "val", "auto", options if path else {})
    except DataError as error:
        return [Problem("error", "unusable", "the part to compare with", str(error))]
    found = []
    for index in range(len(other)):
        try:
            sample = other[index]
        except Exception:  # faults of the other part are for its own diagnosis
            continue
        name = hashes.get(content_hash(sample.image))
        if name is not None:
            message = (
                f"the same pixels as {sample.path or sample.where} of the other part, so results "
                "measured there are too good. Take it out of one of them."
            )
            found.append(Problem("error", "shared_image", name, message, name))
    return found
