"""The frame of an HTML page: its style, light and dark, and its safe building blocks."""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping, Sequence

from tfseg.visualize.colors import palette

__all__ = ["escape", "frame", "inline_jpeg", "legend", "table"]

_STYLE = """
:root { color-scheme: light dark; --ground: #f6f7f9; --card: #ffffff; --ink: #1b1e24;
  --soft: #5b6472; --rule: #e1e5eb; --accent: #1769aa; --good: 31, 155, 232; --bad: 230, 59, 96; }
@media (prefers-color-scheme: dark) { :root { --ground: #14161a; --card: #1e2127; --ink: #eceef2;
  --soft: #a4adba; --rule: #343943; --accent: #6cb8f5; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 28px 20px 64px; }
header h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 4px; overflow-wrap: anywhere; }
header p { color: var(--soft); margin: 0 0 14px; }
nav { display: flex; flex-wrap: wrap; gap: 4px 18px; margin-bottom: 24px; }
a { color: var(--accent); }
h2 { font-size: 1.25rem; margin: 40px 0 6px; }
h3 { font-size: 1rem; margin: 22px 0 8px; }
section > p { color: var(--soft); margin: 0 0 14px; max-width: 75ch; }
.tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(160px, 1fr)); gap: 12px;
  margin: 0; }
.tile, .chart, .example, .scroll { background: var(--card); border: 1px solid var(--rule);
  border-radius: 12px; }
.tile { padding: 14px 16px; }
.tile dt { color: var(--soft); font-size: .84rem; line-height: 1.35; }
.tile dd { margin: 2px 0 0; }
.tile b { display: block; font-size: 1.75rem; line-height: 1.2; font-weight: 650;
  font-variant-numeric: tabular-nums; }
.tile code { color: var(--soft); font-size: .78rem; overflow-wrap: anywhere; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(330px, 100%), 1fr));
  gap: 14px; }
.chart { margin: 0; padding: 14px 14px 10px; min-width: 0; }
.chart figcaption { font-weight: 600; }
.chart svg { width: 100%; height: auto; display: block; margin-top: 6px; }
.chart text { fill: var(--soft); font-size: 13px; }
.rule { stroke: var(--rule); stroke-width: 1; }
.line { fill: none; stroke: var(--k); stroke-width: 2.2; stroke-linejoin: round; }
.line.dashed { stroke-dasharray: 6 4; }
.line.faint { stroke-width: 1; opacity: .3; }
.dot { fill: var(--k); }
.keys { list-style: none; display: flex; flex-wrap: wrap; gap: 2px 16px; margin: 4px 0 0;
  padding: 0; font-size: .84rem; color: var(--soft); overflow-wrap: anywhere; }
.swatch { display: inline-block; width: 20px; margin-right: 6px; vertical-align: middle;
  border-top: 3px solid var(--k); }
.swatch.block { height: 12px; width: 12px; border: 1px solid var(--rule); border-radius: 3px; }
.swatch.dashed { border-top-style: dashed; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums;
  font-size: .92rem; }
th, td { padding: 7px 12px; text-align: right; border-bottom: 1px solid var(--rule);
  white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
tbody th { font-weight: 500; max-width: 18em; white-space: normal; overflow-wrap: anywhere; }
thead th { color: var(--soft); font-weight: 600; font-size: .84rem; }
tbody tr:last-child > * { border-bottom: 0; }
td.long { white-space: normal; overflow-wrap: anywhere; }
.bar { display: inline-block; width: clamp(50px, 11vw, 120px); height: 9px; margin-right: 10px;
  border-radius: 5px; background: var(--rule); overflow: hidden; vertical-align: middle; }
.bar i { display: block; height: 100%; background: rgb(var(--good)); border-radius: 5px; }
.bar + b { display: inline-block; min-width: 2.8em; font-weight: inherit; }
.heat td, .heat th:not(:first-child) { text-align: center; }
.heat td.hit { background: rgba(var(--good), var(--share)); }
.heat td.miss { background: rgba(var(--bad), var(--share)); }
.examples { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(480px, 100%), 1fr));
  gap: 14px; }
.example { margin: 0; padding: 12px; }
.example figcaption { display: flex; justify-content: space-between; gap: 12px; font-size: .9rem;
  margin-bottom: 8px; }
.example figcaption span { color: var(--soft); overflow-wrap: anywhere; }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 8px; }
.example.wide { grid-column: 1 / -1; }
.pair.four { grid-template-columns: repeat(4, 1fr); }
.pair div { min-width: 0; color: var(--soft); font-size: .8rem; text-align: center; }
.pair img { width: 100%; height: auto; display: block; border-radius: 6px; }
footer { color: var(--soft); font-size: .85rem; margin-top: 48px; }
.heat small { display: block; color: var(--soft); font-weight: 400; }
@media (max-width: 720px) { .pair.four { grid-template-columns: 1fr 1fr; } }
@media (max-width: 480px) { main { padding: 18px 12px 40px; } th, td { padding: 6px 8px; }
  .tiles { grid-template-columns: 1fr 1fr; } .tile b { font-size: 1.45rem; } }
@media print { body { background: none; } nav { display: none; } .chart, .example, .tile {
  break-inside: avoid; } }
"""


