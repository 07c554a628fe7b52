"""What happens to one image inside the network, step by step, as arrays and as images.

The tensors are those that the network's own functions return. What they drop is asked for again
with the limit out of the way: boxes before a suppression are what is left when none overlaps too
much.
"""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
from keras import ops

from tfseg.engine.inputs import as_item
from tfseg.errors import DataError
from tfseg.models.two_stage import rules
from tfseg.nn.rcnn.rpn import objectness
from tfseg.structures import Prediction, Sample
from tfseg.visualize.boxes import as_picture
from tfseg.visualize.picture_page import Plated

__all__ = ["Inspection", "TruthInspection", "inspect"]

_EVERYTHING = 1.0  # an overlap that no two boxes exceed


@dataclasses.dataclass(frozen=True, eq=False)
class TruthInspection:
    """What the network would learn from an image: `T` sampled RoIs, of which the first `T+` places
    are for positives. Which anchors and RoIs are sampled differs from step to step; this is one
    draw.

    Attributes:
        square: uint8 `(H, W, 3)`, the image as the training network sees it.
        boxes: float32 `(G, 4)`, the true boxes, pixels of the square.
        class_ids: int32 `(G,)`, below 0 for a crowd region.
        anchor_match: int32 `(A,)`: 1 object, -1 background, 0 neutral.
        anchors: float32 `(A, 4)`, pixels of the square.
        rois: float32 `(T, 4)`, pixels of the square; zeros where a place is empty.
        roi_class_ids: int32 `(T,)`, 0 for background.
        valid: bool `(T,)`, False for empty places.
        positive: bool `(T+,)`.
        mask_targets: float32 `(T+, m, m)`, what the mask head should say.
    """

    square: np.ndarray
    boxes: np.ndarray
    class_ids: np.ndarray
    anchor_match: np.ndarray
    anchors: np.ndarray
    rois: np.ndarray
    roi_class_ids: np.ndarray
    valid: np.ndarray
    positive: np.ndarray
    mask_targets: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Inspection(Plated):
    """One image's way through the network. Boxes are float32 `(y1, x1, y2, x2)` in pixels of
    the network's input, the "square", best score first; A anchors, P proposals, C classes with
    the background, D detections.

    Attributes:
        image: uint8 `(h, w, 3)`, the image.
        square: uint8 `(H, W, 3)`, the network's input.
        window: float32 `(4,)`, the part of the square that holds the image.
        anchors: One float32 `(rows * columns * ratios, 4)` for each pyramid level.
        objectness: One float32 `(rows, columns, ratios)` for each level: the probability that
            an anchor holds an object.
        top_anchors: int `(A',)`, positions of the highest objectness among all anchors.
        candidates: float32 `(K, 4)`: anchors moved by their regression and cut, before
            suppression.
        proposals: float32 `(P, 4)`, after it.
        roi_levels: int32 `(P,)`, the pyramid level (2 to 5) that a proposal's features are of.
        probabilities: float32 `(P, C)`, what the box head says of each proposal.
        refined: float32 `(R, 4)`: proposals moved by the regression of their class, cut, above
            the lowest score, before suppression within each class.
        refined_ids: int32 `(R,)`.
        refined_scores: float32 `(R,)`.
        detections: float32 `(D, 6)`: box, class id, score.
        masks: float32 `(D, m, m)`, probabilities within the boxes.
        prediction: The same in pixels of the image, as `predict` returns it.
        class_names: Name of class id k at position k - 1.
        truth: What would be learnt from the image, if it came with annotations.
    """

    image: np.ndarray
    square: np.ndarray
    window: np.ndarray
    anchors: tuple[np.ndarray, ...]
    objectness: tuple[np.ndarray, ...]
    top_anchors: np.ndarray
    candidates: np.ndarray
    proposals: np.ndarray
    roi_levels: np.ndarray
    probabilities: np.ndarray
    refined: np.ndarray
    refined_ids: np.ndarray
    refined_scores: np.ndarray
    detections: np.ndarray
    masks: np.ndarray
    prediction: Prediction
    class_names: tuple[str, ...] = ()
    truth: TruthInspection | None = None

    page_title = "Inside Mask R-CNN"

    @functools.cached_property
    def plates(self) -> tuple:
        """The images with headings and words, in the order of the steps."""
        from tfseg.models.mask_rcnn.inspection_pictures import plates

        return plates(self)

    def _lead(self) -> str:
        where = self.prediction.path or f"image {self.prediction.image_id}"
        return (
            f"{where}: {sum(map(len, self.anchors)):,} anchors, {len(self.proposals)} proposals, "
            f"{len(self.refined)} boxes with a class, {len(self.detections)} detections, "
            f"{len(self.prediction)} of them above the score that predict asks for."
        )


