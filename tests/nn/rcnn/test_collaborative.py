"""The collaborative head: parameters, one class's channel against all of them, boxes, jitter."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from tfseg.errors import ConfigError
from tfseg.nn.ops.box_votes import offset_targets
from tfseg.nn.rcnn.collaborative import CollaborativeHead, collaborate

X = np.random.default_rng(0).normal(size=(2, 3, 14, 14, 16)).astype(np.float32)
IDS = np.array([[1, 0, 2], [2, 2, 1]], np.int32)


def test_parameters_of_the_specification():
    head = CollaborativeHead(81)
    head.build((None, None, 14, 14, 256))
    assert head.count_params() == 6_624_597


def test_one_classs_mask_is_its_channel_of_the_whole_convolution():
    head = CollaborativeHead(3, 16, 2)
    head.build(X.shape)
    random = np.random.default_rng(1)
    head.score.set_weights([random.normal(size=w.shape) for w in head.score.get_weights()])
    x = random.normal(size=(6, 28, 28, 16)).astype(np.float32)
    one = ops.convert_to_numpy(head._one_class(ops.convert_to_tensor(x), IDS.reshape(-1)))
    every = ops.convert_to_numpy(head.score(x))
    expected = np.stack([every[i, :, :, k] for i, k in enumerate(IDS.reshape(-1))])
    np.testing.assert_allclose(one, expected, atol=2e-4)


@pytest.mark.parametrize("activation", ["relu", "exp"])
def test_shapes_and_where_offsets_begin(activation):
    head = CollaborativeHead(3, 16, 2, activation)
    offsets, logits = head(X, IDS)
    assert offsets.shape == (2, 3, 7, 7, 4) and logits.shape == (2, 3, 28, 28)
    np.testing.assert_allclose(ops.convert_to_numpy(offsets), 0.5, atol=0.05)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(head))
    assert again.get_config() == head.get_config()


def test_an_unknown_activation_is_refused():
    with pytest.raises(ConfigError, match="relu, exp"):
        CollaborativeHead(3, activation="tanh")


def test_boxes_with_and_without_collaboration():
    rois = np.array([[[0, 0, 28, 28]]], np.float32)
    right, wrong = np.array([[[4, 4, 24, 14]]]), np.array([[[0, 14, 28, 28]]])
    offsets = ops.convert_to_numpy(offset_targets(rois, right.astype(np.float32), 7)).copy()
    others = ops.convert_to_numpy(offset_targets(rois, wrong.astype(np.float32), 7))
    offsets[..., 4:, :] = others[..., 4:, :]
    logits = np.full((1, 1, 28, 28), -20, np.float32)
    logits[..., :14] = 20
    found = ops.convert_to_numpy(collaborate(rois, offsets, logits))
    np.testing.assert_allclose(found[0, 0], right[0, 0], atol=1e-3)
    alike = ops.convert_to_numpy(collaborate(rois, offsets, logits, weighted=False))
    np.testing.assert_allclose(alike[0, 0], (4 * right + 3 * wrong)[0, 0] / 7, atol=1e-3)
