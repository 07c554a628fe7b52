"""`PortraitSegmenter`: the class a user meets."""

from __future__ import annotations

import functools
from collections.abc import Callable

import keras
import numpy as np

from tfseg.data.augment.geometry import ResizePlan
from tfseg.data.dataset import Cached
from tfseg.engine.estimator import Estimator
from tfseg.models.portrait import network
from tfseg.models.portrait.config import PortraitConfig
from tfseg.models.portrait.decode import decode
from tfseg.models.portrait.fit import PictureFit
from tfseg.models.portrait.targets import Resized, encode
from tfseg.structures import Prediction, Sample

__all__ = ["PortraitSegmenter"]


class PortraitSegmenter(Estimator):
    """People cut out of portraits, as one mask or, with boxes, person by person.

    Settings are those of `PortraitConfig`, by name::

        model = PortraitSegmenter(preset="light", image_size=(256, 192))
        model.fit(train, val, run_dir="runs/portrait")
        prediction = model.predict("photo.jpg")[0]
        prediction.label_maps["alpha"]  # uint8 (H, W)
        people = model.predict("photo.jpg", boxes=[[(10, 20, 400, 180), (30, 150, 410, 330)]])[0]

    Source: Zhu, Wang, Aksu, Kamarainen: Portrait instance segmentation for mobile devices (2019).
    """

    system = "portrait"
    config_class = PortraitConfig
    score_metric = "miou"
    weight_readers = ("tfseg.convert.keras_applications",)
    config: PortraitConfig

    def _build(self) -> keras.Model:
        return network.build(self.config)

    def _layer_group(self, name: str) -> set[str]:
        return network.layer_group(self.keras_model, name)

    def _resize(self) -> PictureFit:
        config = self.config
        return PictureFit(config.image_size, config.image_fit, config.native_limit)

    def _encode(self, sample: Sample, seed: int) -> dict[str, np.ndarray]:
        return encode(sample, self._resize())

    def _loader(self, dataset, *, training: bool, augment: Callable | None = None):
        from tfseg.data.augment import choose
        from tfseg.data.loader import Loader

        train, fit = self.config.train, self._resize()
        if training and augment is None:
            augment = choose(train.augmentation)
        crops = getattr(augment, "canvas", None) is not None
        if crops:
            augment = augment.on_canvas(fit.canvas)
        else:
            # Small pictures are kept; reading and shrinking photographs costs most of the work.
            dataset = Cached(Resized(dataset, fit))

        def prepare(sample: Sample, seed: int) -> dict[str, np.ndarray]:
            move = None if augment is None else functools.partial(augment, seed=seed)
            return encode(sample, fit, move, before=crops)

        return Loader(
            dataset,
            prepare,
            batch_size=train.batch_size,
            shuffle=training,
            seed=train.seed,
            workers=train.workers,
        )

    def _predict_inputs(self, image: np.ndarray) -> tuple[dict[str, np.ndarray], ResizePlan]:
        plan = self._resize().predict_plan(image.shape[:2])
        return {"image": plan.image(image)}, plan

    def _decode(self, outputs, plan, *, score_threshold, image_id, path) -> Prediction:
        return decode(
            outputs["logits"],
            plan,
            class_names=self.class_names,
            score_threshold=score_threshold,
            image_id=image_id,
            path=path,
        )

    def _evaluator(self):
        from tfseg.metrics.semantic import SemanticEvaluator

        return SemanticEvaluator(self.class_names)
