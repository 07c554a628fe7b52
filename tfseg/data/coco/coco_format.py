"""The record of COCO for `tfseg.data.opening`."""

from __future__ import annotations

import os
from pathlib import Path

from tfseg.data.coco.coco import CocoDataset
from tfseg.data.coco.coco_places import annotation_files, find_coco, has_coco, other_files
from tfseg.data.reading.annotation_kinds import annotation_kind
from tfseg.data.reading.format import Claim, Format, call
from tfseg.data.reading.problem import Problem

__all__ = ["FORMAT"]


def _claims(path: str, split: str) -> int:
    if not os.path.isdir(path):
        known = annotation_kind(path) == "coco"
        return Claim.CONTENT if known else Claim.GUESS * path.lower().endswith(".json")
    named = annotation_files(Path(path), split)
    if named and annotation_kind(named[0]) in (None, "coco"):
        return Claim.NAMED
    if has_coco(path):
        return Claim.CONTENT
    return Claim.GUESS * any(any(Path(path, place).glob("*.json")) for place in ("", "annotations"))


def _open(path: str, split: str, options: dict) -> CocoDataset:
    given = dict(options)
    image_dir, outside = given.pop("image_dir", None), given.get("allow_outside", False)
    places = find_coco(path, split, image_dir, allow_outside=bool(outside))
    dataset = call(CocoDataset, places, given)
    for file in other_files(path, places[0]) if os.path.isdir(path) else ():
        name = file.stem.removeprefix("instances_")
        message = (
            f"it is no part of this folder's train, val and test, and is not read. It opens as the "
            f"split {name!r}; data.parts joins several."
        )
        dataset.problems += (Problem("warning", "unread_part", str(file), message),)
    return dataset


FORMAT = Format(
    name="coco",
    marks="{split}.json, instances_{split}*.json and the like, there, in annotations/ or {split}/",
    reader=CocoDataset,
    claims=_claims,
    open=_open,
)
