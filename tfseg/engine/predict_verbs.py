"""The verbs of an estimator that look at images: predict, evaluate, score."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from tfseg.engine.inputs import align_classes, read_items
from tfseg.errors import ConfigError, NotFittedError
from tfseg.structures import Prediction, Report, Sample

__all__ = ["PredictVerbs"]

log = logging.getLogger(__name__)


class PredictVerbs:
    """Predicting and measuring, for `Estimator`."""

    def predict(
        self,
        images,
        *,
        batch_size: int = 1,
        score_threshold: float | None = None,
        progress: Callable[[int, int | None], None] | None = None,
    ) -> list[Prediction]:
        """Returns a `Prediction` for each image, in the pixels of the original.

        Args:
            images: A path or a folder of images, an array `(H, W)`, `(H, W, 3)` or
                `(B, H, W, 3)`, encoded bytes, an open file or an upload, an image of Pillow, a
                `Sample`, a dataset, or a list of these. For a model of other channels arrays
                `(H, W, D)`; a model of one turns colours to grey.
            batch_size: Images computed at once; sizes may differ.
            score_threshold: Lowest score to return; None takes the model's own.
            progress: Called with the images done and their number (None if not known).

        Raises:
            NotFittedError: If no weights were trained or loaded.
            DataError: Naming an image that cannot be read.
        """
        items, count = read_items(images, getattr(self.config, "channels", 3))
        found = []
        for _, prediction in self._predict_items(items, batch_size, score_threshold):
            found.append(prediction)
            if progress is not None:
                progress(len(found), count)
        return found

    def evaluate(
        self,
        dataset,
        *,
        limit: int | None = None,
        batch_size: int = 1,
        score_threshold: float | None = None,
        save_predictions: str | os.PathLike | None = None,
        progress: Callable[[int, int | None], None] | None = None,
    ) -> Report:
        """Returns the measures on a dataset.

        Args:
            dataset: Samples with truth.
            limit: The first images to look at; None: all.
            batch_size: Images computed at once.
            score_threshold: Lowest score that counts; None takes the model's own for evaluation.
            save_predictions: Folder for `truth.json`, `predictions.json` and
                `predictions.segm.json` in COCO's format, on which pycocotools gives the same
                numbers; see `tfseg.results.coco`.
            progress: Called with the images done and their number.
        """
        evaluator = self._evaluator()
        files = self._coco_files(dataset, save_predictions)
        for sample, prediction in self._predict_dataset(
            dataset, limit, batch_size, score_threshold, progress
        ):
            evaluator.update(sample, prediction)
            if files is not None:
                files.update(sample, prediction)
        if files is not None:
            files.write(save_predictions)
        details = {"dataset": type(dataset).__name__, "system": self.system}
        report = evaluator.compute({**details, "pictures_in_dataset": len(dataset)})
        if math.isnan(report.metrics.get(self.score_metric, 0.0)):
            log.warning("nothing could be measured: the images have no annotated objects.")
        return report

    def _coco_files(self, dataset, directory):
        """Returns what gathers truth and predictions for `directory`; None if that is None."""
        if directory is None:
            return None
        from tfseg.data.dataset import check_dataset
        from tfseg.results.coco import CocoFiles

        return CocoFiles(self.class_names, check_dataset(dataset, read_first=False))

    def score(self, dataset) -> float:
        """Returns one number, higher is better: `score_metric` of `evaluate`."""
        return float(self.evaluate(dataset)[self.score_metric])

    def _predict_dataset(
        self, dataset, limit=None, batch_size=1, score_threshold=None, progress=None
    ) -> Iterator[tuple[Sample, Prediction]]:
        """Yields samples, with the model's class ids, and their predictions, one by one."""
        dataset = align_classes(dataset, self.class_names)
        if limit is not None and (not isinstance(limit, int) or limit < 1):
            raise ConfigError(f"limit: expected a number of images from 1, got {limit!r}.")
        if score_threshold is None:
            score_threshold = self._evaluation_threshold()
        count = len(dataset) if limit is None else min(limit, len(dataset))
        samples = (dataset[index] for index in range(count))
        pairs = self._predict_items(samples, batch_size, score_threshold)
        for done, pair in enumerate(pairs, 1):
            yield pair
            if progress is not None:
                progress(done, count)

    def _predict_items(self, items, batch_size: int, score_threshold: float | None):
        """Yields `(item, prediction)` for anything with `.image`, `.image_id` and `.path`."""
        if not isinstance(batch_size, int) or batch_size < 1:
            raise ConfigError(f"batch_size: expected an integer from 1, got {batch_size!r}.")
        self._check_threshold(score_threshold)
        self._require_weights()
        batch = []
        for item in items:
            batch.append(item)
            if len(batch) == batch_size:
                yield from self._predict_batch(batch, batch_size, score_threshold)
                batch = []
        if batch:
            yield from self._predict_batch(batch, batch_size, score_threshold)

    def _predict_batch(self, batch: list, batch_size: int, score_threshold: float | None):
        prepared = [self._predict_inputs(self._channelled(item)) for item in batch]
        sure = self._threshold_inputs(score_threshold)
        answers = self._run_rows([{**inputs, **sure} for inputs, _ in prepared], batch_size)
        for item, (_, plan), outputs in zip(batch, prepared, answers):
            yield (
                item,
                self._decode(
                    outputs,
                    plan,
                    score_threshold=score_threshold,
                    image_id=item.image_id,
                    path=item.path,
                ),
            )

    def _threshold_inputs(self, score_threshold: float | None) -> dict[str, np.ndarray]:
        """Returns inputs of the network that spare it what the threshold would remove."""
        return {}

    def _channelled(self, item) -> np.ndarray:
        """Returns the image of a sample or an item with the channels that the model reads."""
        channels = getattr(self.config, "channels", 3)
        if item.image.ndim == 3 and item.image.shape[2] == channels:
            return item.image
        from tfseg.data.images.channels import to_channels

        return to_channels(item.image, channels, item.path or f"image {item.image_id!r}")

    def _run_rows(self, rows: list[dict], batch_size: int) -> list[dict[str, np.ndarray]]:
        """Returns the outputs of each row; rows of one shape are computed at once."""
        from tfseg.engine import runtime

        groups, whole = {}, not runtime.any_batch(self.keras_model)
        for index, row in enumerate(rows):
            shapes = tuple(np.shape(value) for value in row.values())
            groups.setdefault(shapes, []).append(index)
        answers = [{} for _ in rows]
        for members in groups.values():
            # Filled up with copies, where that lets one compiled function serve all of a shape.
            filled = members + members[-1:] * (batch_size - len(members)) * whole
            names = rows[members[0]]
            outputs = self._run({n: np.stack([rows[i][n] for i in filled]) for n in names})
            for place, index in enumerate(members):
                answers[index] = {name: value[place] for name, value in outputs.items()}
        return answers

    def _run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        from tfseg.engine import runtime

        with self._lock:
            if self._infer is None:
                self._infer = runtime.compile_inference(self.keras_model)
            infer = self._infer
        return infer(inputs)

    def _check_threshold(self, score_threshold):
        number = isinstance(score_threshold, (int, float, np.number))
        number = number and not isinstance(score_threshold, bool)
        if score_threshold is not None and not (number and 0 <= score_threshold <= 1):
            raise ConfigError(
                f"score_threshold: expected a number from 0 to 1, got {score_threshold!r}."
            )

    def _require_weights(self):
        from tfseg.engine import runtime, weights

        runtime.require_process()
        if self.fitted:
            return
        kind = type(self).__name__
        if self.random_layers:
            raise NotFittedError(
                f"{len(self.random_layers)} layers of this {kind} still hold random numbers, "
                "because the weight file had none that fit them: "
                f"{weights.some(self.random_layers)}. Train it first: fit(...), or tfseg train "
                "--weights. To predict all the same, set model.fitted = True."
            )
        raise NotFittedError(
            f"this {kind} has no weights yet. Call fit(...), load_weights(...) or "
            f"{kind}.load(...) first; after setting weights in keras_model yourself, set "
            "model.fitted = True."
        )
