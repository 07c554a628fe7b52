"""Which tool an annotation file is of, told by its content."""

from __future__ import annotations

import mmap
import os
import re

__all__ = ["CSV_COLUMNS", "annotation_kind"]

CSV_COLUMNS = ("filename", "region_shape_attributes", "region_attributes")
"""Columns of VIA's CSV files."""
_COCO_KEYS = (b"info", b"licenses", b"images", b"annotations", b"categories", b"type")


def annotation_kind(path: str | os.PathLike) -> str | None:
    """Returns "coco", "via", "labelme" or "label_studio" for an annotation file, by its content;
    None if it is none of these.

    Only the beginning of a COCO file is read; others are searched for the words of a format.
    """
    ending = os.path.splitext(path)[1].lower()
    if not os.path.isfile(path) or os.path.getsize(path) == 0:
        return None
    if ending == ".csv":
        with open(path, encoding="utf-8-sig", errors="replace") as file:
            header = file.readline()
        return "via" if all(name in header for name in CSV_COLUMNS) else None
    if ending != ".json":
        return None
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        first = re.match(rb'\s*(?:\xef\xbb\xbf)?\s*\{\s*"([^"]*)"\s*:', data[:4096])
        if first and first.group(1) in _COCO_KEYS:
            return "coco"
        if re.match(rb"\s*(?:\xef\xbb\xbf)?\s*\[", data[:4096]):
            return "label_studio" if _has_tasks(data) else None
        if data.find(b'"shapes"') >= 0 and data.find(b'"imagePath"') >= 0:
            return "labelme"
        if data.find(b'"_via_img_metadata"') >= 0:
            return "via"
        if data.find(b'"fid_list"') >= 0 and data.find(b'"metadata"') >= 0:
            return "via"  # the project of VIA 3
        if data.find(b'"regions"') >= 0 and data.find(b'"filename"') >= 0:
            return "via"
        known = data.find(b'"annotations"') >= 0 or data.find(b'"categories"') >= 0
    return "coco" if known else None


def _has_tasks(data: mmap.mmap) -> bool:
    """Returns whether a list is one of Label Studio's, in its long or its short form."""
    if data.find(b'"original_width"') >= 0:
        return True
    return all(data.find(word) >= 0 for word in (b'"annotations"', b'"result"', b'"data"'))
