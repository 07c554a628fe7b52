"""The detector whose queries begin at boxes that the encoder's map proposes."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from tfseg.nn.detr.anchor_detector import first_anchors
from tfseg.nn.detr.proposal_detector import ProposalDetector, place_boxes

pytestmark = pytest.mark.both_backends
RANDOM = np.random.default_rng(0)
SMALL = dict(
    queries=5, channels=16, heads=4, hidden=24, encoder_layers=1, decoder_layers=2, dropout=0.0
)
FEATURES = RANDOM.normal(size=(2, 3, 4, 6)).astype(np.float32)
PADDING = np.zeros((2, 96, 128), bool)
PADDING[1, 64:], PADDING[1, :, 96:] = True, True


def moved(layer):
    """Gives the last layers of the box heads, which begin as zeros, random numbers."""
    layer.build((None, None, None, 6))
    for head in (layer.box_head, layer.proposal_box):
        head[-1].kernel.assign(RANDOM.normal(size=head[-1].kernel.shape))
    return layer


def test_places_are_shares_of_what_is_no_padding():
    padding = np.zeros((2, 2, 4), bool)
    padding[1, 1], padding[1, :, 2:] = True, True
    boxes, inside = (ops.convert_to_numpy(one) for one in place_boxes(padding))
    np.testing.assert_allclose(boxes[0, :, 0], [0.125, 0.375, 0.625, 0.875] * 2)
    np.testing.assert_allclose(boxes[0, :, 1], [0.25] * 4 + [0.75] * 4)
    np.testing.assert_allclose(boxes[1, :2, :2], [(0.25, 0.5), (0.75, 0.5)])
    assert inside[0].all() and inside[1].tolist() == [True, True, *[False] * 6]


def test_the_likeliest_places_are_where_queries_begin(call_model):
    layer = moved(ProposalDetector(2, **SMALL))
    inputs = keras.Input((None, None, 6)), keras.Input((None, None), dtype="bool")
    model = keras.Model(inputs, layer(*inputs))

    def run(features, padding):
        outputs = call_model(model, [features, padding])
        return {name: ops.convert_to_numpy(value) for name, value in outputs.items()}

    both = run(FEATURES, PADDING)
    declared = layer.compute_output_spec(
        keras.KerasTensor(FEATURES.shape), keras.KerasTensor(PADDING.shape, "bool")
    )
    assert {n: tuple(v.shape) for n, v in declared.items()} == {n: v.shape for n, v in both.items()}
    # With a box head of zeros the decoder returns the boxes that it began with.
    kernel = layer.box_head[-1].kernel
    learnt = ops.convert_to_numpy(kernel)
    kernel.assign(np.zeros_like(learnt))
    begun = run(FEATURES, PADDING)["boxes"][-1]
    kernel.assign(learnt)
    # All places of the first image, in the order of the peaks and then of the others.
    chances = 1 / (1 + np.exp(-both["proposal_logits"][0].max(axis=1)))
    wide = np.pad(chances.reshape(3, 4), 1)
    peaks = [chances[4 * y + x] == wide[y : y + 3, x : x + 3].max() for y, x in np.ndindex(3, 4)]
    order = np.argsort(-chances + ~np.array(peaks))[:5]
    assert 1 <= sum(peaks) < 5
    np.testing.assert_allclose(begun[0], both["proposal_boxes"][0][order], atol=1e-3)
    # Of the second image 2 x 3 places are left: what lies in the padding changes nothing.
    alone = run(FEATURES[1:, :2, :3], PADDING[1:, :64, :96])
    for name in ("logits", "boxes", "states"):
        np.testing.assert_allclose(both[name][:, 1:], alone[name], atol=3e-5)
    outside = PADDING[1, ::32, ::32].ravel()
    assert (both["proposal_logits"][1, outside] == -20).all()
    np.testing.assert_array_equal(both["proposal_padding"], PADDING[:, ::32, ::32])
    # Fewer places than queries: the rest is spread over the image.
    few = run(FEATURES[1:, :1, :3], PADDING[1:, :32, :96])
    kernel.assign(np.zeros_like(learnt))
    begun = run(FEATURES[1:, :1, :3], PADDING[1:, :32, :96])["boxes"][-1, 0]
    np.testing.assert_allclose(begun[3:], first_anchors(5)[3:], atol=1e-5)
    empty = run(FEATURES, np.ones_like(PADDING))
    assert all(np.isfinite(value).all() for one in (few, empty) for value in one.values())


def test_it_is_stored_and_read():
    layer = ProposalDetector(3, **SMALL, name="it")
    copy = keras.layers.deserialize(keras.layers.serialize(layer))
    assert type(copy) is ProposalDetector and copy.settings == layer.settings
    for each in (layer, copy):
        each.build((None, None, None, 6))
    assert [w.path for w in copy.weights] == [w.path for w in layer.weights]
