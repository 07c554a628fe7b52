"""Images annotated with labelme (github.com/wkentaro/labelme), versions 3 to 5.

One JSON file an image: `version`, `flags`, `shapes`, `imagePath` (relative to the file),
`imageData` (base64, or null), `imageHeight`, `imageWidth`. A shape has `label`, `points`
`[[x, y], ...]`, `group_id`, `shape_type`, `flags`, and with the type "mask" (since 5.2) `mask`, a
PNG in base64 that covers the pixels from the first of its two points to the second, both included.
"""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image

from tfseg.data.images.images import pillow_reason
from tfseg.data.images.json_file import from_base64, read_json, read_text
from tfseg.data.masks.mask_folder import list_files
from tfseg.data.reading.labelled import LabelledImages
from tfseg.data.reading.labels import clean_label
from tfseg.data.reading.orientation import stored_size, turned, turned_problem
from tfseg.data.reading.outlines import MaskError
from tfseg.data.reading.problem import Problem
from tfseg.data.reading.scan import DROP, Drawn, ImageRecord, Scan
from tfseg.data.tools.labelme_images import LabelmeImages
from tfseg.data.tools.shapes import checked_points, ellipse, polygon, rectangle
from tfseg.errors import DataError
from tfseg.structures import rle

__all__ = ["NO_OBJECTS", "LabelmeDataset"]

NO_OBJECTS = ("__ignore__", "_background_")  # labelme's own names for what is no object


class LabelmeDataset(LabelledImages):
    """Images with objects from labelme's files.

    Polygons, rectangles (upright and oriented), circles and masks become objects; shapes of
    one label with one `group_id` are the pieces of one object. Lines, line strips and points
    enclose nothing: they are passed over with a warning. The labels `__ignore__` and
    `_background_` are no objects.

    The image is the file at `imagePath` (backslashes are fine), or one of that name in
    `image_dir` or beside the annotations; where it is missing, `imageData` serves. Labelme
    applies the EXIF turn of an image since 2019; where `imageHeight` and `imageWidth` are
    those of the pixels as stored, an older one was used, and the shapes are turned, with a
    warning.

    A fault raises unless `drop_invalid`: a file that is empty or broken, a missing image, an
    image of another size, a shape that cannot be drawn or covers nothing, a label that
    `labels.txt` does not list.

    Args:
        source: The folder of the JSON files, or one of them. Files in folders below it are not
            read, with a warning, except in `annotations/`, `labels/` and `json/` where it has none
            itself. Images without a JSON file are not read; a log line and `problems` count them.
        image_dir: Another folder of the images.
        classes: Names of the classes, in the order of their ids. None: the lines of `labels.txt`
            in the folder or above it, else all labels found, sorted.
        synonyms: Class name to the labels that it is made of.
        skip_flags: An image or a shape with one of these flags set is left out.
        crowd_flags: A shape with one of these flags set is a crowd region (`Sample.is_crowd`).
        drop_invalid: Leave faulty files and images out instead of raising, and images with a
            faulty shape, which would be learnt as background.
        keep_empty: Whether images without objects stay; they teach what is background.
        allow_outside: Whether `imagePath` may lead out of `source`, `image_dir`, and `images/` in
            or beside it.

    Attributes:
        class_names, image_ids, problems, dropped: As in `LabelledImages`. The image ids are
            the names of the JSON files without ending.

    Raises:
        DataError: No such files, or (unless `drop_invalid`) something is faulty.
    """

    def __init__(
        self,
        source: str | os.PathLike,
        image_dir: str | os.PathLike | None = None,
        *,
        classes: Sequence[str] | None = None,
        synonyms: Mapping[str, Sequence[str]] | None = None,
        skip_flags: Sequence[str] = (),
        crowd_flags: Sequence[str] = ("crowd", "iscrowd"),
        drop_invalid: bool = False,
        keep_empty: bool = True,
        allow_outside: bool = False,
    ):
        common = dict(classes=classes, synonyms=synonyms, keep_empty=keep_empty)
        flags = dict(skip_flags=skip_flags, crowd_flags=crowd_flags)
        self._settings = dict(image_dir=image_dir, allow_outside=allow_outside, **flags, **common)
        source = os.fspath(source)
        image_dir = None if image_dir is None else os.fspath(image_dir)
        if image_dir is not None and not os.path.isdir(image_dir):
            raise DataError(f"{image_dir}: there is no such image folder. Check image_dir.")
        scan = Scan(source)
        files = _files(source)
        shapes = _Shapes(skip_flags, crowd_flags)
        images = LabelmeImages(source, image_dir, allow_outside)
        for file in files:
            _read_file(scan, file, images, shapes)
        if os.path.isdir(source):
            scan.note_unread(os.path.dirname(files[0]), ".json", "labelme")
            images.note_unannotated(scan, files)
        scan.order = _labels_file(os.path.dirname(files[0]), scan.counts)
        if scan.order is not None:
            _check_labels(scan)
        super().__init__(scan, drop_invalid=drop_invalid, **common)

    def size_is_stated(self, index: int) -> bool:
        """Returns whether an image's annotations say its size, so that it was compared."""
        return self._records[index].size is not None

    def _outlines(self, record: ImageRecord) -> dict[int, list[np.ndarray] | None]:
        return {
            number: None if any(isinstance(piece, tuple) for piece in pieces) else pieces
            for number, _, _, pieces in record.content
        }

    def _draw(
        self, record: ImageRecord, size: tuple[int, int]
    ) -> tuple[list[Drawn], list[Problem]]:
        stored, orientation = stored_size(record.size, size, record.path, record.where)
        problems = list(turned_problem(orientation, record.path, record.where))
        drawn = []
        for number, label, is_crowd, pieces in record.content:
            outlines = [piece for piece in pieces if isinstance(piece, np.ndarray)]
            mask = rle.decode(rle.from_polygons(outlines, stored)) if outlines else None
            for corners, text in (piece for piece in pieces if isinstance(piece, tuple)):
                mask = np.zeros(stored, bool) if mask is None else mask
                try:
                    _paste(mask, corners, text)
                except MaskError as fault:
                    scan = Scan(record.where)
                    name = record.path or record.id
                    scan.shape_fault(fault, record.where, "shape", name, number)
                    problems += scan.problems
                    break
            else:
                drawn.append(Drawn(number, label, turned(rle.encode(mask), orientation), is_crowd))
        return drawn, problems


