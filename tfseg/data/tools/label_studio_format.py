"""The record of Label Studio's own JSON for `tfseg.data.opening`."""

from __future__ import annotations

from tfseg.data.reading.format import Claim, Format, open_part
from tfseg.data.tools.annotation_places import find_file, first_kind, within
from tfseg.data.tools.label_studio import LabelStudioDataset

__all__ = ["FORMAT"]


def _open(path: str, split: str, options: dict) -> LabelStudioDataset:
    def find(place: str, part: str):
        return find_file(place, part, "label_studio", "Label Studio")

    return open_part(LabelStudioDataset, find, path, split, within(path, options))


FORMAT = Format(
    name="label_studio",
    marks="JSON, a list of tasks with results, there or in {split}/",
    reader=LabelStudioDataset,
    claims=lambda path, split: Claim.CONTENT * (first_kind(path, split) == "label_studio"),
    open=_open,
)
