"""What was found in one image, as a record for JSON and in words."""

from __future__ import annotations

from tfseg.structures import Prediction
from tfseg.structures.prediction_json import object_records

__all__ = ["counted", "record", "summary"]


def record(prediction: Prediction, path: str, drawing: str | None) -> dict:
    """Returns what `predictions.json` says of an image: file, size, drawing, and of each object
    class, score, box, mask and what else is known of it.

    Scores have six decimals, boxes three; `Prediction.to_json` keeps every bit.

    Args:
        prediction: What was found.
        path: The image's file, or its place in a dataset.
        drawing: Name of the file that it was drawn into, or None.
    """
    objects = object_records(prediction)
    for one in objects:
        one["score"] = round(one["score"], 6)
        one["box"] = [round(edge, 3) for edge in one["box"]]
    height, width = prediction.size
    return {"file": path, "height": height, "width": width, "drawing": drawing, "objects": objects}


def summary(prediction: Prediction) -> str:
    """Returns what was found, in words."""
    if not len(prediction):
        return "nothing found"
    counts = {name: prediction.names.count(name) for name in dict.fromkeys(prediction.names)}
    return ", ".join(f"{count} {name}" for name, count in counts.items())


def counted(number: int, thing: str) -> str:
    """Returns "1 drawing", "2 drawings"."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
