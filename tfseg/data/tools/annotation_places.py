"""Where in a folder the annotation files of tools lie, and which tool's they are."""

from __future__ import annotations

import os
from pathlib import Path

from tfseg.data.reading.annotation_kinds import annotation_kind
from tfseg.data.reading.part_names import PARTS, own_name

__all__ = ["first_kind", "within"]


def first_kind(path: str, split: str) -> str | None:
    """Returns "via" or "labelme": the tool of a file, or of the first such file of a folder, its
    parts and its folders of annotations; None if there is none."""
    if not os.path.isdir(path):
        return annotation_kind(path)
    folder, split = Path(path), own_name(path, split)
    parts = [own_name(path, part) for part in PARTS]
    places = (folder, folder / split, folder / "annotations", *(folder / part for part in parts))
    places += (folder / "labels", folder / "json")
    for place in places:
        files = sorted(place.glob("*.json"))[:8] + sorted(place.glob("*.csv"))[:4]
        for kind in map(annotation_kind, files):
            if kind in ("via", "labelme"):
                return kind
    return None


def within(path: str, options: dict) -> dict:
    """Returns the options with `image_dir` inside the dataset's folder, where it is there."""
    inside = os.path.join(path, os.fspath(options.get("image_dir") or ""))
    if options.get("image_dir") and os.path.isdir(inside):
        return {**options, "image_dir": inside}
    return options
