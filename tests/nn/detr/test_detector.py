"""The detector: its size, what padding may not change, and its outputs' names and shapes."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from tfseg.nn.detr.detector import Detector, shrink_padding

RANDOM = np.random.default_rng(0)
SMALL = dict(queries=5, channels=16, heads=4, hidden=24, encoder_layers=1, decoder_layers=2)
FEATURES = RANDOM.normal(size=(2, 3, 4, 6)).astype(np.float32)
PADDING = np.zeros((2, 96, 128), bool)
PADDING[1, 64:], PADDING[1, :, 90:] = True, True


@pytest.fixture
def run(call_model):
    """Calls a detector on features and padding, compiled as a whole where that is quicker."""

    def call(layer, features, padding):
        inputs = keras.Input((None, None, 6)), keras.Input((None, None), dtype="bool")
        outputs = call_model(keras.Model(inputs, layer(*inputs)), [features, padding])
        return {
            name: ops.convert_to_numpy(ops.cast(value, "float32"))
            for name, value in outputs.items()
        }

    return call


def test_padding_of_a_map_is_that_of_the_nearest_pixel():
    padding = RANDOM.random((2, 96, 101)) < 0.5
    ours = ops.convert_to_numpy(shrink_padding(padding, np.zeros((2, 3, 4, 1))))
    rows, columns = [0, 32, 64], [0, 25, 50, 75]  # 101 / 4 = 25.25, rounded down
    np.testing.assert_array_equal(ours, padding[:, rows][:, :, columns])


def test_the_published_number_of_weights():
    layer = Detector(1, queries=40)
    layer.build((None, None, None, 2048))
    assert layer.count_params() == 18_031_366
    heads = [layer.class_head.count_params(), sum(d.count_params() for d in layer.box_head)]
    assert heads == [514, 132_612]


def test_an_image_alone_and_padded_in_a_batch_are_equal(run):
    layer = Detector(2, **SMALL)
    both = run(layer, FEATURES, PADDING)
    shapes = {name: value.shape for name, value in both.items()}
    assert shapes == {
        "logits": (2, 2, 5, 3),
        "boxes": (2, 2, 5, 4),
        "states": (2, 2, 5, 16),
        "memory": (2, 3, 4, 16),
        "source": (2, 3, 4, 16),
        "attention": (2, 4, 5, 3, 4),
        "padding": (2, 3, 4),
    }
    assert both["padding"][1].tolist() == [[0, 0, 0, 1], [0, 0, 0, 1], [1, 1, 1, 1]]
    alone = run(layer, FEATURES[1:, :2, :3], PADDING[1:, :64, :90])
    for name in ("logits", "boxes", "states"):
        np.testing.assert_allclose(both[name][:, 1:], alone[name], atol=2e-5)
    np.testing.assert_allclose(both["memory"][1:, :2, :3], alone["memory"], atol=2e-5)
    np.testing.assert_allclose(both["attention"].sum((3, 4)), 1, atol=1e-5)
    assert not both["attention"][1, ..., 2, :].any()
    assert ((both["boxes"] > 0) & (both["boxes"] < 1)).all()
    empty = run(layer, FEATURES, np.ones_like(PADDING))
    assert all(np.isfinite(value).all() for value in empty.values())


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_declared_shapes_and_types_are_those_that_come_out(policy, call_model):
    layer = Detector(2, **SMALL, dtype=policy)
    inputs = keras.Input((None, None, 6)), keras.Input((None, None), dtype="bool")
    model = keras.Model(inputs, layer(*inputs))
    found = call_model(model, [FEATURES, PADDING])
    declared = layer.compute_output_spec(
        keras.KerasTensor(FEATURES.shape), keras.KerasTensor(PADDING.shape, "bool")
    )
    assert set(declared) == set(found)
    for name, value in found.items():
        assert tuple(value.shape) == tuple(declared[name].shape), name
        assert keras.backend.standardize_dtype(value.dtype) == declared[name].dtype, name
        assert declared[name].dtype == model.output[name].dtype
    assert declared["states"].dtype == layer.compute_dtype == policy.split("_")[-1]


def test_every_setting_survives():
    layer = Detector(3, **SMALL, dropout=0.3, name="it")
    copy = keras.layers.deserialize(keras.layers.serialize(layer))
    assert copy.settings == layer.settings and copy.name == "it"
    assert (copy.settings["classes"], copy.settings["dropout"]) == (3, 0.3)
    for detector in (layer, copy):
        detector.build((None, None, None, 6))
    assert [w.path for w in copy.weights] == [w.path for w in layer.weights]
