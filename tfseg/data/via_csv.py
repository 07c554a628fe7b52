"""The annotations of the VGG Image Annotator exported as CSV."""

from __future__ import annotations

import csv
import io
import json
import os

from tfseg.errors import DataError

__all__ = ["CSV_COLUMNS", "read_csv"]

CSV_COLUMNS = ("filename", "region_shape_attributes", "region_attributes")


def read_csv(path: str) -> list[dict]:
    """Returns entries as in VIA's JSON; a line that cannot be read becomes a faulty region.

    Raises:
        DataError: No such file, or none with VIA's columns.
    """
    if not os.path.isfile(path):
        raise DataError(f"{path}: there is no such annotation file. Check the path.")
    with open(path, encoding="utf-8-sig", newline="", errors="replace") as file:
        text = file.read()
    rows = csv.reader(io.StringIO(text))
    found: dict[str, dict] = {}
    try:
        header = [name.strip().lstrip("#") for name in next(rows, [])]
        missing = [name for name in CSV_COLUMNS if name not in header]
        if missing:
            raise DataError(
                f"{path}: expected VIA's columns {', '.join(CSV_COLUMNS)}; {', '.join(missing)} "
                f"missing (found: {', '.join(header) or 'an empty file'})."
            )
        for row in filter(None, rows):
            cells = dict(zip(header, row))
            name = cells.get("filename", "")
            entry = found.setdefault(name, {"filename": name, "regions": []})
            if cells.get("region_shape_attributes", "{}").strip() not in ("{}", ""):
                entry["regions"].append(_region(cells, rows.line_num))
            elif len(row) < len(header):
                entry["regions"].append({"fault": f"line {rows.line_num} has {len(row)} cells"})
    except csv.Error as error:
        raise DataError(f"{path}: line {rows.line_num} is no CSV ({error}).") from error
    return list(found.values())


def _region(cells: dict, line: int) -> dict:
    try:
        return {
            "shape_attributes": json.loads(cells["region_shape_attributes"]),
            "region_attributes": json.loads(cells.get("region_attributes") or "{}"),
        }
    except ValueError as error:
        return {"fault": f"line {line} has a cell that is no JSON ({error})"}
