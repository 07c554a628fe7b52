"""The words that name the boxes of people: a file, a detector, or the truth of a dataset."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path

from tfseg.errors import ConfigError, DataError

__all__ = [
    "add_arguments",
    "check_words",
    "detecting",
    "finder",
    "load_detector",
    "read_boxes",
]


def add_arguments(parser: argparse.ArgumentParser, boxes: str) -> None:
    """Adds where boxes come from.

    Args:
        parser: Of the verb.
        boxes: Help of `--boxes`, which is another thing in each verb.
    """
    parser.add_argument("--boxes", metavar="WHICH", help=boxes)
    parser.add_argument(
        "--detector", metavar="MODEL_DIR", help="a saved Mask R-CNN that finds people, for boxes"
    )


def check_words(args: argparse.Namespace) -> bool:
    """Returns whether people are to be told apart.

    Raises:
        ConfigError: If boxes have two sources.
    """
    if args.boxes is not None and args.detector is not None:
        raise ConfigError("--boxes and --detector: give one of them.")
    return args.boxes is not None or args.detector is not None


def load_detector(directory: str, foreground: str):
    """Returns the model that finds people.

    Raises:
        ConfigError: If it does not know the class.
    """
    from tfseg import models

    detector = models.load(directory)
    if foreground not in detector.class_names or getattr(detector, "cuts_out", False):
        names = ", ".join(detector.class_names)
        raise ConfigError(
            f"--detector {directory}: expected a model that finds each {foreground}, such as a "
            f"Mask R-CNN; this is a {detector.system} model of {names}."
        )
    return detector


def finder(args: argparse.Namespace, count: int) -> Callable[[object], dict] | None:
    """Returns what gives the options of `predict` for one image, a path or a sample: its boxes;
    None where no file names them.

    Args:
        args: The words of `add_arguments`.
        count: How many images there will be.

    Raises:
        ConfigError: If one list of boxes is to serve several images.
        DataError: If the file holds something else.
    """
    if args.boxes is None:
        return None
    found = read_boxes(args.boxes)
    if isinstance(found, list) and count != 1:
        raise ConfigError(
            f"--boxes {args.boxes}: holds the boxes of one image, and there are {count}. Write "
            '{"a.jpg": [[y1, x1, y2, x2], ...], ...}.'
        )
    return lambda item: {"boxes": [found if isinstance(found, list) else _of(found, item, args)]}


def detecting(directory: str, foreground: str) -> Callable[[object], dict]:
    """Returns the same for boxes that a model finds; see `load_detector`."""
    detector = load_detector(directory, foreground)
    return lambda item: {"detector": detector}


def _of(found: dict, item, args: argparse.Namespace) -> list:
    path = item if isinstance(item, str) else getattr(item, "path", None)
    image_id = getattr(item, "image_id", None)
    names = [] if path is None else [os.fspath(path), Path(path).name, Path(path).stem]
    for name in (*names, str(image_id)):
        if name in found:
            return found[name]
    raise DataError(
        f"{path or f'image {image_id}'}: {args.boxes} has no boxes for it. Write an empty list "
        "where there is nobody."
    )


def read_boxes(path: str | os.PathLike) -> list | dict[str, list]:
    """Returns the rows `[y1, x1, y2, x2]` or `[y1, x1, y2, x2, score]` of a JSON file, for one
    image, or a dict of such lists by image.

    Raises:
        DataError: If the file holds something else, naming the place.
    """
    from tfseg.data.images.json_file import read_json

    content = read_json(path, "file of boxes")
    if isinstance(content, dict):
        return {name: _rows(rows, f"{path}: {name}") for name, rows in content.items()}
    return _rows(content, os.fspath(path))


def _rows(rows, where: str) -> list[list[float]]:
    sound = isinstance(rows, list) and all(
        isinstance(row, list) and len(row) in (4, 5) and all(map(_is_number, row)) for row in rows
    )
    if not sound or len({len(row) for row in rows}) > 1:
        raise DataError(
            f"{where}: expected [[y1, x1, y2, x2], ...] in pixels, or [[y1, x1, y2, x2, score], "
            "...], or an object of such lists by image; got something else."
        )
    return rows


def _is_number(value) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
