"""From a trained model and data to its files for phones and the table that compares them."""

from __future__ import annotations

import hashlib
import logging
import os
import platform
from collections.abc import Callable, Mapping, Sequence

import keras
import numpy as np

from tfseg import files
from tfseg.data.aligned import align_classes
from tfseg.engine import runtime
from tfseg.errors import ExportError
from tfseg.export.folder import free_folder, require_tensorflow, writing
from tfseg.export.phone import convert, rounding
from tfseg.export.phone.compare import FileResult, compare
from tfseg.export.phone.description import described
from tfseg.export.phone.optional import litert, tf_keras, tfmot
from tfseg.export.phone.part import PhonePart, phone_part
from tfseg.export.phone.table import write_table
from tfseg.export.phone.training import FineTuning, fine_tune

__all__ = ["FILES", "quantize", "training_facts"]

FILES = {
    "float32": "float32.tflite",
    "float16": "float16.tflite",
    "int8_post_training": "int8_post_training.tflite",
    "int8": "int8.tflite",
}
"""Row of the table to file: the last one was trained for int8, if the system can be."""

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
) -> Sequence[FileResult]:
    """Writes the files of `FILES`, `comparison.json` and `comparison.md` into a new folder, all or
    none of them, and returns the rows of the table. Where OpenVINO is installed, the table has its
    results beside LiteRT's.

    While it trains, `DIRECTORY.training.npz` beside the folder keeps what `resume` goes on from; it
    is removed in the end.

    Args:
        estimator: A fitted model whose system has a part for phones.
        train: The dataset to train on. Its classes are matched with the model's by name.
        val: The dataset that all files are measured on, or None.
        directory: A new folder.
        plan: How long to train; None is `FineTuning()`.
        image_size: `(H, W)`; None takes the settings' own.
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
    part = phone_part(estimator, image_size)
    require_tensorflow(estimator)
    for needed in (tf_keras, tfmot, litert) if part.learns else (litert,):
        needed()
    folder, plan = free_folder(directory, overwrite), plan or FineTuning()
    train, val = _aligned(estimator, train, val)
    images, aware, history, checkpoint = part.images(train, 4 * calibration_batches), None, [], None
    if part.learns:
        trained = _trained(part, train, folder, calibration_batches, plan, resume)
        network, aware, history, checkpoint = trained
    else:
        network = part.network(keras)
    contents = _contents(part, network, aware, images, license)
    rows = compare(contents, part, val, limit=limit, rounds=rounds, progress=progress)
    _write(part, folder, contents, rows, _details(part, plan, history, val, limit))
    if checkpoint is not None:
        checkpoint.unlink(missing_ok=True)
    return rows


def _aligned(estimator, train, val) -> tuple:
    """Returns both datasets with the model's class ids."""
    train = align_classes(train, estimator.class_names, "training dataset")
    if val is not None:
        val = align_classes(val, estimator.class_names, "validation dataset")
    return train, val


def _trained(part: PhonePart, train, folder, batches: int, plan: FineTuning, resume: bool):
    """Returns the network without rounding, the rounded one, trained, the losses of each epoch, and
    the file that a resume goes on from, which one training at a time writes."""
    checkpoint = folder.with_name(f"{folder.name}.training.npz")
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    lock = checkpoint.with_suffix(".lock")
    with files.locked(lock, f"a training for {folder.name}", error=ExportError):
        loader = part.loader(train)
        network = rounding.equalized(part.network(tf_keras()))
        aware = rounding.quantised(network, plan.kernel_limit)
        stream = loader.batches(0, max(batches, 1))
        try:
            values = (part.reading.values(batch["image"]) for batch in stream)
            rounding.calibrate(aware, network, values)
        finally:
            stream.close()
        log.info("ranges calibrated on %d batches", batches)
        facts = training_facts(part, train, batches)
        state = {"checkpoint": checkpoint, "resume": resume, "facts": facts}
        return network, aware, fine_tune(aware, part, loader, plan, **state), checkpoint


def training_facts(part: PhonePart, train, batches: int) -> dict:
    """Returns what a training for int8 is of, as a resume wants it again.

    Args:
        part: Of the model.
        train: The dataset.
        batches: Training batches that ranges are taken from.
    """
    settings = part.estimator.config.train
    weights, data = hashlib.sha256(), hashlib.sha256()
    for variable in part.estimator.keras_model.weights:
        weights.update(np.ascontiguousarray(variable.numpy()))
    # Reading all would take as long as an epoch; the first, a middle and the last tell data apart.
    for index in sorted({0, len(train) // 2, len(train) - 1}):
        sample = train[index]
        for array in (sample.image, sample.class_ids, sample.masks, *sample.label_maps.values()):
            data.update(np.ascontiguousarray(array if array is not None else 0))
    return {
        "the model's weights": weights.hexdigest()[:16],
        "the model's settings": part.settings(),
        "image size": list(part.image_size),
        "calibration batches": batches,
        "classes": list(train.class_names),
        "images": len(train),
        "what the images show": data.hexdigest()[:16],
        "batch size": settings.batch_size,
        "augmentation": settings.augmentation,
        "seed": settings.seed,
    }


def _contents(part: PhonePart, network, aware, images, license: str) -> dict[str, bytes]:
    """Returns the files by their rows in the table; without a rounded network, all but its own."""
    made = {
        "float32": convert.float_file(network),
        "float16": convert.float_file(network, half=True),
        "int8_post_training": convert.post_training_file(network, images, part.reading),
    }
    if aware is not None:
        made["int8"] = convert.int8_file(aware, part.reading)
    return {name: described(content, part, license) for name, content in made.items()}


def _write(part: PhonePart, folder, contents: Mapping[str, bytes], rows, details: dict) -> None:
    """Writes files and table into the folder, all or none of them."""
    with writing(folder) as new:
        for name, content in contents.items():
            (new / FILES[name]).write_bytes(content)
        write_table(rows, new, details, part.estimator.measures)


def _details(part: PhonePart, plan: FineTuning, history: Sequence[Mapping], val, limit) -> dict:
    height, width = part.image_size
    details = {
        "image": f"{height} x {width} (rows x columns)",
        "images measured": 0 if val is None else min(len(val), limit or len(val)),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "versions": ", ".join(f"{key} {value}" for key, value in runtime.versions().items()),
    }
    if part.learns:
        trained = f"{plan.epochs} epochs, learning rate {plan.learning_rate:g}"
        details["trained for int8"] = f"{trained}, kernels within {plan.kernel_limit}"
    if history:
        losses = np.round([logs["loss"] for logs in history], 4).tolist()
        details["training losses"] = ", ".join(map(str, losses))
    return details
