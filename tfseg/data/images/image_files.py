"""Which files of a folder are images."""

from __future__ import annotations

import functools
import logging
import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from PIL import features

from tfseg.errors import DataError

__all__ = ["FOREIGN", "SUFFIXES", "foreign_remedy", "is_image_file", "passed_over", "images_in"]

_LOG = logging.getLogger(__name__)

SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff"),
    ".avif",
)
"""What a folder is searched for, in small letters; a single file may have any name."""

FOREIGN = (
    *(".heic", ".heif", ".jxl", ".jp2", ".psd", ".svg", ".tga"),
    *(".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf"),
)
"""Endings of images that are not read."""

_HEIC = (b"ftypheic", b"ftypheix", b"ftyphevc", b"ftypmif1", b"ftypmsf1")


@functools.cache
def _avif() -> bool:
    return bool(features.check("avif"))


def is_image_file(name: str) -> bool:
    """Returns whether a file of this name is read as an image; hidden ones, among them the
    `._a.jpg` that a Mac leaves beside each file, are not."""
    suffix = os.path.splitext(name)[1].lower()
    return not name.startswith(".") and suffix in SUFFIXES and (suffix != ".avif" or _avif())


def passed_over(names: Iterable[str]) -> str:
    """Returns how many files are no images that are read, and of what endings: "3 files are
    passed over: 2 .heic, 1 .txt. ..."; nothing where there are none. Hidden files do not count."""
    others = [name for name in names if not name.startswith(".") and not is_image_file(name)]
    if not others:
        return ""
    kinds = Counter(os.path.splitext(name)[1].lower() or "without ending" for name in others)
    listed = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    files = "1 file is" if len(others) == 1 else f"{len(others)} files are"
    remedy = f" {_CONVERT}" if set(kinds) & set(FOREIGN) else ""
    return f"{files} passed over: {listed}.{remedy}"


_CONVERT = (
    "Save images of other formats as JPEG or PNG first: for HEIC, heif-convert a.heic a.jpg, or "
    "choose 'Most Compatible' in the telephone's camera settings."
)


def foreign_remedy(start: bytes) -> str:
    """Returns what to do with a file that begins so, if it is a HEIC image; otherwise nothing."""
    return f"it is a HEIC image, which is not read. {_CONVERT}" if start[4:12] in _HEIC else ""


def images_in(folder: Path, *, tell_folders: bool = True) -> list[Path]:
    """Returns the images directly inside a folder, by name; logs what else is there.

    Args:
        folder: The folder.
        tell_folders: Log the folders inside that hold images too.

    Raises:
        DataError: If there are none.
    """
    inside = sorted(folder.iterdir())
    files = [path for path in inside if path.is_file()]
    found = [path for path in files if is_image_file(path.name)]
    others = passed_over(path.name for path in files)
    if not found:
        raise DataError(
            f"{folder}: no images in this folder (looked for {', '.join(SUFFIXES)}; folders "
            f"inside are not searched).{f' {others}' if others else ''}"
        )
    if others:
        _LOG.warning("%s: %s", folder, others)
    rooms = [path.name for path in inside if path.is_dir() and _has_images(path)]
    if rooms and tell_folders:
        _LOG.warning("%s: folders inside are not searched: %s.", folder, ", ".join(rooms))
    return found


def _has_images(folder: Path) -> bool:
    try:
        return any(is_image_file(path.name) for path in folder.iterdir())
    except OSError:  # not for this user to look into
        return False
