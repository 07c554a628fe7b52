"""Any dataset as the files of labelme."""

from __future__ import annotations

import json
import os
from pathlib import Path

from tfseg.data.dataset import Dataset
from tfseg.data.tools.labelme import NO_OBJECTS
from tfseg.data.writing.written import Ledger, Progress, Written, each_image, label_of, new_part
from tfseg.errors import DataError

__all__ = ["write_labelme"]


def write_labelme(
    dataset: Dataset,
    folder: str | os.PathLike,
    split: str = "train",
    *,
    link: bool = False,
    progress: Progress = None,
) -> Written:
    """Writes a part as `folder/split/` with its images, a JSON file beside each, and `labels.txt`,
    whole or not at all.

    A piece of an object is one polygon along the edges of its pixels, holes cut out by slits;
    pieces of one object have the same `group_id`. Crowd regions have the flag `crowd`.

    Args:
        dataset: The source.
        folder: Where parts lie.
        split: The part.
        link: Make links to the images in place of copies.
        progress: Called with the images done and their number.

    Raises:
        DataError: The part is there already, a mask is empty, or a class has a name that labelme
            keeps for what is no object.
    """
    kept = next((name for name in dataset.class_names if name in NO_OBJECTS), None)
    if kept:
        raise DataError(
            f"labelme keeps the label {kept!r} for what is no object. Rename the class."
        )
    ledger = Ledger("labelme", keeps_crowds=True)
    with new_part(folder, split) as partial:
        for sample, name in each_image(dataset, partial, ledger, link, progress):
            shapes = []
            for row in range(len(sample)):
                pieces = ledger.outlines(name, sample.masks[row])
                shape = {
                    "label": label_of(dataset, sample, row),
                    "points": None,
                    "group_id": row + 1 if len(pieces) > 1 else None,
                    "description": "",
                    "shape_type": "polygon",
                    "flags": {"crowd": True} if sample.is_crowd[row] else {},
                }
                shapes += [{**shape, "points": p.reshape(-1, 2).tolist()} for p in pieces]
            height, width = sample.size
            content = {
                **{"version": "5.5.0", "flags": {}, "shapes": shapes, "imagePath": name},
                **{"imageData": None, "imageHeight": height, "imageWidth": width},
            }
            text = json.dumps(content, ensure_ascii=False)
            (partial / f"{Path(name).stem}.json").write_text(text, encoding="utf-8")
        listed = "".join(f"{name}\n" for name in dataset.class_names)
        (partial / "labels.txt").write_text(listed, encoding="utf-8")
    return ledger.written(Path(folder) / split)
