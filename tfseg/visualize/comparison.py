"""Curves of several trainings in one image, one line a training."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from tfseg.errors import DataError
from tfseg.files import write_whole
from tfseg.visualize.charts import Series
from tfseg.visualize.colors import palette

__all__ = ["save_comparison"]

# Colours repeat in a reader's eye after a dozen; the style of the line then tells them apart.
_STYLES = ("-", "--", "-.", ":")
_COLOURS = 12


def save_comparison(
    path: str | os.PathLike,
    histories: Mapping[str, Mapping[str, Sequence[float]]],
    panels: Sequence[tuple[str, str]],
    *,
    columns: int = 2,
) -> Path:
    """Writes one PNG with a panel for each column of the logs, and returns its path.

    Args:
        path: The file.
        histories: Name of a training to its log, as `read_log` returns it. A training keeps its
            colour in all panels; it may lack a column, or have other epochs than the others.
        panels: Title and column of each panel, such as `("Total loss", "loss")`. A panel that no
            training has numbers for is left out.
        columns: Panels in a row.

    Raises:
        DataError: If no training has a number in any of the columns.
        TFSegError: If the file cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    drawn = [(title, _lines(histories, column)) for title, column in panels]
    drawn = [(title, lines) for title, lines in drawn if lines]
    if not drawn:
        raise DataError(
            f"no training has numbers for {', '.join(column for _, column in panels)}; train for "
            "an epoch first."
        )
    columns = min(columns, len(drawn))
    rows = -(-len(drawn) // columns)
    # The legend stands beside the panels: two dozen names would cover any of them.
    figure = Figure(figsize=(4.6 * columns + 1.8, 3.2 * rows), layout="constrained")
    FigureCanvasAgg(figure)
    handles = {}
    for index, (title, lines) in enumerate(drawn):
        axes = figure.add_subplot(rows, columns, index + 1)
        for name, points in lines.items():
            (handles[name],) = axes.plot(
                *zip(*points), **_look(list(histories).index(name), points)
            )
        axes.set_title(title, fontsize=11, loc="left")
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    names = [name for name in histories if name in handles]
    labels = [name.replace("$", r"\$") for name in names]
    figure.legend(
        [handles[name] for name in names],
        labels,
        loc="outside right upper",
        fontsize=8,
        frameon=False,
    )
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=110)
    return write_whole(path, buffer.getvalue())


def _lines(histories: Mapping, column: str) -> dict[str, list[tuple[float, float]]]:
    """Returns name to (epoch, value) of the trainings that have the column."""
    found = {}
    for name, history in histories.items():
        points = Series(name, history.get("epoch", ()), history.get(column, ())).points()
        if points:
            found[name] = points
    return found


def _look(position: int, points: list) -> dict:
    return {
        "color": palette(_COLOURS)[position % _COLOURS] / 255,
        "linestyle": _STYLES[position // _COLOURS % len(_STYLES)],
        "marker": "o" if len(points) == 1 else None,
        "linewidth": 1.6,
    }
