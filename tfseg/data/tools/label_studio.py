"""Images annotated with Label Studio, exported as its own JSON.

The JSON is a list of tasks (labelstud.io, "Label Studio JSON format"): `data` names the image,
`annotations` has one entry for each annotator with the regions in `result`. A region has `type`,
`id`, `original_width`, `original_height` and a `value` whose numbers are per cent of the image's
sides: polygons `points`; rectangles `x`, `y`, `width`, `height`, `rotation` about that corner;
ellipses `x`, `y`, `radiusX`, `radiusY`, `rotation`; brushes `rle` (`brush_rle` beside this file).
The short form (JSON-MIN) has the values themselves, in lists under the names of its controls.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping, Sequence

import numpy as np

from tfseg.data.images.image_files import is_image_file
from tfseg.data.images.json_file import read_json
from tfseg.data.reading.labelled import LabelledImages
from tfseg.data.reading.labels import only_class
from tfseg.data.reading.named_files import NamedFiles
from tfseg.data.reading.orientation import stored_size, turned, turned_problem
from tfseg.data.reading.outlines import MaskError
from tfseg.data.reading.problem import Problem
from tfseg.data.reading.scan import DROP, Drawn, ImageRecord, Scan
from tfseg.data.tools.brush_rle import decode_brush
from tfseg.data.tools.shapes import checked_points, ellipse, polygon, rectangle
from tfseg.errors import DataError
from tfseg.structures import rle

__all__ = ["LabelStudioDataset"]

_UPLOAD = re.compile(r"^[0-9a-f]{8}-")  # what Label Studio writes before an uploaded file's name
_LONGEST_SIDE = 100_000  # pixels


class LabelStudioDataset(LabelledImages):
    """Images with objects from Label Studio's own JSON, also its short form.

    Polygons, rectangles, ellipses and brushes become objects; of a brush, what is more than half
    opaque. Keypoints enclose nothing: they are passed over with a warning, as are tasks that
    nobody annotated. Of several annotations of a task the first that was not skipped is read,
    with a warning.

    The image is looked for by the name in `data`, by its last parts, and without the eight
    letters that Label Studio writes before the names of uploads.

    Args:
        annotation_file: The JSON file.
        image_dir: The folder of the images. None: that of the annotation file, then `images/` in
            it.
        classes: Names of the classes, in the order of their ids. None: all labels, sorted.
        synonyms: Class name to the labels that it is made of.
        drop_invalid: Leave unusable images out instead of raising, and those with a faulty
            region, which would be learnt as background.
        keep_empty: Whether images without objects stay.
        allow_outside: Whether names in the file may lead out of the folder of the images.

    Attributes:
        class_names, image_ids, problems, dropped: As in `LabelledImages`.

    Raises:
        DataError: The file cannot be read, or (unless `drop_invalid`) something is faulty.
    """

    def __init__(
        self,
        annotation_file: str | os.PathLike,
        image_dir: str | os.PathLike | None = None,
        *,
        classes: Sequence[str] | None = None,
        synonyms: Mapping[str, Sequence[str]] | None = None,
        drop_invalid: bool = False,
        keep_empty: bool = True,
        allow_outside: bool = False,
    ):
        common = dict(classes=classes, synonyms=synonyms, keep_empty=keep_empty)
        self._settings = dict(image_dir=image_dir, allow_outside=allow_outside, **common)
        path = os.fspath(annotation_file)
        folder = os.path.dirname(path) if image_dir is None else os.fspath(image_dir)
        if image_dir is not None and not os.path.isdir(folder):
            raise DataError(f"{folder}: there is no such image folder. Check image_dir.")
        tasks = read_json(path)
        if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
            raise DataError(
                f"{path}: expected Label Studio's JSON, a list of tasks. Export it again."
            )
        scan = Scan(path)
        homes = (folder, os.path.join(folder, "images"))
        files = NamedFiles(homes, allow_outside=allow_outside)
        reader = _Tasks(scan, files, only_class(classes))
        for number, task in enumerate(tasks, 1):
            reader.read(number, task)
        reader.note_passed_over()
        super().__init__(scan, drop_invalid=drop_invalid, **common)

    def size_is_stated(self, index: int) -> bool:
        """Returns whether an image's annotations say its size, so that it was compared."""
        return self._records[index].size is not None

    def _outlines(self, record: ImageRecord) -> dict[int, list[np.ndarray] | None]:
        return {
            number: [shape] if isinstance(shape, np.ndarray) else None
            for number, _, shape in record.content
        }

    def _draw(
        self, record: ImageRecord, size: tuple[int, int]
    ) -> tuple[list[Drawn], list[Problem]]:
        stored, orientation = stored_size(record.size, size, record.path, record.where)
        scan = Scan(record.where)
        scan.problems += turned_problem(orientation, record.path, record.where)
        drawn = []
        for number, label, shape in record.content:
            try:
                if isinstance(shape, np.ndarray):
                    runs = rle.from_polygons([shape], stored)
                else:
                    runs = rle.encode(decode_brush(shape, stored))
            except MaskError as fault:
                scan.shape_fault(fault, record.where, "region", record.path or record.id, number)
                continue
            drawn.append(Drawn(number, label, turned(runs, orientation)))
        return drawn, scan.problems


