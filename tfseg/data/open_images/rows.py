"""The annotation file of Open Images' masks, line by line, in constant memory but for the wanted.

The training file has 2.1 million lines, so a line is looked at only as far as needed: of another
partition, the first character of its image id.
"""

from __future__ import annotations

import csv
import difflib
import io
import math
import os
import sys
from collections.abc import Callable, Mapping
from typing import NamedTuple

from tfseg.data.open_images.ledger import Ledger
from tfseg.data.reading.problem import Problem
from tfseg.errors import DataError

__all__ = ["COLUMNS", "MaskRow", "read_rows"]

COLUMNS = (
    "MaskPath",
    "ImageID",
    "LabelName",
    "BoxID",
    "BoxXMin",
    "BoxXMax",
    "BoxYMin",
    "BoxYMax",
    "PredictedIoU",
    "Clicks",
)
_NEEDED = COLUMNS[:8]
_HEX = frozenset("0123456789abcdefABCDEF")
_STRIDE = 20_000  # lines between two signs of life
_ROUNDING = 1e-6


class MaskRow(NamedTuple):
    """A sound line of the file.

    Attributes:
        line: Its number, the header is 1.
        mask: Name of the mask file.
        image: The image id.
        label: The MID.
        box: `(x1, y1, x2, y2)`, from 0 to 1.
    """

    line: int
    mask: str
    image: str
    label: str
    box: tuple[float, float, float, float]


