"""Boxes beside those of objects, and what the detector makes of queries that begin there."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from tfseg.nn.detr.anchor_detector import AnchorDetector
from tfseg.nn.detr.denoising import BoxNoise

pytestmark = pytest.mark.both_backends


def corners(boxes):
    return np.concatenate(
        [boxes[..., :2] - boxes[..., 2:] / 2, boxes[..., :2] + boxes[..., 2:] / 2], -1
    )


def test_the_first_box_lies_nearer_than_the_second():
    keras.utils.set_random_seed(0)
    labels = np.array([[0] * 50, [0] * 20 + [-1] * 30], np.int32)
    boxes = np.tile(np.array([0.5, 0.5, 0.2, 0.3], np.float32), (2, 50, 1))
    boxes[1, 20:] = 0
    layer = BoxNoise(3)
    found = ops.convert_to_numpy(layer(labels, boxes))
    assert found.shape == layer.compute_output_shape(labels.shape, boxes.shape) == (6, 100, 4)
    half = np.array([0.1, 0.15, 0.1, 0.15])
    known = np.tile(labels >= 0, (3, 1))
    moved = np.abs(corners(found) - corners(np.array([0.5, 0.5, 0.2, 0.3]))) / half
    first, second = moved[:, :50][known], moved[:, 50:][known]
    assert first.max() <= 1.001 and 0.4 < first.mean() < 0.6
    # Corners that have passed each other are exchanged.
    assert second.max() <= 2.001 and second.mean() > 0.9
    edges = corners(found)
    assert edges.min() > -0.011 and edges.max() < 1.011 and (found[..., 2:] >= 0.0199).all()
    assert len(np.unique(found[:, 0, 0])) == 6  # no two groups are alike
    again = ops.convert_to_numpy(layer(labels, boxes))
    assert not np.allclose(found, again)
    assert keras.layers.deserialize(keras.layers.serialize(layer)).groups == 3


def test_queries_that_begin_at_the_anchors_end_as_those_of_the_detector():
    random = np.random.default_rng(0)
    layer = AnchorDetector(
        2,
        queries=5,
        channels=16,
        heads=4,
        hidden=24,
        encoder_layers=1,
        decoder_layers=2,
        dropout=0.0,
    )
    features, padding = random.normal(size=(2, 3, 4, 6)), np.zeros((2, 96, 128), bool)
    padding[1, 64:] = True
    layer.build(features.shape)
    for weight in layer.box_head[-1].weights:
        weight.assign(random.normal(size=weight.shape))
    found = layer(features.astype(np.float32), padding)
    anchors = np.tile(ops.convert_to_numpy(ops.sigmoid(layer.anchors)), (6, 1, 1))
    anchors[4:] = random.uniform(0.2, 0.5, (2, 5, 4))  # the third group of both images
    more = {n: ops.convert_to_numpy(v) for n, v in layer.from_boxes(found, anchors, 3).items()}
    for name, value in more.items():
        wanted = ops.convert_to_numpy(found[name])
        assert value.shape == (6, *wanted.shape[1:])
        for place in (0, 1, 3, 4):
            np.testing.assert_allclose(value[place], wanted[place // 3], atol=1e-5)
        assert np.abs(value[5] - wanted[1]).max() > 1e-3
