"""The verbs of an estimator that look at images: predict, evaluate, score."""

from __future__ import annotations

import functools
import logging
import math
import numbers
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from tfseg.engine.ahead import read_ahead
from tfseg.engine.batches import Answer, in_equal_shapes
from tfseg.engine.extras import TRUTH, Extra, Filler, filler
from tfseg.engine.inputs import Item, align_classes, as_item, readers
from tfseg.errors import ConfigError, DataError, NotFittedError
from tfseg.structures import Prediction, Report, Sample

if TYPE_CHECKING:
    from tfseg.data.dataset import Dataset

__all__ = ["PredictVerbs"]

log = logging.getLogger(__name__)


class PredictVerbs:
    """Predicting and measuring, for `Estimator`.

    Attributes:
        predict_extras: What `predict` takes besides images; see `tfseg.engine.extras`.
    """

    predict_extras: tuple[Extra, ...] = ()
    loss_terms: Mapping[str, str] = MappingProxyType({})
    _evaluation_extras: Mapping[str, Any] = MappingProxyType({})

    def predict(
        self,
        images,
        *,
        batch_size: int = 1,
        score_threshold: float | None = None,
        progress: Callable[[int, int | None], None] | None = None,
        **extras,
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
            extras: What the system takes besides, such as `boxes=`: see `predict_extras`, and
                `tfseg.engine.extras.filler` for the forms.

        Raises:
            ConfigError: For an extra that the system does not take.
            NotFittedError: If no weights were trained or loaded.
            DataError: Naming an image that cannot be read.
        """
        each, count = readers(images, self._channels())
        fill = self._filler(extras, count)
        items, found = (fill(read(), index) for index, read in enumerate(each)), []
        for _, prediction in self._predict_items(items, batch_size, score_threshold):
            found.append(prediction)
            if progress is not None:
                progress(len(found), count)
        fill.finish(len(found))
        return found

    def predict_each(
        self, images, *, batch_size: int = 1, score_threshold: float | None = None, **extras
    ) -> Iterator[Answer]:
        """Returns an iterator over the images in their order, one `Answer` each: its `prediction`,
        or the `error` of an image that could not be read or answered. The others go on, and few
        images are in memory at once.

        Args:
            images: See `predict`.
            batch_size: Images computed at once: those of equal shape among the next ones.
            score_threshold: See `predict`.
            extras: See `predict`.

        Raises:
            ConfigError: For an argument out of range, or an extra that the system does not take.
            NotFittedError: If no weights were trained or loaded.
        """
        options = {"batch_size": batch_size, "score_threshold": score_threshold, **extras}
        return self.predict_iter(images, workers=0, **options)

    def predict_iter(
        self,
        images,
        *,
        batch_size: int = 4,
        score_threshold: float | None = None,
        workers: int = 2,
        **extras,
    ) -> Iterator[Answer]:
        """Returns what `predict_each` does, for any number of images: the next ones are read and
        decoded while the present ones are computed. Memory does not grow with their number.

        Args:
            images: See `predict`; also a generator that never ends.
            batch_size: Images computed at once: those of equal shape among the next ones.
            score_threshold: See `predict`.
            workers: Threads that read ahead; a dataset's `__getitem__` is called in them.
            extras: See `predict`.

        Raises:
            ConfigError: For an argument out of range, or an extra that the system does not take.
            NotFittedError: If no weights were trained or loaded.
        """
        self._check_prediction(batch_size, score_threshold)
        if not isinstance(workers, numbers.Integral) or workers < 0:
            raise ConfigError(f"workers: expected an integer from 0, got {workers!r}.")
        each, count = readers(images, self._channels())
        fill = self._filler(extras, count)

        def tried(read: Callable[[], Item]) -> Item | Exception:
            try:
                return read()
            except (DataError, OSError) as error:
                return error

        def filled(index: int, found: Item | Exception) -> Answer:
            if isinstance(found, Exception):
                return Answer(error=found)
            try:
                return Answer(fill(found, index))
            except DataError as error:
                return Answer(found, error=error)  # the image could be read

        found = read_ahead((functools.partial(tried, read) for read in each), workers)
        answers = (filled(index, one) for index, one in enumerate(found))
        return self._answers(answers, batch_size, score_threshold)

    def evaluate(
        self,
        dataset: Dataset,
        *,
        limit: int | None = None,
        batch_size: int = 1,
        score_threshold: float | None = None,
        save_predictions: str | os.PathLike | None = None,
        progress: Callable[[int, int | None], None] | None = None,
        **extras,
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
            extras: As for `predict`; "truth" takes the dataset's own, which is the default of
                those that the system cannot do without.
        """
        evaluator = self._evaluator()
        files = self._coco_files(dataset, save_predictions)
        for sample, prediction in self._predict_dataset(
            dataset, limit, batch_size, score_threshold, progress, **extras
        ):
            evaluator.update(sample, prediction)
            if files is not None:
                files.update(sample, prediction)
        if files is not None:
            files.write(save_predictions)
        details = {"dataset": type(dataset).__name__, "system": self.system}
        report = evaluator.compute({**details, "pictures_in_dataset": len(dataset)})
        if all(math.isnan(value) for value in report.metrics.values()):
            log.warning("nothing could be measured: the images have no annotated objects.")
        return report

    def _coco_files(self, dataset: Dataset, directory):
        """Returns what gathers truth and predictions for `directory`; None if that is None."""
        if directory is None:
            return None
        from tfseg.data.dataset import check_dataset
        from tfseg.results.coco import CocoFiles

        return CocoFiles(self.class_names, check_dataset(dataset, read_first=False))

    def score(self, dataset: Dataset) -> float:
        """Returns one number, higher is better: `score_metric` of `evaluate`."""
        return float(self.evaluate(dataset)[self.score_metric])

    def _predict_dataset(
        self, dataset, limit=None, batch_size=1, score_threshold=None, progress=None, **extras
    ) -> Iterator[tuple[Sample, Prediction]]:
        """Yields samples, with the model's class ids, and their predictions, one by one."""
        dataset = align_classes(dataset, self.class_names)
        if limit is not None and (not isinstance(limit, numbers.Integral) or limit < 1):
            raise ConfigError(f"limit: expected a number of images from 1, got {limit!r}.")
        if score_threshold is None:
            score_threshold = self._evaluation_threshold()
        count = len(dataset) if limit is None else min(int(limit), len(dataset))
        truth = {extra.name: TRUTH for extra in self.predict_extras if extra.required}
        fill = self._filler({**truth, **self._evaluation_extras, **extras}, count)
        items = (fill(as_item(dataset[index], self._channels()), index) for index in range(count))
        pairs = self._predict_items(items, batch_size, score_threshold)
        for done, (item, prediction) in enumerate(pairs, 1):
            yield item.sample, prediction
            if progress is not None:
                progress(done, count)

    def _filler(self, extras: Mapping, count: int | None) -> Filler:
        return filler(type(self).__name__, self.predict_extras, extras, count, self.config)

    def _view(self, **own):
        """Returns this model, sharing its weights, with other attributes of its own."""
        view = object.__new__(type(self))
        view.__dict__.update(self.__dict__, **own)
        return view

    def _channels(self) -> int:
        return getattr(self.config, "channels", 3)

    def _predict_items(
        self, items: Iterable[Item], batch_size: int, score_threshold: float | None
    ) -> Iterator[tuple[Item, Prediction]]:
        """Yields each item with its prediction; stops at the first that fails."""
        self._check_prediction(batch_size, score_threshold)
        answers = (Answer(item) for item in items)
        for answer in self._answers(answers, batch_size, score_threshold):
            if answer.error is not None:
                raise answer.error
            yield answer.item, answer.prediction

    def _answers(
        self, answers: Iterable[Answer], batch_size: int, score_threshold: float | None
    ) -> Iterator[Answer]:
        """Yields the answers in their order, computed as far as they do not fail."""
        sure = self._threshold_inputs(score_threshold)
        ready = (self._prepared_answer(answer, sure) for answer in answers)
        for answer in in_equal_shapes(ready, self._run_rows, batch_size):
            if answer.error is None:
                self._conclude(answer, score_threshold)
            yield answer

    def _prepared_answer(self, answer: Answer, sure: Mapping[str, np.ndarray]) -> Answer:
        if answer.error is not None:
            return answer
        try:
            inputs, answer.plan = self._predict_inputs(answer.item)
            answer.inputs = {**inputs, **sure}
        except DataError as error:
            answer.error = error
        return answer

    def _conclude(self, answer: Answer, score_threshold: float | None) -> None:
        item = answer.item
        try:
            found = self._decode(
                answer.outputs,
                answer.plan,
                score_threshold=score_threshold,
                image_id=item.image_id,
                path=item.path,
            )
            answer.prediction = self._finish(item, found, score_threshold=score_threshold)
        except DataError as error:
            answer.error = error

    def _finish(
        self, item: Item, prediction: Prediction, *, score_threshold: float | None
    ) -> Prediction:
        """Returns the prediction as the user gets it: what a system does to it after decoding,
        with the image and its extras at hand."""
        return prediction

    def _check_prediction(self, batch_size: int, score_threshold: float | None) -> None:
        whole = isinstance(batch_size, numbers.Integral) and not isinstance(batch_size, bool)
        if not whole or batch_size < 1:
            raise ConfigError(f"batch_size: expected an integer from 1, got {batch_size!r}.")
        self._check_threshold(score_threshold)
        self._require_weights()

    def _threshold_inputs(self, score_threshold: float | None) -> dict[str, np.ndarray]:
        """Returns inputs of the network that spare it what the threshold would remove."""
        return {}

    def _run_rows(self, rows: list[dict], batch_size: int) -> list[dict[str, np.ndarray]]:
        """Returns the outputs of each row; all are of one shape, `batch_size` at once."""
        from tfseg.engine import runtime

        any_batch = runtime.any_batch(self.keras_model)
        size, answers = len(rows) if any_batch else batch_size, []
        for start in range(0, len(rows), size):
            some = rows[start : start + size]
            # Filled up with copies, so that one compiled function serves all of a shape.
            filled = some + some[-1:] * (size - len(some))
            outputs = self._run({name: np.stack([row[name] for row in filled]) for name in some[0]})
            answers += [{n: value[k] for n, value in outputs.items()} for k in range(len(some))]
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
