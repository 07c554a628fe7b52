"""The matched losses: the specification's numbers, images without objects, padding."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from tfseg.nn.losses.overlap import dice, sigmoid_focal
from tfseg.nn.losses.set_loss import gather_queries, mask_losses, object_count, set_losses

BOXES = np.float32([[0.3, 0.4, 0.2, 0.4], [0.7, 0.5, 0.3, 0.6], [0.5, 0.5, 0.9, 0.9]])
PERSON = np.array([0.8, 0.6, 0.9])
LOGITS = np.log(np.stack([PERSON, 1 - PERSON], -1)).astype(np.float32)
TRUTHS = np.float32([[0.68, 0.52, 0.28, 0.56], [0.3, 0.42, 0.24, 0.4]])
MATCHED = np.int32([[[1, 0]]])


def compiled(function):
    """Spares JAX compiling each operation by itself."""
    if keras.backend.backend() != "jax":
        return function
    import jax

    return jax.jit(function)


def losses_of(*inputs):
    inputs = [np.asarray(value) for value in inputs]
    return {n: ops.convert_to_numpy(v) for n, v in compiled(set_losses)(*inputs).items()}


def gradients(loss, values):
    """Returns the gradients of a scalar function of tensors, on either backend."""
    values = [ops.convert_to_tensor(value) for value in values]
    if keras.backend.backend() == "jax":
        import jax

        found = jax.jit(jax.grad(lambda v: loss(*v)))(values)
    else:
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(values)
            value = loss(*values)
        found = tape.gradient(value, values, unconnected_gradients="zero")
    return [ops.convert_to_numpy(gradient) for gradient in found]


def test_the_specifications_losses():
    ours = losses_of(LOGITS[None, None], BOXES[None, None], [[0, 0]], TRUTHS[None], MATCHED)
    assert ours["class"].tolist() == pytest.approx([0.459156], abs=1e-6)
    assert ours["l1"].tolist() == pytest.approx([0.08], abs=1e-6)
    assert ours["giou"].tolist() == pytest.approx([0.217716], abs=1e-6)
    total = ours["class"] + 5 * ours["l1"] + 2 * ours["giou"]
    assert total.tolist() == pytest.approx([1.294588], abs=2e-6)


def drawn(random, labels):
    layers, queries, targets = 2, 6, labels.shape[1]
    logits = random.normal(size=(layers, 2, queries, 4)).astype(np.float32)
    boxes = random.uniform(0.2, 0.8, (layers, 2, queries, 4)).astype(np.float32)
    truths = random.uniform(0.2, 0.8, (2, targets, 4)).astype(np.float32)
    matched = np.stack([[random.permutation(queries)[:targets] for _ in range(2)] for _ in "ab"])
    return logits, boxes, labels, truths, np.where(labels >= 0, matched, -1).astype(np.int32)


def test_layers_are_apart_and_objects_of_the_batch_together():
    labels = np.array([[2, 0, -1], [1, -1, -1]])
    logits, boxes, labels, truths, matched = drawn(np.random.default_rng(0), labels)
    ours = losses_of(logits, boxes, labels, truths, matched)
    for layer in range(2):
        targets = np.full((2, 6), 3)
        distance = 0
        for image, place in ((0, 0), (0, 1), (1, 0)):
            query = matched[layer, image, place]
            targets[image, query] = labels[image, place]
            distance += np.abs(boxes[layer, image, query] - truths[image, place]).sum()
        chances = np.exp(logits[layer]) / np.exp(logits[layer]).sum(-1, keepdims=True)
        entropy = -np.log(np.take_along_axis(chances, targets[..., None], -1))[..., 0]
        weights = np.where(targets == 3, 0.1, 1)
        assert ours["class"][layer] == pytest.approx(
            (entropy * weights).sum() / weights.sum(), 1e-5
        )
        assert ours["l1"][layer] == pytest.approx(distance / 3, 1e-5)


def test_padding_changes_nothing_whatever_it_holds():
    labels = np.array([[2, 0, -1], [1, -1, -1]])
    logits, boxes, labels, truths, matched = drawn(np.random.default_rng(1), labels)
    expected = losses_of(logits, boxes, labels, truths, matched)
    truths[labels < 0] = np.nan

    def total(logits, boxes):
        found = set_losses(logits, boxes, labels, truths, matched)
        return ops.sum(found["class"] + found["l1"] + found["giou"])

    ours = losses_of(logits, boxes, labels, truths, matched)
    assert {n: v.tolist() for n, v in ours.items()} == {n: v.tolist() for n, v in expected.items()}
    for gradient in gradients(total, (logits, boxes)):
        assert np.isfinite(gradient).all()


@pytest.mark.parametrize("places", [3, 0])
def test_images_without_objects_teach_the_class_alone(places):
    labels = np.full((2, places), -1)
    logits, boxes, labels, truths, matched = drawn(np.random.default_rng(2), labels)
    ours = losses_of(logits, boxes, labels, truths, matched)
    assert not ours["l1"].any() and not ours["giou"].any()
    none = -np.log(np.exp(logits[..., 3]) / np.exp(logits).sum(-1)).mean((1, 2))
    np.testing.assert_allclose(ours["class"], none, rtol=1e-5)
    assert float(object_count(labels)) == 1

    def boxes_alone(boxes):
        found = set_losses(logits, boxes, labels, truths, matched)
        return ops.sum(found["l1"] + found["giou"])

    assert not gradients(boxes_alone, (boxes,))[0].any()
    masks = np.zeros((2, places, 8, 8), bool)
    found = compiled(mask_losses)(np.ones((2, places, 4, 4), np.float32), masks, labels)
    assert {n: float(v) for n, v in found.items()} == {"focal": 0, "dice": 0}


def test_masks_are_compared_at_the_size_of_the_truth():
    random = np.random.default_rng(3)
    logits = random.normal(size=(2, 2, 3, 4)).astype(np.float32)
    masks = random.random((2, 2, 6, 8)) < 0.4
    labels = np.array([[0, 0], [0, -1]])
    logits[1, 1] = np.nan
    ours = compiled(mask_losses)(logits, masks, labels)
    focal, overlap = [], []
    for image, place in ((0, 0), (0, 1), (1, 0)):
        wide = ops.image.resize(
            logits[image, place][..., None], (6, 8), data_format="channels_last"
        )
        wide = ops.convert_to_numpy(wide)[..., 0]
        focal.append(float(ops.mean(sigmoid_focal(masks[image, place], wide))))
        overlap.append(float(dice(masks[image, place].ravel(), 1 / (1 + np.exp(-wide.ravel())))))
    assert float(ours["focal"]) == pytest.approx(sum(focal) / 3, 1e-5)
    assert float(ours["dice"]) == pytest.approx(sum(overlap) / 3, 1e-5)


def test_matched_queries_are_gathered_in_the_order_of_the_objects():
    values = np.arange(12, dtype=np.float32).reshape(1, 4, 3)
    ours = ops.convert_to_numpy(gather_queries(values, np.int32([[2, -1, 1]])))
    np.testing.assert_array_equal(ours, values[:, [2, 0, 1]])
