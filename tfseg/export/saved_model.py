"""A SavedModel with everything inside: decoding, resizing, network, and the way back to pixels.

Signatures: `serving_default` takes `images` float32 `(B, H, W, 3)`, RGB from 0 to 255, of any
size; `images_uint8` the same as uint8; `jpeg_bytes` takes `encoded` string `(B,)`. A model of
D channels takes `(B, H, W, D)`; of one channel `jpeg_bytes` makes colours grey, of any number
but one and three it is left out: such files hold no more. A model that finds objects gives

- `detection_boxes` float32 `(B, D, 4)`: y1, x1, y2, x2 in pixels of the given image,
- `detection_classes` int32 `(B, D)`, 0 for rows that pad; `detection_class_names` string,
- `detection_scores` float32 `(B, D)`, best first,
- `detection_masks` float32 `(B, D, m, m)`: probability over the box,
- `num_detections` int32 `(B,)`.

A model that labels every pixel gives

- `classes` uint8 `(B, H, W)`, 0 for the background,
- `alpha` uint8 `(B, H, W)`: 255 times the probability of not being background,
- with `probabilities` also those, float32 `(B, H, W, N)`;

and by `jpeg_bytes`, whose images may differ in size, the first two as PNG files:
`classes_png` and `alpha_png`, string `(B,)`.
"""

from __future__ import annotations

import importlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import keras

from tfseg.export.folder import CHECKSUMS, free_folder, require_tensorflow, verify, writing
from tfseg.export.model_card import write_model_card

__all__ = ["CHECKSUMS", "export", "verify"]

LABELS, CARD = "labels.txt", "model_card.md"


def export(
    estimator,
    directory: str | os.PathLike,
    *,
    overwrite: bool = False,
    score_threshold: float | None = None,
    probabilities: bool = False,
    metrics: Mapping | None = None,
    data: str = "",
    license: str = "",
) -> Path:
    """Writes a SavedModel that needs TensorFlow alone, and returns its folder.

    The signatures and what they give are described at the head of this file.

    A model that fits each image into a canvas of its own (`image_fit="padded"`) is exported with
    one canvas of the largest size for all. What surrounds an image then differs from `predict`,
    which changes features near its edges, and with `norm="group"` everywhere: compare first.

    Beside it: `labels.txt` (line k names class id k), `model_card.md`, `SHA256SUMS`.

    Args:
        estimator: A fitted estimator; its `serving_graph` names the module that knows its graph.
        directory: A new folder; TensorFlow Serving wants `.../name/1`.
        overwrite: Replace what is there.
        score_threshold: Lowest score that the model returns; None takes that of `predict`.
        probabilities: Return each pixel's probabilities too.
        metrics: Measures for the model card, such as a `Report`.
        data: What it was trained on, for the model card.
        license: Licence of the weights, for the model card.

    Raises:
        ConfigError: For a threshold that is not from 0 to 1.
        ExportError: If the backend is not TensorFlow, the folder is taken, the disk is full, or
            an option makes no sense for the model.
    """
    estimator._check_threshold(score_threshold)
    require_tensorflow(estimator)
    directory = free_folder(directory, overwrite)
    room = importlib.import_module(estimator.serving_graph)
    graph = room.serving_graph(
        estimator, score_threshold=score_threshold, probabilities=probabilities
    )
    with writing(directory) as folder:
        _write_graph(estimator, graph, folder)
        about = {"metrics": metrics, "data": data, "license": license}
        name = _model_name(directory)
        _write_labels(estimator, folder)
        write_model_card(estimator, folder / CARD, name=name, answer=room.ANSWER, **about)
    return directory


def _write_graph(estimator, graph, folder: Path):
    import tensorflow as tf

    channels = getattr(estimator.config, "channels", 3)
    archive = keras.export.ExportArchive()
    archive.track(estimator.keras_model)
    spec = tf.TensorSpec
    endpoints = {
        "serving_default": (
            graph.from_images,
            spec((None, None, None, channels), tf.float32, "images"),
        ),
        "images_uint8": (graph.from_images, spec((None, None, None, channels), tf.uint8, "images")),
        "jpeg_bytes": (graph.from_jpeg, spec((None,), tf.string, "encoded")),
    }
    if channels not in (1, 3):
        del endpoints["jpeg_bytes"]
    for name, (function, signature) in endpoints.items():
        archive.add_endpoint(name, function, input_signature=[signature])
    try:
        archive.write_out(os.fspath(folder), verbose=False)
    except tf.errors.OpError as error:
        raise OSError(f"TensorFlow could not write it: {error.message}") from error
    # Keras leaves an empty folder for assets that this model does not have.
    assets = folder / "assets"
    if assets.is_dir() and not any(assets.iterdir()):
        shutil.rmtree(assets)


def _write_labels(estimator, folder: Path):
    names = "".join(f"{name}\n" for name in estimator.class_names)
    (folder / LABELS).write_text(names, encoding="utf-8")


def _model_name(directory: Path) -> str:
    return directory.parent.name if directory.name.isdecimal() else directory.name
