"""Encoded images in TensorFlow operations, to the pixels of `tfseg.data.read_image`."""

from __future__ import annotations

import tensorflow as tf

from tfseg.export.orientation import turned

__all__ = ["BMP", "DIFFERENCES", "KINDS", "REFUSAL", "brightness", "decoded", "kind_of"]
__all__ += ["stated_sides"]

DIFFERENCES = (
    "`serving_default` reads JPEG, PNG, GIF (of an animation the first frame) and BMP (of 8, 24 or "
    "32 bits, not compressed) to the pixels that `predict` of tfseg sees: EXIF orientation is "
    "applied, what is transparent in a PNG is laid on white. It differs from `predict` in "
    "this: WebP, TIFF, other BMP and all other formats are refused, convert them first; what "
    "is transparent in a GIF, or not covered by its first frame, is black, not white; an "
    "orientation that stands in XMP or in the text of a PNG alone is not applied; a JPEG that ends "
    "as it should but lacks data before its end is answered, its missing part grey."
)
"""What encoded images an exported model takes, for its card."""

REFUSAL = "expected JPEG, PNG, GIF or BMP; convert WebP, TIFF and others first"
KINDS = ("PNG", "JPEG", "GIF", "BMP")
"""What files are decoded; their place is the number of `kind_of`."""
BMP = KINDS.index("BMP")
_STARTS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF", b"BM")


def kind_of(encoded: tf.Tensor) -> tf.Tensor:
    """Returns which of `KINDS` an encoded image is, an int32 scalar; their number for none."""
    starts = [tf.equal(tf.strings.substr(encoded, 0, len(start)), start) for start in _STARTS]
    return tf.argmax(tf.cast(tf.stack([*starts, True]), tf.int32), output_type=tf.int32)


def stated_sides(encoded: tf.Tensor, kind: tf.Tensor) -> tf.Tensor:
    """Returns height and width in the header of a PNG, GIF or BMP, int64 `(2,)`, before anything
    is decoded; zeros for another kind.

    Args:
        encoded: The file, a scalar string.
        kind: Of `kind_of`.
    """
    header = tf.cast(_bytes(encoded, 0, 32), tf.int64)

    def number(start: int, count: int, order: int) -> tf.Tensor:
        digits = header[start : start + count][::order]
        return tf.reduce_sum(digits * [256**k for k in range(count)])

    def signed(start: int) -> tf.Tensor:
        value = number(start, 4, 1)
        return tf.minimum(value, tf.abs(value - 2**32))

    sides = [
        lambda: tf.stack([number(20, 4, -1), number(16, 4, -1)]),
        lambda: tf.zeros((2,), tf.int64),
        lambda: tf.stack([number(8, 2, 1), number(6, 2, 1)]),
        lambda: tf.stack([signed(22), signed(18)]),
        lambda: tf.zeros((2,), tf.int64),
    ]
    return tf.switch_case(kind, sides)


def decoded(encoded: tf.Tensor) -> tf.Tensor:
    """Returns an encoded image, a scalar string, as a viewer shows it: uint8 `(H, W, 3)`, RGB.

    JPEG, PNG, GIF and BMP are understood, others an error that says so. The EXIF orientation of a
    JPEG or PNG is applied; what is transparent in a PNG is laid on white; see `DIFFERENCES`.
    """
    kind = kind_of(encoded)
    with tf.control_dependencies([tf.debugging.Assert(kind < len(KINDS), [REFUSAL])]):
        encoded = tf.identity(encoded)
    readers = [
        lambda: _png(encoded),
        # The accurate transform is what other decoders use; TensorFlow's default is a fast one.
        lambda: tf.io.decode_jpeg(encoded, channels=3, dct_method="INTEGER_ACCURATE"),
        lambda: tf.io.decode_image(encoded, channels=3, expand_animations=False),
        lambda: _bmp(encoded),
    ]
    image = tf.switch_case(kind, [*readers, lambda: tf.zeros((0, 0, 3), tf.uint8)])
    return turned(tf.ensure_shape(image, (None, None, 3)), encoded)


