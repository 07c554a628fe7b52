"""`CoMask`: the class a user meets."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING

import keras

from tfseg.engine.inputs import read_one
from tfseg.models.comask import network
from tfseg.models.comask.config import CoMaskConfig
from tfseg.models.comask.evaluator import MEASURES, BeforeAndAfter, CoMaskEvaluator
from tfseg.models.two_stage.estimator import TwoStageEstimator
from tfseg.structures import Prediction, Sample

if TYPE_CHECKING:
    from tfseg.models.comask.inspection import Inspection

__all__ = ["CoMask"]


class CoMask(TwoStageEstimator):
    """Instance segmentation with dense boxes that a coarse mask weighs, and multi-scale features.

    Settings are those of `CoMaskConfig`, by name::

        model = CoMask(classes=("suit", "dress", "jeans"), backbone="resnet50", image_size=512)
        model.load_weights("runs/mask_rcnn/best", skip_mismatch=True)  # backbone, pyramid, RPN
        model.fit(train, val, run_dir="runs/comask")

    Source: Chen, Hu, Xiao, Zhang, Wang: Accurate instance segmentation via collaborative learning
    (2022).
    """

    system = "comask"
    config_class = CoMaskConfig
    loss_terms = {
        "rpn_class_loss": "RPN class",
        "rpn_bbox_loss": "RPN box",
        "class_loss": "class",
        "box_loss": "box",
        "mask_loss": "mask",
    }
    measures = MEASURES
    weight_readers = (
        "tfseg.convert.torchvision",
        "tfseg.convert.keras_applications",
        "tfseg.convert.tflite_mobilenet",
    )
    class_layers = ("box_head/mrcnn_class_logits", "collab_head/collab_mask")
    config: CoMaskConfig
    _remembers = False

    def _build(self) -> keras.Model:
        return self._keep_architecture(network.build(self.config, self._ready_backbone()))

    def inspect(self, image, *, score_threshold: float | None = None) -> Inspection:
        """Returns how the boxes of one image came about, as arrays and images: the enhanced
        pyramid, coarse masks, the box that each cell votes for, what its vote counts, and the
        average. A notebook shows them; `inspection.save("folder")` writes them.

        Args:
            image: A path, an array, encoded bytes, an open file, an image of Pillow, or a
                `Sample`.
            score_threshold: Lowest score of the prediction; None: as `predict`.

        Raises:
            ConfigError: For a threshold that is no share.
            NotFittedError: If no weights were trained or loaded.
            DataError: If it is not one image, or cannot be read.
        """
        from tfseg.models.comask.inspection import inspect

        self._check_threshold(score_threshold)
        self._require_weights()
        item = read_one(image, self.config.channels)
        return inspect(self, item, score_threshold=score_threshold)

    def _decode(self, outputs, plan, **about) -> Prediction:
        found = super()._decode(outputs, plan, **about)
        if not self._remembers:
            return found
        before = {"detections": outputs["coarse_detections"], "masks": outputs["coarse_masks"]}
        fields = {f.name: getattr(found, f.name) for f in dataclasses.fields(Prediction)}
        return BeforeAndAfter(**fields, before=super()._decode(before, plan, **about))

    def _evaluator(self) -> CoMaskEvaluator:
        return CoMaskEvaluator(self.class_names)

    def _predict_dataset(self, *args, **options) -> Iterator[tuple[Sample, Prediction]]:
        """Yields predictions that remember what they were before collaboration."""
        _ = self.keras_model  # built before it is shared
        yield from super(CoMask, self._view(_remembers=True))._predict_dataset(*args, **options)
