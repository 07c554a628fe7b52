"""Any dataset as a project of the VGG Image Annotator, version 2."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import numpy as np

from tfseg.data.dataset import Dataset
from tfseg.data.writing.written import Ledger, Progress, Written, each_image, label_of, new_part

__all__ = ["write_via"]


def write_via(
    dataset: Dataset,
    folder: str | os.PathLike,
    split: str = "train",
    *,
    link: bool = False,
    progress: Progress = None,
) -> Written:
    """Writes a part as `folder/split/` with its images and `via_project.json`, whole or not at all.

    A piece of an object is one polygon along the edges of its pixels, holes cut out by slits. The
    region attribute `class` names the class; pieces of one object have the same `group_id`.

    Args:
        dataset: The source.
        folder: Where parts lie.
        split: The part.
        link: Make links to the images in place of copies.
        progress: Called with the images done and their number.

    Raises:
        DataError: The part is there already, or a mask is empty.
    """
    ledger, entries = Ledger("VIA"), {}
    with new_part(folder, split) as partial:
        for sample, name in each_image(dataset, partial, ledger, link, progress):
            regions = []
            for row in range(len(sample)):
                pieces = ledger.outlines(name, sample.masks[row])
                kind = {"class": label_of(dataset, sample, row)}
                if len(pieces) > 1:
                    kind["group_id"] = str(row + 1)
                regions += [_region(piece, kind) for piece in pieces]
            size = os.path.getsize(partial / name)
            entry = {"filename": name, "size": size, "regions": regions, "file_attributes": {}}
            entries[f"{name}{size}"] = entry
        text = json.dumps(_project(entries, dataset.class_names), ensure_ascii=False)
        (partial / "via_project.json").write_text(text, encoding="utf-8")
    written = ledger.written(Path(folder) / split)
    if not ledger.objects:
        names = f"data.classes=[{', '.join(dataset.class_names)}]"
        note = f"Objects name the classes in VIA, and there are none: say {names} in reading."
        written = dataclasses.replace(written, notes=(*written.notes, note))
    return written


def _region(polygon: np.ndarray, attributes: dict) -> dict:
    xs, ys = polygon.reshape(-1, 2).T.astype(int).tolist()
    shape = {"name": "polygon", "all_points_x": xs, "all_points_y": ys}
    return {"shape_attributes": shape, "region_attributes": attributes}


def _project(entries: dict, names: tuple[str, ...]) -> dict:
    options = {"type": "dropdown", "description": "", "options": dict.fromkeys(names, "")}
    group = {"type": "text", "description": "the same for the pieces of an object"}
    return {
        "_via_settings": {
            "ui": {},
            "core": {"buffer_size": 18, "filepath": {}, "default_filepath": ""},
            "project": {"name": "written by tfseg"},
        },
        "_via_img_metadata": entries,
        "_via_attributes": {
            "region": {
                "class": {**options, "default_options": {}},
                "group_id": {**group, "default_value": ""},
            },
            "file": {},
        },
        "_via_data_format_version": "2.0.10",
        "_via_image_id_list": list(entries),
    }
