"""Where the files of VIA lie in a folder, and its record for `tfseg.data.opening`."""

from __future__ import annotations

from tfseg.data.reading.format import Claim, Format, open_part
from tfseg.data.tools.annotation_places import find_file, first_kind, within
from tfseg.data.tools.via import ViaDataset

__all__ = ["FORMAT"]


def _claims(path: str, split: str) -> int:
    return Claim.CONTENT * (first_kind(path, split) == "via")


def _open(path: str, split: str, options: dict) -> ViaDataset:
    return open_part(ViaDataset, _find, path, split, within(path, options))


def _find(path: str, split: str) -> tuple[str, dict]:
    return find_file(path, split, "via", "VIA")


FORMAT = Format(
    name="via",
    marks="JSON with regions or CSV with region_shape_attributes, there or in {split}/",
    reader=ViaDataset,
    claims=_claims,
    open=_open,
)
