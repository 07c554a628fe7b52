"""A TFLite file beside a saved portrait model, from which LiteRT predicts without TensorFlow.

Unlike the files for phones it takes images of any size, so that they are fitted as the model fits
them, and gives logits: `tfseg.models.portrait.LightPortrait` goes on from there.
"""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import keras

from tfseg import files
from tfseg.engine import checkpoint, litert
from tfseg.errors import ExportError
from tfseg.export.folder import require_tensorflow
from tfseg.export.quantize import convert, phone
from tfseg.export.quantize.twin import TwinBlocks
from tfseg.export.tflite import refuse_other_systems

__all__ = ["LIGHT_FILE", "add_light_file", "light_file"]

LIGHT_FILE = "light.tflite"


def add_light_file(directory: str | os.PathLike) -> Path:
    """Writes `light.tflite` of a saved model into its folder, with the record that ties it to the
    weights (`litert.json`), and returns its path. `tfseg predict` then starts in a second.

    Args:
        directory: A folder of `PortraitSegmenter.save`, such as `runs/portrait/best`.

    Raises:
        ExportError: For another system, or a backend that is not TensorFlow.
        WeightsError: If the folder holds no sound model.
    """
    from tfseg import models

    estimator = models.load(directory)
    path = Path(directory, LIGHT_FILE)
    files.write_whole(path, light_file(estimator), error=ExportError)
    litert.record(directory, checkpoint.WEIGHTS_FILE, LIGHT_FILE)
    return path


def light_file(estimator) -> bytes:
    """Returns the TFLite file of a fitted `PortraitSegmenter`: image uint8 `(1, H, W, 3)` to logits
    float32 `(1, H, W, N)`, of two classes the difference `(1, H, W, 1)`."""
    refuse_other_systems(estimator)
    require_tensorflow(estimator)
    options = dataclasses.replace(estimator.config.graph, frozen_norm=False, dtype=None)
    blocks = _AnySize(keras, options)
    image, logits = phone.lean_logits(keras, options, blocks)
    model = keras.Model(image, logits)
    phone.lean_weights(estimator.keras_model.graph, model, options, blocks)
    return convert.any_size_file(model, estimator.keras_model.preprocess)


class _AnySize(TwinBlocks):
    """Makes layers that look for the size of the other map when they run."""

    def __init__(self, keras, options):
        super().__init__(keras, options)
        self.changed = {}
        self._resize = lambda x, like, name: _ResizeLike(name=name)([x, like])


class _ResizeLike(keras.layers.Layer):
    """As `tfseg.nn.layers.resize_like.ResizeLike`, by the one operation that TFLite has for it."""

    def call(self, inputs):
        """Returns `(1, h', w', D)` of the inputs `(1, h, w, D)` and `(1, h', w', any)`."""
        return convert.resized_like(*inputs)

    def compute_output_shape(self, input_shape):
        """Returns the second shape with the channels of the first."""
        x, like = input_shape
        return (x[0], like[1], like[2], x[3])
