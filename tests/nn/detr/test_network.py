"""The network whole, on a small backbone: any size of image, a file and back, a training step."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers, ops

from tfseg.nn.detr.network import detr
from tfseg.nn.losses.set_loss import gather_queries, mask_losses, set_losses
from tfseg.nn.targets.hungarian import match_queries

RANDOM = np.random.default_rng(0)


def backbone():
    """Returns stages of four channels by mean pooling."""
    image = keras.Input((None, None, 3))
    x = layers.Conv2D(4, 1, name="stem")(image)
    stages = {f"C{n}": layers.AveragePooling2D(2**n, name=f"C{n}")(x) for n in (2, 3, 4, 5)}
    return keras.Model(image, stages, name="backbone")


@pytest.fixture(scope="module")
def model():
    small = dict(channels=128, hidden=16, encoder_layers=1, decoder_layers=2)
    return detr(2, queries=4, masks=True, backbone=backbone(), **small)


def batch(height, width):
    padding = np.zeros((2, height, width), bool)
    padding[1, :, width // 2 :] = True
    image = RANDOM.normal(size=(2, height, width, 3)).astype(np.float32)
    return {"image": image, "padding": padding}


def test_sizes_of_images_may_differ_and_a_file_brings_all_back(model, call_model, tmp_path):
    inputs = batch(64, 96)
    before = {n: ops.convert_to_numpy(v) for n, v in call_model(model, inputs).items()}
    assert before["masks"].shape == (2, 4, 16, 24)
    assert before["mask_attention"].shape == (2, 4, 2, 3, 8)
    assert call_model(model, batch(32, 64))["masks"].shape == (2, 4, 8, 16)
    model.save(tmp_path / "a.keras")
    copy = keras.models.load_model(tmp_path / "a.keras")
    after = call_model(copy, inputs)
    for name, value in before.items():
        np.testing.assert_allclose(ops.convert_to_numpy(after[name]), value, atol=1e-6)


def losses(outputs, labels, boxes, masks):
    """Returns the sum of all losses of a step, the masks of matched queries among them."""
    matched = match_queries(outputs["logits"], outputs["boxes"], labels, boxes)
    found = set_losses(outputs["logits"], outputs["boxes"], labels, boxes, matched)
    size = outputs["masks"].shape[2:]
    flat = ops.reshape(outputs["masks"], (*outputs["masks"].shape[:2], -1))
    flat = gather_queries(flat, matched[-1])
    found.update(mask_losses(ops.reshape(flat, (*flat.shape[:2], *size)), masks, labels))
    return sum(ops.sum(value) for value in found.values())


@pytest.mark.parametrize("people", [2, 0])
def test_a_training_step_reaches_every_weight_that_it_should(model, people):
    inputs = batch(32, 64)
    labels = np.full((2, 3), -1)
    labels[0, :people] = 1
    boxes = RANDOM.uniform(0.2, 0.8, (2, 3, 4)).astype(np.float32)
    masks = RANDOM.random((2, 3, 32, 64)) < 0.3
    weights = [w.value for w in model.trainable_variables]
    if keras.backend.backend() == "jax":
        import jax

        state = [w.value for w in model.non_trainable_variables]

        def total(weights):
            outputs, _ = model.stateless_call(weights, state, inputs, training=False)
            return losses(outputs, labels, boxes, masks)

        value, gradients = jax.jit(jax.value_and_grad(total))(weights)
    else:
        import tensorflow as tf

        with tf.GradientTape() as tape:
            value = losses(model(inputs, training=False), labels, boxes, masks)
        gradients = tape.gradient(value, weights, unconnected_gradients="zero")
    assert np.isfinite(float(value))
    for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
        gradient = ops.convert_to_numpy(gradient)
        assert np.isfinite(gradient).all(), variable.path
        of_objects = any(part in variable.path for part in ("mask_head", "mask_att", "box_head"))
        if of_objects and not people:
            assert not gradient.any(), variable.path
        elif of_objects and not variable.path.endswith("key/bias"):
            assert gradient.any(), variable.path
