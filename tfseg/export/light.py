"""A TFLite file beside a saved model, from which LiteRT predicts without TensorFlow.

Unlike the files for phones it takes images of any size, so that they are fitted as the model fits
them, and gives what the network gives: the system's class for `engine="litert"` goes on from there.
"""

from __future__ import annotations

import os
from pathlib import Path

from tfseg import files
from tfseg.engine import checkpoint, litert
from tfseg.errors import ExportError
from tfseg.export.folder import require_tensorflow
from tfseg.export.phone import convert
from tfseg.export.phone.part import phone_part

__all__ = ["LIGHT_FILE", "add_light_file", "light_file"]

LIGHT_FILE = "light.tflite"


def add_light_file(directory: str | os.PathLike) -> Path:
    """Writes `light.tflite` of a saved model into its folder, with the record that ties it to the
    weights (`litert.json`), and returns its path. `tfseg predict` then starts in a second.

    Args:
        directory: A folder of `save`, such as `runs/portrait/best`.

    Raises:
        ExportError: For a system that has no such file, or a backend that is not TensorFlow.
        WeightsError: If the folder holds no sound model.
    """
    from tfseg import models

    estimator = models.load(directory)
    path = Path(directory, LIGHT_FILE)
    files.write_whole(path, light_file(estimator), error=ExportError)
    litert.record(directory, checkpoint.WEIGHTS_FILE, LIGHT_FILE)
    return path


def light_file(estimator) -> bytes:
    """Returns the TFLite file of a fitted model: image uint8 `(1, H, W, 3)` to the one float32
    output of `PhonePart.any_size`."""
    part = phone_part(estimator)
    require_tensorflow(estimator)
    return convert.any_size_file(*part.any_size())
