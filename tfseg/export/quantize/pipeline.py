"""From a trained model and data to four files and the table that compares them."""

from __future__ import annotations

import dataclasses
import hashlib
import logging
import os
import platform
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from tfseg import files
from tfseg.data.aligned import align_classes
from tfseg.engine import runtime
from tfseg.errors import ExportError
from tfseg.export import tflite
from tfseg.export.folder import free_folder, require_tensorflow, writing
from tfseg.export.quantize import aware as rounding
from tfseg.export.quantize import compare as comparing
from tfseg.export.quantize import convert
from tfseg.export.quantize.describe import described
from tfseg.export.quantize.fixed_size import check_image_shape
from tfseg.export.quantize.input import network_input
from tfseg.export.quantize.optional import litert, tf_keras, tfmot
from tfseg.export.quantize.phone import build_phone
from tfseg.export.quantize.table import write_table
from tfseg.export.quantize.training import FineTuning, fine_tune

__all__ = ["FILES", "quantize"]

FILES = {
    "float32": "float32.tflite",
    "float16": "float16.tflite",
    "int8_post_training": "int8_post_training.tflite",
    "int8": "int8.tflite",
}
"""Row of the table to file: the last one was trained for int8."""

log = logging.getLogger(__name__)


def quantize(
    estimator,
    train,
    val,
    directory: str | os.PathLike,
    *,
    plan: FineTuning | None = None,
    image_size: tuple[int, int] | None = None,
    calibration_batches: int = 12,
    limit: int | None = None,
    rounds: int = 15,
    resume: bool = False,
    overwrite: bool = False,
    license: str = "",
    progress: Callable[[int, int | None], None] | None = None,
) -> Sequence[comparing.FileResult]:
    """Writes the four files of `FILES`, `comparison.json` and `comparison.md` into a new folder,
    all or none of them, and returns the rows of the table. Where OpenVINO is installed, the table
    has its results beside LiteRT's.

    While it trains, `DIRECTORY.training.npz` beside the folder keeps what `resume` goes on from; it
    is removed in the end.

    Args:
        estimator: A fitted `PortraitSegmenter`.
        train: The dataset to train on. Its classes are matched with the model's by name.
        val: The dataset that all files are measured on, or None.
        directory: A new folder.
        plan: How long to train; None is `FineTuning()`.
        image_size: `(H, W)`; None takes the settings' own. Multiples of 32 resize exactly.
        calibration_batches: Training batches that ranges are taken from.
        limit: The first images of `val` alone.
        rounds: Of timing.
        resume: Continue an interrupted training.
        overwrite: Replace what the folder holds.
        license: Licence of the weights, for the files' description.
        progress: Called with images measured and their number.

    Raises:
        ExportError: If the model has no such form, a package is missing, the folder is taken, or
            what is resumed was another training.
    """
    tflite.refuse_other_systems(estimator)
    require_tensorflow(estimator)
    for needed in (tf_keras, tfmot, litert):
        needed()
    shape = check_image_shape(image_size or estimator.config.image_size)
    folder, plan = free_folder(directory, overwrite), plan or FineTuning()
    train, val = _aligned(estimator, train, val)
    trained = _trained(estimator, train, folder, shape, calibration_batches, plan, resume)
    aware, network, history, checkpoint = trained
    pictures = tflite.some(estimator, train, shape, 4 * calibration_batches)
    made = _files(network, aware, pictures)
    contents = {k: described(made[k], estimator, shape, license) for k in FILES}
    rows = comparing.compare(
        contents, estimator, val, limit=limit, rounds=rounds, progress=progress
    )
    _write(folder, contents, rows, _details(shape, plan, history, val, limit))
    checkpoint.unlink(missing_ok=True)
    return rows