def _files(source: str) -> list[str]:
    """Returns the JSON files of a source, sorted by name; at least one."""
    if not os.path.isdir(source):
        return [source]
    for folder in (source, *(os.path.join(source, n) for n in ("annotations", "labels", "json"))):
        if os.path.isdir(folder):
            names = list_files(folder, ".json")
            if names:
                return [os.path.join(folder, name) for name in names]
    raise DataError(f"{source}: there are no JSON files of labelme. Check the path.")


def _labels_file(folder: str, counts: Mapping[str, int]) -> tuple[str, ...] | None:
    """Returns the lines of labelme's `labels.txt`, if there is one that fits the labels."""
    for place in (folder, os.path.dirname(os.path.abspath(folder))):
        path = os.path.join(place, "labels.txt")
        if os.path.isfile(path):
            lines = dict.fromkeys(line.strip() for line in read_text(path).splitlines())
            names = tuple(name for name in lines if name and name not in NO_OBJECTS)
            if names and (not counts or {*map(clean_label, names)} & {*map(clean_label, counts)}):
                return names
    return None


def _check_labels(scan: Scan) -> None:
    """Turns objects of labels that `labels.txt` does not list into faults."""
    listed = {clean_label(label) for label in scan.order}
    for label in [label for label in scan.counts if clean_label(label) not in listed]:
        del scan.counts[label]
    for position, record in enumerate(scan.records):
        for number, label, _, _ in record.content:
            if clean_label(label) not in listed:
                scan.lost_object(
                    "unknown_label",
                    record.where,
                    f"{record.where}, shape {number}",
                    f"the shape has the label {label!r}, which labels.txt does not list "
                    f"({', '.join(scan.order)}). Correct one of them, {DROP}",
                    record.path or record.id,
                    number,
                )
        kept = [one for one in record.content if clean_label(one[1]) in listed]
        labels = tuple(label for _, label, _, _ in kept)
        scan.records[position] = ImageRecord(
            record.id, record.where, record.path, kept, labels, record.size, record.embedded
        )


def _read_file(scan: Scan, file: str, images: LabelmeImages, shapes: _Shapes) -> None:
    """Takes the image of one JSON file into the scan."""
    try:
        content = read_json(file)
    except DataError as error:
        scan.fault("unreadable_annotation", "", f"{error} {_without()}", file)
        return
    missing = [
        k for k in ("shapes", "imagePath") if not isinstance(content, dict) or k not in content
    ]
    if missing or not isinstance(content["shapes"], list):
        what = f"{', '.join(missing)} missing" if missing else "'shapes' is no list"
        scan.fault("malformed", file, f"expected a file of labelme, but {what}. {_without()}", file)
        return
    name = content["imagePath"] if isinstance(content["imagePath"], str) else ""
    if shapes.skips(content):
        images.find(file, os.path.splitext(os.path.basename(file))[0], name)
        message = "the image is left out, because one of skip_flags is set."
        scan.fault("skipped_flag", file, message, name, severity="info")
        return
    stem = os.path.splitext(os.path.basename(file))[0]
    where = f"{file}, image {name or stem!r}"
    objects = shapes.read(scan, where, name or stem, content["shapes"])
    found, looked = images.find(file, stem, name)
    path, embedded = found.path, content.get("imageData")
    if path is None and not (isinstance(embedded, str) and embedded):
        scan.missing_image(where, name or stem, looked, found)
        return
    if path is None:
        scan.fault(
            "embedded_image",
            where,
            "there is no file of the image; the copy in imageData is used.",
            name,
            severity="info",
        )
    labels = tuple(label for _, label, _, _ in objects)
    embedded = embedded if path is None else None
    scan.add(ImageRecord(stem, where, path, objects, labels, _size(scan, where, content), embedded))


