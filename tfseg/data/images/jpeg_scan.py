"""Whether the coded data of a JPEG file is all there, although the file ends as it should.

libjpeg fills what is missing in the middle of a file with grey, and says so to the C library's
stderr alone, without a name. Here the file is decoded again with bytes added at the end of each
run of coded data: a decoder that had all it needed passes over them, and one that ran out of data
draws them. The same the other way round: where other bytes in place of the last ones change
nothing, they were not used, so data before them was misread.
"""

from __future__ import annotations

import io
import re

import numpy as np
from PIL import Image

__all__ = ["ends_in_grey", "lacks_data", "leaves_data"]

_MARKER = re.compile(rb"\xff+[\x01-\xfe]")
_RESTARTS = range(0xD0, 0xD8)
_SCAN, _END = 0xDA, 0xD9
# Never 0xFF, so that they are no marker; beyond that any that are not alike.
_FILLER = bytes(np.random.default_rng(0).integers(1, 255, 64, dtype=np.uint8))
_TAIL = 16  # bytes at the end of a scan: some ten blocks of a flat image, and less of others


def ends_in_grey(pixels: np.ndarray) -> bool:
    """Returns whether the last corner of a decoded image, uint8 `(H, W, 3)`, is of the grey that
    stands for missing data: a cheap sign, which true images may show as well."""
    return bool((pixels[-4:, -4:] == 128).all())


def lacks_data(data: bytes) -> bool:
    """Returns whether a JPEG file has too little coded data for its image."""
    ends, in_turn = _ends(data)
    if not ends or not in_turn:
        return bool(ends)
    pieces = [data[a:b] for a, b in zip((0, *ends), (*ends, len(data)))]
    # Only what a later scan refines does not show in the small image.
    return _changes(data, _FILLER.join(pieces), full=_is_progressive(data))


def leaves_data(data: bytes) -> bool:
    """Returns whether the last bytes of a JPEG file's coded data were not needed."""
    ends, _ = _ends(data)
    if len(ends) != 1 or ends[0] < 4 * _TAIL:
        return False  # of several runs, the last one's end tells nothing about the others
    end = ends[0]
    tail = data[end - _TAIL : end]
    other = bytes((byte ^ 0x55) if byte not in (0xFF, 0xAA) else 0x33 for byte in tail)
    # A marker's first byte in front of the tail must not make a marker of it.
    other = b"\0" + other[1:] if data[end - _TAIL - 1] == 0xFF else other
    return not _changes(data, data[: end - _TAIL] + other + data[end:], full=True)


def _ends(data: bytes) -> tuple[list[int], bool]:
    """Returns where the runs of coded data end (before restart markers, other segments, the end),
    and whether the restart markers, which count from 0 to 7 and again, are all there."""
    position, ends, inside, expected, in_turn = 2, [], False, 0, True
    while (found := _MARKER.search(data, position)) is not None:
        marker, position = data[found.end() - 1], found.end()
        if inside:
            ends.append(found.start())
        if marker == _END:
            break
        if marker in _RESTARTS:
            in_turn &= marker == _RESTARTS[expected % 8]
            expected += 1
            continue
        position += int.from_bytes(data[position : position + 2], "big")
        inside, expected = marker == _SCAN, 0
    return ends, in_turn


def _is_progressive(data: bytes) -> bool:
    with Image.open(io.BytesIO(data)) as image:
        return "progression" in image.info


def _changes(first: bytes, second: bytes, full: bool) -> bool:
    """Returns whether two files show different images; a file that cannot be read shows none.

    Args:
        first: A JPEG file.
        second: Another one.
        full: Where no difference shows at an eighth of the size, look at the whole as well.
    """
    try:
        if not np.array_equal(*(_decoded(data, small=True) for data in (first, second))):
            return True
        return full and not np.array_equal(*(_decoded(data) for data in (first, second)))
    except (OSError, SyntaxError, ValueError, EOFError):
        return True


def _decoded(data: bytes, small: bool = False) -> np.ndarray:
    """Returns the pixels of a JPEG file; `small` ones cost less, and show most changes."""
    with Image.open(io.BytesIO(data)) as image:
        if small:
            image.draft(image.mode, (-(-image.width // 8), -(-image.height // 8)))
        return np.asarray(image)
