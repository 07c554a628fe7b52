"""Where the files of labelme lie in a folder, and its record for `tfseg.data.opening`."""

from __future__ import annotations

import os
from pathlib import Path

from tfseg.data.reading.annotation_kinds import annotation_kind
from tfseg.data.reading.format import Claim, Format, missing_part, open_part
from tfseg.data.tools.annotation_places import first_kind, within
from tfseg.data.tools.labelme import LabelmeDataset

__all__ = ["FORMAT"]


def _claims(path: str, split: str) -> int:
    return Claim.CONTENT * (first_kind(path, split) == "labelme")


def _open(path: str, split: str, options: dict) -> LabelmeDataset:
    return open_part(LabelmeDataset, _find, path, split, within(path, options))


def _find(path: str, split: str) -> tuple[str, dict]:
    if not os.path.isdir(path):
        return path, {}
    place = os.path.join(path, split)
    for home in (place, *(os.path.join(place, name) for name in ("annotations", "labels", "json"))):
        if any(annotation_kind(file) == "labelme" for file in Path(home).glob("*.json")):
            return place, {}
    if split == "train":
        return path, {}
    raise missing_part(path, split, f"{split}/ with files of labelme")


FORMAT = Format(
    name="labelme",
    marks="JSON files with shapes and imagePath, there or in {split}/",
    reader=LabelmeDataset,
    claims=_claims,
    open=_open,
)
