"""The five losses and the decay against NumPy, and where there is nothing to learn."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from tfseg.models.mask_rcnn.losses import TERMS, l2_penalty, loss_terms


def outputs(seed=0):
    """Returns random outputs and targets of two images: 7 anchors, 6 RoIs, 2 places, C = 3."""
    random = np.random.default_rng(seed)
    positive = np.array([[True, False], [True, True]])
    ids = np.int32([[2, 0, 0, 0, 0, 0], [1, 2, 0, 0, 0, 0]])
    return {
        "rpn_logits": random.normal(0, 2, (2, 7, 2)).astype(np.float32),
        "rpn_deltas": random.normal(0, 2, (2, 7, 4)).astype(np.float32),
        "rpn_match": np.int32([[1, -1, 0, -1, 0, 1, -1], [0, -1, -1, 0, 0, 1, 0]]),
        "rpn_targets": random.normal(0, 1, (2, 7, 4)).astype(np.float32),
        "class_logits": random.normal(0, 2, (2, 6, 3)).astype(np.float32),
        "box_deltas": random.normal(0, 2, (2, 6, 3, 4)).astype(np.float32),
        "mask_logits": random.normal(0, 2, (2, 2, 4, 4)).astype(np.float32),
        "class_ids": ids,
        "delta_targets": random.normal(0, 1, (2, 2, 4)).astype(np.float32),
        "mask_targets": random.integers(0, 2, (2, 2, 4, 4)).astype(np.float32),
        "positive": positive,
        "valid": np.array([[1, 0, 1, 1, 0, 0], [1, 1, 1, 1, 1, 0]], bool),
    }


def cross_entropy(logits, label):
    logits = logits.astype(np.float64)
    return np.log(np.exp(logits).sum()) - logits[label]


def smooth(gap):
    gap = np.abs(gap.astype(np.float64))
    return np.where(gap < 1, gap**2 / 2, gap - 0.5)


def slow(o, squared=False, active=None, padding=True):
    """Returns the five losses by loops over anchors and RoIs."""
    lists = {name: [] for name in TERMS}
    for b in range(2):
        for a in range(7):
            match = o["rpn_match"][b, a]
            if match:
                lists["rpn_class_loss"].append(cross_entropy(o["rpn_logits"][b, a], int(match > 0)))
            if match > 0:
                gap = o["rpn_targets"][b, a] - o["rpn_deltas"][b, a]
                lists["rpn_bbox_loss"].extend(gap**2 if squared else smooth(gap))
        for r in range(6):
            label, logits = o["class_ids"][b, r], o["class_logits"][b, r]
            if (padding or o["valid"][b, r]) and (active is None or active[b, logits.argmax()]):
                lists["mrcnn_class_loss"].append(cross_entropy(logits, label))
            if r < 2 and o["positive"][b, r]:
                gap = o["delta_targets"][b, r] - o["box_deltas"][b, r, label]
                lists["mrcnn_bbox_loss"].extend(smooth(gap))
                p = 1 / (1 + np.exp(-o["mask_logits"][b, r].astype(np.float64)))
                t = o["mask_targets"][b, r]
                lists["mrcnn_mask_loss"].extend((-np.log(np.where(t > 0, p, 1 - p))).ravel())
    return {name: float(np.mean(values)) if values else 0.0 for name, values in lists.items()}


def ours(o, *args, **options):
    return {name: float(value) for name, value in loss_terms(o, *args, **options).items()}


def test_terms_against_loops():
    o = outputs()
    assert tuple(ours(o)) == TERMS
    assert ours(o) == pytest.approx(slow(o), rel=1e-4)


def test_the_squared_loss_of_the_anchors():
    o = outputs(1)
    assert ours(o, "l2") == pytest.approx(slow(o, squared=True), rel=1e-4)
    assert ours(o, "l2")["rpn_bbox_loss"] > ours(o)["rpn_bbox_loss"]


def test_the_specifications_numbers():
    o = outputs()
    o["rpn_match"] = np.int32([[1, 0, 0, 0, 0, 0, 0], [0] * 7])
    o["rpn_targets"][0, 0] = 2.8125, -0.625, 1.115718, 0
    o["rpn_deltas"][0, 0] = 0
    assert ours(o)["rpn_bbox_loss"] == pytest.approx(0.780883, abs=1e-5)
    assert ours(o, "l2")["rpn_bbox_loss"] == pytest.approx(2.386402, abs=1e-5)


def test_padding_counts_as_background_unless_told():
    o = outputs(2)
    with_padding, without = ours(o), ours(o, count_padding=False)
    assert without == pytest.approx(slow(o, padding=False), rel=1e-4)
    assert with_padding["mrcnn_class_loss"] != pytest.approx(without["mrcnn_class_loss"], rel=1e-3)


def test_inactive_classes():
    o = outputs(3)
    active = np.float32([[1, 0, 1], [1, 1, 0]])
    assert ours(o, active_classes=active) == pytest.approx(slow(o, active=active), rel=1e-4)
    none = ours(o, active_classes=np.zeros((2, 3), np.float32))
    assert none["mrcnn_class_loss"] == 0


def test_nothing_to_learn_is_0_with_finite_gradients():
    o = outputs()
    o["rpn_match"][:] = 0
    o["positive"][:] = False
    o["class_ids"][:] = 0
    o["delta_targets"][:] = 0
    o["valid"][:] = False
    names = ("rpn_logits", "rpn_deltas", "class_logits", "box_deltas", "mask_logits")

    def total(values):
        terms = loss_terms({**o, **dict(zip(names, values))}, count_padding=False)
        return sum(terms.values())

    inputs = [o[name] for name in names]
    if keras.backend.backend() == "jax":
        import jax

        value, gradients = jax.value_and_grad(total)([ops.convert_to_tensor(x) for x in inputs])
    else:
        import tensorflow as tf

        variables = [tf.Variable(x) for x in inputs]
        with tf.GradientTape() as tape:
            value = total([v.value() for v in variables])
        gradients = tape.gradient(value, variables)
    assert float(value) == 0
    for gradient in gradients:
        assert not np.asarray(gradient).any()


def test_decay_against_numpy():
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            keras.layers.Conv2D(4, 3),
            keras.layers.BatchNormalization(),
            keras.layers.GroupNormalization(2),
            keras.layers.Dense(5),
        ]
    )
    random = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(random.normal(0, 1, weight.shape))
    conv, _, _, dense = model.layers
    expected = 0.0
    for layer in (conv, dense):
        for value in layer.get_weights():
            expected += 0.01 * (value.astype(np.float64) ** 2).sum() / value.size
    assert float(l2_penalty(model, 0.01)) == pytest.approx(expected, rel=1e-5)
    conv.trainable = False  # a frozen layer is not pulled to zero
    left = sum(0.01 * (v.astype(np.float64) ** 2).mean() for v in dense.get_weights())
    assert float(l2_penalty(model, 0.01)) == pytest.approx(left, rel=1e-5)
    assert float(l2_penalty(model, 0.0)) == 0


def test_losses_per_sample_and_one_logit_per_anchor():
    o = outputs(4)
    o["rpn_logits"] = o["rpn_logits"][..., :1]
    match, chance = o["rpn_match"], 1 / (1 + np.exp(-o["rpn_logits"][..., 0].astype(np.float64)))
    expected = -np.log(np.where(match > 0, chance, 1 - chance))[match != 0].mean()

    def bent(gap):
        gap = np.abs(gap.astype(np.float64))
        return np.where(gap < 1 / 9, 4.5 * gap**2, gap - 1 / 18)

    result = ours(o, count_padding=False, box_loss="per_sample")
    assert result["rpn_class_loss"] == pytest.approx(expected, rel=1e-4)
    total = bent(o["rpn_targets"] - o["rpn_deltas"])[match > 0].sum()
    assert result["rpn_bbox_loss"] == pytest.approx(total / (match != 0).sum(), rel=1e-4)
    own = np.stack([o["box_deltas"][b, [0, 1], o["class_ids"][b, :2]] for b in range(2)])
    total = bent(o["delta_targets"] - own)[o["positive"]].sum()
    assert result["mrcnn_bbox_loss"] == pytest.approx(total / o["valid"].sum(), rel=1e-4)


def test_nothing_to_learn_per_sample_is_0():
    o = outputs()
    o["rpn_match"][:], o["valid"][:], o["positive"][:] = 0, False, False
    result = ours(o, count_padding=False, box_loss="per_sample")
    assert set(result.values()) == {0.0}
