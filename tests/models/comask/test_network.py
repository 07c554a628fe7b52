"""The CoMask network: sizes of the specification, what comes out, what learns, the ways out."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops
from small_comask import SMALL

from tfseg.models.comask.config import CoMaskConfig
from tfseg.models.comask.losses import TERMS
from tfseg.models.comask.network import CoMaskNetwork, build


def small(**settings) -> CoMaskNetwork:
    keras.utils.set_random_seed(1)
    return build(CoMaskConfig(**{**SMALL, **settings}))


def batch(count: int = 2) -> dict:
    random = np.random.default_rng(0)
    boxes = np.zeros((count, 4, 4), np.float32)
    boxes[:, 0], boxes[:, 1] = (8, 8, 40, 36), (20, 30, 60, 62)
    ids = np.tile(np.array([1, 2, 0, 0], np.int32), (count, 1))
    if count > 1:
        ids[1], boxes[1] = 0, 0  # an image without objects
    return {
        "image": random.integers(0, 256, (count, 64, 64, 3), np.uint8),
        "window": np.tile(np.array([0, 0, 64, 64], np.float32), (count, 1)),
        "gt_class_ids": ids,
        "gt_boxes": boxes,
        "gt_masks": np.ones((count, 4, 56, 56), np.uint8),
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    ("backbone", "parameters"), [("resnet50", 70_145_413), ("resnet101", 89_215_877)]
)
def test_parameters_of_the_specification(backbone, parameters):
    config = CoMaskConfig(
        classes=tuple(f"class {i}" for i in range(80)), backbone=backbone, norm="frozen"
    )
    network = build(config)
    seeds = 3 * 2  # the states of the random generators are no parameters
    found = sum(np.prod(weight.shape) for weight in network.weights)
    assert found in (parameters, parameters + seeds)


def test_training_gives_every_term_and_a_gradient_to_every_weight_that_learns():
    network, inputs = small(), batch()
    outputs = network(inputs, training=True)
    assert outputs["offsets"].shape == (2, 4, 7, 7, 4)
    assert outputs["mask_logits"].shape == outputs["mask_targets"].shape == (2, 4, 28, 28)
    loss = network.compute_loss(inputs, y_pred=outputs, training=True)
    names = [tracker.name for tracker in network.trackers]
    assert names == [*TERMS, "l2_loss"]
    assert np.isfinite(float(loss)) and all(float(t.result()) > 0 for t in network.trackers[:5])
    if keras.backend.backend() != "tensorflow":
        return
    import tensorflow as tf

    with tf.GradientTape() as tape:
        loss = network.compute_loss(inputs, y_pred=network(inputs, training=True), training=True)
    gradients = tape.gradient(loss, [v.value for v in network.trainable_variables])
    still = {
        v.path
        for v, gradient in zip(network.trainable_variables, gradients)
        if gradient is None or not np.any(ops.convert_to_numpy(gradient))
    }
    assert not still, still


def test_images_without_objects_learn_without_a_nan():
    network, inputs = small(), batch()
    inputs["gt_class_ids"][:] = 0
    inputs["gt_boxes"][:] = 0
    outputs = network(inputs, training=True)
    loss = network.compute_loss(inputs, y_pred=outputs, training=True)
    terms = {tracker.name: float(tracker.result()) for tracker in network.trackers}
    assert np.isfinite(float(loss))
    assert terms["box_loss"] == terms["mask_loss"] == terms["rpn_bbox_loss"] == 0


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"collaboration": False},
        {"branches": 1, "fine_head": "mask_rcnn", "mask_head_convs": 1, "mask_head_channels": 8},
        {"branches": 2, "branch_mode": "cascade", "offset_activation": "exp"},
        {"refined_nms_threshold": None},
    ],
)
def test_what_is_predicted(settings):
    network, inputs = small(**settings), batch()
    given = {name: inputs[name] for name in ("image", "window")}
    found = {k: ops.convert_to_numpy(v) for k, v in network(given, training=False).items()}
    detections, masks = found["detections"], found["masks"]
    assert detections.shape == (2, 8, 6) and masks.shape == (2, 8, 28, 28)
    there = detections[..., 4] > 0
    assert there.any()
    assert (np.diff(detections[..., 5], axis=1) <= 1e-6).all()  # best first
    boxes = detections[..., :4]
    assert (boxes[there][:, 2:] >= boxes[there][:, :2]).all()
    assert (boxes >= 0).all() and (boxes <= 64).all()
    assert not masks[~there].any() and not boxes[~there].any()
    assert ((masks[there] > 0) & (masks[there] < 1)).all()


def test_the_coarse_masks_decide_and_saying_nothing_changes_nothing():
    """With offsets that bring every cell's box to its region, boxes stay; the fallback included."""
    network = small()
    network.collab_head.offsets.kernel.assign(np.zeros(network.collab_head.offsets.kernel.shape))
    inputs = batch(1)
    given = {name: inputs[name] for name in ("image", "window")}
    levels = network.pyramid(given["image"], False)
    steps = network.steps_from(levels, *network.rpn(levels), given["window"])
    regions = ops.convert_to_numpy(steps["coarse_detections"])[0]
    averaged = ops.convert_to_numpy(steps["averaged"])[0]
    there = regions[:, 4] > 0
    center = (regions[:, :2] + regions[:, 2:4]) / 2
    sides = regions[:, 2:4] - regions[:, :2]
    moved = (averaged[:, :2] + averaged[:, 2:]) / 2
    # Half a region to each side of cells that lie within it: the mean's centre is inside too.
    inside = (abs(moved - center) <= sides / 2 + 1e-3) | (averaged[:, 2:] >= 64 - 1e-3)
    assert inside[there].all() and np.isfinite(averaged).all()


def test_settings_and_weights_come_back():
    network = small()
    again = CoMaskNetwork.from_config(network.get_config())
    assert again.config == network.config
    assert [w.shape for w in again.weights] == [w.shape for w in network.weights]
