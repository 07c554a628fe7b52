"""EXIF orientation in TensorFlow operations, which decode a JPEG as its sensor lay.

Telephones store upright images lying down and say so in the file's EXIF block: APP1 segment,
`Exif`, two zeros, a TIFF header, and tag 0x0112 in its first directory (EXIF 2.3, 4.6). In a PNG
the TIFF header and what follows are a chunk of their own, `eXIf` (PNG 3, 11.3.4.5).
"""

from __future__ import annotations

import tensorflow as tf

__all__ = ["orientation", "turned"]

# The block stands before the pixels, in the first segments of the file.
_SEARCHED = 65536 + 1024
_ENTRIES = 64


def orientation(encoded: tf.Tensor) -> tf.Tensor:
    """Returns the orientation, int32 from 1 to 8, of an encoded image, a scalar string.

    1 where the file has no such tag, or one that makes no sense.
    """
    is_png = tf.equal(tf.strings.substr(encoded, 0, 8), b"\x89PNG\r\n\x1a\n")
    is_jpeg = tf.equal(tf.strings.substr(encoded, 0, 2), b"\xff\xd8")
    head = tf.cond(
        is_png, lambda: _chunk(encoded), lambda: tf.strings.substr(encoded, 0, _SEARCHED)
    )
    # Zeros behind the end let every read below stay inside.
    head = head + tf.constant(b"\0" * (12 * _ENTRIES + 32))
    data = tf.cast(tf.io.decode_raw(head, tf.uint8), tf.int32)
    mark = tf.constant(list(b"Exif\0\0"), tf.int32)
    places = tf.shape(data)[0] - 5
    hits = tf.reduce_all(
        tf.stack([tf.equal(data[i : places + i], mark[i]) for i in range(6)]), axis=0
    )
    start = tf.cast(tf.argmax(tf.cast(hits, tf.int32)), tf.int32) + 6
    little = tf.equal(data[start], ord("I"))
    last = tf.shape(data)[0] - 1

    def number(position, count):
        """Returns the unsigned numbers of `count` bytes at some positions of the TIFF block."""
        position = tf.clip_by_value(start + position[..., None] + tf.range(count), 0, last)
        digits = tf.gather(data, position)
        digits = tf.where(little, digits, tf.reverse(digits, [-1]))
        return tf.reduce_sum(digits * (256 ** tf.range(count)), axis=-1)

    directory = tf.clip_by_value(number(tf.constant(4), 4), 0, _SEARCHED)
    count = tf.minimum(number(directory, 2), _ENTRIES)
    entries = directory + 2 + 12 * tf.range(_ENTRIES)
    is_tag = (number(entries, 2) == 0x0112) & (tf.range(_ENTRIES) < count)
    is_long = tf.equal(number(entries + 2, 2), 4)  # else SHORT, as the standard wants it
    values = tf.where(is_long, number(entries + 8, 4), number(entries + 8, 2))
    value = tf.reduce_max(tf.where(is_tag, values, 0))
    known = tf.reduce_any(hits) & (is_jpeg | is_png) & (value >= 1) & (value <= 8)
    return tf.where(known, value, 1)


def _chunk(encoded: tf.Tensor) -> tf.Tensor:
    """Returns the content of a PNG's `eXIf` chunk as it stands in a JPEG, behind `Exif` and two
    zeros; without one these alone."""
    length = tf.cast(tf.strings.length(encoded), tf.int64)
    mark = tf.constant(b"Exif\0\0")

    def go_on(place, found):
        return (place + 12 <= length) & tf.equal(found, b"")

    def look(place, found):
        head = tf.strings.substr(encoded, place, 8)
        digits = tf.cast(tf.io.decode_raw(head, tf.uint8), tf.int64)[:4]
        size = tf.reduce_sum(digits * (256 ** tf.range(3, -1, -1, tf.int64)))
        wanted = tf.equal(tf.strings.substr(head, 4, 4), b"eXIf")
        found = tf.cond(
            wanted,
            lambda: tf.strings.substr(encoded, place + 8, tf.minimum(size, _SEARCHED)),
            lambda: tf.constant(b""),
        )
        return place + 12 + size, found

    # From chunk to chunk: behind the signature each has a size, a name, its content and a sum.
    _, found = tf.while_loop(go_on, look, (tf.constant(8, tf.int64), tf.constant(b"")))
    marked = tf.equal(tf.strings.substr(found, 0, 6), mark)
    return tf.where(marked, found, mark + found)


def turned(image: tf.Tensor, encoded: tf.Tensor) -> tf.Tensor:
    """Returns the decoded image `(H, W, 3)` upright; for orientations from 5 on, `(W, H, 3)`."""
    value = orientation(encoded)
    # In the order of the standard: 5 to 8 are 1 to 4 after rows and columns were exchanged.
    image = tf.cond(value >= 5, lambda: tf.transpose(image, (1, 0, 2)), lambda: image)
    across = tf.reduce_any(tf.equal(value, [2, 3, 6, 7]))
    down = tf.reduce_any(tf.equal(value, [3, 4, 7, 8]))
    image = tf.cond(across, lambda: tf.reverse(image, [1]), lambda: image)
    return tf.cond(down, lambda: tf.reverse(image, [0]), lambda: image)
