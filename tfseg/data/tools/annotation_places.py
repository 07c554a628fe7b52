"""Where in a folder the annotation files of tools lie, and which tool's they are."""

from __future__ import annotations

import os
import re
from pathlib import Path

from tfseg.data.reading.annotation_kinds import annotation_kind
from tfseg.data.reading.format import missing_part
from tfseg.data.reading.part_names import PARTS, own_name
from tfseg.errors import DataError

__all__ = ["find_file", "first_kind", "within"]


def first_kind(path: str, split: str) -> str | None:
    """Returns "via", "labelme" or "label_studio": the tool of a file, or of the first such file of
    a folder, its parts and its folders of annotations; None if there is none."""
    if not os.path.isdir(path):
        return annotation_kind(path)
    folder, split = Path(path), own_name(path, split)
    parts = [own_name(path, part) for part in PARTS]
    places = (folder, folder / split, folder / "annotations", *(folder / part for part in parts))
    places += (folder / "labels", folder / "json")
    for place in places:
        files = sorted(place.glob("*.json"))[:8] + sorted(place.glob("*.csv"))[:4]
        for kind in map(annotation_kind, files):
            if kind in ("via", "labelme", "label_studio"):
                return kind
    return None


def find_file(path: str, split: str, kind: str, tool: str) -> tuple[str, dict]:
    """Returns the one annotation file of a part, and the option that leads to its images where they
    are not beside it.

    Args:
        path: The folder, or the file itself.
        split: The part.
        kind: What `annotation_kind` says of the file.
        tool: The tool's name, for messages.

    Raises:
        MissingPartError: There is no such part.
        DataError: Several files fit it.
    """
    if not os.path.isdir(path):
        return path, {}
    folder = Path(path)
    here = _files(folder, kind)
    named = [f for f in here if re.search(rf"(^|[_.-]){re.escape(split)}($|[_.-])", f.stem)]
    for found in (named, _files(folder / split, kind), here if split == "train" else []):
        found = [f for f in found if f.suffix == ".json"] or found
        if len(found) > 1:
            listed = ", ".join(str(f.relative_to(folder)) for f in found)
            raise DataError(
                f"{path}: several files of {tool} fit the split {split!r}: {listed}. Name one of "
                "them."
            )
        if found:
            images = folder / "images" / split
            return str(found[0]), {"image_dir": str(images)} if images.is_dir() else {}
    raise missing_part(path, split, f"{split}.json and {split}/ with a file of {tool}")


def _files(folder: Path, kind: str) -> list[Path]:
    files = sorted([*folder.glob("*.json"), *folder.glob("*.csv")])
    return [file for file in files if annotation_kind(file) == kind]


def within(path: str, options: dict) -> dict:
    """Returns the options with `image_dir` inside the dataset's folder, where it is there."""
    inside = os.path.join(path, os.fspath(options.get("image_dir") or ""))
    if options.get("image_dir") and os.path.isdir(inside):
        return {**options, "image_dir": inside}
    return options