def _without() -> str:
    return f"Correct or remove it, {DROP}"


def _size(scan: Scan, where: str, content: dict) -> tuple[int, int] | None:
    size = content.get("imageHeight"), content.get("imageWidth")
    if any(value is None for value in size):
        return None
    if not all(type(value) is int and value > 0 for value in size):
        message = f"imageHeight and imageWidth are {size[0]!r} and {size[1]!r}; they are not used."
        scan.fault("bad_image_size", where, message, severity="warning")
        return None
    return size


class _Shapes:
    """Reads the shapes of one image; what is wrong goes to the scan."""

    def __init__(self, skip_flags: Sequence[str], crowd_flags: Sequence[str]):
        for name, flags in (("skip_flags", skip_flags), ("crowd_flags", crowd_flags)):
            if isinstance(flags, str):
                raise DataError(
                    f"expected {name} as a tuple of names, got {flags!r}: ({flags!r},)."
                )
        self.skip_flags, self.crowd_flags = frozenset(skip_flags), frozenset(crowd_flags)

    def skips(self, record: dict) -> bool:
        """Returns whether an image or shape is to be left out by its flags."""
        return bool(self.skip_flags & _flags(record))

    def read(self, scan: Scan, where: str, name: str, shapes: list) -> list[tuple]:
        """Returns `(number, label, is_crowd, pieces)` of each object; numbers count from 1.

        A piece is a flat polygon, or the corner and the PNG of a mask.
        """
        found: dict[tuple, tuple] = {}
        for number, shape in enumerate(shapes, 1):
            try:
                if not isinstance(shape, dict):
                    raise MaskError("malformed", f"is no object but {type(shape).__name__}")
                label = shape.get("label")
                if not isinstance(label, str) or not label.strip():
                    raise MaskError("no_label", f"has the label {label!r}; expected a name")
                if clean_label(label) in NO_OBJECTS or self.skips(shape):
                    continue
                piece = _piece(shape)
            except MaskError as fault:
                scan.shape_fault(fault, where, "shape", name, number)
                continue
            group = shape.get("group_id")
            key = (label, number, None) if group is None else (label, None, str(group))
            if key not in found:
                scan.counts[label] += 1
                found[key] = (number, label, bool(self.crowd_flags & _flags(shape)), [])
            found[key][3].append(piece)
        return list(found.values())


def _flags(record: dict) -> frozenset:
    flags = record.get("flags")
    return frozenset(k for k, on in flags.items() if on) if isinstance(flags, dict) else frozenset()


def _piece(shape: dict):
    """Returns what a shape covers: a flat polygon, or the corners and the PNG of a mask."""
    kind, points = shape.get("shape_type") or "polygon", shape.get("points")
    if not isinstance(points, list) or not points:
        raise MaskError("malformed", f"has no points: {str(points)[:40]}")
    if kind in ("polygon", "oriented_rectangle") or (kind == "rectangle" and len(points) == 4):
        return polygon(points)
    if kind == "rectangle":
        return rectangle(points)
    if kind == "circle":
        centre, rim = checked_points(points, 2)
        radius = float(np.hypot(*(rim - centre)))
        return ellipse(*centre, radius, radius)
    if kind == "mask":
        if not isinstance(shape.get("mask"), str):
            raise MaskError("malformed", "is a mask without its PNG in base64")
        return checked_points(points, 2), shape["mask"]
    if kind in ("line", "linestrip", "point", "points"):
        raise MaskError("no_area", f"is a {kind}, which encloses nothing")
    raise MaskError("unknown_shape", f"has the unknown shape_type {kind!r}")


def _paste(mask: np.ndarray, corners: np.ndarray, text: str) -> None:
    """Adds a mask's PNG to a mask of the whole image, bool `(H, W)`."""
    try:
        with Image.open(io.BytesIO(from_base64(text))) as image:
            crop = np.asarray(image) != 0
    except (DataError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        why = pillow_reason(error)
        raise MaskError("unreadable_mask", f"has a mask that is no image ({why})") from error
    crop = crop.any(axis=2) if crop.ndim == 3 else crop
    (left, top), (right, bottom) = np.rint(corners).astype(int)
    box = bottom - top + 1, right - left + 1
    if np.abs(np.subtract(box, crop.shape)).max() > 1:
        raise MaskError(
            "misaligned_mask",
            f"has a box of {box[0]} x {box[1]} and a mask of {crop.shape[0]} x {crop.shape[1]} "
            "(height x width)",
        )
    y1, x1 = max(top, 0), max(left, 0)
    y2, x2 = min(top + crop.shape[0], mask.shape[0]), min(left + crop.shape[1], mask.shape[1])
    if y1 < y2 and x1 < x2:
        mask[y1:y2, x1:x2] |= crop[y1 - top : y2 - top, x1 - left : x2 - left]
