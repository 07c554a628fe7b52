"""What experiments showed: a table for people, one for programs, and curves."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from tfseg.errors import DataError
from tfseg.files import write_whole
from tfseg.structures.measures import Measure
from tfseg.studies.experiment_files import Experiment
from tfseg.visualize import read_log, save_comparison, save_curves

__all__ = ["Outcome", "describe", "markdown", "rows", "write"]

_TABLE_NOTE = (
    "Total losses are those of the last epoch. Measures are those of the model that the run kept,",
    "on the validation part; mAP is the mean over the images, as in the paper's code.",
)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of one experiment.

    Attributes:
        experiment: Which one.
        folder: Its run folder.
        facts: Its settings, data and starting weights.
        result: `epochs, kept_epoch, train, val, measures, minutes, finished`, or None while it is
            not finished. `train` and `val` hold the losses of the last epoch.
        failure: Why it stopped for good; "" if it did not.
        terms: Name to title of each term of its system's loss.
        measured: What its system measures.
    """

    experiment: Experiment
    folder: Path
    facts: Mapping
    result: Mapping | None = None
    failure: str = ""
    terms: Mapping[str, str] = dataclasses.field(default_factory=dict)
    measured: tuple[Measure, ...] = ()

    @property
    def state(self) -> str:
        """Either "finished", "failed" or "not finished"."""
        if self.result is not None:
            return "finished"
        return "failed" if self.failure else "not finished"


def rows(outcomes: Sequence[Outcome]) -> list[dict]:
    """Returns one flat dict for each experiment, the same names in each, None where there is
    nothing; loss terms as `train/rpn_bbox_loss` and `val/rpn_bbox_loss`."""
    found = [_row(outcome) for outcome in outcomes]
    names = list(dict.fromkeys(name for row in found for name in row))
    return [{name: row.get(name) for name in names} for row in found]


def _row(outcome: Outcome) -> dict:
    one, result = outcome.experiment, outcome.result or {}
    train = outcome.facts["config"].get("train", {})
    row = {
        "experiment": one.name,
        "extends": one.parent,
        "change": one.change,
        "paper_table": one.paper.table,
        "paper_total_loss": one.paper.reported.get("total_loss"),
        "paper_says": one.paper.says,
        "state": outcome.state,
        "failure": outcome.failure or None,
        "seed": train.get("seed"),
        "epochs": result.get("epochs"),
        "kept_epoch": result.get("kept_epoch"),
        "minutes": result.get("minutes"),
    }
    for part in ("train", "val"):
        row |= {f"{part}/{name}": value for name, value in result.get(part, {}).items()}
    measures = result.get("measures", {})
    first = [m.name for m in outcome.measured if {"table", "curve"} & set(m.places)]
    return row | {name: measures[name] for name in first if name in measures}


def markdown(outcomes: Sequence[Outcome], about: Mapping | None = None) -> str:
    """Returns the outcome as Markdown: what was run on what, the table, the loss terms, and the
    command."""
    about, table = dict(about or {}), rows(outcomes)
    words = ["experiment", "change"]
    columns = _columns(outcomes, table)
    lines = [_about(outcomes, about), "", *_head(words, list(columns))]
    for row in table:
        change = _changed(row["extends"], row["change"])
        if row["state"] != "finished":
            change += f" ({row['state']})"
        cells = [_shown(row.get(name), digits) for name, digits in columns.values()]
        lines.append(_line([f"`{row['experiment']}`", change, *cells]))
    lines += ["", *_TABLE_NOTE, *_term_lines(_terms(outcomes), table)]
    if about.get("command"):
        lines += ["", "```bash", str(about["command"]), "```"]
    return "\n".join(lines) + "\n"


def _columns(outcomes: Sequence[Outcome], table: Sequence[Mapping]) -> dict:
    """Returns heading to name and digits of the numbers in the table: the losses, the paper's
    where it reports one, and the measures that the systems put into it."""
    columns = {}
    if any(row["paper_total_loss"] is not None for row in table):
        columns["paper: total loss"] = ("paper_total_loss", 2)
    columns |= {"training": ("train/loss", 3), "validation": ("val/loss", 3)}
    for outcome in outcomes:
        for measure in outcome.measured:
            if "table" in measure.places:
                columns[measure.label] = (measure.name, measure.digits)
    return {**columns, "minutes": ("minutes", 1)}


def _terms(outcomes: Sequence[Outcome]) -> dict[str, str]:
    """Returns name to title of the terms of the systems' losses."""
    return {name: title for outcome in outcomes for name, title in outcome.terms.items()}


