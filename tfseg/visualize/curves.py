"""Training curves: from a history or a log file, to charts of a page or one PNG."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from tfseg.errors import DataError
from tfseg.files import write_whole
from tfseg.structures.measures import Measure, named
from tfseg.visualize.charts import Series, line_chart
from tfseg.visualize.colors import palette

__all__ = ["draw_curves", "read_log", "save_curves", "training_charts"]

_RATES = ("learning_rate", "lr")
_TIMES = ("seconds",)
_DPI = 110
_MOST_MEASURES = 6  # where nobody says which are the first


def read_log(path: str | os.PathLike) -> dict[str, list[float]]:
    """Returns the columns of a training log, name to one number per row; NaN where a field is
    empty or no number. A log with no rows gives empty lists.

    Raises:
        DataError: If the file is missing, or holds no table with a column `epoch`.
    """
    try:
        with open(path, newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            names = list(reader.fieldnames or ())
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            f"cannot read the training log {str(path)!r}: {error}. Pass the log.csv of a run_dir."
        ) from error
    if "epoch" not in names:
        raise DataError(
            f"{str(path)!r} is no training log: expected a first line with column names, "
            f"'epoch' among them, got {names[:6]}. Pass the log.csv of a run_dir."
        )
    return {name: [_float(row.get(name)) for row in rows] for name in names}


def training_charts(
    history: Mapping[str, Sequence[float]],
    *,
    terms: Mapping[str, str] | None = None,
    measures: Sequence[Measure] = (),
) -> list[str]:
    """Returns charts as HTML: the total loss, each term, the measures, the learning rate, and
    whatever else is in the history. Training lines are full, validation lines dashed.

    Args:
        history: name to one number per epoch, as `keras.callbacks.History.history`: `loss`,
            terms, the same with `val_`, measures, `learning_rate`; `epoch` gives the epochs'
            numbers, else they count from 1. A list shorter than the rest is read as having been
            taken every few epochs. {} gives no charts.
        terms: Name of a term of the loss to its title, such as "rpn_class_loss" to "RPN class".
        measures: What the model's evaluator measures: those with the place "curve" are drawn.
            None: the first six of the history.
    """
    lines = _lines(history)
    charts = []
    for title, names, options in _panels(lines, terms or {}, measures):
        series = [_series(name, lines[name], position) for position, name in names]
        charts.append(line_chart(title, series, **options))
    return [chart for chart in charts if chart]


def save_curves(
    path: str | os.PathLike,
    history: Mapping[str, Sequence[float]],
    *,
    terms: Mapping[str, str] | None = None,
    measures: Sequence[Measure] = (),
) -> Path:
    """Writes the curves of `training_charts` as one PNG and returns its path.

    Raises:
        DataError: If the history holds no number.
        TFSegError: If the file cannot be written.
    """
    buffer = io.BytesIO()
    _figure(history, terms or {}, measures).savefig(buffer, dpi=_DPI)
    return write_whole(path, buffer.getvalue())


def draw_curves(
    history: Mapping[str, Sequence[float]],
    *,
    terms: Mapping[str, str] | None = None,
    measures: Sequence[Measure] = (),
) -> np.ndarray:
    """Returns the image that `save_curves` writes, uint8 `(H, W, 3)`.

    Raises:
        DataError: If the history holds no number.
    """
    figure = _figure(history, terms or {}, measures)
    figure.set_dpi(_DPI)
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3].copy()


def _figure(history: Mapping, terms: Mapping[str, str], measures: Sequence[Measure]):
    """Returns the panels as a figure of Matplotlib that no window shows."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    lines = _lines(history)
    panels = []
    for title, names, options in _panels(lines, terms, measures):
        names = [(i, name) for i, name in names if Series(name, *lines[name]).points()]
        panels += [(title, names, options)] if names else []
    if not panels:
        raise DataError("the training history holds no number to draw; train for an epoch first.")
    colours = palette(12) / 255
    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(4.6 * columns, 3.2 * rows), layout="constrained")
    FigureCanvasAgg(figure)
    for index, (title, names, options) in enumerate(panels):
        axes = figure.add_subplot(rows, columns, index + 1)
        for position, name in names:
            points = Series(name, *lines[name]).points()
            axes.plot(
                *zip(*points, strict=True),
                "--" if name.startswith("val_") else "-",
                marker="o" if len(points) == 1 else None,
                color=colours[position % 12],
                label=name.replace("$", r"\$"),
                linewidth=1.6,
            )
        axes.set_title(title.replace("$", r"\$"), fontsize=11, loc="left")
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
        if options.get("log"):
            axes.set_yscale("log")
        axes.legend(fontsize=8, frameon=False)
    return figure


def _float(text) -> float:
    try:
        return float(text)
    except (TypeError, ValueError):
        return math.nan


def _lines(history: Mapping) -> dict[str, tuple[list[float], list[float]]]:
    """Returns name to (epochs, values), values that are no finite numbers as NaN."""
    values = {
        str(name): [_float(value) for value in column]
        for name, column in history.items()
        if not isinstance(column, (str, bytes)) and hasattr(column, "__iter__")
    }
    epochs = values.pop("epoch", [])
    longest = max([len(column) for column in values.values()], default=0)
    if len(epochs) != longest or not all(map(math.isfinite, epochs)):
        epochs = [float(number) for number in range(1, longest + 1)]
    lines = {}
    for name, column in values.items():
        stride = longest / len(column) if column else 1
        at = [epochs[min(longest, round((i + 1) * stride)) - 1] for i in range(len(column))]
        lines[name] = (at, column)
    return lines


def _panels(
    lines: Mapping, terms: Mapping[str, str], known: Sequence[Measure]
) -> list[tuple[str, list[tuple[int, str]], dict]]:
    """Returns (title, [(colour, name), ...], chart options) for each chart, in order."""
    bases = list(dict.fromkeys(name.removeprefix("val_") for name in lines))
    losses = [base for base in bases if base.endswith("loss")]
    losses.sort(key=lambda base: base != "loss")
    others = {*losses, *_RATES, *_TIMES}
    measures = [n for n in lines if n not in others and n.removeprefix("val_") not in others]
    measures = [n for n in measures if not n.startswith("val_") and f"val_{n}" not in lines]
    # A measure by another program's rule stands in the tables, not in the curves.
    plain = [n for n in measures if not n.endswith("_compat")]
    shown = [n for n in named(known, "curve") if n in lines] or plain[:_MOST_MEASURES]
    panels = []
    for base in losses:
        names = [(i, n) for i, n in ((1, base), (0, f"val_{base}")) if n in lines]
        panels.append((_loss_title(base, terms), names, {}))
    if shown:
        panels.insert(1 if losses else 0, ("Measures", list(enumerate(shown)), {}))
    for base in bases:
        if base in losses or base in measures:
            continue
        names = [(i, n) for i, n in ((1, base), (0, f"val_{base}")) if n in lines]
        rate = base in _RATES
        panels.append(("Learning rate" if rate else _title(base), names, {"log": rate}))
    return panels


def _loss_title(name: str, terms: Mapping[str, str]) -> str:
    if name == "loss":
        return "Total loss"
    return _title(f"{terms[name]} loss" if name in terms else name)


def _title(name: str) -> str:
    words = name.replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def _series(name: str, line: tuple, colour: int) -> Series:
    validation = name.startswith("val_")
    shown = name
    if name.endswith("loss"):
        shown = "validation" if validation else "training"
    return Series(shown, *line, colour=colour, dashed=validation)
