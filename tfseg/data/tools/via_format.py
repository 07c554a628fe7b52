"""Where the files of VIA lie in a folder, and its record for `tfseg.data.opening`."""

from __future__ import annotations

import os
import re
from pathlib import Path

from tfseg.data.reading.annotation_kinds import annotation_kind
from tfseg.data.reading.format import Claim, Format, missing_part, open_part
from tfseg.data.tools.annotation_places import first_kind, within
from tfseg.data.tools.via import ViaDataset
from tfseg.errors import DataError

__all__ = ["FORMAT"]


def _claims(path: str, split: str) -> int:
    return Claim.CONTENT * (first_kind(path, split) == "via")


def _open(path: str, split: str, options: dict) -> ViaDataset:
    return open_part(ViaDataset, _find, path, split, within(path, options))


def _find(path: str, split: str) -> tuple[str, dict]:
    if not os.path.isdir(path):
        return path, {}
    folder = Path(path)
    here = _files(folder)
    named = [f for f in here if re.search(rf"(^|[_.-]){re.escape(split)}($|[_.-])", f.stem)]
    for found in (named, _files(folder / split), here if split == "train" else []):
        found = [f for f in found if f.suffix == ".json"] or found
        if len(found) > 1:
            listed = ", ".join(str(f.relative_to(folder)) for f in found)
            raise DataError(
                f"{path}: several files of VIA fit the split {split!r}: {listed}. Name one of them."
            )
        if found:
            images = folder / "images" / split
            return str(found[0]), {"image_dir": str(images)} if images.is_dir() else {}
    raise missing_part(path, split, f"{split}.json and {split}/ with a file of VIA")


def _files(folder: Path) -> list[Path]:
    files = sorted([*folder.glob("*.json"), *folder.glob("*.csv")])
    return [file for file in files if annotation_kind(file) == "via"]


FORMAT = Format(
    name="via",
    marks="JSON with regions or CSV with region_shape_attributes, there or in {split}/",
    reader=ViaDataset,
    claims=_claims,
    open=_open,
)
