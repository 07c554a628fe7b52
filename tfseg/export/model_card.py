"""What one should know about a model before using it, beside the model."""

from __future__ import annotations

import datetime
import math
import os
from collections.abc import Mapping
from pathlib import Path

from tfseg.engine import runtime
from tfseg.engine.progress import measures_of
from tfseg.export.endpoints import Endpoint, Serving
from tfseg.export.serving import request_examples

__all__ = ["write_model_card"]


def write_model_card(
    estimator,
    path: str | os.PathLike,
    *,
    name: str,
    folder: str,
    serving: Serving,
    metrics: Mapping | None = None,
    data: str = "",
    license: str = "",
) -> None:
    """Writes the card as Markdown: what it finds, how well, made from what, and how to call it."""
    versions = ", ".join(f"{key} {value}" for key, value in runtime.versions().items())
    classes = "\n".join(f"{i}. {label}" for i, label in enumerate(estimator.class_names, 1))
    parameters = sum(math.prod(v.shape) for v in estimator.keras_model.weights)
    settings = [
        f"- {key}: {value}"
        for key, value in estimator.config.to_dict().items()
        if key not in ("train", "classes")
    ]
    sections = [
        f"# {name}",
        f"A `{estimator.system}` model of tfseg, exported on "
        f"{datetime.datetime.now(datetime.UTC).date()}; {parameters:,} parameters.",
        f"## Classes\n\n{classes}\n\nClass id 0 {serving.zero}.",
        f"## Data\n\n{data or 'Not stated.'}",
        f"## Measures\n\n{_measures(estimator, metrics)}",
        f"## Licence\n\n{license or 'Not stated. Ask the author before use or passing it on.'}",
        "## Settings\n\n" + "\n".join(settings),
        f"## Versions\n\n{versions}",
        "## Signatures\n\n" + "\n\n".join(map(_described, serving.endpoints)),
        f"## Use\n\n{request_examples(name, serving, folder)}",
    ]
    Path(path).write_text("\n\n".join(sections) + "\n", encoding="utf-8")


def _described(endpoint: Endpoint) -> str:
    """Returns what one signature takes and gives."""
    takes = [f"- `{given.spec.name}` {given.about}" for given in endpoint.takes]
    gives = [f"- `{name}` {what}" for name, what in endpoint.gives.items()]
    return "\n".join([f"`{endpoint.name}` takes", "", *takes, "", "and gives", "", *gives])


def _measures(estimator, metrics: Mapping | None) -> str:
    if not metrics:
        rows = [row for row in estimator.history if estimator.score_metric in row]
        last = rows[-1] if rows else {}
        metrics = {name: last[name] for name in measures_of(last)}
    lines = [
        f"| {key} | {value:.4f} |"
        for key, value in metrics.items()
        if isinstance(value, (int, float)) and math.isfinite(value)
    ]
    return "\n".join(["| measure | value |", "|---|---|", *lines]) if lines else "Not measured."
