"""MobileNetV2 against Keras Applications: the same names, shapes and numbers."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from tfseg.nn.backbones.mobilenet_v2 import mobilenet_v2, round_channels


@pytest.mark.parametrize(
    ("channels", "expected"), [(32, 32), (11.2, 16), (8.4, 8), (3, 8), (33.6, 32), (22.4, 24)]
)
def test_round_channels(channels, expected):
    assert round_channels(channels) == expected


def test_outputs_equal_keras_applications(call_model):
    theirs = keras.applications.MobileNetV2(
        input_shape=(64, 64, 3), alpha=0.35, include_top=False, weights=None
    )
    ours = mobilenet_v2(input_shape=(64, 64, 3), width=0.35)
    weighted = [layer for layer in ours.layers if layer.weights]
    random = np.random.default_rng(0)
    for layer in weighted:
        twin = theirs.get_layer(layer.name)
        assert [w.shape for w in layer.weights] == [w.shape for w in twin.weights]
        values = [
            np.abs(random.normal(0, 0.4, w.shape)) + (0.5 if "var" in w.name else -0.3)
            for w in layer.weights
        ]
        layer.set_weights(values)
        twin.set_weights(values)
    # Keras Applications goes on with one more convolution, which a pyramid does not use.
    left = {layer.name for layer in theirs.layers if layer.weights} - {x.name for x in weighted}
    assert left == {"Conv_1", "Conv_1_bn"}
    image = random.uniform(-1, 1, (2, 64, 64, 3)).astype(np.float32)
    cut = keras.Model(
        theirs.input,
        [theirs.get_layer(name).output for name in ("block_2_add", "block_16_project_BN")],
    )
    stages, reference = call_model(ours, image), call_model(cut, image)
    for name, expected in zip(("C2", "C5"), reference):
        expected = ops.convert_to_numpy(expected)
        scale = np.abs(expected).max()
        np.testing.assert_allclose(
            ops.convert_to_numpy(stages[name]) / scale, expected / scale, atol=1e-4
        )


def test_shapes_of_the_stages():
    shapes = {k: tuple(v.shape) for k, v in mobilenet_v2(input_shape=(64, 96, 3)).output.items()}
    assert shapes == {
        "C2": (None, 16, 24, 24),
        "C3": (None, 8, 12, 32),
        "C4": (None, 4, 6, 96),
        "C5": (None, 2, 3, 320),
    }


@pytest.mark.parametrize("kind", ["group", "none", "frozen"])
def test_other_norms(kind):
    model = mobilenet_v2(input_shape=(32, 32, 3), width=0.35, norm_kind=kind)
    assert bool([x for x in model.layers if "BN" in x.name]) == (kind != "none")