def _term_lines(titles: Mapping[str, str], table: Sequence[Mapping]) -> list[str]:
    """Returns the second table, one column for each term of the loss; [] if there is none."""
    terms = [name for name in titles if any(f"train/{name}" in row for row in table)]
    if not terms:
        return []
    lines = ["", "The terms of the loss after the last epoch, training / validation:", ""]
    lines += _head(["experiment"], [titles[name] for name in terms])
    for row in table:
        pairs = [[_shown(row.get(f"{p}/{n}"), 3) for p in ("train", "val")] for n in terms]
        lines.append(_line([f"`{row['experiment']}`", *(" / ".join(pair) for pair in pairs)]))
    return lines


def describe(experiments: Sequence[Experiment]) -> str:
    """Returns experiments and what the paper reports of each as a Markdown table, untrained."""
    lines = _head(["experiment", "change", "table", "paper: total loss", "the paper says"], [])
    for one in experiments:
        loss = _shown(one.paper.reported.get("total_loss"), 2)
        change, table = _changed(one.parent, one.change), one.paper.table or "–"
        lines.append(_line([f"`{one.name}`", change, table, loss, one.paper.says]))
    return "\n".join(lines) + "\n"


def write(out: str | os.PathLike, outcomes: Sequence[Outcome], about: Mapping) -> Path:
    """Writes `table.md`, `table.csv`, `experiments.json` and the figures; returns the first.

    Figures, as far as there are epochs: `figures/total_loss.png` and `figures/losses.png` with all
    experiments, `figures/total_loss_longest.png` with those of most epochs where others have
    fewer, and `losses.png` in each run folder.
    """
    out, table = Path(out), rows(outcomes)
    text = io.StringIO(newline="")
    sheet = csv.DictWriter(text, list(table[0]), lineterminator="\n")
    sheet.writeheader()
    sheet.writerows(table)
    write_whole(out / "table.csv", text.getvalue().encode())
    content = {"about": dict(about), "experiments": table}
    write_whole(out / "experiments.json", (json.dumps(content, indent=2) + "\n").encode())
    _write_figures(out, outcomes)
    return write_whole(out / "table.md", markdown(outcomes, about).encode())


def _write_figures(out: Path, outcomes: Sequence[Outcome]) -> None:
    logs = {o.experiment.name: o.folder / "log.csv" for o in outcomes}
    histories = {name: read_log(path) for name, path in logs.items() if path.is_file()}
    for name, history in histories.items():
        picture = logs[name].with_name("losses.png")
        if not picture.is_file() or picture.stat().st_mtime < logs[name].stat().st_mtime:
            one = next(o for o in outcomes if o.experiment.name == name)
            _draw(save_curves, picture, history, terms=one.terms, measures=one.measured)
    if not histories:
        return
    total = [("Total loss, training", "loss"), ("Total loss, validation", "val_loss")]
    known = {name for history in histories.values() for name in history}
    shown = {name: word for name, word in _terms(outcomes).items() if name in known}
    terms = [(f"{word[:1].upper()}{word[1:]} loss", name) for name, word in shown.items()]
    both = [(f"{w}, {p}", f"{v}{n}") for w, n in terms for p, v in _PARTS]
    figures = out / "figures"
    _draw(save_comparison, figures / "total_loss.png", histories, total)
    _draw(save_comparison, figures / "losses.png", histories, [*total, *both], columns=4)
    longest = max(len(history["epoch"]) for history in histories.values())
    long = {name: h for name, h in histories.items() if len(h["epoch"]) == longest}
    if len(long) < len(histories):
        _draw(save_comparison, figures / "total_loss_longest.png", long, total)


_PARTS = (("training", ""), ("validation", "val_"))


def _draw(save, path: Path, *arguments, **options) -> None:
    try:
        save(path, *arguments, **options)
    except DataError:
        return  # no epoch has been finished yet


def _about(outcomes: Sequence[Outcome], about: Mapping) -> str:
    facts = outcomes[0].facts
    data, seed = facts["data"], facts["config"].get("train", {}).get("seed", 0)
    parts = [
        f"{about.get('data', 'the data')}: {data['pictures']} images"
        f"{_named(about, 'train_split')} to train on, {data['held_out']}"
        f"{_named(about, 'val_split')} to measure; classes {', '.join(data['classes'])}",
        f"seed {seed}",
    ]
    start = facts["weights"]
    parts.append("no starting weights" if start is None else f"each from {start['path']}")
    parts += [about["hardware"]] if about.get("hardware") else []
    return "; ".join(parts) + "."


def _named(about: Mapping, name: str) -> str:
    return f" (`{about[name]}`)" if about.get(name) else ""


def _changed(parent: str | None, change: str) -> str:
    return f"`{parent}`, {change}" if parent and change else change or "–"


def _head(words: Sequence[str], numbers: Sequence[str]) -> list[str]:
    rule = ["---"] * len(words) + ["---:"] * len(numbers)
    return [_line([*words, *numbers]), f"|{'|'.join(rule)}|"]


def _line(cells: Sequence[str]) -> str:
    clean = [" ".join(cell.split()).replace("|", "\\|") for cell in cells]
    return f"| {' | '.join(clean)} |"


def _shown(value, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"
