"""The region proposal network and the two heads: shapes, order, names, equality with plain math."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from tfseg.nn.rcnn.heads import BoxHead, MaskHead
from tfseg.nn.rcnn.rpn import RegionProposalNetwork

X = np.random.default_rng(0).normal(0, 1, (2, 3, 7, 7, 5)).astype(np.float32)


def randomise(layer, seed=0):
    random = np.random.default_rng(seed)
    for weight in layer.weights:
        value = random.normal(0, 0.3, weight.shape)
        weight.assign(np.abs(value) + 0.5 if "variance" in weight.name else value)


def names(layer):
    return {inner.name for inner in layer._flatten_layers(include_self=False) if inner.weights}


def test_box_head_against_numpy():
    head = BoxHead(3, 6, norm_kind="none")
    head.build(X.shape)
    randomise(head)
    logits, deltas = (ops.convert_to_numpy(v) for v in head(X))
    w = {
        layer.name: [ops.convert_to_numpy(v) for v in layer.weights]
        for layer in (head.conv1, head.conv2, head.score, head.move)
    }
    flat = X.reshape(6, -1)
    kernel, bias = w["mrcnn_class_conv1"]
    hidden = np.maximum(flat @ kernel.reshape(-1, 6) + bias, 0)
    kernel, bias = w["mrcnn_class_conv2"]
    hidden = np.maximum(hidden @ kernel[0, 0] + bias, 0)
    score = hidden @ w["mrcnn_class_logits"][0] + w["mrcnn_class_logits"][1]
    move = hidden @ w["mrcnn_bbox_fc"][0] + w["mrcnn_bbox_fc"][1]
    np.testing.assert_allclose(logits, score.reshape(2, 3, 3), atol=1e-3)
    np.testing.assert_allclose(deltas, move.reshape(2, 3, 3, 4), atol=1e-3)


def test_a_head_without_regression_classifies_alike_and_has_no_layer_for_it():
    both, one = BoxHead(3, 6, norm_kind="none"), BoxHead(3, 6, norm_kind="none", regress=False)
    for head in (both, one):
        head.build(X.shape)
        randomise(head)
    logits, nothing = one(X)
    np.testing.assert_array_equal(*(ops.convert_to_numpy(v) for v in (logits, both(X)[0])))
    assert nothing is None
    assert names(both) - names(one) == {"mrcnn_bbox_fc"}


def test_mask_head_draws_the_asked_class_of_the_full_map():
    head = MaskHead(4, 6, convs=2)
    head.build(X.shape)
    randomise(head)
    ids = np.int32([[0, 1, 2], [3, 3, 1]])
    ours = ops.convert_to_numpy(head(X, ids))
    assert ours.shape == (2, 3, 14, 14)
    full = head.score(head.enlarge(head.hidden(X.reshape(6, 7, 7, 5))))
    full = ops.convert_to_numpy(full).reshape(2, 3, 14, 14, 4)
    for b in range(2):
        for n in range(3):
            np.testing.assert_allclose(ours[b, n], full[b, n, :, :, ids[b, n]], atol=1e-4)


def test_names_of_the_heads():
    box, mask = BoxHead(3, 6), MaskHead(3, 6)
    box.build(X.shape)
    mask.build(X.shape)
    assert names(box) == {
        "mrcnn_class_conv1",
        "mrcnn_class_bn1",
        "mrcnn_class_conv2",
        "mrcnn_class_bn2",
        "mrcnn_class_logits",
        "mrcnn_bbox_fc",
    }
    numbered = {f"mrcnn_mask_{kind}{i}" for kind in ("conv", "bn") for i in range(1, 5)}
    assert names(mask) == numbered | {"mrcnn_mask_deconv", "mrcnn_mask"}


@pytest.mark.parametrize("training", [True, False])
def test_frozen_heads_do_not_collect_statistics(training):
    head = BoxHead(3, 6)
    head.build(X.shape)
    before = ops.convert_to_numpy(head.norm1.moving_mean)
    head(X, training=training)
    np.testing.assert_array_equal(ops.convert_to_numpy(head.norm1.moving_mean), before)


def test_batch_heads_collect_statistics_in_training_only():
    head = MaskHead(3, 6, convs=1, norm_kind="batch", momentum=0.5)
    head.build(X.shape)
    before = ops.convert_to_numpy(head.norms[0].moving_mean).copy()
    ids = np.zeros((2, 3), np.int32)
    head(X, ids, training=False)
    np.testing.assert_array_equal(ops.convert_to_numpy(head.norms[0].moving_mean), before)
    head(X, ids, training=True)
    assert np.abs(ops.convert_to_numpy(head.norms[0].moving_mean) - before).max() > 1e-3


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision_heads_answer_in_float32(precision):
    box, mask = BoxHead(3, 6, dtype=precision), MaskHead(3, 6, convs=1, dtype=precision)
    x = ops.cast(X, box.compute_dtype)
    values = [*box(x), mask(x, np.ones((2, 3), np.int32))]
    assert {keras.backend.standardize_dtype(v.dtype) for v in values} == {"float32"}


def levels(random, batch=2, depth=4):
    return [random.normal(0, 1, (batch, n, n + 1, depth)).astype(np.float32) for n in (6, 3, 2)]


@pytest.mark.parametrize("stride", [1, 2])
def test_order_of_the_anchors_answers(stride):
    maps = levels(np.random.default_rng(1))
    rpn = RegionProposalNetwork(5, ratios=3, stride=stride)
    rpn.build([m.shape for m in maps])
    randomise(rpn)
    logits, deltas = (ops.convert_to_numpy(v) for v in rpn(maps))
    row = 0
    for level in maps:
        shared = rpn.shared(level)
        score, move = (
            ops.convert_to_numpy(rpn.score(shared)),
            ops.convert_to_numpy(rpn.move(shared)),
        )
        height, width = -(-level.shape[1] // stride), -(-level.shape[2] // stride)
        assert score.shape[1:3] == (height, width)
        for y in range(height):
            for x in range(width):
                for ratio in range(3):
                    expected = score[:, y, x, 2 * ratio : 2 * ratio + 2]
                    np.testing.assert_allclose(logits[:, row], expected, atol=1e-5)
                    expected = move[:, y, x, 4 * ratio : 4 * ratio + 4]
                    np.testing.assert_allclose(deltas[:, row], expected, atol=1e-5)
                    row += 1
    assert logits.shape == (2, row, 2) and deltas.shape == (2, row, 4)


def test_the_region_proposal_network_has_three_weighted_layers():
    rpn = RegionProposalNetwork(512, ratios=3)
    rpn.build([(None, None, None, 256)] * 5)
    assert names(rpn) == {"rpn_conv_shared", "rpn_class_raw", "rpn_bbox_pred"}
    assert rpn.count_params() == 1_189_394


@pytest.mark.parametrize(
    "layer",
    [
        BoxHead(3, 6, pool_size=5, norm_kind="group", momentum=0.9, groups=4, name="a"),
        BoxHead(3, 6, regress=False, name="a"),
        MaskHead(3, 6, convs=2, norm_kind="batch", name="b"),
        RegionProposalNetwork(7, ratios=2, stride=2, name="c"),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_a_layer_survives_its_config(layer):
    copy = keras.layers.deserialize(keras.layers.serialize(layer))
    assert type(copy) is type(layer)
    assert copy.get_config() == layer.get_config()


@pytest.mark.parametrize(("classes", "count"), [(81, 14_318_997), (4, 13_924_372)])
def test_parameters_of_the_box_head(classes, count):
    head = BoxHead(classes)
    head.build((None, 1, 7, 7, 256))
    assert head.count_params() == count


@pytest.mark.parametrize(("classes", "count"), [(81, 2_647_633), (4, 2_627_844)])
def test_parameters_of_the_mask_head(classes, count):
    head = MaskHead(classes)
    head.build((None, 1, 14, 14, 256))
    assert head.count_params() == count
