"""What the classes of two-stage systems that a user meets have in common."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable

import numpy as np

from tfseg.engine.estimator import Estimator
from tfseg.engine.inputs import Item
from tfseg.geometry.padded import PaddedResize
from tfseg.geometry.resize import ResizePlan, SquareResize
from tfseg.models.two_stage.decode import decode
from tfseg.models.two_stage.groups import layer_group
from tfseg.models.two_stage.initial_weights import (
    has_statistics,
    load_initial,
    misses_backbone,
)
from tfseg.models.two_stage.region_settings import RegionSettings
from tfseg.models.two_stage.stored_backbone import StoredBackbone
from tfseg.models.two_stage.targets import encode, resize_of
from tfseg.structures import Prediction, Sample

__all__ = ["TwoStageEstimator"]

_LOG = logging.getLogger(__name__)


class TwoStageEstimator(StoredBackbone, Estimator):
    """Base of the systems whose network takes `image`, `window` and `min_score`, and gives
    `detections` and `masks`; see `two_stage.network.TwoStageNetwork`."""

    serving_graph = "tfseg.export.graphs.detection"
    class_layers = ("box_head/mrcnn_class_logits", "box_head/mrcnn_bbox_fc", "mask_head/mrcnn_mask")
    no_phone_part = (
        "Region proposals, NMS and RoI alignment gather by computed positions, which TFLite has no "
        "whole-integer operations for, so that it would run on the slow path or not at all; its "
        "dense layers alone, backbone and pyramid, find nothing."
    )
    config: RegionSettings

    def _load_initial(self) -> None:
        if self.fitted:
            return
        config, loaded = self.config, bool(self.random_layers)
        if not loaded:
            load_initial(self.keras_model)
        # A converted backbone alone is saved as not fitted, and has its statistics.
        random = loaded or config.initial_weights is None
        random = random and config.norm == "frozen" and not has_statistics(self.keras_model)
        if random and (not loaded or misses_backbone(self.keras_model, self.random_layers)):
            _LOG.warning(
                "The backbone starts from random weights, and norm='frozen' keeps statistics that "
                "nothing has learnt: losses begin in the thousands. Load weights, set "
                "initial_weights, or train from scratch with norm='batch' or norm='group'."
            )

    def _layer_group(self, name: str) -> set[str]:
        return layer_group(self.keras_model, name)

    def _encode(self, sample: Sample, seed: int) -> dict[str, np.ndarray]:
        return encode(sample, self.config)

    def _prepared(self, dataset, augment: Callable | None):
        def prepare(sample: Sample, seed: int) -> dict[str, np.ndarray]:
            # Nothing is learnt from these here; moving them costs time, and can be refused.
            sample = sample.replace(keypoints=None, label_maps={})
            move = None if augment is None else functools.partial(augment, seed=seed)
            return encode(sample, self.config, move)

        return dataset, prepare

    def _resize(self) -> SquareResize | PaddedResize:
        return resize_of(self.config)

    def _predict_inputs(self, item: Item) -> tuple[dict[str, np.ndarray], ResizePlan]:
        image = item.image
        plan = self._resize().plan(image.shape[:2])
        if self.config.image_fit == "padded":
            # Resized as real numbers, and padded with a mean that is no whole number.
            image = image.astype(np.float32)
        return {"image": plan.image(image), "window": np.array(plan.window, np.float32)}, plan

    def _threshold_inputs(self, score_threshold: float | None) -> dict[str, np.ndarray]:
        return {"min_score": np.array(self._threshold(score_threshold), np.float32)}

    def _threshold(self, score_threshold: float | None) -> float:
        return self.config.detection_min_confidence if score_threshold is None else score_threshold

    def _decode(self, outputs, plan, *, score_threshold, image_id, path) -> Prediction:
        return decode(
            outputs["detections"],
            outputs["masks"],
            plan,
            class_names=self.class_names,
            score_threshold=self._threshold(score_threshold),
            mask_paste=self.config.mask_paste,
            image_id=image_id,
            path=path,
        )

    def _evaluation_threshold(self) -> float:
        return self.config.score_floor
