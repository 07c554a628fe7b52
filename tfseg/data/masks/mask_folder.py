"""The files of a folder of PNG masks, sorted by image; `png_masks` beside it has the layouts."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Sequence

from tfseg.data.images.image_files import FOREIGN, SUFFIXES, is_image_file, passed_over
from tfseg.data.images.json_file import read_json
from tfseg.data.reading.labels import clean_label
from tfseg.data.reading.scan import DROP, ImageRecord, Scan, find_file
from tfseg.errors import DataError

__all__ = ["MaskFiles", "list_files", "list_images", "scan_masks"]

_SUFFIX_WORDS = ("mask", "masks", "matte", "seg", "label")
"""Words behind an image's name that say what the file is, not what is to be seen."""


@dataclasses.dataclass
class MaskFiles:
    """The masks of an image.

    Attributes:
        files: `(path, label)` of each file of one object.
        maps: Id maps.
        labels: `(label, is_crowd)` of each number in the map, where a file lists them.
        class_map: Map of class numbers beside the id map.
        names: Label of each class number.
        only: Label of all objects in the map, where nothing names them.
    """

    files: list = dataclasses.field(default_factory=list)
    maps: list = dataclasses.field(default_factory=list)
    labels: dict | None = None
    class_map: str | None = None
    names: dict = dataclasses.field(default_factory=dict)
    only: str | None = None


def scan_masks(
    root: str, image_dir: str, mask_dir: str, only: str, classes: Sequence[str] = ()
) -> Scan:
    """Returns the images in a folder, each with its `MaskFiles` as content.

    Args:
        root: The folder.
        image_dir: The folder of the images, in `root` or elsewhere.
        mask_dir: The folder of the masks, in `root` or elsewhere.
        only: The class of objects that nothing names.
        classes: The classes that were asked for.

    Raises:
        DataError: A folder is not there.
    """
    scan = Scan(root)
    if _is_bowl(root):
        _scan_bowl(scan, root, only)
    else:
        images, masks = (_folder(root, place) for place in (image_dir, mask_dir))
        _Masks(scan, root, masks, only, classes).read(list_images(scan, images))
    return scan


def _folder(root: str, place: str | os.PathLike) -> str:
    for folder in (os.path.join(root, place), os.fspath(place)):
        if os.path.isdir(folder):
            return folder
    raise DataError(
        f"{root}: there is no folder {os.path.join(root, place)}. Expected images/ and masks/; "
        "name others with image_dir and mask_dir."
    )


def list_files(folder: str, ending: str | tuple[str, ...]) -> list[str]:
    """Returns the files of a folder with an ending, sorted, without those hidden."""
    names = sorted(n for n in os.listdir(folder) if n.lower().endswith(ending))
    return [n for n in names if not n.startswith(".") and os.path.isfile(os.path.join(folder, n))]


def list_images(scan: Scan, folder: str) -> dict[str, str]:
    """Returns the file of each image by its name without ending."""
    found: dict[str, str] = {}
    scan.note_unread(folder, SUFFIXES)
    if foreign := list_files(folder, FOREIGN):
        scan.fault("unread_files", folder, passed_over(foreign), severity="warning")
    for name in filter(is_image_file, list_files(folder, SUFFIXES)):
        stem, path = os.path.splitext(name)[0], os.path.join(folder, name)
        if stem in found:
            message = f"another image has its name, {found[stem]}. Rename one of them, {DROP}"
            scan.fault("duplicate_image_id", path, message, path)
        found.setdefault(stem, path)
    return found


def list_masks(scan: Scan, folder: str) -> tuple[list[str], list[str]]:
    """Returns the PNG files of a folder of masks, and the other images in it, as faults."""
    wrong = [n for n in list_files(folder, SUFFIXES) if not n.lower().endswith(".png")]
    for name in wrong:
        message = (
            "masks of objects are PNG files, others may not keep their numbers. Convert it, or "
            f"read one mask an image with format image_masks, {DROP}"
        )
        scan.fault("bad_mask", os.path.join(folder, name), message, os.path.splitext(name)[0])
    return list_files(folder, ".png"), wrong


