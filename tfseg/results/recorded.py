"""The records of all images, as the text of `predictions.json`; and the pixels of an item."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from tfseg.results.records import record

__all__ = ["Recorded", "pixels"]


class Recorded:
    """Keeps a record of every image: base of what writes them.

    Args:
        out: The folder, or None to write nothing.
        model_dir: Of the model, for the records.
    """

    def __init__(self, out: str | None, model_dir: str):
        self.out = None if out is None else Path(out)
        self.model_dir, self.records = model_dir, []

    def _text(self, failed: list[dict]) -> str:
        content = {"model": self.model_dir, "images": self.records, "failed": failed}
        return json.dumps(content, indent=2)

    def _record(self, prediction, path: str, drawing: Path | None, **more) -> None:
        # `drawing` relative to the folder.
        name = None if drawing is None else drawing.name
        self.records.append({**record(prediction, path, name), **more})


def pixels(item) -> np.ndarray:
    """Returns the image of an item as its source has it, uint8 `(H, W, D)`: a model of other
    channels than RGB saw something else."""
    if item.sample is not None:
        return item.sample.image
    if item.path is None or item.image.shape[2] == 3:
        return item.image
    from tfseg.data.images.images import read_image

    return read_image(item.path)
