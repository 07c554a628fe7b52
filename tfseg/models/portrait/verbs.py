"""Predicting and measuring portraits, whatever computes: Keras or another engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from tfseg.engine.batches import Answer
from tfseg.engine.extras import TRUTH
from tfseg.engine.inputs import Item
from tfseg.engine.predict_verbs import PredictVerbs
from tfseg.errors import ConfigError
from tfseg.geometry.proportional import ImageFit
from tfseg.geometry.resize import ResizePlan
from tfseg.metrics import portrait
from tfseg.models.portrait import people
from tfseg.models.portrait.affinity.detectors import check_detector
from tfseg.models.portrait.config import PortraitConfig
from tfseg.models.portrait.decode import decode
from tfseg.models.portrait.edges import SeenPlan
from tfseg.models.portrait.inputs import EXTRAS
from tfseg.structures import Prediction, Report

__all__ = ["PortraitVerbs"]


class PortraitVerbs(PredictVerbs):
    """What `PortraitSegmenter` and `LightPortrait` have in common; no Keras in it."""

    system = "portrait"
    score_metric = "miou"
    measures = portrait.MEASURES
    cuts_out = True
    predict_extras = EXTRAS
    config: PortraitConfig

    def _resize(self) -> ImageFit:
        config = self.config
        return ImageFit(config.image_size, config.image_fit, config.native_limit)

    def _predict_inputs(self, item: Item) -> tuple[dict[str, np.ndarray], ResizePlan]:
        plan = self._resize().predict_plan(item.image.shape[:2])
        fitted = plan.image(item.image)
        if self.config.refine_edges:
            plan = SeenPlan.of(plan, item.image, fitted)
        return {"image": fitted}, plan

    def _decode(self, outputs, plan, *, score_threshold, image_id, path) -> Prediction:
        return decode(
            outputs["logits"],
            plan,
            class_names=self.class_names,
            score_threshold=score_threshold,
            image_id=image_id,
            path=path,
        )

    def _finish(
        self, item: Item, prediction: Prediction, *, score_threshold: float | None
    ) -> Prediction:
        found = item.extras.get("boxes")
        if found is None:
            return prediction
        people.warn_of_low_scores(found, prediction, self.config)
        prediction = people.divide(item.image, prediction, found, self.config)
        if score_threshold is not None:
            prediction = prediction[prediction.scores >= score_threshold]
        return prediction

    def _evaluator(self):
        from tfseg.metrics.portrait import PortraitEvaluator

        return PortraitEvaluator(self.class_names, instances=bool(self._evaluation_extras))

    # ------------------------------------------------------------------ verbs

    def predict(
        self,
        images,
        *,
        boxes=None,
        detector=None,
        batch_size: int = 1,
        score_threshold: float | None = None,
        progress: Callable[[int, int | None], None] | None = None,
    ) -> list[Prediction]:
        """Returns a `Prediction` for each image, in the pixels of the original.

        Every prediction has `label_maps["classes"]` and `label_maps["alpha"]`, uint8 `(H, W)`.
        Its objects are the classes that occur; with boxes, the persons.

        Args:
            images: See `Estimator.predict`.
            boxes: For each image the persons' boxes `(K, 4)`, `(y1, x1, y2, x2)` in pixels of
                the original, ends exclusive; with scores `(K, 5)` or a pair. None for an image
                leaves it whole. For one image its boxes alone will do. Boxes without scores are
                all taken; with scores, low ones and doubles go, see `AffinityConfig`. Or a dict of
                them by file name, a JSON file of these, and for samples "truth".
            detector: Finds the boxes instead: a model that predicts persons, such as
                `tfseg.MaskRCNN`, or a callable `image -> (boxes, scores)`.
            batch_size: Images computed at once; sizes may differ.
            score_threshold: Lowest score to return; None returns all.
            progress: Called with the images done and their number (None if not known).

        Raises:
            ConfigError: If boxes and a detector are given.
            NotFittedError: If no weights were trained or loaded.
            DataError: Naming an image that cannot be read, or boxes that are none.
        """
        return super().predict(
            images,
            boxes=_one_of(boxes, detector),
            batch_size=batch_size,
            score_threshold=score_threshold,
            progress=progress,
        )

    def predict_each(self, images, *, boxes=None, detector=None, **options) -> Iterator[Answer]:
        """Returns an iterator over the images; see `Estimator.predict_each`, and `predict` for
        `boxes` and `detector`."""
        return super().predict_each(images, boxes=_one_of(boxes, detector), **options)

    def evaluate(self, dataset, *, boxes=None, detector=None, **options) -> Report:
        """Returns the measures on a dataset; see `Estimator.evaluate` for the other options.

        Args:
            dataset: Samples with truth.
            boxes: "truth" divides the predictions by the annotated boxes, so that each person's
                mask is measured as well (`segm/AP` and others). None measures class maps.
            detector: The same with boxes from a detector, see `predict`.
            options: Of `Estimator.evaluate`.
        """
        if boxes is None and detector is None:
            return super().evaluate(dataset, **options)
        return self.with_people(boxes, detector).evaluate(dataset, **options)

    def as_on_phones(self, fit: ImageFit) -> PortraitVerbs:
        """Returns this model, sharing its weights, as one that fits images as a phone's file has
        them and leaves edges as they come."""
        plain = {"image_size": tuple(fit.canvas), "image_fit": fit.kind, "refine_edges": False}
        return self._view(_config=self.config.replace(**plain))

    def with_people(self, boxes=None, detector=None) -> PortraitVerbs:
        """Returns this model, sharing its weights, as one whose evaluations tell people apart.

        Args:
            boxes: "truth", or None.
            detector: See `predict`, or None.
        """
        if boxes is not None and not (isinstance(boxes, str) and boxes == TRUTH):
            raise ConfigError(
                "boxes: a dataset is measured with boxes='truth', which takes its own boxes, or "
                f"with detector=...; got {boxes!r}."
            )
        source = _one_of(boxes, detector)
        return self._view(_evaluation_extras={} if source is None else {"boxes": source})


def _one_of(boxes, detector):
    """Returns where boxes come from, for the extra "boxes".

    Raises:
        ConfigError: If both are given.
        DataError: If the detector is none.
    """
    if detector is None:
        return boxes
    if boxes is not None:
        raise ConfigError("boxes and detector: give one of them.")
    check_detector(detector)
    return detector
