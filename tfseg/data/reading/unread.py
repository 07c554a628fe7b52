"""Files that a reader does not look at: one folder deeper than it reads, or of other kinds."""

from __future__ import annotations

import os

from tfseg.data.reading.annotation_kinds import annotation_kind
from tfseg.data.reading.part_names import part_of

__all__ = ["unread_below"]

_DEPTH, _FOLDERS, _TRIED = 3, 500, 20  # a home directory is not searched to its ends


def unread_below(
    folder: str, ending: str | tuple[str, ...], kind: str | None = None
) -> list[tuple[str, str]]:
    """Returns the folders below one that hold files of a kind, each with what to do about them.

    Folders named like a part of a dataset, and what is hidden, do not count.

    Args:
        folder: Where a reader looks.
        ending: Of the files, in small letters.
        kind: What `annotation_kind` says of an annotation file: one in a folder stands for all.
            None: any.
    """
    found, seen = [], 0
    start = os.path.normpath(folder or os.curdir)
    for place, folders, names in os.walk(start):
        depth = 0 if place == start else os.path.relpath(place, start).count(os.sep) + 1
        seen += 1
        if depth >= _DEPTH or seen > _FOLDERS:
            folders.clear()
        folders[:] = sorted(
            n for n in folders if not n.startswith(".") and (depth or part_of(n) is None)
        )
        if not depth:
            continue
        fit = sorted(n for n in names if n.lower().endswith(ending) and not n.startswith("."))
        if any(_is(kind, os.path.join(place, name)) for name in fit[:_TRIED]):
            found.append((place, _message(len(fit))))
    return found


def _is(kind: str | None, path: str) -> bool:
    return kind is None or annotation_kind(path) == kind


def _message(count: int) -> str:
    files = "1 file in it is" if count == 1 else f"{count} files in it are"
    return (
        f"{files} not read. Open the folder as a dataset of its own (data.parts joins several), "
        "or move them up."
    )
