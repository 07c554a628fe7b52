"""The annotations of the VGG Image Annotator exported as CSV."""

from __future__ import annotations

import json
import os
import re

from tfseg.data.images.json_file import read_text
from tfseg.data.reading.annotation_kinds import CSV_COLUMNS
from tfseg.errors import DataError

__all__ = ["read_csv"]

_CELL = re.compile(r'(?:^|,)(?:"((?:[^"]|"")*)"(?=,|$)|([^,]*))')


def read_csv(path: str) -> list[dict]:
    """Returns entries as in VIA's JSON; a line that cannot be read becomes a faulty region.

    VIA writes one region a line and no line breaks within it, so each line is read by itself: a
    quote that is missing in one does not swallow those after it.

    Raises:
        DataError: No such file, or none with VIA's columns.
    """
    if not os.path.isfile(path):
        raise DataError(f"{path}: there is no such annotation file. Check the path.")
    lines = read_text(path).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    header = [name.strip().lstrip("#") for name in _cells(lines[0])]
    missing = [name for name in CSV_COLUMNS if name not in header]
    other = re.sub(r"\w|[#\" ]", "", lines[0])[:1]
    if missing and all(name in lines[0] for name in CSV_COLUMNS) and other not in ("", ","):
        mark = {";": "semicolons", "\t": "tabs"}.get(other, repr(other))
        raise DataError(
            f"{path}: VIA's CSV with {mark} between its cells, as a spreadsheet saves it. Save it "
            "with commas, or export it from VIA again."
        )
    if missing:
        raise DataError(
            f"{path}: expected VIA's columns {', '.join(CSV_COLUMNS)}; {', '.join(missing)} "
            f"missing (found: {', '.join(header) or 'an empty file'})."
        )
    found: dict[str, dict] = {}
    for number, line in enumerate(lines[1:], 2):
        if not line.strip():
            continue
        row = _cells(line)
        cells = dict(zip(header, row))
        name = cells.get("filename", "")
        entry = found.setdefault(name, {"filename": name, "regions": []})
        if cells.get("region_shape_attributes", "{}").strip() not in ("{}", ""):
            entry["regions"].append(_region(cells, number))
        elif len(row) < len(header):
            entry["regions"].append({"fault": f"line {number} has {len(row)} cells"})
    return list(found.values())


def _cells(line: str) -> list[str]:
    """Returns the cells of a line; unlike `csv.reader`, of any length."""
    return [quoted.replace('""', '"') or plain for quoted, plain in _CELL.findall(line)]


def _region(cells: dict, line: int) -> dict:
    try:
        return {
            "shape_attributes": json.loads(cells["region_shape_attributes"]),
            "region_attributes": json.loads(cells.get("region_attributes") or "{}"),
        }
    except ValueError as error:
        return {"fault": f"line {line} has a cell that is no JSON ({error})"}
