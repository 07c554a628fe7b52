"""Which files of a folder are pictures."""

from __future__ import annotations

from pathlib import Path

from tfseg.errors import DataError

__all__ = ["SUFFIXES", "pictures_in"]

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff")
"""What a folder is searched for, in small letters; a single file may have any name."""


def pictures_in(folder: Path) -> list[Path]:
    """Returns the pictures directly inside a folder, by name.

    Raises:
        DataError: If there are none.
    """
    found = sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and p.is_file())
    if not found:
        raise DataError(
            f"{folder}: no pictures in this folder (looked for {', '.join(SUFFIXES)}; folders "
            "inside are not searched)."
        )
    return found