def read_rows(
    path: str | os.PathLike,
    names: Mapping[str, str],
    ledger: Ledger,
    problems: list[Problem],
    *,
    partition: str | None = None,
    labels: frozenset[str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[MaskRow]:
    """Returns the sound lines of a partition and of some classes.

    Args:
        path: `train-annotations-object-segmentation.csv` or its like.
        names: Known classes, by MID.
        ledger: Takes the number of lines, and those that are dropped, by rule.
        problems: Takes one for each faulty line.
        partition: First digits of the image ids that are wanted; None: all.
        labels: MIDs that are wanted; None: all.
        progress: Called with bytes read and bytes in all.

    Raises:
        DataError: No such file, an empty one, or one without the published header.
    """
    path = os.fspath(path)
    try:
        with open(path, "rb") as raw:
            size = os.fstat(raw.fileno()).st_size
            places = _read_header(path, raw)
            reader = _Reader(path, places, names, ledger, problems, partition, labels)
            report = (lambda: progress(min(raw.tell(), size), size)) if progress else None
            rows = reader.read(raw, report)
            if progress:
                progress(size, size)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from error
    if not ledger.rows:
        raise DataError(f"{path}: there is no line after the header. Download the file again.")
    return rows


def _read_header(path: str, raw) -> list[str]:
    """Returns the column names; the stream then stands at the first line of data."""
    line = raw.readline(1 << 16).decode("utf-8-sig", "replace")
    header = [cell.strip() for cell in line.split(",")]
    expected = f"expected the header {','.join(COLUMNS)}"
    if not line.strip():
        raise DataError(f"{path}: {expected}, got an empty file. Download it again.")
    missing = [column for column in _NEEDED if column not in header]
    if not missing:
        return header
    if header[0].lower().endswith(".png"):
        raise DataError(
            f"{path}: {expected}, but the first line is data ({line.strip()[:60]}...). Put that "
            "header in front, or download the file again."
        )
    near = {column: difflib.get_close_matches(column, header, 1, 0.5) for column in missing}
    guesses = [f"{column} (perhaps {found[0]!r})" for column, found in near.items() if found]
    hint = ""
    if "XMin" in header:
        hint = " A file of boxes looks like this; the one of masks is meant."
    told = ", ".join(guesses + [column for column, found in near.items() if not found])
    raise DataError(f"{path}: {expected}, got {line.strip()[:120]!r}; missing: {told}.{hint}")


class _Reader:
    """The loop over the lines, with what it needs at hand."""

    def __init__(self, path, header, names, ledger, problems, partition, labels):
        self.name = os.path.basename(path)
        self.names, self.ledger, self.problems = names, ledger, problems
        self.labels = labels
        self.digits = None if partition is None else frozenset(partition + partition.upper())
        self.width = len(header)
        self.at = [header.index(column) for column in _NEEDED]
        self.seen: set[str] = set()

    def read(self, raw, report) -> list[MaskRow]:
        """Returns the sound lines that are wanted."""
        rows: list[MaskRow] = []
        text = io.TextIOWrapper(raw, "utf-8", errors="replace", newline="")
        # No field of this file holds a comma, so quotes mean nothing: a stray one must not
        # swallow the lines after it.
        reader = csv.reader(text, quoting=csv.QUOTE_NONE)
        while True:
            try:
                self._loop(reader, rows, report)
                break
            except csv.Error as error:  # a line longer than any sound one; the next can be read
                self.ledger.rows += 1
                self._fault(reader.line_num + 1, "", f"a line of the CSV ({error})", [])
        text.detach()
        return rows

    def _loop(self, reader, rows: list[MaskRow], report) -> None:
        digits, width, image_at = self.digits, self.width, self.at[1]
        total = other = 0
        try:
            for cells in reader:
                if len(cells) == width:
                    first = cells[image_at][:1]
                    if digits is None or first in digits:
                        row = self._row(reader.line_num + 1, cells)
                        if row is not None:
                            rows.append(row)
                    elif first in _HEX:
                        other += 1
                    else:
                        expected = "image id that begins with a hexadecimal digit"
                        self._fault(reader.line_num + 1, "", expected, cells)
                elif not cells or cells == [""]:
                    continue
                else:
                    columns = f"{len(cells)}: "
                    self._fault(reader.line_num + 1, "", f"{width} columns", cells, columns)
                total += 1
                if report is not None and total % _STRIDE == 0:
                    report()
        finally:
            self.ledger.rows += total
            self.ledger.drop("partition", count=other)

    def _row(self, number: int, cells: list[str]) -> MaskRow | None:
        mask, image, label, box_id, *corners = (cells[i].strip() for i in self.at)
        if label not in self.names:
            fault = "one of the class descriptions" if label else "a MID"
            self._note(
                "unknown_class",
                label,
                number,
                f"mask {mask}",
                f"the class {label!r} is unknown, expected {fault}. Use class descriptions of the "
                "same version, with the 600 boxable classes.",
            )
            return None
        if self.labels is not None and label not in self.labels:
            self.ledger.drop("superset", label)
            return None
        box = _box(corners)
        if isinstance(box, str):
            return self._fault(number, label, f"{box}", cells)
        mask = mask.replace("\\", "/").rpartition("/")[2]
        if not mask or not image:
            return self._fault(number, label, "a mask file and an image id", cells)
        stem = f"{image}_{label.replace('/', '')}_{box_id}"
        if mask.rpartition(".")[0].lower() != stem.lower():
            wanted = f"the mask of this image, class and box, {stem}.png"
            return self._fault(number, label, wanted, cells)
        if mask in self.seen:
            text = "an earlier line names the same mask. Remove one; the first counts."
            self._note("duplicate_row", label, number, f"mask {mask}", text)
            return None
        self.seen.add(mask)
        return MaskRow(number, mask, image, sys.intern(label), box)

    def _fault(self, number: int, label: str, expected: str, cells, got: str = "") -> None:
        shown = ",".join(cells)
        shown = f"{shown[:110]}..." if len(shown) > 110 else shown
        text = f"expected {expected}, got {got}{shown!r}. The line is left out."
        self._note("broken_row", label, number, "", text)

    def _note(self, rule: str, label: str, number: int, what: str, text: str) -> None:
        self.ledger.drop(rule, label)
        where = f"{self.name}, line {number}" + (f", {what}" if what else "")
        self.problems.append(Problem("error", rule, where, text))


def _box(corners: list[str]) -> tuple[float, float, float, float] | str:
    """Returns `(x1, y1, x2, y2)`, or what was expected of the corners."""
    try:
        x1, x2, y1, y2 = map(float, corners)
    except ValueError:
        return "four numbers for the box"
    if not all(map(math.isfinite, (x1, y1, x2, y2))):
        return "finite numbers for the box"
    if min(x1, y1) < -_ROUNDING or max(x2, y2) > 1 + _ROUNDING or max(x1, y1) > 1:
        return "a box within [0, 1]"
    if x1 >= x2 or y1 >= y2:
        return "a box with BoxXMin < BoxXMax and BoxYMin < BoxYMax"
    return (x1, y1, x2, y2)
