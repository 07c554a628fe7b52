"""The list of formats. A reader is added by one line here: its name, and the file with its record.

Where several formats are as sure of a path as each other, the earlier one here is taken.
Records are imported when they are first needed, so that the names alone cost nothing.
"""

from __future__ import annotations

import difflib
import importlib

from tfseg.data.reading.format import Format
from tfseg.errors import ConfigError

__all__ = ["FORMATS", "every", "named"]

HOMES: dict[str, str] = {
    "synthetic": "tfseg.data.opening.synthetic_source",
    "clothing_co_parsing": "tfseg.data.published.clothing_co_parsing",
    "portrait_crops": "tfseg.data.published.portrait_crops",
    "clothing_parsing": "tfseg.data.published.clothing_parsing",
    "composites": "tfseg.data.opening.composite_source",
    "voc": "tfseg.data.voc.voc",
    "voc_semantic": "tfseg.data.voc.voc_semantic",
    "portrait": "tfseg.data.published.portrait",
    "ccihp": "tfseg.data.published.ccihp",
    "cihp": "tfseg.data.published.cihp",
    "instance_folder": "tfseg.data.masks.instance_folder",
    "png_masks": "tfseg.data.masks.png_format",
    "image_masks": "tfseg.data.masks.pairs_format",
    "empty": "tfseg.data.masks.empty_images",
    "yolo": "tfseg.data.tools.yolo",
    "labelme": "tfseg.data.tools.labelme_format",
    "label_studio": "tfseg.data.tools.label_studio_format",
    "via": "tfseg.data.tools.via_format",
    "coco": "tfseg.data.coco.coco_format",
}
"""Name of each format to the module whose `FORMAT` is its record."""

FORMATS = tuple(HOMES)
"""Names of all formats."""


def named(name: str | Format) -> Format:
    """Returns the record of a name; a record of one's own as it is.

    Raises:
        ConfigError: There is none; names the nearest.
    """
    if isinstance(name, Format):
        return name
    if name not in HOMES:
        near = difflib.get_close_matches(str(name), HOMES, 1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ConfigError(f"there is no data format {name!r}; known: {', '.join(HOMES)}.{hint}")
    return importlib.import_module(HOMES[name]).FORMAT


def every() -> tuple[Format, ...]:
    """Returns all records, in the order of the list."""
    return tuple(map(named, HOMES))