class _Tasks:
    """Reads tasks; what is wrong goes to the scan."""

    def __init__(self, scan: Scan, files: NamedFiles, only: str):
        self.scan, self.files, self.only = scan, files, only
        self.unannotated: list[str] = []

    def read(self, number: int, task: dict) -> None:
        """Takes the image of a task in."""
        names = _names(task)
        where = f"{self.scan.source}, task {task.get('id', number)!r}"
        regions = self._regions(where, task)
        if regions is None:
            self.unannotated.append(where)
            return
        if not names:
            self.scan.fault(
                "malformed", where, f"expected 'data' with the image's name. Correct it, {DROP}"
            )
            return
        name = os.path.basename(names[0].replace("\\", "/"))
        where = f"{where}, image {name!r}"
        size, objects = self._objects(where, name, regions)
        found = self.files.find(*names)
        if found.path is None:
            looked = [os.path.join(folder, name) for folder in self.files.folders]
            self.scan.missing_image(where, name, looked, found)
            return
        labels = tuple(label for _, label, _ in objects)
        identity = os.path.splitext(os.path.basename(found.path))[0]
        self.scan.add(ImageRecord(identity, where, found.path, objects, labels, size))

    def note_passed_over(self) -> None:
        """Notes the tasks without annotations."""
        if self.unannotated:
            count = len(self.unannotated)
            message = (
                f"{count} tasks have no annotation, such as {self.unannotated[0]}: passed over."
            )
            self.scan.fault("unannotated", self.scan.source, message, severity="warning")

    def _regions(self, where: str, task: dict) -> list | None:
        """Returns the regions of a task, each with its `value`; None where nobody annotated it."""
        if "annotations" not in task and "completions" not in task:
            listed = [v for v in task.values() if isinstance(v, list)]
            short = [one for values in listed for one in values if isinstance(one, dict)]
            return [{**one, "value": one} for one in short]
        every = task.get("annotations") or task.get("completions") or []
        every = every if isinstance(every, list) else []
        every = [one for one in every if isinstance(one, dict) and not one.get("was_cancelled")]
        if len(every) > 1:
            message = f"{len(every)} annotations; the first is read."
            self.scan.fault("several_annotations", where, message, severity="warning")
        result = every[0].get("result") if every else None
        return result if isinstance(result, list) else None

    def _objects(self, where: str, name: str, regions: list) -> tuple:
        """Returns the size `(H, W)` stated or None, and `(number, label, shape)` of regions."""
        apart, size, found = _labels_apart(regions), None, []
        for number, region in enumerate(regions, 1):
            try:
                if not isinstance(region, dict) or not isinstance(region.get("value"), dict):
                    raise MaskError("malformed", f"cannot be read: {str(region)[:60]}")
                kind = _kind(region)
                if kind in (None, "labels"):
                    continue  # a choice or a text for the whole image, or the label of another
                stated = _size(region)
                if size not in (None, stated):
                    raise MaskError("bad_mask", f"is of an image of {stated[0]} x {stated[1]}")
                shape = _shape(kind, region["value"], stated)
                label = _label(region, apart, self.only)
            except MaskError as fault:
                self.scan.shape_fault(fault, where, "region", name, number)
                continue
            size = stated
            self.scan.counts[label] += 1
            found.append((number, label, shape))
        return size, found


