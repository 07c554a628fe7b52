"""COCO's ways of writing a mask down, checked before they reach the C code.

pycocotools trusts its input: a polygon of four numbers is drawn as a box, run lengths that end
too early leave memory unset. Everything here raises `MaskError` with the fault in words; the
caller adds which annotation it was.
"""

from __future__ import annotations

import ast

import numpy as np

from tfseg.data.reading.outlines import FARTHEST, MaskError
from tfseg.structures import rle

__all__ = ["checked_segmentation", "segmentation_rle"]

# pycocotools keeps some 100 bytes for each pixel of an outline.
LONGEST_OUTLINE = 2_000_000.0
_MOST_PIXELS = 2**31


def checked_segmentation(value, size: tuple[int, int] | None):
    """Returns a segmentation that is safe to draw, and the faults of polygons left out of it.

    Args:
        value: A list of polygons `[x1, y1, x2, y2, ...]` in pixels, or run lengths
            `{"size": [H, W], "counts": text or list}`, also several in a list: they are joined.
            Text may be Python's of bytes, "b'...'", which str() makes of what pycocotools gives.
        size: `(H, W)` of the image, or None if the annotation file does not say.

    Returns:
        `(segmentation, faults)`: a list of float64 arrays, or compressed run lengths; and
        messages about polygons that have no area, at least one good one being left.

    Raises:
        MaskError: Nothing that can be drawn; the message says why, and the remedy.
    """
    if isinstance(value, dict):
        return _checked_runs(value, size), []
    if isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
        pieces = [_checked_runs(one, size) for one in value]
        return rle.union(pieces) if len(pieces) > 1 else pieces[0], []
    if value is None or (isinstance(value, (list, tuple)) and not value):
        raise MaskError(
            "no_mask", "has no segmentation. A mask is needed; a box alone is not enough"
        )
    if not isinstance(value, (list, tuple)):
        raise MaskError(
            "bad_mask",
            f"has a segmentation of neither polygons nor run lengths but {type(value).__name__}",
        )
    if not isinstance(value[0], (list, tuple)):
        raise MaskError(
            "bad_mask",
            "has a segmentation that is no list of polygons but one flat list of "
            f"{len(value)} values. Wrap it in another pair of brackets",
        )
    good, faults = [], []
    for number, polygon in enumerate(value, 1):
        try:
            good.append(_checked_polygon(polygon))
        except _TooShortError as fault:
            faults.append(f"polygon {number} of {len(value)} {fault}")
    if not good:
        raise MaskError("bad_polygon", f"has no usable polygon: {'; '.join(faults)}")
    return good, faults


class _TooShortError(ValueError):
    """A polygon without area: it can be left out without harm to the others."""


def _checked_polygon(polygon) -> np.ndarray:
    try:
        points = np.asarray(polygon, np.float64)
    except (TypeError, ValueError, OverflowError):
        raise MaskError(
            "bad_mask", "has a polygon that holds something other than numbers"
        ) from None
    if points.ndim != 1 or points.size % 2:
        raise MaskError(
            "bad_mask",
            f"has a polygon of shape {points.shape}; expected one flat list x1, y1, x2, y2, ... "
            "of even length",
        )
    if points.size < 6:
        raise _TooShortError(f"has {points.size} numbers; expected at least 6 (three corners)")
    if not np.isfinite(points).all():
        raise MaskError("not_finite", "has NaN or infinity in its polygon")
    if np.abs(points).max() > FARTHEST:
        raise MaskError(
            "bad_mask",
            f"has a polygon corner at {points[np.abs(points).argmax()]:g}, far outside any image",
        )
    steps = np.abs(np.diff(points.reshape(-1, 2), axis=0, append=points[None, :2])).max(axis=1)
    if steps.sum() > LONGEST_OUTLINE:
        raise MaskError(
            "bad_mask",
            f"has a polygon whose outline is {steps.sum():.3g} pixels long, too long",
        )
    return points


