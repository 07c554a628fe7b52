"""An evaluation with images: the numbers, and the best and worst predictions beside the truth."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tfseg.engine.inputs import align_classes
from tfseg.structures import Prediction, Report, Sample

if TYPE_CHECKING:
    from tfseg.data.dataset import Dataset
    from tfseg.engine.estimator import Estimator

__all__ = ["Example", "measure", "write"]


class Example(NamedTuple):
    """One image of a report.

    Attributes:
        image: uint8 `(H, W, 3)`.
        truth: Its annotations.
        prediction: What the model found.
        score: How good that is, from 0 to 1.
    """

    image: np.ndarray
    truth: Sample
    prediction: Prediction
    score: float


def measure(
    estimator: Estimator,
    dataset: Dataset,
    *,
    limit: int | None = None,
    examples: int = 3,
    save_predictions: str | os.PathLike | None = None,
    progress: Callable[[int, int | None], None] | None = None,
    **extras,
) -> tuple[Report, list[Example]]:
    """Returns the measures on a dataset, and the best and worst images, best first.

    Args:
        estimator: A fitted estimator whose evaluator keeps `image_scores`.
        dataset: Samples with truth.
        limit: Images to look at; None: all.
        examples: The most images of each kind.
        save_predictions: See `Estimator.evaluate`.
        progress: Called with the images done and their number.
        extras: See `Estimator.evaluate`.
    """
    from tfseg.metrics.per_image import best_and_worst

    files = estimator._coco_files(dataset, save_predictions)
    name = type(dataset).__name__
    dataset = align_classes(dataset, estimator.class_names)
    evaluator = estimator._evaluator()
    pairs = estimator._predict_dataset(dataset, limit, progress=progress, **extras)
    # Only predictions are kept, their masks are run lengths; the few images are read again.
    predictions = []
    for sample, prediction in pairs:
        evaluator.update(sample, prediction)
        predictions.append(prediction)
        if files is not None:
            files.update(sample, prediction)
    if files is not None:
        files.write(save_predictions)
    report = evaluator.compute({"dataset": name, "system": estimator.system})
    scores = getattr(evaluator, "image_scores", [])
    best, worst = best_and_worst(scores, examples)
    return report, [
        Example(dataset[i].image, dataset[i], predictions[i], scores[i]["quality"])
        for i in (*best, *reversed(worst))
    ]


def write(
    estimator: Estimator,
    dataset: Dataset,
    directory: str | os.PathLike,
    *,
    history: Sequence[dict] | None = None,
    limit: int | None = None,
    examples: int = 3,
    save_predictions: str | os.PathLike | None = None,
    progress: Callable[[int, int | None], None] | None = None,
    **extras,
) -> tuple[Report, Path]:
    """Writes `index.html` and `report.json`; returns the report and the page's path."""
    from tfseg.visualize.report import write_html

    report, chosen = measure(
        estimator,
        dataset,
        limit=limit,
        examples=examples,
        save_predictions=save_predictions,
        progress=progress,
        **extras,
    )
    names = dict.fromkeys(name for row in history or () for name in row)
    columns = {name: [row.get(name) for row in history] for name in names}
    page = write_html(
        directory,
        report,
        history=columns,
        terms=estimator.loss_terms,
        examples=chosen,
        title=f"{estimator.system} report",
    )
    report.to_json(Path(directory) / "report.json")
    return report, Path(page)
