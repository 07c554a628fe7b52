"""`MaskRCNN`: the class a user meets."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

import keras
import numpy as np

from tfseg.engine.estimator import Estimator
from tfseg.engine.inputs import Item, read_one
from tfseg.geometry.padded import PaddedResize
from tfseg.geometry.resize import ResizePlan, SquareResize
from tfseg.metrics import instances
from tfseg.models.mask_rcnn import network
from tfseg.models.mask_rcnn.config import MaskRCNNConfig
from tfseg.models.two_stage.decode import decode
from tfseg.models.two_stage.initial_weights import has_statistics, load_initial
from tfseg.models.two_stage.targets import encode, resize_of
from tfseg.structures import Prediction, Sample

if TYPE_CHECKING:
    from tfseg.models.mask_rcnn.inspection import Inspection

__all__ = ["MaskRCNN"]

_LOG = logging.getLogger(__name__)


class MaskRCNN(Estimator):
    """Instance segmentation of a user's own classes by transfer learning on Mask R-CNN.

    Settings are those of `MaskRCNNConfig`, by name::

        model = MaskRCNN(classes=("suit", "dress", "jeans"), backbone="resnet50", image_size=512)
        model.load_weights("weights.h5", skip_mismatch=True)
        model.fit(train, val, run_dir="runs/clothing")
        for prediction in model.predict(["a.jpg", "b.jpg"]):
            print(prediction.names, prediction.boxes, prediction.masks.shape)

    Sources: He et al., Mask R-CNN (2017); Yam and Zhao, Clothing image segmentation using transfer
    learning on Mask RCNN (2020); matterport/Mask_RCNN for what those leave open.
    """

    system = "mask_rcnn"
    config_class = MaskRCNNConfig
    loss_terms = {
        "rpn_class_loss": "RPN class",
        "rpn_bbox_loss": "RPN box",
        "mrcnn_class_loss": "class",
        "mrcnn_bbox_loss": "box",
        "mrcnn_mask_loss": "mask",
    }
    measures = instances.MEASURES
    weight_readers = (
        "tfseg.convert.matterport",
        "tfseg.convert.torchvision",
        "tfseg.convert.keras_applications",
        "tfseg.convert.tflite_mobilenet",
    )
    serving_graph = "tfseg.export.graphs.detection"
    no_phone_part = (
        "Region proposals, NMS and RoI alignment gather by computed positions, which TFLite has no "
        "whole-integer operations for, so that it would run on the slow path or not at all; its "
        "dense layers alone, backbone and pyramid, find nothing."
    )
    config: MaskRCNNConfig

    def _build(self) -> keras.Model:
        return network.build(self.config)

    def fit(self, train, val=None, **options) -> MaskRCNN:
        """Trains on a dataset and returns the estimator; see `Estimator.fit`.

        A model that has no weights yet first gets those of `config.initial_weights`.
        """
        return super().fit(train, val, **options)

    def _load_initial(self) -> None:
        if self.fitted:
            return
        config, loaded = self.config, bool(self.random_layers)
        if not loaded:
            load_initial(self.keras_model)
        # A converted backbone alone is saved as not fitted, and has its statistics.
        random = loaded or config.initial_weights is None
        if random and config.norm == "frozen" and not has_statistics(self.keras_model):
            _LOG.warning(
                "The backbone starts from random weights, and norm='frozen' keeps statistics that "
                "nothing has learnt: losses begin in the thousands. Load weights, set "
                "initial_weights, or train from scratch with norm='batch' or norm='group'."
            )

    def inspect(self, image, *, score_threshold: float | None = None) -> Inspection:
        """Returns what happens to one image inside the network, as arrays and images: the
        resized input, anchors, objectness, proposals, their pyramid levels, what both heads say,
        and the prediction. A notebook shows them; `inspection.save("folder")` writes them.

        Args:
            image: A path, an array, encoded bytes, an open file, an image of Pillow, or a
                `Sample`, for which the targets of a training are shown too.
            score_threshold: Lowest score of the prediction; None: as `predict`.

        Raises:
            ConfigError: For a threshold that is no share.
            NotFittedError: If no weights were trained or loaded.
            DataError: If it is not one image, or cannot be read.
        """
        from tfseg.models.mask_rcnn.inspection import inspect

        self._check_threshold(score_threshold)
        self._require_weights()
        item = image if isinstance(image, Sample) else read_one(image, self.config.channels)
        return inspect(self, item, score_threshold=score_threshold)

    def _layer_group(self, name: str) -> set[str]:
        return network.layer_group(self.keras_model, name)

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
