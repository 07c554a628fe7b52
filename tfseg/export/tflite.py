"""TFLite models, of the systems that have a part that phones run."""

from __future__ import annotations

import os
from pathlib import Path

import keras

from tfseg.errors import ExportError
from tfseg.export.endpoints import check_options, options_of
from tfseg.export.folder import free_folder, require_tensorflow, writing
from tfseg.export.phone import convert
from tfseg.export.phone.description import described
from tfseg.export.phone.part import PhonePart, phone_part
from tfseg.export.saved_model import LABELS

__all__ = ["MODEL_FILE", "QUANTIZATIONS", "export"]

MODEL_FILE = "model.tflite"
QUANTIZATIONS = ("none", "float16", "int8")


def export(
    estimator,
    directory: str | os.PathLike,
    *,
    quantization: str = "none",
    data=None,
    image_size: tuple[int, int] | None = None,
    pictures: int = 48,
    overwrite: bool = False,
    license: str = "",
    **others,
) -> Path:
    """Writes `model.tflite`, for images of one size, and returns its folder.

    The file takes `(1, H, W, 3)` and gives one map, such as the probability of not being background
    `(1, H, W, 1)`. What an application must know is inside, see `tfseg.export.phone.description`;
    `docs/phone.md` runs it.

    Args:
        estimator: A fitted model whose system has a part for phones.
        directory: A new folder.
        quantization: "none" is float32; "float16" halves the file; "int8" is post-training
            quantisation from `data`, int8 input and output. `tfseg quantize` trains for int8 and
            loses less.
        data: For "int8": a dataset of images as they will be seen.
        image_size: `(H, W)`; None takes the settings' own.
        pictures: How many of them.
        overwrite: Replace what is there.
        license: Licence of the weights, for the file's description.
        others: There are none.

    Raises:
        ConfigError: For an option that there is not.
        ExportError: If the system has no such form, the backend is not TensorFlow, or the
            folder is taken.
    """
    check_options(estimator, others, set(), options_of(export), "tflite")
    part = phone_part(estimator, image_size, f"{directory}: ")
    if quantization not in QUANTIZATIONS:
        raise ExportError(
            f"quantization: expected one of {', '.join(QUANTIZATIONS)}, got {quantization!r}."
        )
    if quantization == "int8" and data is None:
        raise ExportError(
            'quantization="int8" learns ranges from images: pass data=dataset, or use '
            '"float16", which needs none.'
        )
    require_tensorflow(estimator)
    folder = free_folder(directory, overwrite)
    content = described(_converted(part, quantization, data, pictures), part, license)
    with writing(folder) as new:
        (new / MODEL_FILE).write_bytes(content)
        names = "".join(f"{name}\n" for name in part.labels)
        (new / LABELS).write_text(names, encoding="utf-8")
    return folder


def _converted(part: PhonePart, quantization: str, data, count: int) -> bytes:
    model = part.network(keras)
    if quantization == "int8":
        return convert.post_training_file(model, part.images(data, count), part.reading)
    return convert.float_file(model, half=quantization == "float16")
