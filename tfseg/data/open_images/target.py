"""The folder that a conversion writes: beside its place until it is whole, then in it."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

from tfseg.data.open_images.files import REPORT_NAME
from tfseg.errors import DataError

__all__ = [
    "check_target",
    "link",
    "make_folders",
    "partial_folder",
    "put_in_place",
    "remove_empty",
]


def check_target(out: str, source: str | os.PathLike, overwrite: bool) -> None:
    """Raises where a folder must not be written: it holds the source, or something else.

    Args:
        out: The folder to write.
        source: The folder that is read.
        overwrite: Whether an earlier conversion may be replaced.

    Raises:
        DataError: What stands in the way.
    """
    if Path(source).resolve().is_relative_to(Path(out).resolve()):
        raise DataError(f"{out}: the source lies in this folder. Name another one to write.")
    if not os.path.lexists(out) or (os.path.isdir(out) and not os.listdir(out)):
        return
    if not overwrite:
        raise DataError(f"{out}: it exists. Name another folder, or ask to overwrite it.")
    if not os.path.isfile(os.path.join(out, REPORT_NAME)):
        raise DataError(
            f"{out}: no earlier conversion wrote this (there is no {REPORT_NAME} in it), so it is "
            "not overwritten. Name another folder, or remove it yourself."
        )


def make_folders(path: str) -> list[str]:
    """Makes a folder and those above it, and returns all that were made, the deepest first.

    Raises:
        OSError: One cannot be made; those that were are removed again.
    """
    missing = [path]
    while not os.path.lexists(os.path.dirname(missing[-1])):
        missing.append(os.path.dirname(missing[-1]))
    try:
        os.makedirs(path)
    except OSError:
        remove_empty(missing)
        raise
    return missing


def remove_empty(folders: list[str]) -> None:
    """Removes folders that hold nothing, and leaves the others."""
    for folder in folders:
        with contextlib.suppress(OSError):
            os.rmdir(folder)


def put_in_place(partial: str, out: str) -> None:
    """Renames the finished folder; what was there before goes only when the new one stands."""
    old = f"{partial}-old"
    if os.path.isdir(out):
        os.rename(out, old)
        try:
            os.rename(partial, out)
        except BaseException:
            os.rename(old, out)
            raise
        shutil.rmtree(old, ignore_errors=True)
    else:
        os.rename(partial, out)


def partial_folder(out: str) -> str:
    """Returns the hidden folder beside `out` that is filled first."""
    folder, name = os.path.split(out)
    return os.path.join(folder, f".{name}.partial-{os.getpid()}")


def link(path: str, target: str, data: bytes) -> None:
    """Links to an image, relative to where the folder will stand; a copy where links cannot be."""
    place = os.path.realpath(os.path.dirname(target))
    try:
        os.symlink(os.path.relpath(os.path.realpath(path), place), target)
    except (OSError, ValueError):  # file systems without links; another drive
        with open(target, "wb") as file:
            file.write(data)
