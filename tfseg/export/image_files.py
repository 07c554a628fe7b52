"""Images as clients send them to an exported model: files, each answered for itself, and arrays.

A graph has no `try`: one damaged file in a batch would be an error of the whole batch, and with a
server that joins requests also of other people's. So each file is decoded in a dataset of one
element, whose errors are ignored, and its answer says what was wrong; so does that of an array
whose values are wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import tensorflow as tf

from tfseg.data.images.image_sources import OVERSHOT, OVERSHOT_TOLD
from tfseg.export.decoding import BMP, KINDS, REFUSAL, decoded, kind_of, stated_sides

__all__ = [
    *("ERROR", "ERRORS", "MAX_PIXELS", "SIZES"),
    *("checked_pixels", "opened", "told", "without_broken"),
]

MAX_PIXELS = 2**26
"""The largest image that an exported model takes unless its export says otherwise: 67 million
pixels, 8192 x 8192. A file's header is believed before anything is decoded."""
ERROR, SIZES = "error", "image_sizes"
"""Outputs: the first of every signature that takes images, the second of those that take files."""
_EMPTY = "expected the bytes of an image, got none."
_DAMAGED = (
    "expected a complete image, but it is cut off or damaged. Fetch or export the file again."
)
_DAMAGED_BMP = "expected a complete BMP of 8, 24 or 32 bits that is not compressed; convert it."


ERRORS = {
    ERROR: "string `(B,)`: why this image has no answer, empty where it has one; the other outputs "
    "of an image without an answer are 0 or empty"
}
"""What the output `error` is, for the model card."""


def told() -> dict[str, str]:
    """Returns the outputs that files have beside those of the model, with what they are."""
    return {
        SIZES: "int32 `(B, 2)`: height and width of each image as a viewer shows it",
        **ERRORS,
    }


def opened(encoded: tf.Tensor, max_pixels: int = MAX_PIXELS) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns an image uint8 `(H, W, 3)` out of a file's bytes, a scalar string, and a scalar
    string: empty, or why the file cannot be read; the image is then one black pixel.

    Args:
        encoded: See `tfseg.export.decoding.decoded`.
        max_pixels: Files that say of themselves that they have more are not decoded.
    """
    kind = kind_of(encoded)
    known = kind < len(KINDS)
    # One pixel more than the limit is enough: what a header claims may overflow.
    large = tf.reduce_prod(tf.minimum(_sides(encoded, kind), max_pixels + 1)) > max_pixels
    nothing = tf.zeros((0, 0, 3), tf.uint8)
    image = tf.cond(known & ~large, lambda: _or(decoded, encoded, nothing), lambda: nothing)
    sound = tf.size(image) > 0
    reason = tf.where(tf.equal(kind, BMP), _DAMAGED_BMP, _DAMAGED)
    reason = tf.where(sound, "", reason)
    reason = tf.where(large, _too_large(max_pixels), reason)
    reason = tf.where(known, reason, f"{REFUSAL}.")
    reason = tf.where(tf.equal(tf.strings.length(encoded), 0), _EMPTY, reason)
    image = tf.cond(sound, lambda: image, lambda: tf.zeros((1, 1, 3), tf.uint8))
    return tf.ensure_shape(image, (None, None, 3)), reason


def without_broken(answers: Mapping[str, tf.Tensor], errors: tf.Tensor) -> dict[str, tf.Tensor]:
    """Returns the outputs, and `error`; those of images that have one are 0 or empty.

    Args:
        answers: Name to a tensor whose first axis is the batch.
        errors: string `(B,)`, of `opened` or `checked_pixels`.
    """
    sound = tf.equal(errors, "")

    def kept(value: tf.Tensor) -> tf.Tensor:
        there = tf.reshape(sound, [-1] + [1] * (value.shape.rank - 1))
        return tf.where(there, value, tf.zeros_like(value))

    return {**{name: kept(value) for name, value in answers.items()}, ERROR: errors}


def checked_pixels(images: tf.Tensor, max_pixels: int = MAX_PIXELS) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns images of one size as whole numbers from 0 to 255, float32 `(B, H, W, D)`, and string
    `(B,)`: empty, or what is wrong with an image's values; the image is then black. A size that no
    image of the batch can have is an error.

    As in `predict`, uint8 is taken as it is, and floats run from 0 to 1 in an image that has no
    value above 1, else from 0 to 255; fractions up to 2 are neither.

    Args:
        images: uint8 or float32 `(B, H, W, D)`.
        max_pixels: The most pixels of an image.
    """
    size = tf.shape(images, tf.int64)[1:3]
    pixels = tf.reduce_prod(size)
    checks = [
        tf.debugging.Assert(pixels > 0, ["expected at least one pixel, got the size", size]),
        tf.debugging.Assert(pixels <= max_pixels, [_too_large(max_pixels), "The size is", size]),
    ]
    with tf.control_dependencies(checks):
        images = tf.identity(images)
    if images.dtype == tf.uint8:
        return tf.cast(images, tf.float32), tf.fill(tf.shape(images)[:1], "")
    low, high = (reduce(images, axis=(1, 2, 3)) for reduce in (tf.reduce_min, tf.reduce_max))
    finite = tf.reduce_all(tf.math.is_finite(images), axis=(1, 2, 3))
    wanted = "expected float32 pixels between 0 and 255 (or 0 and 1), got "
    outside = tf.strings.join(
        [wanted, tf.strings.as_string(low), " to ", tf.strings.as_string(high), "."]
    )
    errors = tf.where((low >= 0) & (high <= 255), "", outside)
    errors = tf.where(finite, errors, "the pixels hold NaN or infinity.")
    whole = tf.reduce_all(tf.equal(images, tf.round(images)), axis=(1, 2, 3))
    errors = tf.where((high > 1) & (high <= OVERSHOT) & ~whole, OVERSHOT_TOLD, errors)

    def beside(each: tf.Tensor) -> tf.Tensor:
        return tf.reshape(each, (-1, 1, 1, 1))

    images = tf.round(beside(tf.where(high <= 1, 255.0, 1.0)) * images)
    return tf.where(beside(tf.equal(errors, "")), images, 0.0), errors


def _too_large(max_pixels: int) -> str:
    return (
        f"the image has more than {max_pixels} pixels, the most that this model takes. Scale it "
        "down, or export the model with a larger max_pixels."
    )


def _sides(encoded: tf.Tensor, kind: tf.Tensor) -> tf.Tensor:
    """Returns height and width that a file states, int64 `(2,)`; zeros where it states none."""

    def jpeg():
        shape = _or(tf.image.extract_jpeg_shape, encoded, tf.zeros((3,), tf.int32))
        return tf.cast(shape[:2], tf.int64)

    is_jpeg = tf.equal(kind, KINDS.index("JPEG"))
    return tf.cond(is_jpeg, jpeg, lambda: stated_sides(encoded, kind))


def _or(function: Callable, value: tf.Tensor, otherwise: tf.Tensor) -> tf.Tensor:
    """Returns what a function makes of a value, or something else where that is an error."""
    options = tf.data.Options()
    # Without these a dataset of one element costs a hundred times the decoding.
    options.experimental_optimization.apply_default_optimizations = False
    options.autotune.enabled = False
    one = tf.data.Dataset.from_tensors
    found = one(value).map(function).ignore_errors().concatenate(one(otherwise)).take(1)
    return found.with_options(options).get_single_element()
