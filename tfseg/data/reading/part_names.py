"""What tools call the parts of a dataset: "val" is `valid/` for one, `Validation` for another."""

from __future__ import annotations

import os
import re
from pathlib import Path

from tfseg.errors import DataError

__all__ = ["PARTS", "MissingPartError", "own_name", "part_of", "parts_in", "spellings"]

PARTS = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}
"""Each part and its names in small letters, ours first."""


class MissingPartError(DataError):
    """A dataset has no part of the name that was asked for."""


def spellings(split: str) -> tuple[str, ...]:
    """Returns what a part may be called: as given, and if it is one of ours, as tools call it."""
    names = PARTS.get(split, ())
    every = [form for name in names for form in (name, name.capitalize(), name.upper())]
    return tuple(dict.fromkeys([split, *every]))


def part_of(name: str) -> str | None:
    """Returns the part that a file or folder is by its name, or None."""
    words = re.split(r"[^a-z]+", name.lower())
    return next((part for part, names in PARTS.items() if set(names) & set(words)), None)


def parts_in(path: str | os.PathLike) -> list[str]:
    """Returns the parts that files and folders are named after, in a folder and in those of it that
    hold parts: "train", "val" or "test"."""
    folder = Path(path)
    files = [*folder.glob("*"), *folder.glob("annotations/*")]
    homes = [*folder.glob("images/*/"), *folder.glob("masks/*/")]
    found = {part_of(place.stem) for place in (*files, *homes)}
    return [part for part in PARTS if part in found]


def own_name(path: str | os.PathLike, split: str) -> str:
    """Returns what a part is called in a folder: the first of its spellings that a folder in it has
    as its name, or a file as a word of its own; else the name of the only folder that has it as a
    word, such as `Train_2024`; the part as given if there is none, or several."""
    folder = Path(path)
    homes = [folder.glob(f"{home}*/") for home in ("", "images/", "masks/", "labels/")]
    folders = {place.name for home in homes for place in home}
    words = set(folders)
    for pattern in ("*.json", "*.csv"):
        words.update(word for file in folder.glob(pattern) for word in re.split("[_.-]", file.stem))
    named = next((name for name in spellings(split) if name in words), None)
    alike = [name for name in folders if split in PARTS and part_of(name) == split]
    return named or (alike[0] if len(alike) == 1 else split)
