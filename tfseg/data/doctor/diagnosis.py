"""The doctor's report."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping

from tfseg import files
from tfseg.data.reading.problem import SEVERITIES, Problem

__all__ = ["Diagnosis"]

SHOWN = 5  # problems of one kind that are printed, unless all are asked for


@dataclasses.dataclass(frozen=True)
class Diagnosis:
    """What `tfseg.data.diagnose` found.

    Attributes:
        name: What was looked at.
        problems: Everything that was found.
        statistics: Images, objects per class, sizes (`tfseg.data.doctor.statistics`).
        checked: Images that were looked at.
        total: Images in the dataset.
        remaining: Images, and objects on them, that are left where the reader leaves faults out;
            None where it does not say.
    """

    name: str
    problems: tuple[Problem, ...]
    statistics: Mapping
    checked: int
    total: int
    remaining: tuple[int, int] | None = None

    @property
    def ok(self) -> bool:
        """Whether no error was found; warnings do not count."""
        return not self.of("error")

    def of(self, severity: str) -> tuple[Problem, ...]:
        """Returns the problems of a severity: "error", "warning" or "info"."""
        return tuple(problem for problem in self.problems if problem.severity == severity)

    def to_dict(self) -> dict:
        """Returns plain dicts and lists."""
        return {
            "name": self.name,
            "ok": self.ok,
            "checked": self.checked,
            "total": self.total,
            "remaining": self.remaining,
            "problems": [dataclasses.asdict(problem) for problem in self.problems],
            "statistics": dict(self.statistics),
        }

    def to_json(self, path: str | os.PathLike | None = None) -> str:
        """Returns the diagnosis as JSON text, and writes it to `path` if given."""
        text = json.dumps(self.to_dict(), indent=2, default=str)
        if path is not None:
            files.write_whole(path, f"{text}\n".encode())
        return text

    def __str__(self) -> str:
        return self.text()

    def text(self, shown: int | None = SHOWN) -> str:
        """Returns the diagnosis for reading, with `shown` problems of each kind; None: all."""
        part = "" if self.checked == self.total else f" of {self.total}"
        lines = [f"{self.name}: {self.checked}{part} images looked at"]
        lines += _statistics_lines(self.statistics)
        for severity in SEVERITIES:
            lines += _problem_lines(severity, self.of(severity), shown)
        counts = [len(self.of(severity)) for severity in SEVERITIES]
        verdict = "Fit for training." if self.ok else "Not fit for training yet."
        noun = [
            "errors" if counts[0] != 1 else "error",
            "warnings" if counts[1] != 1 else "warning",
        ]
        lines += ["", f"{verdict} {counts[0]} {noun[0]}, {counts[1]} {noun[1]}."]
        return "\n".join(lines)


def _problem_lines(severity: str, problems: tuple[Problem, ...], shown: int | None) -> list[str]:
    by_code: dict[str, list[Problem]] = {}
    for problem in problems:
        by_code.setdefault(problem.code, []).append(problem)
    lines = []
    for code, group in by_code.items():
        lines += ["", f"{severity.upper()} {code.replace('_', ' ')} ({len(group)})"]
        lines += [f"  {problem}" for problem in group[:shown]]
        if shown is not None and len(group) > shown:
            lines.append(f"  ... and {len(group) - shown} more")
    return lines


def _statistics_lines(statistics: Mapping) -> list[str]:
    if not statistics or not statistics["images"]:
        return []
    lines = [
        f"  {statistics['objects']} objects, {statistics['crowd_regions']} crowd regions, "
        f"{statistics['images_without_objects']} images without objects"
    ]
    for title, key in (
        ("height, pixels", "height"),
        ("width, pixels", "width"),
        ("objects an image", "objects_per_image"),
        ("object side, root of its pixels", "object_side"),
    ):
        spread = statistics[key]
        if spread:
            lines.append(
                f"  {title}: {spread['min']:g} to {spread['max']:g}, median {spread['median']:g}"
            )
    instances, images = statistics["instances_per_class"], statistics["images_per_class"]
    width = max(map(len, instances))
    lines += [
        f"  {name:<{width}}  {count} in {images[name]} images" for name, count in instances.items()
    ]
    return lines
