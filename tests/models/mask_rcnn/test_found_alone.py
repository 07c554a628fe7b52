"""What is computed for the objects that are returned, against everything computed for all."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from tfseg.models.mask_rcnn import network
from tfseg.models.mask_rcnn.config import MaskRCNNConfig
from tfseg.models.two_stage import rules

pytestmark = pytest.mark.both_backends
LIMIT = 20


@pytest.fixture(scope="module", params=["best_class", "every_class"])
def model(request):
    keras.utils.set_random_seed(3)
    model = network.build(
        MaskRCNNConfig(
            classes=("disc", "bar"),
            backbone="mobilenet_v2",
            backbone_width=0.35,
            norm="group",
            image_size=64,
            anchor_scales=(8.0, 16.0, 32.0, 48.0, 64.0),
            proposals_test=40,
            pool_size=3,
            mask_pool_size=4,
            mini_mask_size=14,
            max_detections=LIMIT,
            detection_nms_threshold=0.9,
            detection_rule=request.param,
            pyramid_channels=16,
            rpn_channels=16,
            box_head_channels=16,
            mask_head_channels=16,
            mask_head_convs=1,
        )
    )
    # Random weights hardly tell regions apart; now scores differ.
    score = model.box_head.score
    score.kernel.assign(np.random.default_rng(0).normal(0, 3, score.kernel.shape))
    score.bias.assign([-20.0, 0.0, 0.0])
    return model


def _numpy(outputs):
    return {name: ops.convert_to_numpy(value) for name, value in outputs.items()}


def test_a_lowest_score_leaves_what_reaches_it_as_it_was(model, call_model):
    image = np.random.default_rng(1).integers(0, 256, (2, 64, 64, 3)).astype(np.uint8)
    everything = _numpy(call_model(model, {"image": image}))
    scores = np.sort(everything["detections"][..., 5].ravel())[::-1]
    assert (scores > 0).sum() > LIMIT
    for bound in (scores[0], scores[5], scores[LIMIT], 1.0):
        bounds = np.full(2, bound, np.float32)
        some = _numpy(call_model(model, {"image": image, "min_score": bounds}))
        kept = everything["detections"][..., 5] >= bound
        np.testing.assert_array_equal(
            some["detections"], everything["detections"] * kept[..., None]
        )
        np.testing.assert_allclose(
            some["masks"], everything["masks"] * kept[..., None, None], atol=1e-5
        )


def test_masks_are_those_of_the_head_on_every_place(model):
    image = np.random.default_rng(2).integers(0, 256, (2, 64, 64, 3)).astype(np.uint8)
    levels = model.pyramid(image, training=False)
    steps = _numpy(model.steps_from(levels, *model.rpn(levels)))
    found = steps["detections"][..., 4] > 0
    assert found.any()
    boxes = rules.to_units(model.config, steps["detections"][..., :4], (64, 64))
    ids = steps["detections"][..., 4].astype(np.int32)
    features = model.align(levels, boxes, model.config.mask_pool_size)
    expected = ops.convert_to_numpy(ops.sigmoid(model.mask_head(features, ids, training=False)))
    np.testing.assert_allclose(steps["masks"], expected * found[..., None, None], atol=1e-5)
