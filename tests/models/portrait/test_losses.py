"""The three losses against plain NumPy, and what they leave out."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from tfseg.models.portrait.losses import (
    TERMS,
    boundary_targets,
    loss_terms,
    segmentation_loss,
)

RNG = np.random.default_rng(0)
STRIDES = (4, 8, 16, 32)
pytestmark = pytest.mark.both_backends


def cross_entropy(labels, logits):
    """Mean over pixels that are not ignored, by the definition."""
    e = np.exp(logits - logits.max(-1, keepdims=True))
    p = e / e.sum(-1, keepdims=True)
    known = labels != 255
    rows = np.where(known, labels, 0)
    return -np.log(np.take_along_axis(p, rows[..., None], -1)[..., 0][known]).mean()


def test_ignored_pixels_are_left_out():
    labels = RNG.integers(0, 3, (2, 6, 5)).astype(np.int32)
    labels[:, 2:4] = 255
    logits = RNG.normal(size=(2, 6, 5, 3)).astype(np.float32)
    found = float(segmentation_loss(labels, logits))
    assert found == pytest.approx(cross_entropy(labels, logits), rel=1e-5)
    changed = logits.copy()
    changed[:, 2:4] = 100
    assert found == float(segmentation_loss(labels, changed))


def test_nothing_known_costs_nothing():
    labels = np.full((1, 4, 4), 255, np.int32)
    assert float(segmentation_loss(labels, np.ones((1, 2, 2, 2), np.float32))) == 0.0


def test_coarse_logits_are_brought_to_the_labels_size():
    labels = RNG.integers(0, 2, (1, 8, 8)).astype(np.int32)
    coarse = RNG.normal(size=(1, 4, 4, 2)).astype(np.float32)
    # Doubling with half-pixel centres: weights 1/4 and 3/4, edges repeated.
    places = np.clip((np.arange(8) + 0.5) / 2 - 0.5, 0, 3)
    weights = np.maximum(0, 1 - np.abs(places[:, None] - np.arange(4)))
    fine = np.einsum("ra,cb,nabd->nrcd", weights, weights, coarse)
    found = float(segmentation_loss(labels, coarse))
    assert found == pytest.approx(cross_entropy(labels, fine), rel=1e-5)


def outputs(size=64):
    found = {"logits": RNG.normal(size=(2, size, size, 2)).astype(np.float32)}
    for number, stride in enumerate(STRIDES, 1):
        side = size // stride
        found[f"sem_{number}"] = RNG.normal(size=(2, side, side, 2)).astype(np.float32)
        found[f"bnd_{number}"] = RNG.normal(size=(2, side, side, 1)).astype(np.float32)
    return found


def square(size=64):
    labels = np.zeros((2, size, size), np.int32)
    labels[:, 16:48, 16:48] = 1
    return labels


def test_the_terms_are_sums_over_layers():
    labels, raw = square(), outputs()
    valid = np.ones(labels.shape, bool)
    terms = loss_terms(raw, labels, valid, 2, STRIDES)
    assert tuple(terms) == TERMS
    expected = sum(float(segmentation_loss(labels, raw[f"sem_{i}"])) for i in range(1, 5))
    assert float(terms["semantic_loss"]) == pytest.approx(expected, rel=1e-5)
    assert float(terms["main_loss"]) == pytest.approx(
        cross_entropy(labels, raw["logits"]), rel=1e-5
    )


def test_the_plain_decoder_has_the_main_loss_alone():
    labels = square()
    terms = loss_terms({"logits": outputs()["logits"]}, labels, labels >= 0, 2, STRIDES)
    assert float(terms["semantic_loss"]) == float(terms["boundary_loss"]) == 0.0


def test_a_void_ring_does_not_erase_the_edge():
    labels = square()
    labels[:, 14:16, 14:50] = labels[:, 48:50, 14:50] = 255
    labels[:, 14:50, 14:16] = labels[:, 14:50, 48:50] = 255
    (edges, counted), *_ = boundary_targets(labels, np.ones(labels.shape, bool), 2, STRIDES)
    plain = boundary_targets(square(), np.ones(labels.shape, bool), 2, STRIDES)[0][0]
    np.testing.assert_array_equal(edges, plain)
    assert np.asarray(counted).all()


def test_padding_makes_no_edge_and_does_not_count():
    labels = np.ones((1, 64, 64), np.int32)
    labels[:, :32] = 255
    valid = labels != 255
    for (edges, counted), stride in zip(boundary_targets(labels, valid, 2, STRIDES), STRIDES):
        assert not np.asarray(edges).any()
        # The cell at the border still shows reliable pixels below its first row.
        expected = np.zeros((64 // stride, 64 // stride), bool)
        expected[32 // stride :] = True
        np.testing.assert_array_equal(np.asarray(counted)[0], expected)


def test_gradients_reach_every_output():
    labels = keras.ops.convert_to_tensor(square())
    raw = outputs()
    total = loss_terms(raw, labels, labels >= 0, 2, STRIDES)
    for name in raw:
        moved = {**raw, name: raw[name] + 0.5 * RNG.normal(size=raw[name].shape).astype("float32")}
        changed = loss_terms(moved, labels, labels >= 0, 2, STRIDES)
        assert any(float(changed[t]) != float(total[t]) for t in TERMS), name
