"""Encoded pictures in TensorFlow operations, to the pixels of `tfseg.data.images.read_image`."""

from __future__ import annotations

import tensorflow as tf

from tfseg.export.orientation import turned

__all__ = ["brightness", "decoded"]


def decoded(encoded: tf.Tensor) -> tf.Tensor:
    """Returns an encoded picture, a scalar string, as a viewer shows it: uint8 `(H, W, 3)`, RGB.

    JPEG, PNG and GIF are understood, others an error that says so. The EXIF orientation of a JPEG
    is applied; what is transparent in a PNG is laid on white.
    """
    is_png = tf.equal(tf.strings.substr(encoded, 0, 8), b"\x89PNG\r\n\x1a\n")
    start = tf.strings.substr(encoded, 0, 3)
    known = is_png | tf.equal(start, b"\xff\xd8\xff") | tf.equal(start, b"GIF")
    with tf.control_dependencies([tf.debugging.Assert(known, ["expected JPEG, PNG or GIF"])]):
        encoded = tf.identity(encoded)
    # The accurate transform is what other decoders use; TensorFlow's default is a fast one.
    image = tf.cond(
        is_png,
        lambda: _on_white(tf.io.decode_png(encoded, channels=4)),
        lambda: tf.io.decode_jpeg(encoded, channels=3, dct_method="INTEGER_ACCURATE"),
    )
    return turned(image, encoded)


def brightness(image: tf.Tensor) -> tf.Tensor:
    """Returns a picture's grey, int32 `(H, W, 1)`, to the numbers of `tfseg.data.channels.grey`."""
    weighted = tf.reduce_sum(tf.cast(image, tf.int32) * (19595, 38470, 7471), axis=-1)
    return tf.bitwise.right_shift(weighted + 0x8000, 16)[..., None]


def _on_white(image: tf.Tensor) -> tf.Tensor:
    """Returns a picture uint8 `(H, W, 4)` without its opacity, as `to_rgb` of the data room."""
    pixels = tf.cast(image, tf.int32)
    colour, alpha = pixels[..., :3], pixels[..., 3:]
    return tf.cast((colour * alpha + 255 * (255 - alpha) + 127) // 255, tf.uint8)
