"""The sections of the report that come from a `Report` alone, as HTML; "" for what it lacks."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from tfseg.structures import Report
from tfseg.structures.measures import named
from tfseg.visualize.charts import Series, line_chart, number
from tfseg.visualize.page import escape, table

__all__ = ["confusion", "curves", "details", "headline", "measures", "per_class"]

_GROUPS = {"segm": "Masks", "bbox": "Boxes", "iou": "Class maps"}
_COLUMNS = {"iou": "IoU"}
_MOST_COLUMNS = 24
_MOST_LINES = 10


def headline(report: Report) -> str:
    """Returns the tiles with the numbers one looks at first."""
    first = [name for name in named(report.measures, "report") if name in report.metrics]
    names, meaning = first or list(report.metrics)[:6], _meaning(report)
    tiles = "".join(
        f'<div class="tile"><dt>{escape(meaning.get(name, name))}</dt>'
        f"<dd><b>{number(report.metrics[name])}</b><code>{escape(name)}</code></dd></div>"
        for name in names
    )
    note = "<p>Of these, higher is better; 1 is perfect.</p>" if first else ""
    return f'{note}<dl class="tiles">{tiles}</dl>' if tiles else ""


def per_class(report: Report) -> str:
    """Returns a table for each group of measures, one row a class, with a bar for the first."""
    groups: dict[str, list[str]] = {}
    for metric in report.per_class:
        head = metric.rpartition("/")[0] or (metric if metric in _GROUPS else "")
        groups.setdefault(_GROUPS.get(head, head), []).append(metric)
    parts = []
    for group, metrics in groups.items():
        classes = list(dict.fromkeys(c for m in metrics for c in report.per_class[m]))
        rows = []
        for name in classes:
            values = [report.per_class[metric].get(name, math.nan) for metric in metrics]
            cells = [_barred(values[0]), *(number(value) for value in values[1:])]
            rows.append([escape(name), *cells])
        tails = [metric.rpartition("/")[2] for metric in metrics]
        heads = ["class", *(_COLUMNS.get(tail, tail) for tail in tails)]
        title = f"<h3>{escape(group)}</h3>" if group else "<h3>Other</h3>"
        parts.append(title + table(heads, rows, label=f"{group or 'Measures'} per class"))
    note = ""
    if "iou" in report.per_class:
        note += (
            "<p>IoU: pixels that truth and prediction share, over those that either has, counted "
            "over all images. “n/a”: no pixel of the class, true or predicted.</p>"
        )
    if set(report.per_class) - {"iou"}:
        note += (
            "<p>AP is the mean over IoU .50 to .95, AP50 that at .50; s, m and l are objects "
            "below 32², up to 96², and above 96² pixels. “n/a”: the data holds no such object.</p>"
        )
    return note + "".join(parts) if parts else ""


def curves(report: Report) -> str:
    """Returns a precision-recall chart for each group of curves, a line a class; beyond ten
    classes thin lines and their mean."""
    titles = {"segm/PR50": "Masks, IoU .50", "bbox/PR50": "Boxes, IoU .50"}
    charts = []
    for group, by_class in report.curves.items():
        many = len(by_class) > _MOST_LINES
        series = [
            Series(name, curve["recall"], curve["precision"], colour=i, faint=many)
            for i, (name, curve) in enumerate(by_class.items())
        ]
        lengths = {len(curve["precision"]) for curve in by_class.values()}
        if many and len(lengths) == 1:
            mean = np.mean([curve["precision"] for curve in by_class.values()], axis=0)
            first = next(iter(by_class.values()))
            series.append(Series(f"mean of {len(by_class)} classes", first["recall"], mean))
        charts.append(
            line_chart(
                titles.get(group, group),
                series,
                x_label="recall",
                y_range=(0, 1),
                x_range=(0, 1),
            )
        )
    charts = [chart for chart in charts if chart]
    note = (
        "<p>To the right, recall: how many of the objects are found. Upwards, precision: how many "
        "of the finds are right, when the score is lowered until so many are found.</p>"
    )
    return f'{note}<div class="charts">{"".join(charts)}</div>' if charts else ""


def confusion(report: Report) -> str:
    """Returns the table of counts, shaded by the share of its row; beyond 24 classes the twenty
    most frequent confusions instead."""
    labels, counts = report.confusion.get("labels"), report.confusion.get("counts")
    if not labels or counts is None:
        return ""
    counts = np.asarray(counts, np.int64)
    settings = ", ".join(
        f"{name} at least {report.confusion[name]:g}"
        for name in ("iou", "score")
        if name in report.confusion
    )
    pixels = report.confusion.get("unit") == "pixels"
    note = (
        "<p>Rows are the truth, columns what was predicted"
        f"{', in shares of the true pixels and in pixels' if pixels else ''}. "
        "Column “background”: missed; row "
        f"“background”: false alarms{escape(f' ({settings})') if settings else ''}.</p>"
    )
    if len(labels) > _MOST_COLUMNS:
        return note + _top_confusions(labels, counts)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    rows = []
    for row, name in enumerate(labels):
        cells = [
            f'<td class="{"hit" if row == column else "miss"}" '
            f'style="--share: {0.75 * shares[row, column]:.3f}">'
            f"{_share(shares[row, column]) if pixels else ''}{counts[row, column]:,}"
            f"{'</small>' if pixels else ''}</td>"
            for column in range(len(labels))
        ]
        rows.append([escape(name), *cells])
    heads = ["truth \\ predicted", *labels]
    return note + table(heads, rows, kind="heat", label="Confusion table")


def _share(share: float) -> str:
    return f"{share:.1%}<small>"


def _top_confusions(labels, counts: np.ndarray) -> str:
    wrong = counts * (1 - np.eye(len(labels), dtype=np.int64))
    order = np.argsort(-wrong, axis=None, kind="stable")[:20]
    rows = []
    for row, column in zip(*np.unravel_index(order, wrong.shape), strict=True):
        if wrong[row, column]:
            rows.append([escape(labels[row]), escape(labels[column]), f"{wrong[row, column]:,}"])
    return table(["truth", "predicted", "count"], rows, label="Most frequent confusions")


def measures(report: Report) -> str:
    """Returns the table of all numbers, boxes beside masks."""
    names: dict[str, dict[str, float]] = {}
    for metric, value in report.metrics.items():
        head, _, tail = metric.rpartition("/")
        names.setdefault(tail, {})[head] = value
    pairs = {name: v for name, v in names.items() if set(v) <= {"segm", "bbox"}}
    rows = [
        [escape(name), *(number(v[kind], 4) if kind in v else "" for kind in ("segm", "bbox"))]
        for name, v in pairs.items()
    ]
    parts = [table(["", "masks", "boxes"], rows, label="COCO measures")] if rows else []
    others = [m for m in report.metrics if m.rpartition("/")[2] not in pairs]
    meaning = _meaning(report)
    rows = [
        [escape(name), number(report.metrics[name], 4), escape(meaning.get(name, ""))]
        for name in others
    ]
    if rows:
        parts.append("<h3>Other measures</h3>" if parts else "")
        parts.append(table(["measure", "value", ""], rows, label="Other measures"))
    return "".join(parts)


def _meaning(report: Report) -> dict[str, str]:
    return {measure.name: measure.meaning for measure in report.measures}


def details(report: Report) -> str:
    """Returns the table of what was measured; nested settings by dotted names."""
    rows = [
        [escape(name), f'<td class="long">{escape(value)}</td>']
        for name, value in _flat(report.details)
    ]
    return table(["setting", "value"], rows, label="Details") if rows else ""


def _flat(values: Mapping, prefix: str = ""):
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _barred(value: float | None) -> str:
    known = value is not None and math.isfinite(value)
    share = 100 * min(max(value, 0), 1) if known else 0
    return f'<span class="bar"><i style="width: {share:.1f}%"></i></span><b>{number(value)}</b>'
