"""What a conversion kept and dropped, and why."""

from __future__ import annotations

import dataclasses
import json
import os
from collections import Counter
from collections.abc import Mapping

from tfseg.data.open_images.ledger import RULES
from tfseg.data.reading.problem import SEVERITIES, Problem

__all__ = ["OpenImagesReport"]

SHOWN = 5  # problems of one kind, and
SHOWN_CLASSES = 12  # dropped classes, that are printed


@dataclasses.dataclass(frozen=True)
class OpenImagesReport:
    """The account of a conversion; `print` it, or read it as JSON.

    Attributes:
        out: The folder that was written.
        source: The files that were read.
        settings: Rules, split and form of the masks.
        rules: `{"rule", "what", "dropped", "left"}` in the order in which they apply. Every line
            of the CSV is dropped by one rule or kept.
        classes: One entry per class of the partition: `mid`, `name`, `id` (None if dropped),
            `reason` (the rule that dropped it, or None), `rows` (sound lines), `masks` (lines with
            a mask file), `kept` (masks written), `train` and `val` (of those), `dropped` (by rule).
        images: Number of images, `{"train", "val"}`.
        problems: Everything that was found, whole.
    """

    out: str
    source: Mapping
    settings: Mapping
    rows: int
    rules: tuple[Mapping, ...]
    classes: tuple[Mapping, ...]
    images: Mapping[str, int]
    problems: tuple[Problem, ...]

    @property
    def kept(self) -> int:
        """The number of masks written."""
        return sum(entry["kept"] for entry in self.classes)

    def of(self, severity: str) -> tuple[Problem, ...]:
        """Returns the problems of a severity: "error", "warning" or "info"."""
        return tuple(problem for problem in self.problems if problem.severity == severity)

    def to_dict(self) -> dict:
        """Returns plain dicts and lists, nothing left out."""
        return {
            "out": self.out,
            "source": dict(self.source),
            "settings": dict(self.settings),
            "rows": self.rows,
            "kept": {"masks": self.kept, "images": sum(self.images.values())},
            "rules": [dict(rule) for rule in self.rules],
            "classes": [dict(entry) for entry in self.classes],
            "split": {
                part: {
                    "images": self.images[part],
                    "masks": sum(entry[part] for entry in self.classes),
                }
                for part in self.images
            },
            "problem_counts": dict(Counter(problem.code for problem in self.problems)),
            "problems": [dataclasses.asdict(problem) for problem in self.problems],
        }

    def to_json(self, path: str | os.PathLike | None = None) -> str:
        """Returns the report as JSON text, and writes it to `path` if given."""
        text = json.dumps(self.to_dict(), indent=1, ensure_ascii=False)
        if path is not None:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text + "\n")
        return text

    def __str__(self) -> str:
        return self.text()

    def text(self, shown: int | None = SHOWN) -> str:
        """Returns the report for reading, with `shown` problems of each kind; None: all."""
        lines = [
            f"{self.out}: {self.kept} masks on {sum(self.images.values())} images, "
            f"{self.images['train']} to train and {self.images['val']} to validate",
            "",
            *self._funnel(),
            "",
            *self._kept_classes(),
            *self._dropped_classes(shown),
        ]
        for severity in SEVERITIES:
            lines += _problem_lines(severity, self.of(severity), shown)
        counts = [len(self.of(severity)) for severity in SEVERITIES]
        lines += ["", f"{counts[0]} errors, {counts[1]} warnings, {counts[2]} notes."]
        return "\n".join(lines)

    def _funnel(self) -> list[str]:
        width = len(f"{self.rows:,}") + 1
        lines = [f"{self.rows:>{width},}  lines of the CSV"]
        for rule in self.rules:
            if rule["dropped"]:
                lines.append(f"{-rule['dropped']:>{width},}  {RULES[rule['rule']]}")
        return [*lines, f"{self.kept:>{width},}  masks kept"]

    def _kept_classes(self) -> list[str]:
        kept = [entry for entry in self.classes if entry["id"]]
        width = max([len(entry["name"]) for entry in kept] + [5])
        lines = [f"id  {'class':<{width}}  in the partition   kept  train    val"]
        for entry in kept:
            lines.append(
                f"{entry['id']:>2}  {entry['name']:<{width}}  {entry['masks']:>16}  "
                f"{entry['kept']:>5}  {entry['train']:>5}  {entry['val']:>5}"
            )
        return lines

    def _dropped_classes(self, shown: int | None) -> list[str]:
        lines = []
        for rule in dict.fromkeys(entry["reason"] for entry in self.classes if entry["reason"]):
            entries = [entry for entry in self.classes if entry["reason"] == rule]
            limit = None if shown is None else SHOWN_CLASSES
            named = [f"{entry['name']} {entry['masks'] or entry['rows']}" for entry in entries]
            more = "" if limit is None or len(named) <= limit else f", {len(named) - limit} more"
            lines.append(f"dropped, {RULES[rule]}: {', '.join(named[:limit])}{more}")
        return lines


def _problem_lines(severity: str, problems: tuple[Problem, ...], shown: int | None) -> list[str]:
    by_code: dict[str, list[Problem]] = {}
    for problem in problems:
        by_code.setdefault(problem.code, []).append(problem)
    lines = []
    for code, group in by_code.items():
        lines += ["", f"{severity.upper()} {code.replace('_', ' ')} ({len(group)})"]
        lines += [f"  {problem}" for problem in group[:shown]]
        if shown is not None and len(group) > shown:
            lines.append(f"  ... and {len(group) - shown} more, all in the JSON report")
    return lines