def _names(task: dict) -> list[str]:
    """Returns what the image of a task may be called, the likeliest first."""
    data = task["data"] if isinstance(task.get("data"), dict) else task
    texts = [task.get("file_upload"), *(data.get(key) for key in ("image", "img")), *data.values()]
    names = [t for t in texts if isinstance(t, str) and is_image_file(re.split(r"[?#]", t)[0])]
    names += [t for t in texts if isinstance(t, str) and "?d=" in t]
    bare = [_UPLOAD.sub("", re.split(r"[/\\]", name)[-1]) for name in names]
    return list(dict.fromkeys([*names, *bare]))


def _kind(region: dict) -> str | None:
    """Returns "polygon", "rectangle", "ellipse", "brush", "keypoint", "labels", or None."""
    value, kind = region["value"], str(region.get("type", ""))
    if kind == "labels":
        return kind
    if "rle" in value:
        return "brush"
    if "points" in value:
        return "polygon"
    if "radiusX" in value:
        return "ellipse"
    if "x" in value and "width" in value:
        return "keypoint" if "height" not in value else "rectangle"
    if kind.endswith("labels") and "original_width" in region:
        raise MaskError("unknown_shape", f"has the unknown type {kind!r}")
    return None


def _size(region: dict) -> tuple[int, int]:
    size = region.get("original_height"), region.get("original_width")
    if not all(type(side) is int and 0 < side <= _LONGEST_SIDE for side in size):
        raise MaskError("bad_image_size", f"has the image size {size[0]!r} x {size[1]!r}")
    if region.get("image_rotation"):
        raise MaskError(
            "rotated_image",
            f"was drawn on the image turned by {region['image_rotation']} degrees in Label Studio, "
            "which the image is not. Turn the file and annotate it as it lies",
        )
    return size


def _shape(kind: str, value: dict, size: tuple[int, int]):
    """Returns a flat polygon in pixels, or the run lengths of a brush."""
    scale = np.array(size[::-1]) / 100
    try:
        if kind == "brush":
            if not value["rle"]:
                raise MaskError("no_area", "is a brush that marks nothing")
            return value["rle"]
        if kind == "polygon":
            return polygon(checked_points(value["points"]) * scale)
        if kind == "keypoint":
            raise MaskError("no_area", "is a keypoint, which encloses nothing")
        (x, y), _ = checked_points([(value["x"], value["y"]), (0, 0)]) * scale
        angle = math.radians(checked_points([(value.get("rotation") or 0, 0)])[0, 0])
        if kind == "ellipse":
            rx, ry = checked_points([(value["radiusX"], value["radiusY"])])[0] * scale
            return ellipse(x, y, rx, ry, angle)
        width, height = checked_points([(value["width"], value["height"])])[0] * scale
    except (KeyError, TypeError) as error:
        raise MaskError("malformed", f"is a {kind} without {error}") from None
    corners = rectangle([(0, 0), (width, height)]).reshape(-1, 2)
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    return polygon(corners @ turn + (x, y))


def _labels_apart(regions: list) -> dict[str, dict]:
    """Returns the values of regions' labels that stand in entries of their own, by region id."""
    found = (r for r in regions if isinstance(r, dict) and r.get("type") == "labels")
    return {str(r.get("id")): r["value"] for r in found if isinstance(r.get("value"), dict)}


def _label(region: dict, apart: Mapping[str, dict], only: str) -> str:
    """Returns the label of a region; `only` where the project has none."""
    values = (region["value"], apart.get(str(region.get("id")), {}))
    for value in values:
        for key, labels in value.items():
            if key.endswith("labels") and isinstance(labels, list) and labels:
                if len(labels) > 1:
                    listed = ", ".join(map(str, labels))
                    raise MaskError("unknown_label", f"has several labels: {listed}")
                return str(labels[0])
    if str(region.get("type", "")).endswith("labels"):
        raise MaskError("no_label", "has no label")
    return only