def escape(value) -> str:
    """Returns any value as text that is safe inside tags and attributes."""
    return html.escape(str(value), quote=True)


def frame(title: str, lead: str, sections: Sequence[tuple[str, str, str]]) -> str:
    """Returns the whole page.

    Args:
        title: The heading; escaped here, as are `lead` and the sections' headings.
        lead: A sentence below the heading.
        sections: `(id, heading, HTML)`; the HTML is taken as it is.
    """
    colours = "".join(
        f".k{index} {{ --k: rgb({red}, {green}, {blue}); }}\n"
        for index, (red, green, blue) in enumerate(palette(12).tolist())
    )
    links = "".join(f'<a href="#{name}">{escape(head)}</a>' for name, head, _ in sections)
    body = "".join(
        f'<section id="{name}" aria-labelledby="{name}-h"><h2 id="{name}-h">{escape(head)}</h2>'
        f"{content}</section>\n"
        for name, head, content in sections
    )
    # The policy lets the page load nothing: it reads the same with and without a network.
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{escape(title)}</title>
<style>{_STYLE}{colours}</style>
</head>
<body>
<main>
<header><h1>{escape(title)}</h1><p>{escape(lead)}</p></header>
<nav aria-label="Sections">{links}</nav>
{body}<footer>Made with tfseg. This page holds everything it shows and loads nothing.</footer>
</main>
</body>
</html>
"""


def inline_jpeg(content: bytes, alt: str, size: tuple[int, int]) -> str:
    """Returns an `<img>` with the image inside; `size` is its `(height, width)` in pixels."""
    data = base64.b64encode(content).decode("ascii")
    return (
        f'<img alt="{escape(alt)}" width="{size[1]}" height="{size[0]}" loading="lazy" '
        f'src="data:image/jpeg;base64,{data}">'
    )


def legend(colours: Mapping[str, tuple[int, int, int]], label: str) -> str:
    """Returns a list of names, each behind a square of its colour (RGB).

    Args:
        colours: Name to colour.
        label: What the list explains, read aloud.
    """
    items = "".join(
        f'<li><span class="swatch block" style="background: rgb{tuple(map(int, colour))}"></span>'
        f"{escape(name)}</li>"
        for name, colour in colours.items()
    )
    return f'<ul class="keys" aria-label="{escape(label)}">{items}</ul>'


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, kind: str = "", label="") -> str:
    """Returns a table that scrolls inside its frame where it is too wide.

    Args:
        head: Column headings, escaped here.
        rows: Cells of each row as finished HTML: the first one a heading, the others text or
            whole `<td>` elements.
        kind: A class for the style.
        label: What the table shows, read aloud.
    """
    top = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    body = "".join(
        f'<tr><th scope="row">{row[0]}</th>'
        + "".join(cell if cell.startswith("<td") else f"<td>{cell}</td>" for cell in row[1:])
        + "</tr>\n"
        for row in rows
    )
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(label)}">'
        f'<table class="{escape(kind)}"><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>'
        "</div>"
    )
