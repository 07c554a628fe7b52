"""The detector whose queries are boxes."""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from tfseg.nn.detr.anchor_detector import AnchorDetector, first_anchors

RANDOM = np.random.default_rng(0)
SMALL = dict(queries=5, channels=16, heads=4, hidden=24, encoder_layers=1, decoder_layers=2)
FEATURES = RANDOM.normal(size=(2, 3, 4, 6)).astype(np.float32)
PADDING = np.zeros((2, 96, 128), bool)
PADDING[1, 64:], PADDING[1, :, 90:] = True, True


def test_first_boxes_cover_the_image_evenly():
    boxes = first_anchors(20)
    assert boxes.shape == (20, 4) and (boxes[:, 2:] == 0.5).all()
    inside = (boxes[:, :2] > 0) & (boxes[:, :2] < 1)
    assert inside.all()
    for axis in (0, 1):  # a quarter of the image has a quarter of them, within two
        counts = np.histogram(boxes[:, axis], bins=4, range=(0, 1))[0]
        assert (abs(counts - 5) <= 2).all(), counts


def test_boxes_begin_at_the_anchors_and_padding_changes_nothing(call_model):
    layer = AnchorDetector(2, **SMALL)
    inputs = keras.Input((None, None, 6)), keras.Input((None, None), dtype="bool")
    model = keras.Model(inputs, layer(*inputs))

    def run(features, padding):
        outputs = call_model(model, [features, padding])
        return {name: ops.convert_to_numpy(value) for name, value in outputs.items()}

    both = run(FEATURES, PADDING)
    for boxes in both["boxes"].reshape(-1, 5, 4):
        np.testing.assert_allclose(boxes, first_anchors(5), atol=1e-5)
    declared = layer.compute_output_spec(
        keras.KerasTensor(FEATURES.shape), keras.KerasTensor(PADDING.shape, "bool")
    )
    assert {n: tuple(v.shape) for n, v in declared.items()} == {n: v.shape for n, v in both.items()}
    head = layer.box_head[-1].kernel
    head.assign(RANDOM.normal(size=head.shape))
    both = run(FEATURES, PADDING)
    alone = run(FEATURES[1:, :2, :3], PADDING[1:, :64, :90])
    for name in ("logits", "boxes", "states"):
        np.testing.assert_allclose(both[name][:, 1:], alone[name], atol=3e-5)
    empty = run(FEATURES, np.ones_like(PADDING))
    assert all(np.isfinite(value).all() for value in empty.values())


def test_it_is_stored_and_read():
    layer = AnchorDetector(3, **SMALL, name="it")
    copy = keras.layers.deserialize(keras.layers.serialize(layer))
    assert type(copy) is AnchorDetector and copy.settings == layer.settings
    for each in (layer, copy):
        each.build((None, None, None, 6))
    assert [w.path for w in copy.weights] == [w.path for w in layer.weights]
