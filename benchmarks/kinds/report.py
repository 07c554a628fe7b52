"""The tables of portrait models by kinds of photograph, as Markdown."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from kinds.scores import Scores, difference

Results = Mapping[tuple[str, str, float], Scores]
"""Kind, contestant and factor to scores."""


def number(value: float, digits: int = 3, sign: bool = False) -> str:
    """Returns a number for a cell, "-" for NaN."""
    if math.isnan(value):
        return "-"
    return f"{value:{'+' if sign else ''}.{digits}f}"


def quality_table(
    results: Results, kinds: Sequence[str], names: Sequence[str], peer: str | None
) -> str:
    """Returns each kind's rows at the images' own size; with the difference to the peer where
    there is one."""
    heads = ["photographs", "images", "model", "person IoU (95 %)", "IoU of images", "boundary F"]
    heads += [f"minus {peer} (95 %)"] if peer else []
    rows = []
    for kind in kinds:
        for name in names:
            scores = results[kind, name, 1]
            found = scores.summary()
            low, high = found["interval"]
            boundary = number(found["boundary_f"])
            if 0 < found["boundary_images"] < found["images"]:
                boundary += f" ({found['boundary_images']} images)"
            row = [kind, str(found["images"]), name]
            row += [f"{number(found['person_iou'])} ({number(low)} to {number(high)})"]
            row += [number(found["iou_image_mean"]), boundary]
            if peer:
                row.append("" if name == peer else _against(scores, results[kind, peer, 1]))
            rows.append(row)
    return table(heads, rows)


def factor_table(
    results: Results, kinds: Sequence[str], names: Sequence[str], factors: Sequence[float]
) -> str:
    """Returns how pooled person IoU moves with the size of the images."""
    others = sorted(factor for factor in factors if factor != 1)
    heads = ["photographs", "model", "x 1", *(f"x {factor:g}" for factor in others)]
    rows = []
    for kind in kinds:
        for name in names:
            own = results[kind, name, 1]
            cells = [
                f"{number(one.pooled())} ({number(one.pooled() - own.pooled(), sign=True)})"
                for one in (results[kind, name, factor] for factor in others)
            ]
            rows.append([kind, name, number(own.pooled()), *cells])
    return table(heads, rows)


def _against(one: Scores, other: Scores) -> str:
    found = difference(one, other)
    low, high = (number(value, sign=True) for value in found["interval"])
    return f"{number(found['difference'], sign=True)} ({low} to {high})"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Returns a table in Markdown."""
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    return "\n".join(lines + [f"| {' | '.join(row)} |" for row in rows])
