"""The files that `tfseg predict` reads: nothing that it writes may take the place of one."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from tfseg import models
from tfseg.results import places

__all__ = ["coco_file", "extra_files", "files_read", "names_of_drawings"]


def files_read(args: argparse.Namespace, named: list[tuple[str, str]], dataset=None) -> list[str]:
    """Returns all of them, and words that may be the name of one, such as a background.

    Args:
        args: What was given.
        named: The images, each with the name of its drawing.
        dataset: What is predicted on, if it is a dataset.
    """
    found = [*args.images, *(path for path, _ in named), *extra_files(args).values()]
    found += [args.background] if args.background else []
    if hasattr(dataset, "image_path"):
        paths = (dataset.image_path(index) for index in range(len(dataset)))
        found += [path for path in paths if path is not None]  # None: an annotation file holds it
    return found


def extra_files(args: argparse.Namespace) -> dict[str, str]:
    """Returns the files that say what a system takes beside images, by the name of the extra."""
    return {name: getattr(args, name) for name in models.declared_extras() if getattr(args, name)}


def coco_file(out: str | None, read: list[str]) -> str | None:
    """Returns the JSON file of COCO results that `--out` names, or None without one.

    Raises:
        ConfigError: If it cannot be written, or would replace one of the files in `read`.
    """
    if out is None:
        return None
    places.check_place(out, option="--out")
    file = out if out.lower().endswith(".json") else os.path.join(out, "predictions.json")
    places.check_inputs_stay(read, places.coco_files(file), "--out")
    return file


def names_of_drawings(out: str | None, read: list[str], names: list[str]) -> list[str]:
    """Returns the names in the folder `--out` that no label map may take: those of the drawings,
    and of files in `read` that lie there.

    Raises:
        ConfigError: If it cannot be written, or a drawing would replace one of the files in `read`.
    """
    if out is None:
        return names
    places.check_place(out, option="--out")
    made = (Path(out, name) for name in (*names, "predictions.json"))
    places.check_inputs_stay(read, made, "--out")
    return [*names, *places.inputs_inside(read, out)]
