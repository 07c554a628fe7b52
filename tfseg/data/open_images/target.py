"""The folder that a conversion writes: whether it may, and links into it."""

from __future__ import annotations

import os
from pathlib import Path

from tfseg.data.open_images.files import REPORT_NAME
from tfseg.errors import DataError

__all__ = ["check_target", "link"]


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


def link(path: str, target: str, data: bytes) -> None:
    """Links to an image, relative to where the folder will stand; a copy where links cannot be."""
    place = os.path.realpath(os.path.dirname(target))
    try:
        os.symlink(os.path.relpath(os.path.realpath(path), place), target)
    except (OSError, ValueError):  # file systems without links; another drive
        with open(target, "wb") as file:
            file.write(data)
