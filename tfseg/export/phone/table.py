"""The table of a model's files, as Markdown for people and as JSON for programs."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tfseg.export.phone.compare import THREADS, FileResult
from tfseg.files import write_together
from tfseg.structures.measures import Measure

__all__ = ["table_text", "write_table"]

_HEAD_OF_TIMES = [f"ms, {threads} thread{'s' * (threads > 1)}" for threads in THREADS]


def write_table(
    rows: Sequence[FileResult], folder: Path, details: Mapping, measures: Sequence[Measure]
) -> None:
    """Writes `comparison.json` and `comparison.md` into a folder, both or neither.

    Args:
        rows: Of `compare`, the float32 file first: others are compared with it.
        folder: Exists.
        details: What was measured: image size, number of images, machine.
        measures: Those of the system, with their headings.
    """
    content = {"details": dict(details), "files": [dataclasses.asdict(row) for row in rows]}
    text = json.dumps(content, indent=2) + "\n"
    write_together(
        {
            folder / "comparison.json": text.encode(),
            folder / "comparison.md": table_text(rows, details, measures).encode(),
        }
    )


def table_text(
    rows: Sequence[FileResult], details: Mapping, measures: Sequence[Measure] = ()
) -> str:
    """Returns the table as Markdown."""
    known = {measure.name: measure.label for measure in measures}
    titles = {key: known[key] for key in known if any(key in row.measures for row in rows)}
    head = ["file", *titles.values(), "MB", "smaller", *_HEAD_OF_TIMES]
    head += ["faster", "float tensors"]
    first, body = rows[0], []
    for row in rows:
        sizes = [f"{row.size / 1e6:.2f}", f"{first.size / row.size:.1f}x"]
        cells = [row.name, *_measures(row, titles), *sizes, *_times(row), _faster(first, row)]
        body.append([*cells, str(row.float_tensors)])
    said = "\n".join(f"- {key}: {value}" for key, value in details.items())
    parts = ["# The files side by side", said, _markdown(head, body)]
    parts.append(
        f"Smaller and faster: than {first.name}, on one thread. Times are medians of LiteRT's runs "
        "in turn."
    )
    parts += _openvino_parts(rows, titles)
    parts.append("## Where one thread spends its time\n\nEach operation run alone, in sum.")
    for row in rows:
        cells = [
            [entry.operation, str(entry.count), f"{entry.milliseconds:.2f}", f"{entry.share:.0%}"]
            for entry in row.operations[:8]
        ]
        parts += [f"### {row.name}", _markdown(["operation", "count", "ms", "share"], cells)]
    return "\n\n".join(parts) + "\n"


def _openvino_parts(rows: Sequence[FileResult], titles: Mapping[str, str]) -> list[str]:
    """Returns the part of the table that tells how OpenVINO runs the files."""
    title, first = "## The same files with OpenVINO", rows[0]
    if first.openvino is None:
        return [title, 'Not measured: `pip install "tfseg[openvino]"` installs it.']
    head = ["file", *titles.values(), *_HEAD_OF_TIMES, "faster"]
    head.append(f"than LiteRT's {first.name}")
    body = []
    for row in rows:
        own = row.openvino
        faster = [_faster(first.openvino, own), _faster(first, own)]
        body.append([row.name, *_measures(own, titles), *_times(own), *faster])
    explained = (
        f"For servers and PCs. Faster: than {first.name} with OpenVINO, and than {first.name} with "
        "LiteRT, on one thread, in the same turns. Where x86 has no dot products of bytes (VNNI), "
        "int8 sums of post-training files may saturate; what was trained for int8 has smaller ones."
    )
    return [title, _markdown(head, body), explained]


def _measures(result, keys: Iterable[str]) -> list[str]:
    return [f"{result.measures.get(key, float('nan')):.4f}" for key in keys]


def _times(result) -> list[str]:
    return [f"{result.milliseconds[threads]:.1f}" for threads in THREADS]


def _faster(first, result) -> str:
    return f"{first.milliseconds[1] / result.milliseconds[1]:.2f}x"


def _markdown(head: list[str], body: list[list[str]]) -> str:
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [head, rule, *body])
