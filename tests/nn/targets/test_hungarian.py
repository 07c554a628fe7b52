"""Which query learns which object: the specification's numbers, and layers and images apart."""

from __future__ import annotations

import keras
import numpy as np
from keras import ops
from scipy.optimize import linear_sum_assignment

from tfseg.nn.targets.hungarian import match_queries, matching_cost

BOXES = np.float32([[0.3, 0.4, 0.2, 0.4], [0.7, 0.5, 0.3, 0.6], [0.5, 0.5, 0.9, 0.9]])
PERSON = np.array([0.8, 0.6, 0.9])
LOGITS = np.log(np.stack([PERSON, 1 - PERSON], -1)).astype(np.float32)
TRUTHS = np.float32([[0.68, 0.52, 0.28, 0.56], [0.3, 0.42, 0.24, 0.4]])


def numpy_of(value):
    return ops.convert_to_numpy(value)


def compiled(function):
    """Spares JAX compiling each operation by itself."""
    if keras.backend.backend() != "jax":
        return function
    import jax

    return jax.jit(function)


def test_the_specifications_costs_and_assignment():
    inputs = (LOGITS[None, None], BOXES[None, None], np.array([[0, 0]]), TRUTHS[None])
    expected = [[3.626882, -2.004127], [-1.725009, 3.726866], [4.512840, 6.062963]]
    np.testing.assert_allclose(
        numpy_of(compiled(matching_cost)(*inputs))[0, 0], expected, atol=2e-6
    )
    np.testing.assert_array_equal(numpy_of(compiled(match_queries)(*inputs)), [[[1, 0]]])


def test_every_layer_and_image_is_matched_by_itself():
    random = np.random.default_rng(0)
    logits = random.normal(size=(3, 2, 7, 5)).astype(np.float32)
    boxes = random.uniform(0.1, 0.8, (3, 2, 7, 4)).astype(np.float32)
    labels = np.array([[3, 0, -1, 1], [-1, -1, -1, -1]])
    truths = random.uniform(0.1, 0.8, (2, 4, 4)).astype(np.float32)
    truths[labels < 0] = np.nan
    cost = numpy_of(compiled(matching_cost)(logits, boxes, labels, truths))
    found = numpy_of(compiled(match_queries)(logits, boxes, labels, truths))
    assert found.shape == (3, 2, 4)
    np.testing.assert_array_equal(found[:, labels < 0], -1)
    real = np.flatnonzero(labels[0] >= 0)
    for layer in range(3):
        for query in range(7):
            chances = np.exp(logits[layer, 0, query]) / np.exp(logits[layer, 0, query]).sum()
            distance = np.abs(boxes[layer, 0, query] - truths[0, 3]).sum()
            rest = cost[layer, 0, query, 3] - 5 * distance + chances[1]
            assert -2 <= rest <= 2  # the overlap, -2 GIoU
        one = cost[layer, 0][:, real]
        queries, targets = linear_sum_assignment(one)
        best = one[queries, targets].sum()
        assert one[found[layer, 0, real], range(3)].sum() <= best + 1e-5


def test_no_gradient_comes_through_and_none_is_lost_beside_it():
    """The matching sits inside a training step that is differentiated as a whole."""
    labels, truths = np.array([[0, 0]]), TRUTHS[None]

    def loss(boxes):
        matched = match_queries(LOGITS[None, None], boxes, labels, truths)
        picked = ops.take(boxes[0, 0], matched[0, 0], axis=0)
        return ops.sum((picked - truths[0]) ** 2)

    boxes = ops.convert_to_tensor(BOXES[None, None])
    if keras.backend.backend() == "jax":
        import jax

        gradient = jax.jit(jax.grad(loss))(boxes)
    else:
        import tensorflow as tf

        @tf.function(jit_compile=True)
        def differentiate(boxes):
            with tf.GradientTape() as tape:
                tape.watch(boxes)
                value = loss(boxes)
            return tape.gradient(value, boxes)

        gradient = differentiate(boxes)
    expected = np.zeros((3, 4))
    expected[[1, 0]] = 2 * (BOXES[[1, 0]] - TRUTHS)
    np.testing.assert_allclose(numpy_of(gradient)[0, 0], expected, atol=1e-6)
