"""What of a COCO file a dataset uses: which categories, which images with which annotations."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping, Sequence

from tfseg.data.coco.coco_annotations import require_pixels, shows_nothing
from tfseg.data.coco.coco_images import find_images
from tfseg.data.coco.coco_records import (
    DROP,
    AnnotationRecord,
    CategoryRecord,
    CocoRecords,
    ImageRecord,
    RecordError,
)
from tfseg.data.images.images import sound_size
from tfseg.data.reading.labels import require_names
from tfseg.data.reading.named_files import NamedFiles
from tfseg.data.reading.orientation import size_mismatch
from tfseg.data.reading.problem import IMAGE_LEFT_OUT, Problem
from tfseg.errors import DataError

__all__ = ["Entry", "choose_categories", "gather", "named_category", "runs_misfit"]


@dataclasses.dataclass(frozen=True, eq=False)
class Entry:
    """An image that a dataset uses.

    Attributes:
        image: Its record.
        path: Its file.
        annotations: Its objects of the classes in use.
        is_whole: Whether none of its objects is lost, so that what is not in a mask is background.
    """

    image: ImageRecord
    path: str
    annotations: tuple[AnnotationRecord, ...]
    is_whole: bool


def choose_categories(
    records: CocoRecords, classes: Sequence[str] | None
) -> tuple[CategoryRecord, ...]:
    """Returns the categories in use, in the order of their class ids.

    Args:
        records: The file.
        classes: Their names; None for all but the one that Roboflow writes above the others, and
            skeletons without a mask.

    Raises:
        DataError: An unknown name, or not different names.
    """
    if classes is None:
        return tuple(c for c in records.categories if not (c.is_root or c.is_skeleton))
    require_names(classes)
    by_name = {category.name: category for category in records.categories}
    chosen = tuple(named_category(records.file, name, by_name) for name in classes)
    if len(set(classes)) != len(classes) or not classes:
        raise DataError(f"expected different class names, at least one, got {tuple(classes)}.")
    return chosen


def named_category(file: str, name: str, by_name: Mapping[str, CategoryRecord]) -> CategoryRecord:
    """Returns the category of a name.

    Raises:
        DataError: The file has none, with the nearest one.
    """
    if name not in by_name:
        near = difflib.get_close_matches(str(name), by_name, 1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise DataError(
            f"{file}: there is no category {name!r}; the file has {', '.join(by_name)}.{hint}"
        )
    return by_name[name]


def gather(
    records: CocoRecords,
    categories: Sequence[CategoryRecord],
    files: NamedFiles,
    *,
    keep_crowds: bool,
    open_headers: bool,
) -> tuple[list[Entry], list[Problem]]:
    """Returns the images that are there, and what is wrong with images and objects.

    Args:
        records: The file.
        categories: Those in use.
        files: Where the images are.
        keep_crowds: Whether crowd regions are objects.
        open_headers: Whether the header of each image is read: then what cannot be read or has
            another size is a problem, and so is a mask that turns out to cover nothing.
    """
    paths, problems = find_images(records.file, records.images, files)
    used = {category.id for category in categories}
    entries = []
    for image in records.images:
        if image.id not in paths:
            continue
        size, path = image.size, paths[image.id]
        if open_headers:
            size, problem = _header(records.file, image, path)
            if problem is not None:
                problems.append(problem)
                continue
        annotations = [
            one
            for one in records.annotations.get(image.id, ())
            if one.category_id in used and (keep_crowds or not one.is_crowd)
        ]
        lost = records.lost.get(image.id, frozenset()) & {None, *used}
        if open_headers and image.size is None:
            annotations, faults = _covering(records.file, image, annotations, size)
            problems += faults
            lost |= {True for fault in faults if fault.consequence}
        entries.append(Entry(image, path, tuple(annotations), not lost))
    return entries, problems


def _covering(
    file: str, image: ImageRecord, annotations: Sequence[AnnotationRecord], size: tuple[int, int]
) -> tuple[list[AnnotationRecord], list[Problem]]:
    """Returns the annotations that cover something in an image `(H, W)`, and the faults of others.

    Where the annotation file states no size, the image's own is the first that they meet.
    """
    kept, problems = [], []
    for one in annotations:
        mask, code, hollow = one.segmentation, "empty_mask", False
        try:
            if isinstance(mask, dict) and tuple(mask["size"]) != tuple(size):
                code = "bad_mask"
                raise RecordError(code, f"{runs_misfit(mask, size)} Correct or remove it, {DROP}.")
            require_pixels(mask, size)
            kept.append(one)
        except RecordError as fault:
            hollow = fault.code == "empty_mask" and shows_nothing(mask, one.box)
            where = f"{file}, annotation {one.id!r} of image {image.file_name!r}"
            what = "" if hollow else IMAGE_LEFT_OUT
            problems.append(
                Problem("error", code, where, str(fault), image.file_name, one.id, what)
            )
    return kept, problems


def runs_misfit(runs: dict, size: tuple[int, int]) -> str:
    """Returns what to say of run lengths whose size is not that of their image `(H, W)`."""
    return (
        f"run lengths for {runs['size'][0]} x {runs['size'][1]} do not fit the image of "
        f"{size[0]} x {size[1]} (height x width)."
    )


def _header(
    file: str, image: ImageRecord, path: str
) -> tuple[tuple[int, int] | None, Problem | None]:
    """Returns the size of an image that can be read and has the size stated, or its problem."""
    where = f"{file}, image {image.file_name!r}"
    try:
        size = sound_size(path)
    except DataError as error:
        return None, Problem("error", "unreadable_image", where, str(error), image.file_name)
    if image.size is None or image.size == size:
        return size, None
    message = size_mismatch(image.size, size, path)
    return None, Problem("error", "size_mismatch", where, message, image.file_name)