def inspect(estimator, item, *, score_threshold: float | None = None) -> Inspection:
    """Returns what the network does with one image; see `MaskRCNN.inspect`.

    Args:
        estimator: A fitted `MaskRCNN`.
        item: Has `image`, `image_id` and `path`; a `Sample` also shows its targets.
        score_threshold: Lowest score of the prediction; None: as `predict`.
    """
    network, config = estimator.keras_model, estimator.config
    inputs, plan = estimator._predict_inputs(as_item(item, config.channels))
    batch = {name: value[None] for name, value in inputs.items()}
    levels = network.pyramid(ops.convert_to_tensor(batch["image"]), False)
    logits, deltas = network.rpn(levels)
    window = ops.convert_to_tensor(batch["window"])
    steps = network.steps_from(levels, logits, deltas, window)
    shape = tuple(batch["image"].shape[1:3])
    everyone = rules.anchors(config, shape)
    scores = _numpy(ops.sigmoid(objectness(logits)))[0]
    counts = rules.level_counts(config, shape)
    ends = np.cumsum([int(np.prod(count)) for count in counts])[:-1]
    candidates, refined = _unsuppressed(config, logits, deltas, steps, shape, window)
    proposals = steps["proposals"][:, : int(np.sum(_numpy(steps["valid"])))]
    # From the compiled network, as in `predict`: operation by operation, the last digits differ.
    outputs = {name: value[0] for name, value in estimator._run(batch).items()}
    found = outputs["detections"][:, 4] > 0
    return Inspection(
        image=as_picture(item.image),
        square=as_picture(inputs["image"]),
        window=np.asarray(inputs["window"], np.float32),
        anchors=tuple(np.split(everyone, ends)),
        objectness=tuple(p.reshape(c) for p, c in zip(np.split(scores, ends), counts)),
        top_anchors=np.argsort(-scores, kind="stable")[: config.pre_nms_limit],
        candidates=candidates,
        proposals=_numpy(rules.to_pixels(config, proposals, shape))[0],
        roi_levels=_numpy(rules.levels_of(config, proposals, shape))[0],
        probabilities=_numpy(steps["probabilities"])[0, : proposals.shape[1]],
        refined=refined[0],
        refined_ids=refined[1],
        refined_scores=refined[2],
        detections=outputs["detections"][found],
        masks=outputs["masks"][found],
        prediction=estimator._decode(
            outputs,
            plan,
            score_threshold=score_threshold,
            image_id=item.image_id,
            path=item.path,
        ),
        class_names=estimator.class_names,
        truth=_truth(estimator, item) if isinstance(item, Sample) else None,
    )


def _unsuppressed(config, logits, deltas, steps, shape, window):
    """Returns the boxes before the suppression of proposals, and `(boxes, class ids, scores)`
    before that of detections, in pixels."""
    limit = config.pre_nms_limit
    count = sum(min(limit, int(np.prod(c))) for c in rules.level_counts(config, shape))
    count = count if config.proposal_rule == "per_level" else min(count, limit)
    loose = config.replace(
        rpn_nms_threshold=_EVERYTHING,
        detection_nms_threshold=_EVERYTHING,
        max_detections=int(steps["proposals"].shape[1]),
    )
    boxes, valid = rules.proposals(loose, logits, deltas, shape, window, count, limit)
    candidates = _numpy(rules.to_pixels(config, boxes, shape))[0][_numpy(valid)[0]]
    boxes, ids, scores = rules.detections(
        loose,
        steps["proposals"],
        steps["valid"],
        steps["probabilities"],
        steps["box_deltas"],
        shape,
        window,
    )
    ids, scores = _numpy(ids)[0], _numpy(scores)[0]
    boxes = _numpy(rules.to_pixels(config, boxes, shape))[0]
    return candidates, (boxes[ids > 0], ids[ids > 0], scores[ids > 0])


def _truth(estimator, sample: Sample) -> TruthInspection:
    network, config = estimator.keras_model, estimator.config
    wrong = sample.class_ids[(sample.class_ids < 1) | (sample.class_ids > len(config.classes))]
    if len(wrong):
        raise DataError(
            f"{sample.where}: class id {wrong[0]} is none of the model's {len(config.classes)} "
            f"({', '.join(config.classes)}). Open the dataset with classes=model.class_names."
        )
    inputs = estimator._encode(sample, 0)
    seeds = (network.rpn_seed.state, network.roi_seed.state)
    before = [_numpy(seed) for seed in seeds]
    try:
        outputs = network({n: np.asarray(v)[None] for n, v in inputs.items()}, training=False)
    finally:
        # Looking must not change what a training draws next.
        for seed, value in zip(seeds, before, strict=True):
            seed.assign(value)
    outputs = {name: _numpy(value)[0] for name, value in outputs.items()}
    shape = tuple(inputs["image"].shape[:2])
    some = inputs["gt_class_ids"] != 0
    return TruthInspection(
        square=as_picture(inputs["image"]),
        boxes=inputs["gt_boxes"][some],
        class_ids=inputs["gt_class_ids"][some],
        anchor_match=outputs["rpn_match"],
        anchors=rules.anchors(config, shape),
        rois=_numpy(rules.to_pixels(config, outputs["rois"], shape)) * outputs["valid"][:, None],
        roi_class_ids=outputs["class_ids"],
        valid=outputs["valid"],
        positive=outputs["positive"],
        mask_targets=outputs["mask_targets"],
    )


def _numpy(value) -> np.ndarray:
    return np.array(ops.convert_to_numpy(value))