def _trained(estimator, train, folder, shape, batches: int, plan: FineTuning, resume: bool):
    """Returns the rounded network, trained, the one without, the losses of each epoch, and the
    file that a resume goes on from, which one training at a time writes."""
    checkpoint = folder.with_name(f"{folder.name}.training.npz")
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    lock = checkpoint.with_suffix(".lock")
    with files.locked(lock, f"a training for {folder.name}", error=ExportError):
        aware, network, loader = _calibrated(estimator, train, shape, batches)
        facts = training_facts(estimator, train, shape, batches)
        state = {"checkpoint": checkpoint, "resume": resume, "facts": facts}
        return aware, network, fine_tune(aware, loader, plan, **state), checkpoint


def _aligned(estimator, train, val):
    """Returns both datasets with the model's class ids."""
    train = align_classes(train, estimator.class_names, "training dataset")
    if val is not None:
        val = align_classes(val, estimator.class_names, "validation dataset")
    return train, val


def training_facts(estimator, train, shape: tuple[int, int], batches: int) -> dict:
    """Returns what a training for int8 is of, as a resume wants it again.

    Args:
        estimator: A fitted `PortraitSegmenter`.
        train: The dataset.
        shape: `(H, W)` of the phone's images.
        batches: Training batches that ranges are taken from.
    """
    settings = estimator.config.train
    weights, data = hashlib.sha256(), hashlib.sha256()
    for variable in estimator.keras_model.weights:
        weights.update(np.ascontiguousarray(variable.numpy()))
    # Reading all would take as long as an epoch; the first, a middle and the last tell data apart.
    for index in sorted({0, len(train) // 2, len(train) - 1}):
        sample = train[index]
        for array in (sample.image, sample.class_ids, sample.masks, *sample.label_maps.values()):
            data.update(np.ascontiguousarray(array if array is not None else 0))
    return {
        "the model's weights": weights.hexdigest()[:16],
        "the model's settings": dataclasses.asdict(estimator.config.graph),
        "image size": list(shape),
        "calibration batches": batches,
        "classes": list(train.class_names),
        "pictures": len(train),
        "what the images show": data.hexdigest()[:16],
        "batch size": settings.batch_size,
        "augmentation": settings.augmentation,
        "seed": settings.seed,
    }


def _files(network, aware, pictures) -> dict[str, bytes]:
    """Returns the four files, as they come from the converter."""
    return {
        "float32": convert.float_file(network),
        "float16": convert.float_file(network, half=True),
        "int8_post_training": convert.post_training_file(network, pictures),
        "int8": convert.int8_file(aware),
    }


def _write(folder: Path, contents: dict[str, bytes], rows, details: dict) -> None:
    """Writes files and table into the folder, all or none of them."""
    with writing(folder) as new:
        for name, content in contents.items():
            (new / FILES[name]).write_bytes(content)
        write_table(rows, new, details)


def _calibrated(estimator, train, shape, batches: int):
    """Returns the rounded network with its ranges, the one without, and training's loader."""
    # The same settings at the phone's size: what training sees is what the phone will see.
    config = estimator.config.replace(image_size=shape)
    loader = type(estimator)(config)._loader(train, training=True)
    network = build_phone(tf_keras(), config.graph, shape, estimator.keras_model.graph)
    aware = rounding.quantised(network)
    stream = loader.batches(0, max(batches, 1))
    try:
        rounding.calibrate(aware, network, (network_input(batch["image"]) for batch in stream))
    finally:
        stream.close()
    log.info("ranges calibrated on %d batches", batches)
    return aware, network, loader


def _details(shape, plan: FineTuning, history, val, limit) -> dict:
    measured = 0 if val is None else min(len(val), limit or len(val))
    details = {
        "picture": f"{shape[0]} x {shape[1]} (rows x columns)",
        "pictures measured": measured,
        "trained for int8": f"{plan.epochs} epochs, learning rate {plan.learning_rate:g}",
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "versions": ", ".join(f"{key} {value}" for key, value in runtime.versions().items()),
    }
    if history:
        losses = np.round([logs["loss"] for logs in history], 4).tolist()
        details["training losses"] = ", ".join(map(str, losses))
    return details
