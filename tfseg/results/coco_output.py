"""Predictions of a command or a loop as COCO result files."""

from __future__ import annotations

import json
from pathlib import Path

from tfseg.results import coco as coco_results

__all__ = ["CocoOutput"]


class CocoOutput:
    """COCO result files.

    Args:
        out: A folder, a JSON file, or None to write nothing.
        dataset: Numbers the images and the categories; or None.
        as_text: Whether the records are asked for as text too.
    """

    def __init__(self, out: str | None, dataset, as_text: bool):
        self.out = None if out is None else Path(out)
        self.dataset, self.as_text, self.found = dataset, as_text, []

    def add(self, prediction, item, path: str, name: str) -> None:
        """Keeps the prediction."""
        self.found.append(prediction)

    def finish(self, failed: list[dict]) -> tuple[int, str, str]:
        """Writes the files."""
        line, text = "", ""
        if self.out is not None:
            is_file = self.out.suffix.lower() == ".json"
            out = self.out if is_file else self.out / "predictions.json"
            out.parent.mkdir(parents=True, exist_ok=True)
            written = coco_results.write_coco_results(self.found, out, dataset=self.dataset)
            line = f"wrote {', '.join(written)}"
        if self.as_text:
            text = json.dumps(coco_results.coco_results(self.found, dataset=self.dataset))
        return len(self.found), text, line
