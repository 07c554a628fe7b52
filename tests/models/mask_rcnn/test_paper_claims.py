"""Two claims of the clothing paper that cannot hold: what its thresholds do to training losses.

The paper says that raising the detection confidence lowers the total loss (section 8.7), and that
raising the threshold of suppression among proposals lowers the losses of the region proposal
network (section 8.6). The values tried are read from the experiment files.
"""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from tfseg.data.synthetic import SyntheticPeople
from tfseg.models.mask_rcnn import network
from tfseg.models.mask_rcnn.config import MaskRCNNConfig
from tfseg.models.mask_rcnn.losses import TERMS
from tfseg.models.two_stage.targets import encode
from tfseg.studies.experiment_files import read_experiment

FOLDER = Path(__file__).resolve().parents[3] / "configs" / "mask_rcnn"
SETTINGS = dict(
    classes=("person",),
    backbone="mobilenet_v2",
    norm="none",
    image_size=64,
    # Large for the distance between them, so that neighbours overlap by 0.7 to 0.9.
    anchor_scales=(32.0, 48.0, 48.0, 56.0, 64.0),
    rpn_train_anchors=32,
    pre_nms_limit=300,
    proposals_train=300,
    proposals_test=50,
    train_rois=16,
    add_truth_to_proposals=True,
    pool_size=3,
    mask_pool_size=4,
    mini_mask_size=14,
    max_instances=4,
    max_detections=5,
    pyramid_channels=16,
    rpn_channels=16,
    box_head_channels=24,
    mask_head_channels=16,
    mask_head_convs=1,
)


def plain_backbone(config, seed):
    """Returns five convolutions with the strides and the outputs of a real backbone."""
    x = image = keras.Input((config.image_size, config.image_size, 3))
    stages = {}
    for index in range(1, 6):
        x = keras.layers.Conv2D(8, 3, 2, "same", activation="relu", name=f"conv{index}")(x)
        stages[f"C{index}"] = x
    del stages["C1"]
    return keras.Model(image, stages, name="plain_backbone")


def change(name: str) -> dict:
    """Returns what an experiment of the paper changes in the model."""
    differs = read_experiment(FOLDER / f"{name}.yaml").differs
    assert all(setting.startswith("model.") for setting in differs)
    return {setting.removeprefix("model."): after for setting, (_, after) in differs.items()}


def make(**changes):
    keras.utils.set_random_seed(0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tfseg.models.two_stage.network.build_backbone", plain_backbone)
        return network.build(MaskRCNNConfig(**{**SETTINGS, **changes}))


@pytest.fixture(scope="module")
def batches():
    """Two batches of two images with drawn people."""
    people = SyntheticPeople(4, size=64, seed=1, people=(1, 2))
    config = MaskRCNNConfig(**SETTINGS)
    rows = [encode(people[index], config) for index in range(4)]
    return [
        {name: np.stack([row[name] for row in rows[i : i + 2]]) for name in rows[0]}
        for i in range(0, 4, 2)
    ]


def trained(batches, **changes) -> dict[str, np.ndarray]:
    """Returns every loss of two training steps, and all weights after them."""
    model = make(**changes)
    model.compile(keras.optimizers.SGD(0.05, momentum=0.9, clipnorm=5.0), run_eagerly=True)
    found = {}
    for step, inputs in enumerate(batches):
        history = model.fit(inputs, batch_size=2, shuffle=False, verbose=0).history
        found |= {f"step {step}, {name}": np.array(value) for name, value in history.items()}
    found |= {weight.path: ops.convert_to_numpy(weight.value) for weight in model.weights}
    return found


def equal(first: dict, second: dict) -> bool:
    assert first.keys() == second.keys()
    return all((first[name] == second[name]).all() for name in first)


@pytest.fixture(scope="module")
def usual(batches):
    return trained(batches)


@pytest.mark.parametrize(
    "changes",
    [change("t3_conf_075"), change("t3_conf_08"), {"detection_nms_threshold": 0.9}],
    ids=str,
)
def test_what_acts_on_detections_leaves_every_loss_and_weight_bit_for_bit(batches, usual, changes):
    assert not equal(
        {name: np.array(getattr(MaskRCNNConfig(**SETTINGS), name)) for name in changes},
        {name: np.array(value) for name, value in changes.items()},
    )
    after = trained(batches, **changes)
    assert {f"step 1, {name}" for name in ("loss", "l2_loss", *TERMS)} <= set(after)
    assert equal(usual, after)


def test_the_comparison_sees_a_setting_that_does_act(batches, usual):
    assert not equal(usual, trained(batches, **change("t2_rpn_l2")))


@pytest.mark.parametrize("name", ["t3_nms_08", "t3_nms_09"])
def test_the_threshold_among_proposals_leaves_the_losses_of_the_rpn_bit_for_bit(batches, name):
    inputs, found = batches[0], []
    for changes in ({}, change(name)):
        model = make(**changes)
        outputs = model(inputs, training=True)
        model.compute_loss(inputs, None, outputs)
        losses = {tracker.name: float(tracker.result()) for tracker in model.trackers}
        rpn = {key: ops.convert_to_numpy(value) for key, value in outputs.items() if "rpn_" in key}
        _, valid = model.propose(outputs["rpn_logits"], outputs["rpn_deltas"], 300)
        found.append((losses, rpn, int(ops.convert_to_numpy(valid).sum())))
    (usual, outputs, count), (raised, same_outputs, more) = found
    assert usual["rpn_class_loss"] > 0 and usual["rpn_bbox_loss"] > 0
    assert usual["rpn_class_loss"] == raised["rpn_class_loss"]
    assert usual["rpn_bbox_loss"] == raised["rpn_bbox_loss"]
    assert equal(outputs, same_outputs)
    # What it does change: more proposals reach the heads, and with them the heads' losses.
    assert more > count
    assert usual["mrcnn_class_loss"] != raised["mrcnn_class_loss"]
