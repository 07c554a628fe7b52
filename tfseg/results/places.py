"""Where what was predicted goes: checked before the work, not after it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from tfseg import files
from tfseg.data.images.image_files import SUFFIXES
from tfseg.errors import ConfigError

__all__ = [
    "check_inputs_stay",
    "check_place",
    "coco_files",
    "free_name",
    "inputs_inside",
    "names_of",
    "one_file",
    "write_text",
]


def check_place(out: str | None, endings: Iterable[str] = (".json",), option: str = "out") -> None:
    """Raises ConfigError for a place that cannot be written.

    Args:
        out: A folder to make or to fill, or a file with one of the endings.
        endings: In small letters.
        option: Who named the place, for messages; so in all of this file.
    """
    if out is None:
        return
    place = Path(out)
    if not place.is_dir():
        if place.suffix.lower() in endings:
            place = place.parent
        elif place.suffix.lower() in SUFFIXES:
            raise ConfigError(f"{option} {out}: what is written here fills a folder; name one.")
    while not place.exists():
        place = place.parent
    if not place.is_dir():
        raise ConfigError(f"{option} {out}: {place} is a file; name a folder, or a .json file.")
    if not os.access(place, os.W_OK | os.X_OK):
        raise ConfigError(f"{option} {out}: the folder {place} cannot be written to.")


def one_file(out: str, count: int, transparent: bool, option: str = "out") -> Path | None:
    """Returns the one image file that `out` names, or None where it names a folder.

    Args:
        out: What the user wrote.
        count: How many images there will be.
        transparent: Whether the file must hold an opacity.
        option: See `check_place`.

    Raises:
        ConfigError: For several images, or a format that cannot hold what is to be written.
    """
    from tfseg.visualize.cutout import picture_format

    path = Path(out)
    if path.is_dir() or out.endswith(("/", os.sep)) or not path.suffix:
        return None
    picture_format(path, transparent)
    if count != 1:
        raise ConfigError(
            f"{option} {out}: one file cannot hold {count} images. Name a folder: it gets one file "
            "for each."
        )
    return path


def names_of(inputs: Iterable[str]) -> list[str]:
    """Returns the name of each input's PNG file; equal stems get a number."""
    taken: set[str] = set()
    return [free_name(Path(file).stem, taken) for file in inputs]


def free_name(stem: str, taken: set[str]) -> str:
    """Returns `stem.png`, with a number where that is taken, and takes it."""
    name, number = f"{stem}.png", 2
    while name in taken:
        name, number = f"{stem}_{number}.png", number + 1
    taken.add(name)
    return name


def check_inputs_stay(inputs: Iterable[str], targets: Iterable[Path], option: str = "out") -> None:
    """Raises ConfigError if a file that is to be written is one that is to be read, be it through
    links or, where the disk does not tell them apart, in other letters."""
    read = _files_of(inputs)
    for target in targets:
        if _file_of(target) in read:
            kind = "an image" if Path(target).suffix.lower() in SUFFIXES else "a file"
            raise ConfigError(
                f"{option}: {target} would replace {kind} of yours, which is read here. Name "
                "another place, such as a new folder."
            )


def inputs_inside(inputs: Iterable[str], folder: str | os.PathLike) -> set[str]:
    """Returns the names in a folder that are files which are to be read: no label map and no
    cut-out, whose names are only known with the prediction, may take one."""
    if not os.path.isdir(folder):
        return set()
    read = _files_of(inputs)
    return {name for name in os.listdir(folder) if _file_of(Path(folder, name)) in read}


def coco_files(file: str | os.PathLike) -> tuple[Path, Path, Path]:
    """Returns the COCO result files of `NAME.json`: itself, `NAME.segm.json` and
    `NAME.images.json`."""
    path = Path(file)
    stem = path.with_suffix("") if path.suffix.lower() == ".json" else path
    return path, Path(f"{stem}.segm.json"), Path(f"{stem}.images.json")


def _files_of(paths: Iterable[str | os.PathLike]) -> set[tuple[int, int]]:
    return {_file_of(path) for path in paths} - {None}


def _file_of(path: str | os.PathLike) -> tuple[int, int] | None:
    """Returns what tells a file from all others, whatever its names; None if there is none."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):  # ValueError: a word that can be no path
        return None
    return found.st_dev, found.st_ino


def write_text(path: Path, text: str) -> None:
    """Writes a text file whole or not at all."""
    files.write_whole(path, f"{text}\n".encode())
