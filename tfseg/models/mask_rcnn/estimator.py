"""`MaskRCNN`: the class a user meets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras

from tfseg.engine.inputs import read_one
from tfseg.metrics import instances
from tfseg.models.mask_rcnn import network
from tfseg.models.mask_rcnn.config import MaskRCNNConfig
from tfseg.models.two_stage.estimator import TwoStageEstimator
from tfseg.structures import Sample

if TYPE_CHECKING:
    from tfseg.models.mask_rcnn.inspection import Inspection

__all__ = ["MaskRCNN"]


class MaskRCNN(TwoStageEstimator):
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
    config: MaskRCNNConfig

    def _build(self) -> keras.Model:
        return self._keep_architecture(network.build(self.config, self._ready_backbone()))

    def fit(self, train, val=None, **options) -> MaskRCNN:
        """Trains on a dataset and returns the estimator; see `Estimator.fit`.

        A model that has no weights yet first gets those of `config.initial_weights`.
        """
        return super().fit(train, val, **options)

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
