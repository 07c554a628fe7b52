"""Which way up annotations were made: on the image as it is seen, or on its stored pixels."""

from __future__ import annotations

from collections.abc import Iterator

from tfseg.data.images.images import stored_orientation, turn
from tfseg.data.reading.problem import Problem
from tfseg.errors import DataError
from tfseg.structures import rle

__all__ = ["SizeError", "size_mismatch", "stored_size", "turned", "turned_problem"]


class SizeError(DataError):
    """An image of another size than its annotations."""


def stored_size(
    stated: tuple[int, int] | None, seen: tuple[int, int], path: str | None, where: str
) -> tuple[tuple[int, int], int]:
    """Returns the size that the annotations were made at, and the turn that leads to `seen`.

    Annotations fit the image as it is seen, with its EXIF turn applied, unless the size in
    the annotation file is that of the pixels as stored: then they have to be turned with it.

    Args:
        stated: `(H, W)` that the annotations give, or None.
        seen: `(H, W)` of the image as it is seen.
        path: The image's file; None if it lies in the annotation file.
        where: Annotation file and image, for messages.

    Raises:
        SizeError: The size is neither.
    """
    if stated is None or tuple(stated) == tuple(seen):
        return tuple(seen), 1
    if path is None:
        raise SizeError(
            f"{where}: the file says {stated[0]} x {stated[1]}, the image inside it has "
            f"{seen[0]} x {seen[1]} (height x width). Export it again, or pass drop_invalid=True."
        )
    orientation = stored_orientation(path)
    if orientation >= 5 and tuple(stated) == tuple(seen)[::-1]:
        return tuple(stated), orientation
    raise SizeError(f"{where}: {size_mismatch(stated, seen, path)}")


def turned(runs: dict, orientation: int) -> dict:
    """Returns a mask drawn on stored pixels as it lies in the image that is seen."""
    return runs if orientation == 1 else rle.encode(turn(rle.decode(runs), orientation))


def turned_problem(orientation: int, path: str | None, where: str) -> Iterator[Problem]:
    """Yields what is worth knowing of annotations that were turned with their image."""
    if orientation != 1:
        yield Problem(
            "warning",
            "turned_annotations",
            where,
            f"its EXIF tag turns the image (orientation {orientation}), and the annotations "
            "have the size of the pixels as stored: they were turned with it. Draw them over it "
            "to be sure.",
            path,
        )


def size_mismatch(expected: tuple[int, int], actual: tuple[int, int], path: str) -> str:
    """Returns what is to be said of an image whose size is not the annotation file's."""
    message = (
        f"the annotation file says {expected[0]} x {expected[1]}, the image has {actual[0]} x "
        f"{actual[1]} (height x width). "
    )
    orientation = stored_orientation(path)
    if orientation >= 5 and tuple(expected) == tuple(actual)[::-1]:
        return message + (
            f"Its EXIF tag turns the image (orientation {orientation}), but the annotations were "
            "made on the pixels as stored: save the image anew without the tag, or annotate "
            "it as it is seen."
        )
    return message + (
        "The masks would not lie on their objects: put the image back that was annotated, or "
        "pass drop_invalid=True to go on without it."
    )
