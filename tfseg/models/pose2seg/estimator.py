"""`Pose2Seg`: the class a user meets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import keras
import numpy as np

from tfseg.engine import runtime
from tfseg.engine.estimator import Estimator
from tfseg.engine.extras import TRUTH
from tfseg.engine.inputs import Item, read_one
from tfseg.errors import DataError
from tfseg.geometry.resize import SquareResize
from tfseg.metrics.person_masks import MEASURES, PersonMaskEvaluator
from tfseg.models.pose2seg import crowds
from tfseg.models.pose2seg import network as networks
from tfseg.models.pose2seg.beside import compared
from tfseg.models.pose2seg.config import Pose2SegConfig
from tfseg.models.pose2seg.decode import decode
from tfseg.models.pose2seg.inputs import EXTRAS
from tfseg.models.pose2seg.targets import Plan, encode, network_image, plan
from tfseg.structures import Prediction, Sample
from tfseg.structures.poses import Poses, check_inside

if TYPE_CHECKING:
    from tfseg.models.pose2seg.inspection import Inspection

__all__ = ["Pose2Seg"]


class Pose2Seg(Estimator):
    """A mask for each pose: people who stand in front of each other are told apart by their
    skeletons, without boxes and their suppression.

    Settings are those of `Pose2SegConfig`, by name::

        model = Pose2Seg(variant="light", image_size=256, window_size=64, soft_targets=True)
        model.fit(SyntheticPeople(1000), run_dir="runs/pose2seg")
        prediction = model.predict("photo.jpg", poses="poses.json")[0]
        prediction.masks[0]  # of the first pose
        prediction.attributes[0][0].name  # the template that it was aligned with

    Samples to learn from need masks and COCO's 17 keypoints. Poses may have other joints, see
    `tfseg.structures.poses.coco_poses`; x and y of missing ones do not matter. Where a pose has
    fewer than three joints, or none of the templates fits, the window shows the whole image.

    Source: Li, Dong, Cai et al.: Pose2Seg: human instance segmentation without detection (2018),
    and the public code of its version of 2019.
    """

    system = "pose2seg"
    config_class = Pose2SegConfig
    loss_terms = {"mask_loss": "mask"}
    measures = MEASURES
    predict_extras = EXTRAS
    weight_readers = (
        "tfseg.convert.pose2seg",
        "tfseg.convert.keras_applications",
        "tfseg.convert.tflite_mobilenet",
    )
    serving_graph = "tfseg.export.graphs.pose2seg"
    no_phone_part = "Windows are gathered by computed positions, which phones run slowly or not."
    config: Pose2SegConfig
    _compares = False

    def _build(self) -> keras.Model:
        return networks.build(self.config)

    def _layer_group(self, name: str) -> set[str]:
        return networks.layer_group(self.keras_model, name)

    def _resize(self) -> SquareResize:
        return SquareResize(self.config.image_size, self.config.image_size)

    # ------------------------------------------------------------------ training

    def _encode(self, sample: Sample, seed: int) -> dict[str, np.ndarray]:
        return encode(sample, self.config)

    def _prepared(self, dataset, augment: Callable | None):
        def prepare(sample: Sample, seed: int) -> dict[str, np.ndarray]:
            if augment is None:
                return encode(sample, self.config)
            moved = augment(sample.replace(label_maps={}), seed)
            return encode(moved, self.config, np.random.default_rng(seed))

        return dataset, prepare

    # ------------------------------------------------------------------ predicting

    def _predict_inputs(self, item: Item) -> tuple[dict[str, np.ndarray], tuple[Plan, Poses]]:
        poses, size = item.extras["poses"], item.image.shape[:2]
        where = item.path or f"image {item.image_id}"
        check_inside(poses, size, where)
        try:
            planned = plan(poses.keypoints, size, self.config)
        except DataError as error:
            raise DataError(f"{where}: {error}") from None
        people = crowds.padded_people(planned, self.config.use_skeleton)
        image = network_image(item.image, planned, self.config)
        return {"image": image, **people}, (planned, poses)

    def _run_rows(self, rows: list[dict], batch_size: int) -> list[dict[str, np.ndarray]]:
        fixed = not runtime.any_batch(self.keras_model)
        return crowds.answer(self._run, rows, images=batch_size, fixed=fixed)

    def _decode(self, outputs, plan, *, score_threshold, image_id, path) -> Prediction:
        planned, poses = plan
        return decode(
            outputs["logits"],
            planned,
            poses.keypoints,
            poses.scores,
            class_names=self.class_names,
            image_id=image_id,
            path=path,
        )

    def _finish(self, item: Item, prediction: Prediction, *, score_threshold) -> Prediction:
        if self._compares and item.sample is not None:
            poses = item.extras["poses"]
            planned = plan(poses.keypoints, item.image.shape[:2], self.config)
            prediction = compared(prediction, item.sample, planned, poses, self.config)
        if score_threshold is None:
            return prediction
        return prediction[prediction.scores >= score_threshold]

    def inspect(self, image, *, poses=None, score_threshold: float | None = None) -> Inspection:
        """Returns what the network sees of each person of one image, as arrays and images: the
        aligned windows, skeletons, probabilities and masks. A notebook shows them;
        `inspection.save("folder")` writes them.

        Args:
            image: A path, an array, encoded bytes, an open file, an image of Pillow, or a
                `Sample`.
            poses: As for `predict`; None takes the annotated ones of a `Sample`.
            score_threshold: Lowest score of the poses that are looked at; None: all.

        Raises:
            NotFittedError: If no weights were trained or loaded.
            DataError: If it is not one image, or there are no poses for it.
        """
        from tfseg.models.pose2seg.inspection import inspect

        self._check_threshold(score_threshold)
        self._require_weights()
        item = read_one(image)
        if poses is None and item.sample is not None:
            poses = TRUTH
        item = self._filler({"poses": poses}, 1)(item, 0)
        found = item.extras["poses"]
        if score_threshold is not None:
            keep = found.scores >= score_threshold
            found = Poses(found.keypoints[keep], found.scores[keep])
        return inspect(self, item._replace(extras={**item.extras, "poses": found}))

    # ------------------------------------------------------------------ measuring

    def _evaluator(self) -> PersonMaskEvaluator:
        return PersonMaskEvaluator(self.class_names)

    def _predict_dataset(self, *args, **options) -> Iterator[tuple[Sample, Prediction]]:
        """Yields predictions beside which stand the bound that the windows set, and hulls."""
        network = self.keras_model
        # Built and compiled before it is shared: an evaluation after each epoch compiles once.
        self._infer = self._infer or runtime.compile_inference(network)
        yield from super(Pose2Seg, self._view(_compares=True))._predict_dataset(*args, **options)
