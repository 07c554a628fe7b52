"""Where the files of Open Images lie: in folders of any depth, or within zip archives."""

from __future__ import annotations

import dataclasses
import fnmatch
import os
import threading
import zipfile
from collections.abc import Callable, Collection, Iterable, Iterator

from tfseg.data.reading.problem import Problem
from tfseg.errors import DataError

__all__ = ["REPORT_NAME", "FileIndex", "Metadata", "find_metadata", "walk"]

REPORT_NAME = "open_images_report.json"
_IMAGES = (".jpg", ".jpeg", ".png", ".webp")
_ANNOTATIONS = "{}-annotations-object-segmentation.csv"
_PATTERNS = {
    "class_descriptions": (
        "class-descriptions-boxable.csv",
        "*class-descriptions-boxable*.csv",
        "*class-descriptions*.csv",
    ),
    "hierarchy": ("bbox_labels_600_hierarchy.json", "*hierarchy*.json"),
}


def walk(root: str) -> Iterator[str]:
    """Yields every file below a folder, or the file itself, in a fixed order.

    Hidden folders and folders that a conversion wrote are passed over.
    """
    if os.path.isfile(root):
        yield root
        return
    seen: set[str] = set()
    for folder, folders, files in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        if REPORT_NAME in files or real in seen:  # the latter: a link that leads upwards
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith("."):
                yield os.path.join(folder, name)


@dataclasses.dataclass(frozen=True)
class Metadata:
    """The three text files; `hierarchy` is None where there is none."""

    annotations: str
    class_descriptions: str
    hierarchy: str | None


def find_metadata(
    source: str | os.PathLike,
    subset: str = "train",
    *,
    annotations: str | os.PathLike | None = None,
    class_descriptions: str | os.PathLike | None = None,
    hierarchy: str | os.PathLike | None = None,
) -> Metadata:
    """Returns the text files of the dataset, those named or those found below a folder.

    Args:
        source: The folder.
        subset: "train", "validation" or "test".
        annotations: `<subset>-annotations-object-segmentation.csv`, if it lies elsewhere.
        class_descriptions: `class-descriptions-boxable.csv` or of a later version.
        hierarchy: `bbox_labels_600_hierarchy.json`.

    Raises:
        DataError: The folder or a file is missing, or several would do.
    """
    source = os.fspath(source)
    if not os.path.isdir(source):
        raise DataError(f"{source}: there is no such folder. Name the one that holds Open Images.")
    given = dict(
        annotations=annotations, class_descriptions=class_descriptions, hierarchy=hierarchy
    )
    for name, path in given.items():
        if path is not None and not os.path.isfile(path):
            raise DataError(f"{name}: there is no file {os.fspath(path)}. Check the path.")
    wanted = {"annotations": (_ANNOTATIONS.format(subset),), **_PATTERNS}
    texts = [path for path in walk(source) if path.lower().endswith((".csv", ".json"))]
    found = {}
    for name, patterns in wanted.items():
        path = os.fspath(given[name]) if given[name] is not None else _match(texts, patterns)
        if path is None and name != "hierarchy":
            there = ", ".join(os.path.relpath(path, source) for path in texts[:8]) or "none"
            raise DataError(
                f"{source}: there is no {patterns[0]}. Download it into that folder, or name the "
                f"file. CSV and JSON files there: {there}."
            )
        found[name] = path
    return Metadata(**found)


def _match(paths: list[str], patterns: Iterable[str]) -> str | None:
    for pattern in patterns:
        found = [path for path in paths if fnmatch.fnmatch(os.path.basename(path), pattern)]
        if len(found) > 1:
            raise DataError(
                f"several files would do as {pattern}: {', '.join(found[:5])}. Name one of them, "
                "or put the others away."
            )
        if found:
            return found[0]
    return None


class FileIndex:
    """The masks and images that are wanted and where each lies, on disk or in an archive.

    Masks are known by their file name, images by their id, the file name without its ending.
    The first place found counts; folders come before archives.

    Args:
        places: Folders, searched to the bottom, and zip archives.
        masks: Names of the mask files that are wanted.
        images: Image ids that are wanted.
        progress: Called with the number of files looked at.

    Attributes:
        masks: Mask file to its place.
        images: Image id to its place.
        archives: The zip files that were looked into.
        problems: Archives that could not be read.
    """

    def __init__(
        self,
        places: Iterable[str | os.PathLike],
        masks: Collection[str],
        images: Collection[str],
        progress: Callable[[int, None], None] | None = None,
    ):
        self.masks: dict[str, str | tuple[str, str]] = {}
        self.images: dict[str, str | tuple[str, str]] = {}
        self.archives: list[str] = []
        self.problems: list[Problem] = []
        self._open: dict[str, zipfile.ZipFile] = {}
        self._lock = threading.Lock()
        archives, count = [], 0
        for place in places:
            place = os.fspath(place)
            if not os.path.exists(place):
                raise DataError(f"{place}: there is no such folder or archive. Check the path.")
            for path in walk(place):
                count += 1
                if path.lower().endswith(".zip"):
                    archives.append(path)
                else:
                    self._add(path, path, masks, images)
                if progress and count % 1000 == 0:
                    progress(count, None)
        for archive in dict.fromkeys(archives):
            for member in self._members(archive):
                self._add(member, (archive, member), masks, images)
        if progress:
            progress(count, None)

    def _add(self, path: str, place, masks, images) -> None:
        name = path.replace("\\", "/").rpartition("/")[2]
        if name in masks:
            self.masks.setdefault(name, place)
            return
        stem, dot, ending = name.rpartition(".")
        if stem in images and (dot + ending).lower() in _IMAGES:
            self.images.setdefault(stem, place)

    def _members(self, archive: str) -> list[str]:
        try:
            names = self._zip(archive).namelist()
        except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError) as error:
            text = f"expected a zip archive, but it is damaged ({error}). Download it again."
            self.problems.append(Problem("error", "unreadable_archive", archive, text))
            return []
        self.archives.append(archive)
        return [name for name in names if not name.endswith("/")]

    def _zip(self, archive: str) -> zipfile.ZipFile:
        with self._lock:
            if archive not in self._open:
                self._open[archive] = zipfile.ZipFile(archive)
            return self._open[archive]

    def read(self, place: str | tuple[str, str]) -> bytes:
        """Returns the bytes of a file.

        Raises:
            DataError: It cannot be read, or there are none.
        """
        try:
            if isinstance(place, str):
                with open(place, "rb") as file:
                    data = file.read()
            else:
                data = self._zip(place[0]).read(place[1])
        # What zipfile raises for an archive that is damaged, encrypted or packed unusually.
        except (OSError, zipfile.BadZipFile, RuntimeError, EOFError, ValueError) as error:
            raise DataError(f"{name_of(place)}: cannot be read ({error}).") from error
        except zipfile.zlib.error as error:
            raise DataError(f"{name_of(place)}: cannot be unpacked ({error}).") from error
        if not data:
            raise DataError(f"{name_of(place)}: the file is empty. Download it again.")
        return data

    def close(self) -> None:
        """Closes the archives; reading opens them again."""
        with self._lock:
            for archive in self._open.values():
                archive.close()
            self._open.clear()

    def __getstate__(self) -> dict:
        return {**self.__dict__, "_open": {}, "_lock": None}

    def __setstate__(self, state: dict):
        self.__dict__.update(state)
        self._lock = threading.Lock()


def name_of(place: str | tuple[str, str]) -> str:
    """Returns a place for reading, "archive.zip: member" within an archive."""
    return place if isinstance(place, str) else f"{place[0]}: {place[1]}"