def _png(encoded: tf.Tensor) -> tf.Tensor:
    """Returns a PNG's image: 16-bit grey is scaled as `tfseg.data.images` does, all else goes by
    its opacity."""
    header = _bytes(encoded, 24, 2)
    depth, colour = header[0], header[1]

    def deep_grey():
        values = tf.cast(tf.io.decode_png(encoded, channels=1, dtype=tf.uint16), tf.int32)
        return tf.repeat(tf.cast((values + 128) // 257, tf.uint8), 3, axis=-1)

    def others():
        image = tf.io.decode_png(encoded, channels=4)
        # Under 8 bits TensorFlow fills in an opacity of that many bits where the file has none.
        full = tf.cast(2 ** tf.minimum(depth, 8) - 1, tf.uint8)
        opaque = (depth < 8) & tf.reduce_all(tf.equal(image[..., 3], full))
        return tf.cond(opaque, lambda: image[..., :3], lambda: _on_white(image))

    return tf.cond(tf.equal(depth, 16) & tf.equal(colour, 0), deep_grey, others)


def _bmp(encoded: tf.Tensor) -> tf.Tensor:
    """Returns a BMP's image: 24 bits, 32 bits without their fourth byte, 8 bits by their palette.

    Offsets are those of BITMAPFILEHEADER and BITMAPINFOHEADER.
    """
    header = _bytes(encoded, 0, 34)
    bits = header[28] + 256 * header[29]
    known = tf.reduce_any(tf.equal(bits, [8, 24, 32])) & tf.equal(header[30], 0)
    refusal = "expected a BMP of 8, 24 or 32 bits that is not compressed; convert it first"
    with tf.control_dependencies([tf.debugging.Assert(known, [refusal])]):
        encoded = tf.identity(encoded)

    def number(place):
        return tf.reduce_sum(header[place : place + 4] * [1, 256, 256**2, 256**3])  # wraps below 0

    def by_palette():  # by hand: TensorFlow takes the numbers of the palette for grey
        width, height = number(18), number(22)
        rows, stride = tf.abs(height), (width + 3) // 4 * 4
        length = rows * stride
        pixels = tf.io.decode_raw(tf.strings.substr(encoded, number(10), length), tf.uint8)
        numbers = tf.cast(tf.reshape(pixels, (rows, stride))[:, :width], tf.int32)
        numbers = tf.cond(height > 0, lambda: numbers[::-1], lambda: numbers)
        colours = tf.reshape(_bytes(encoded, 14 + number(14), 4 * 256), (256, 4))
        return tf.cast(tf.gather(colours[:, 2::-1], numbers), tf.uint8)

    return tf.switch_case(
        tf.argmax(tf.cast(tf.equal(bits, [8, 24, 32]), tf.int32), output_type=tf.int32),
        [
            by_palette,
            lambda: tf.io.decode_bmp(encoded, channels=3),
            lambda: tf.io.decode_bmp(encoded, channels=4)[..., :3],
        ],
    )


def _bytes(encoded: tf.Tensor, start, count: int) -> tf.Tensor:
    """Returns some bytes of a file, int32 `(count,)`; zeros behind its end."""
    padded = encoded + tf.constant(b"\0" * 2048)
    start = tf.minimum(start, tf.strings.length(encoded))
    part = tf.strings.substr(padded, start, count)
    return tf.ensure_shape(tf.cast(tf.io.decode_raw(part, tf.uint8), tf.int32), (count,))


def brightness(image: tf.Tensor) -> tf.Tensor:
    """Returns an image's grey, int32 `(H, W, 1)`, to the numbers of `channels.grey`."""
    weighted = tf.reduce_sum(tf.cast(image, tf.int32) * (19595, 38470, 7471), axis=-1)
    return tf.bitwise.right_shift(weighted + 0x8000, 16)[..., None]


def _on_white(image: tf.Tensor) -> tf.Tensor:
    """Returns an image uint8 `(H, W, 4)` without its opacity, as `to_rgb` of the data room."""
    pixels = tf.cast(image, tf.int32)
    colour, alpha = pixels[..., :3], pixels[..., 3:]
    return tf.cast((colour * alpha + 255 * (255 - alpha) + 127) // 255, tf.uint8)
