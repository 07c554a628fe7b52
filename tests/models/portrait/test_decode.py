"""From logits to class map, alpha and objects, against plain NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from tfseg.geometry.proportional import ImageFit
from tfseg.models.portrait.decode import decode

RNG = np.random.default_rng(0)


def softmax(logits):
    e = np.exp(logits - logits.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def names(count):
    return tuple(f"class {i}" for i in range(1, count))


@pytest.mark.parametrize("count", [2, 5, 21])
def test_at_the_networks_own_size(count):
    logits = RNG.normal(scale=4, size=(32, 64, count)).astype(np.float32)
    plan = ImageFit((32, 64), "stretch").plan((32, 64))
    found = decode(logits, plan, class_names=names(count))
    probability = softmax(logits.astype(np.float64))
    np.testing.assert_array_equal(found.label_maps["classes"], logits.argmax(-1))
    alpha = 255 * (1 - probability[..., 0])
    assert np.abs(found.label_maps["alpha"] - alpha).max() <= 0.51
    for number, score, mask in zip(found.class_ids, found.scores, found.masks):
        expected = logits.argmax(-1) == number
        np.testing.assert_array_equal(mask, expected)
        assert score == pytest.approx(probability.max(-1)[expected].mean(), rel=1e-4)
    assert list(found.scores) == sorted(found.scores, reverse=True)


def test_enlarging_and_cutting_the_padding_off():
    plan = ImageFit((64, 64), "letterbox").plan((64, 128))
    logits = np.zeros((64, 64, 2), np.float32)
    logits[..., 0] = 5
    logits[16:48, 32:] = (0, 5)
    logits[:16] = (0, 9)  # padding: never seen
    found = decode(logits, plan, class_names=("person",))
    expected = np.zeros((64, 128), bool)
    expected[:, 64:] = True
    np.testing.assert_array_equal(found.label_maps["classes"] == 1, expected)
    np.testing.assert_array_equal(found.boxes, [[0, 64, 64, 128]])


def test_extreme_logits_stay_finite():
    logits = np.zeros((32, 32, 3), np.float32)
    logits[:16, :, 1], logits[16:, :, 2] = 1e4, -1e4
    plan = ImageFit((32, 32), "stretch").plan((32, 32))
    with np.errstate(all="raise", under="ignore"):
        found = decode(logits, plan, class_names=("a", "b"))
    assert (found.label_maps["alpha"][:16] == 255).all()
    assert found.class_ids.tolist() == [1]


def test_no_person_is_no_object_and_a_threshold_drops():
    plan = ImageFit((32, 32), "stretch").plan((32, 32))
    logits = np.zeros((32, 32, 2), np.float32)
    logits[..., 0] = 1
    assert len(decode(logits, plan, class_names=("person",))) == 0
    logits[..., 1] = 1.5
    assert len(decode(logits, plan, class_names=("person",))) == 1
    assert len(decode(logits, plan, class_names=("person",), score_threshold=0.9)) == 0
