"""`HPTR`: the class a user meets."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import keras
import numpy as np

from tfseg.engine.estimator import Estimator
from tfseg.engine.inputs import Item, read_one
from tfseg.geometry.padded import PaddedResize
from tfseg.geometry.resize import ResizePlan
from tfseg.models.hptr import network
from tfseg.models.hptr.config import HPTRConfig
from tfseg.models.hptr.decode import decode
from tfseg.models.hptr.evaluator import MEASURES, Parsing, ParsingEvaluator
from tfseg.models.hptr.targets import encode, padding_of, resize_of
from tfseg.structures import Prediction, Sample

if TYPE_CHECKING:
    from tfseg.models.hptr.inspection import Inspection

__all__ = ["HPTR"]


class HPTR(Estimator):
    """People, each with the clothes, hair and limbs that can be seen of them, and what of these is
    how large, of which pattern and colour.

    Settings are those of `HPTRConfig`, by name::

        model = HPTR(HPTRConfig.light())
        model.fit(SyntheticPeople(1000), run_dir="runs/hptr")
        prediction = model.predict("photo.jpg")[0]
        prediction.attributes[0]  # what the first person wears
        prediction.label_maps["colors"]  # int (H, W)

    Samples need masks of people, and have the label maps "attributes", "sizes", "patterns" and
    "colors"; from a map that is missing nothing is learnt.

    Source: Loesch, Audigier: Describe me if you can! Characterized instance-level human parsing
    (2021).
    """

    system = "hptr"
    config_class = HPTRConfig
    score_metric = "miou"
    loss_terms = {
        "class_loss": "class",
        "l1_loss": "box distance",
        "giou_loss": "box overlap",
        "focal_loss": "mask focal",
        "dice_loss": "mask dice",
        "attributes_loss": "attributes",
        "sizes_loss": "sizes",
        "patterns_loss": "patterns",
        "colors_loss": "colours",
    }
    measures = MEASURES
    weight_readers = (
        "tfseg.convert.detr_start",
        "tfseg.convert.keras_applications",
        "tfseg.convert.tflite_mobilenet",
    )
    serving_graph = "tfseg.export.graphs.hptr"
    class_layers = ("detector/class_head",)
    no_phone_part = "Its transformer has not been tried on phones."
    config: HPTRConfig
    _remembers = False

    def _build(self) -> keras.Model:
        return network.build(self.config)

    def inspect(self, image, *, score_threshold: float | None = None) -> Inspection:
        """Returns how one image was parsed, as arrays and images: the boxes of the queries after
        each decoder layer, where the queries look, their masks, each label map class by class, and
        the prediction. A notebook shows them; `inspection.save("folder")` writes them.

        Args:
            image: A path, an array, encoded bytes, an open file, an image of Pillow, or a
                `Sample`.
            score_threshold: Lowest score of the prediction; None: as `predict`.

        Raises:
            ConfigError: For a threshold that is no share.
            NotFittedError: If no weights were trained or loaded.
            DataError: If it is not one image, or cannot be read.
        """
        from tfseg.models.hptr.inspection import inspect

        self._check_threshold(score_threshold)
        self._require_weights()
        item = read_one(image, self.config.channels)
        return inspect(self, item, score_threshold=score_threshold)

    def _layer_group(self, name: str) -> set[str]:
        return network.layer_group(self.keras_model, name)

    def _resize(self) -> PaddedResize:
        return resize_of(self.config)

    def _encode(self, sample: Sample, seed: int) -> dict[str, np.ndarray]:
        return encode(sample, self.config)

    def _prepared(self, dataset, augment: Callable | None):
        cuts = getattr(augment, "before_resize", False)

        def prepare(sample: Sample, seed: int) -> dict[str, np.ndarray]:
            if cuts:
                return encode(augment.on_original(sample, seed), self.config)
            move = None if augment is None else functools.partial(augment, seed=seed)
            return encode(sample, self.config, move)

        return dataset, prepare

    def _predict_inputs(self, item: Item) -> tuple[dict[str, np.ndarray], ResizePlan]:
        plan = self._resize().plan(item.image.shape[:2])
        return {"image": plan.image(item.image), "padding": padding_of(plan)}, plan

    def _threshold_inputs(self, score_threshold: float | None) -> dict[str, np.ndarray]:
        return {"min_score": np.array(self._threshold(score_threshold), np.float32)}

    def _threshold(self, score_threshold: float | None) -> float:
        return self.config.detection_min_confidence if score_threshold is None else score_threshold

    def _evaluation_threshold(self) -> float:
        return self.config.score_floor

    def _decode(self, outputs, plan, *, score_threshold, image_id, path) -> Prediction:
        found, regions = decode(
            outputs,
            plan,
            self.config,
            score_threshold=self._threshold(score_threshold),
            image_id=image_id,
            path=path,
        )
        if not self._remembers:
            return found
        plain = {f.name: getattr(found, f.name) for f in dataclasses.fields(Prediction)}
        return Parsing(**plain, regions=regions)

    def _evaluator(self) -> ParsingEvaluator:
        return ParsingEvaluator(self.config)

    def _predict_dataset(self, *args, **options) -> Iterator[tuple[Sample, Prediction]]:
        """Yields predictions that remember their regions."""
        _ = self.keras_model  # built before it is shared
        yield from super(HPTR, self._view(_remembers=True))._predict_dataset(*args, **options)
