"""The run lengths in which Label Studio keeps a brush's mask.

The bytes are those of rle-pack (github.com/thi-ng/umbrella, packages/rle-pack): 32 bits the number
of values, 5 bits the length of a value less 1, four times 4 bits the lengths of counts less 1.
Then, until all values are there: a bit that says whether one value repeats, 2 bits that choose the
length of the count, the count less 1, and the value, or as many values. The values are the
image's red, green, blue and alpha, row by row.
"""

from __future__ import annotations

import numpy as np

from tfseg.data.reading.outlines import MaskError

__all__ = ["decode_brush"]


class _Bits:
    """Whole numbers of any length out of bytes, the high bits first."""

    def __init__(self, data: np.ndarray):
        self.bits = np.unpackbits(data)
        self._place = 0

    def read(self, length: int) -> int:
        return int(self.many(1, length)[0])

    def many(self, count: int, length: int) -> np.ndarray:
        start, self._place = self._place, self._place + count * length
        taken = self.bits[start : self._place]
        if len(taken) != count * length:
            raise MaskError("bad_mask", "has a brush's run lengths that are cut off")
        weights = 1 << np.arange(length - 1, -1, -1, dtype=np.int64)
        return taken.reshape(count, length) @ weights


def decode_brush(counts, size: tuple[int, int]) -> np.ndarray:
    """Returns the mask of a brush, bool `(H, W)`: what is more than half opaque.

    Args:
        counts: The bytes as whole numbers from 0 to 255.
        size: `(H, W)` of the image that was painted.

    Raises:
        MaskError: They are no such bytes, or of an image of another size.
    """
    try:
        values = np.asarray(counts)
        if values.ndim != 1 or values.dtype.kind not in "iu" or not values.size:
            raise ValueError
        if values.min() < 0 or values.max() > 255:
            raise ValueError
    except ValueError:
        message = "has a brush's run lengths that are no list of bytes"
        raise MaskError("bad_mask", message) from None
    bits = _Bits(values.astype(np.uint8))
    total, word = bits.read(32), bits.read(5) + 1
    lengths = [bits.read(4) + 1 for _ in range(4)]
    height, width = size
    if total != 4 * height * width or word != 8:
        raise MaskError(
            "bad_mask",
            f"has a brush's run lengths of {total} values of {word} bits; expected "
            f"{4 * height * width} of 8 for an image of {height} x {width} (height x width)",
        )
    found = np.zeros(total, np.uint8)
    place = 0
    while place < total:
        repeats = bits.read(1)
        count = bits.read(lengths[bits.read(2)]) + 1
        if place + count > total:
            raise MaskError("bad_mask", "has a brush's run lengths that go on behind their end")
        found[place : place + count] = bits.read(8) if repeats else bits.many(count, 8)
        place += count
    return found.reshape(height, width, 4)[:, :, 3] >= 128
