"""TFLite models, for the systems whose operations a telephone has."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from tfseg.errors import ExportError
from tfseg.export.endpoints import check_options, options_of
from tfseg.export.folder import free_folder, require_tensorflow, writing
from tfseg.export.saved_model import LABELS

__all__ = ["MODEL_FILE", "QUANTIZATIONS", "export", "refuse_other_systems"]

MODEL_FILE = "model.tflite"
QUANTIZATIONS = ("none", "float16", "int8")
_REASONS = {
    "mask_rcnn": (
        "Region proposals, suppression and RoI alignment gather by computed positions, which "
        "TFLite has no whole-integer operations for, so that it would run on the slow path or not "
        "at all."
    ),
    "hptr": (
        "Its attention multiplies pairs of computed maps and normalises them in float32, and its "
        "size is a server's, not a telephone's."
    ),
}
_OTHER = "Its operations have no whole-integer form in TFLite."


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

    The file takes `(1, H, W, 3)` and gives the probability of not being background
    `(1, H, W, 1)`, or with more than two classes that of each, `(1, H, W, N)`. What an application
    must know is inside, see `tfseg.export.quantize.metadata`; `docs/phone.md` runs it.

    Args:
        estimator: A fitted `PortraitSegmenter`.
        directory: A new folder.
        quantization: "none" is float32; "float16" halves the file; "int8" is post-training
            quantisation from `data`, int8 input and output. `tfseg quantize` trains for int8 and
            loses less.
        data: For "int8": a dataset of images as they will be seen.
        image_size: `(H, W)`; None takes the settings' own. Multiples of 32 resize exactly.
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
    refuse_other_systems(estimator, f"{directory}: ")
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
    content = _converted(estimator, quantization, data, image_size, pictures, license)
    with writing(folder) as new:
        (new / MODEL_FILE).write_bytes(content)
        names = "".join(f"{name}\n" for name in ("background", *estimator.class_names))
        (new / LABELS).write_text(names, encoding="utf-8")
    return folder


def refuse_other_systems(estimator, where: str = "") -> None:
    """Raises ExportError, with the reason, for a system that cannot become a TFLite model."""
    if estimator.system == "portrait":
        return
    reason = _REASONS.get(estimator.system, _OTHER)
    raise ExportError(
        f"{where}a {estimator.system!r} model cannot become a TFLite model. {reason} "
        'Use format="saved_model", or tfseg export.'
    )


def _converted(estimator, quantization, data, image_size, pictures, license) -> bytes:
    from tfseg.export.quantize import convert
    from tfseg.export.quantize.describe import described
    from tfseg.export.quantize.phone import build_phone

    shape = tuple(image_size or estimator.config.image_size)
    model = build_phone(keras, estimator.config.graph, shape, estimator.keras_model.graph)
    if quantization == "int8":
        content = convert.post_training_file(model, some(estimator, data, shape, pictures))
    else:
        content = convert.float_file(model, half=quantization == "float16")
    return described(content, estimator, shape, license=license)


def some(estimator, dataset: Sequence, image_shape: tuple[int, int], count: int) -> list:
    """Returns up to `count` images of a dataset, spread over it, fitted to `(H, W)`, uint8."""
    from tfseg.export.quantize.compare import phone_fit

    fit = phone_fit(estimator, image_shape)
    chosen = np.unique(np.linspace(0, len(dataset) - 1, min(count, len(dataset))).round())
    images = [dataset[int(index)].image for index in chosen]
    return [fit.plan(image.shape[:2]).image(image) for image in images]
