"""What a measurement or a weight loading leaves behind: numbers that print, and save, well."""

from __future__ import annotations

import dataclasses
import json
import math
import os
from collections.abc import Iterator, Mapping

from tfseg import files
from tfseg.structures.measures import Measure

__all__ = ["LoadReport", "Report"]


@dataclasses.dataclass(frozen=True)
class Report(Mapping):
    """Results of an evaluation: `report["segm/AP"]`, `report.per_class["segm/AP50"]["dress"]`.

    Attributes:
        metrics: name to number. A number that is undefined (no truth at all) is NaN.
        per_class: metric name to {class name: number}.
        curves: name to {class name: {"recall": [...], "precision": [...]}}.
        confusion: {"labels": [...], "counts": [[...]]}, rows truth, columns prediction, or {}.
        details: What was measured: dataset, number of images, settings.
        measures: What the numbers mean, as the evaluator declares it; not written to files.
    """

    metrics: Mapping[str, float]
    per_class: Mapping[str, Mapping[str, float]] = dataclasses.field(default_factory=dict)
    curves: Mapping[str, Mapping] = dataclasses.field(default_factory=dict)
    confusion: Mapping = dataclasses.field(default_factory=dict)
    details: Mapping = dataclasses.field(default_factory=dict)
    measures: tuple[Measure, ...] = ()

    def __getitem__(self, name: str) -> float:
        try:
            return self.metrics[name]
        except KeyError:
            raise KeyError(f"{name!r}; the report has {', '.join(sorted(self.metrics))}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self.metrics)

    def __len__(self) -> int:
        return len(self.metrics)

    def to_dict(self) -> dict:
        """Returns plain dicts and lists; NaN becomes None, which JSON can hold."""
        names = [field.name for field in dataclasses.fields(self) if field.name != "measures"]
        return _plain({name: getattr(self, name) for name in names})

    def to_json(self, path: str | os.PathLike | None = None) -> str:
        """Returns the report as JSON text, and writes it to `path` if given."""
        text = json.dumps(self.to_dict(), indent=2)
        if path is not None:
            files.write_whole(path, f"{text}\n".encode())
        return text

    def __str__(self) -> str:
        width = max([len(name) for name in self.metrics] + [6])
        lines = [f"{name:<{width}}  {_number(value)}" for name, value in self.metrics.items()]
        for metric, values in self.per_class.items():
            inner = max([len(name) for name in values] + [0])
            lines += ["", metric]
            lines += [f"  {name:<{inner}}  {_number(value)}" for name, value in values.items()]
        return "\n".join(lines)


@dataclasses.dataclass(frozen=True)
class LoadReport:
    """What became of each layer when weights were loaded.

    Attributes:
        loaded: Layers that took their weights from the file.
        skipped: layer to the reason why its weights in the file were left out.
        missing: Layers of the network that the file has nothing for; they keep their values.
        unused: Names in the file that no layer asked for.
        source: The file.
    """

    loaded: tuple[str, ...] = ()
    skipped: Mapping[str, str] = dataclasses.field(default_factory=dict)
    missing: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    source: str = ""

    def __str__(self) -> str:
        lines = [
            f"{self.source}: {len(self.loaded)} layers loaded, {len(self.skipped)} skipped, "
            f"{len(self.missing)} missing, {len(self.unused)} unused names in the file"
        ]
        lines += [f"  skipped {name}: {reason}" for name, reason in self.skipped.items()]
        lines += _first("missing", self.missing) + _first("unused", self.unused)
        return "\n".join(lines)


def _first(what: str, names: tuple[str, ...], shown: int = 8) -> list[str]:
    """Returns a line for each name, or for the first of many."""
    if len(names) <= shown + 1:
        return [f"  {what} {name}" for name in names]
    more = f"  {what} {len(names) - shown} more, such as {names[-1]}"
    return [*_first(what, names[:shown]), more]


def _number(value: float) -> str:
    return "n/a" if value is None or math.isnan(value) else f"{value:.4f}"


def _plain(value):
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
