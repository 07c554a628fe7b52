"""The description that a file of the phone's network carries."""

from __future__ import annotations

from tfseg.export.quantize.compare import phone_fit
from tfseg.export.quantize.flatbuffer import facts
from tfseg.export.quantize.input import FLOAT_MEAN, INT8_MEAN, STD
from tfseg.export.quantize.metadata import with_metadata

__all__ = ["described", "description"]


def described(content: bytes, estimator, image_shape: tuple[int, int], license: str = "") -> bytes:
    """Returns a file of `convert` with its description inside."""
    whole_int8 = not facts(content).float_tensors
    told = description(estimator, image_shape, whole_int8, license)
    return with_metadata(content, told, told["labels"])


def description(estimator, image_shape, whole_int8: bool, license: str = "") -> dict:
    """Returns what an application must know, ready for JSON."""
    height, width = (int(side) for side in image_shape)
    fit = phone_fit(estimator, image_shape).kind
    mean = INT8_MEAN if whole_int8 else FLOAT_MEAN
    binary = estimator.config.class_count == 2
    how = "stretched to" if fit == "stretch" else "fitted with its proportions, black around it, in"
    value = "grey value minus 128, int8" if whole_int8 else "(grey value - 127.5) / 127.5, float32"
    what = (
        "the probability that a pixel is no background"
        if binary
        else "the probability of each class, the background first"
    )
    output = "int8: (value + 128) / 256 is " if whole_int8 else "float32: "
    return {
        "name": "tfseg portrait",
        "description": f"People cut out of portraits; preset {estimator.config.preset}.",
        "license": license,
        "labels": ["background", *estimator.class_names],
        "input": {
            "description": f"An RGB image {how} {height} x {width} (rows x columns): {value}.",
            "layout": "NHWC",
            "color": "RGB",
            "height": height,
            "width": width,
            "fit": fit,
            "dtype": "int8" if whole_int8 else "float32",
            "mean": [mean] * 3,
            "std": [STD] * 3,
        },
        "output": {
            "description": f"For each pixel, {output}{what}.",
            "layout": "NHWC",
            "channels": 1 if binary else estimator.config.class_count,
            "dtype": "int8" if whole_int8 else "float32",
        },
    }