def _is_bowl(root: str) -> bool:
    """Returns whether each folder in `root` holds an image and its masks."""
    if os.path.isdir(os.path.join(root, "masks")) or not os.path.isdir(root):
        return False
    return any(
        os.path.isdir(os.path.join(root, n, "images"))
        and os.path.isdir(os.path.join(root, n, "masks"))
        for n in os.listdir(root)
    )


def _scan_bowl(scan: Scan, root: str, only: str) -> None:
    for name in sorted(os.listdir(root)):
        home = os.path.join(root, name)
        places = [os.path.join(home, part) for part in ("images", "masks")]
        if not all(map(os.path.isdir, places)):
            continue
        images = [os.path.join(places[0], n) for n in list_files(places[0], SUFFIXES)]
        names, wrong = list_masks(scan, places[1])
        if wrong:
            continue
        files = [(os.path.join(places[1], n), only) for n in names]
        scan.counts[only] += len(files)
        if len(images) != 1:
            message = f"expected one image in images/, got {len(images)}. Correct it, {DROP}"
            scan.fault("missing_image", home, message, name)
            continue
        content = MaskFiles(files)
        scan.add(ImageRecord(name, home, images[0], content, (only,) * len(files)))


class _Masks:
    """Sorts the files of a mask folder by image; what is wrong goes to the scan."""

    def __init__(self, scan: Scan, root: str, folder: str, only: str, classes: Sequence[str]):
        self.scan, self.root, self.folder, self.only = scan, root, folder, only
        self.classes = {clean_label(name).lower() for name in classes}
        self.unread: set[str | None] = set()
        self.names = self._class_names()
        places = (os.path.join(folder, "instances.json"), os.path.join(root, "instances.json"))
        self.instances = self._json(find_file(places))

    def read(self, images: dict[str, str]) -> None:
        """Adds each image with its masks to the scan."""
        contents = {stem: MaskFiles() for stem in images}
        flat = self._list(self.folder, images, "")
        self.suffixes = self._suffixes(flat, images)
        for name in flat:
            self._sort_flat(contents, images, name)
        for folder in sorted(os.listdir(self.folder)):
            path = os.path.join(self.folder, folder)
            if os.path.isdir(path):
                self.scan.note_unread(path, ".png")
            for name in self._list(path, images, folder) if os.path.isdir(path) else ():
                self._sort_nested(contents, images, folder, name)
        for stem, path in images.items():
            if stem in self.unread:
                continue  # with part of its objects it would teach that the others are background
            content = contents[stem]
            labels = [label for _, label in content.files]
            known = self._classes_of_map(stem, content) if content.maps else ()
            where = f"{self.folder}, image {stem!r}"
            self.scan.counts.update([*labels, *(known or ())])
            labels = None if known is None else (*labels, *known)
            self.scan.add(ImageRecord(stem, where, path, content, labels))

    def _list(self, place: str, images: dict, folder: str) -> list[str]:
        names, wrong = list_masks(self.scan, place)
        for stem in (os.path.splitext(name)[0] for name in wrong):
            self.unread.add(folder if folder in images else _image_of(stem, images))
        return names

    def _sort_flat(self, contents: dict, images: dict, name: str) -> None:
        stem, path = os.path.splitext(name)[0], os.path.join(self.folder, name)
        if stem in contents:
            contents[stem].maps.append(path)
            self._warn_of_prefix(path, stem, images)
            return
        image = _prefix(stem, images)
        label = re.sub(r"[_.-]?\d+$", "", stem[len(image) + 1 :]) if image else ""
        if image is None:
            self._no_image(path, stem)
        elif label.lower() in self.suffixes:
            contents[image].maps.append(path)
        else:
            contents[image].files.append((path, label or self.only))

    def _suffixes(self, names: list[str], images: dict) -> set[str]:
        """Returns the words behind images' names that are no classes: those of `_SUFFIX_WORDS`,
        where no file has another word and nothing says that they are classes."""
        stems = [os.path.splitext(name)[0] for name in names]
        ends = [(stem, _prefix(stem, images)) for stem in stems if stem not in images]
        words = {stem[len(image) + 1 :].lower() for stem, image in ends if image}
        named = {*self.classes, *(clean_label(n).lower() for n in self.names.values())}
        return words if words <= set(_SUFFIX_WORDS) - named else set()

    def _warn_of_prefix(self, path: str, stem: str, images: dict) -> None:
        other = _prefix(stem, images)
        if other is not None:
            message = (
                f"it is read as the map of {images[stem]}, but by its name it may be an object "
                f"of {images[other]} too. If so, put it into {os.path.join(self.folder, other)}."
            )
            self.scan.fault("ambiguous_mask", path, message, images[stem], severity="warning")

    def _sort_nested(self, contents: dict, images: dict, folder: str, name: str) -> None:
        stem, path = os.path.splitext(name)[0], os.path.join(self.folder, folder, name)
        if folder in contents:
            label = re.sub(r"[_.-]?\d+$", "", stem)
            contents[folder].files.append((path, label or self.only))
            return
        image = _image_of(stem, images)
        if image is None:
            self._no_image(path, stem)
            self.scan.counts[folder] += 0
        else:
            contents[image].files.append((path, folder))

    def _no_image(self, path: str, stem: str) -> None:
        message = (
            f"no image is called {stem!r} or begins its name. Fetch it or remove the mask, {DROP}"
        )
        self.scan.fault("missing_image", path, message, stem)

    def _classes_of_map(self, stem: str, content: MaskFiles) -> tuple[str, ...] | None:
        """Finds the classes of an id map; returns the labels of its objects if they are known."""
        sidecar = os.path.join(self.folder, f"{stem}.json")
        record, source = self.instances.get(stem), "instances.json"
        if os.path.isfile(sidecar):
            record, source = self._json(sidecar), sidecar
        if record is not None:
            content.labels = self._labels(source, record)
            return tuple(label for label, _ in content.labels.values())
        path = os.path.join(self.root, "classes", f"{stem}.png")
        if os.path.isfile(path):
            content.class_map, content.names = path, self.names
            return None
        if self.names or self.instances:
            content.labels = {}  # classes are named, but not those of this map
            return ()
        content.only = self.only
        return (self.only,)

    def _labels(self, source: str, record) -> dict[int, tuple[str, bool]]:
        found = {}
        for number, value in record.items() if isinstance(record, dict) else ():
            crowd = bool(value.get("iscrowd")) if isinstance(value, dict) else False
            label = value.get("class") if isinstance(value, dict) else value
            if not str(number).isdigit() or not isinstance(label, str) or not label:
                got = f"{number!r}: {value!r}"
                message = f"expected a number and its class, got {got}. Correct it, {DROP}"
                self.scan.fault("malformed", source, message)
            else:
                found[int(number)] = (label, crowd)
        return found

    def _class_names(self) -> dict[int, str]:
        """Returns the names of class numbers, and tells the scan their order."""
        path = find_file([os.path.join(self.root, n) for n in ("classes.json", "classes.txt")])
        if path is None:
            return {}
        if path.endswith(".txt"):
            with open(path, encoding="utf-8-sig", errors="replace") as file:
                names = dict(enumerate(filter(None, (line.strip() for line in file)), 1))
        else:
            record = self._json(path)
            names = {n: label for n, (label, _) in sorted(self._labels(path, record).items())}
        self.scan.order = tuple(dict.fromkeys(names.values())) or None
        return names

    def _json(self, path: str | None) -> dict:
        if path is None:
            return {}
        try:
            content = read_json(path, "file of classes")
        except DataError as error:
            self.scan.fault("unreadable_annotation", "", f"{error} Or {DROP[3:]}", path)
            return {}
        if not isinstance(content, dict):
            message = (
                f"expected an object of names, got {type(content).__name__}. Correct it, {DROP}"
            )
            self.scan.fault("malformed", path, message)
            return {}
        return content


def _image_of(stem: str, images: dict[str, str]) -> str | None:
    """Returns the image that has a mask's name, or begins it."""
    return stem if stem in images else _prefix(stem, images)


def _prefix(stem: str, images: dict[str, str]) -> str | None:
    """Returns the longest name of an image that a mask's name begins with, then `_`, `-`, `.`."""
    ends = [match.start() for match in re.finditer(r"[_.-]", stem)]
    return next((stem[:end] for end in reversed(ends) if stem[:end] in images), None)
