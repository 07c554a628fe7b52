"""Line charts as inline SVG: sharp at any size, following the page's light or dark colours."""

from __future__ import annotations

import dataclasses
import html
import math
from collections.abc import Sequence

__all__ = ["Series", "line_chart", "nice_ticks", "number"]

_WIDTH, _HEIGHT = 380, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 54, 12, 10, 42


@dataclasses.dataclass(frozen=True)
class Series:
    """One line: `x` and `y` of equal length. A `y` that is None, not finite or beyond 1e150 is
    left out, and the line joins its neighbours.

    `colour` counts through the page's colours; `dashed` and `faint` set the line's style.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    colour: int = 0
    dashed: bool = False
    faint: bool = False

    def points(self) -> list[tuple[float, float]]:
        """Returns the `(x, y)` that can be drawn."""
        pairs = zip(self.x, self.y, strict=False)
        return [(float(x), float(y)) for x, y in pairs if y is not None and abs(y) < 1e150]


def number(value: float | None, digits: int = 3) -> str:
    """Returns a number for people: "0.512", "1.2e-05", "n/a" where it is None or NaN."""
    if value is None or not math.isfinite(value):
        return "n/a"
    if value == 0 or 1e-3 <= abs(value) < 1e4:
        return f"{value:.{digits}f}" if abs(value) < 100 else f"{value:.1f}"
    return f"{value:.2g}"


def nice_ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Returns round numbers (steps of 1, 2, 2.5 or 5 times a power of ten) from at or below
    `low` to at or above `high`, about `count` of them."""
    if not high - low > 1e-9 * max(abs(low), abs(high)):
        margin = abs(low) * 0.1 or 0.5
        low, high = low - margin, high + margin
    rough = (high - low) / max(1, count)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= rough * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [float(f"{index * step:.12g}") for index in range(first, last + 1)]


def line_chart(
    title: str,
    series: Sequence[Series],
    *,
    x_label: str = "epoch",
    y_range: tuple[float, float] | None = None,
    x_range: tuple[float, float] | None = None,
    log: bool = False,
) -> str:
    """Returns a `<figure>` with a titled chart and its legend; "" if there is no point to draw.

    Args:
        title: The heading, any text; it is escaped, as are the names of the series.
        series: The lines.
        x_label: What runs to the right.
        y_range: Lowest and highest value of the axis. None: as the points ask, from 0 where
            that leaves the line more than a third of the height.
        x_range: The same for x. None: the first and last x.
        log: Powers of ten upwards; values of 0 or below are left out.
    """
    lines = [(one, [p for p in one.points() if not log or p[1] > 0]) for one in series]
    lines = [(one, points) for one, points in lines if points]
    if not lines:
        return ""
    xs = [x for _, points in lines for x, _ in points]
    ys = [math.log10(y) if log else y for _, points in lines for _, y in points]
    ticks = _y_ticks(ys, y_range, log)
    x_low, x_high = x_range or (min(xs), max(xs))
    if x_low == x_high:
        x_low, x_high = x_low - 0.5, x_high + 0.5
    across = (_WIDTH - _LEFT - _RIGHT) / (x_high - x_low)
    up = (_HEIGHT - _TOP - _BOTTOM) / (ticks[-1] - ticks[0])

    def place(x: float, y: float) -> tuple[float, float]:
        y = math.log10(y) if log else y
        y = min(max(y, ticks[0]), ticks[-1])
        return _LEFT + (x - x_low) * across, _HEIGHT - _BOTTOM - (y - ticks[0]) * up

    parts = _axes(ticks, x_low, x_high, across, up, x_label, log)
    parts += [_line(one, points, place) for one, points in lines]
    spoken = html.escape(f"{title}. " + "; ".join(_spoken(one, points) for one, points in lines))
    keys = "".join(_key(one) for one, _ in lines if one.name and not one.faint)
    return (
        f'<figure class="chart"><figcaption>{html.escape(title)}</figcaption>'
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{spoken}">'
        f'{"".join(parts)}</svg><ul class="keys">{keys}</ul></figure>'
    )


def _y_ticks(ys: list[float], y_range, log: bool) -> list[float]:
    low, high = y_range or (min(ys), max(ys))
    if log:
        return [
            float(n) for n in range(math.floor(low), max(math.ceil(high), math.floor(low) + 1) + 1)
        ]
    # From zero where that costs little room, and where all values are nearly the same: a change
    # by a thousandth should not look like a fall.
    if y_range is None and low == high == 0:
        high = 1.0  # a measure or loss that stays at zero has no room below it
    elif y_range is None and (0 <= low < 2 / 3 * high or 0 < high - low < 0.05 * low):
        low = 0.0
    return nice_ticks(low, high)


def _axes(ticks, x_low, x_high, across, up, x_label, log) -> list[str]:
    right, base = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM
    parts = []
    for tick in ticks:
        y = base - (tick - ticks[0]) * up
        text = f"1e{tick:g}" if log else f"{tick:g}"
        text = text if len(text) <= 6 else f"{tick:.1e}".replace("e-0", "e-").replace("e+0", "e")
        parts.append(f'<line class="rule" x1="{_LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{text}</text>')
    whole = float(x_low).is_integer() and float(x_high).is_integer()
    steps = [t for t in nice_ticks(x_low, x_high, 6) if x_low - 1e-9 <= t <= x_high + 1e-9]
    for tick in steps:
        if whole and x_high - x_low >= 2 and not float(tick).is_integer():
            continue
        x = _LEFT + (tick - x_low) * across
        parts.append(f'<text x="{x:.1f}" y="{base + 16}" text-anchor="middle">{tick:g}</text>')
    middle = (_LEFT + right) / 2
    label = html.escape(x_label)
    parts.append(f'<text x="{middle}" y="{_HEIGHT - 6}" text-anchor="middle">{label}</text>')
    return parts


def _line(one: Series, points: list[tuple[float, float]], place) -> str:
    style = f"line k{one.colour % 12}" + " dashed" * one.dashed + " faint" * one.faint
    last = points[-1]
    name = html.escape(f"{one.name}: {number(last[1])} at {last[0]:g}")
    drawn = [place(*point) for point in points]
    if len(points) == 1:
        x, y = drawn[0]
        where = f'cx="{x:.1f}" cy="{y:.1f}" r="4"'
        return f'<circle class="dot {style}" {where}><title>{name}</title></circle>'
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in drawn)
    return f'<polyline class="{style}" points="{path}"><title>{name}</title></polyline>'


def _spoken(one: Series, points: list[tuple[float, float]]) -> str:
    first, last = number(points[0][1]), number(points[-1][1])
    return f"{one.name} {last}" if len(points) == 1 else f"{one.name} from {first} to {last}"


def _key(one: Series) -> str:
    style = f"swatch k{one.colour % 12}" + " dashed" * one.dashed
    return f'<li><span class="{style}"></span>{html.escape(one.name)}</li>'