def _checked_runs(value: dict, size: tuple[int, int] | None) -> dict:
    try:
        counts = value["counts"]
        height, width = (int(n) for n in value["size"])
    except (KeyError, TypeError, ValueError, OverflowError):
        raise MaskError(
            "bad_mask",
            "has run lengths without a proper 'size' [height, width] and 'counts': the keys are "
            f"{sorted(map(str, value))}",
        ) from None
    sides = sorted((height, width))
    if sides[0] <= 0 or sides[1] > FARTHEST or height * width > _MOST_PIXELS:
        raise MaskError(
            "bad_mask", f"has run lengths for {_digits(height)} x {_digits(width)}, no image's size"
        )
    if size is not None and (height, width) != tuple(size):
        swapped = " (height and width are swapped)" if (width, height) == tuple(size) else ""
        raise MaskError(
            "bad_mask",
            f"has run lengths for an image of {height} x {width}, but the image is "
            f"{size[0]} x {size[1]} (height x width){swapped}",
        )
    if isinstance(counts, (list, tuple)):
        try:
            runs = np.asarray(counts, np.int64 if _all_ints(counts) else np.float64)
        except (TypeError, ValueError, OverflowError):
            raise MaskError("bad_mask", "has run lengths that are not numbers") from None
        if runs.ndim != 1 or not np.isfinite(runs).all() or (runs != np.floor(runs)).any():
            raise MaskError("bad_mask", "has run lengths that are not whole numbers")
        if runs.size and max(runs.max(), -runs.min()) > _MOST_PIXELS:
            raise MaskError("bad_mask", "has run lengths with a number too large for any image")
        runs = runs.astype(np.int64)
    elif isinstance(counts, (str, bytes)):
        counts = _text_of_bytes(counts)
        runs = _compressed_runs(counts)
    else:
        kind = type(counts).__name__
        raise MaskError("bad_mask", f"has counts that are neither text nor a list but {kind}")
    if (runs < 0).any() or int(runs.sum()) != height * width:
        raise MaskError(
            "bad_mask",
            f"has run lengths that add up to {int(runs.sum())} pixels"
            f"{', some of them negative' if (runs < 0).any() else ''}; expected {height * width} "
            f"for {height} x {width}",
        )
    if isinstance(counts, (list, tuple)):
        return rle.from_uncompressed({"size": [height, width], "counts": runs.tolist()})
    return {"size": [height, width], "counts": _as_text(counts)}


def _digits(number: int) -> str:
    """Returns a number for a message; Python refuses to write some thousands of digits."""
    return str(number) if abs(number) < 10**12 else "some 10^12 or more"


def _all_ints(counts) -> bool:
    return all(type(count) is int for count in counts)


def _text_of_bytes(counts: str | bytes) -> str | bytes:
    """Returns the bytes that Python wrote as text; other text as it is. No run lengths have b and a
    quotation mark at their beginning."""
    if isinstance(counts, str) and counts[:2] in ("b'", 'b"'):
        try:
            return ast.literal_eval(counts)
        except (SyntaxError, ValueError):
            return counts
    return counts


def _as_text(counts: str | bytes) -> str:
    return counts.decode("ascii") if isinstance(counts, bytes) else counts


def _compressed_runs(counts: str | bytes) -> np.ndarray:
    """Returns the runs of COCO's compressed text, int64.

    The text writes each number in digits of 5 bits, low ones first, 32 marking that more
    follow and 16 in the last digit a negative number; from the fourth run on, a number is the
    difference to the run two before (pycocotools maskApi.c, rleToString).
    """
    try:
        data = counts.encode("ascii") if isinstance(counts, str) else counts
    except UnicodeEncodeError:
        raise MaskError(
            "bad_mask", "has run lengths with characters outside COCO's alphabet"
        ) from None
    digits = np.frombuffer(data, np.uint8).astype(np.int64) - 48
    if ((digits < 0) | (digits > 63)).any():
        raise MaskError("bad_mask", "has run lengths with characters outside COCO's alphabet")
    if not digits.size:
        return digits
    last = (digits & 32) == 0
    if not last[-1]:
        raise MaskError("bad_mask", "has run lengths that are cut off in the middle of a number")
    ends = np.flatnonzero(last)
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts + 1
    if lengths.max() > 8:
        raise MaskError("bad_mask", "has run lengths with a number too large for any image")
    place = np.arange(digits.size) - np.repeat(starts, lengths)
    values = np.add.reduceat((digits & 31) << (5 * place), starts)
    negative = (digits[ends] & 16) != 0
    values = np.where(negative, values - (np.int64(1) << (5 * lengths)), values)
    values[1::2] = np.cumsum(values[1::2])
    values[2::2] = np.cumsum(values[2::2])
    return values


def segmentation_rle(segmentation, size: tuple[int, int]) -> dict:
    """Returns a checked segmentation as compressed run lengths for an image `(H, W)`."""
    if isinstance(segmentation, dict):
        return segmentation
    return rle.from_polygons(segmentation, size)
