"""The graph against the specification: sizes, shapes, and its modules on numbers by hand."""

from __future__ import annotations

import math

import keras
import numpy as np
import pytest

from tfseg.models.portrait import graph
from tfseg.models.portrait.encoder import PRESETS
from tfseg.models.portrait.graph import Blocks, GraphOptions, build_graph

PARAMETERS = {
    ("paper", 2): 6_815_342,
    ("paper", 21): 7_170_509,
    ("light", 2): 7_040_942,
    ("light", 21): 7_396_109,
    ("dilated", 2): 7_040_942,
    ("nano", 2): 651_822,
}
STATISTICS = {"paper": 44_112, "light": 44_272, "dilated": 44_272, "nano": 15_664}
ENCODER = {"nano": 437_888}
WHOLE_ENCODER = 1_843_264
BILLIONS = [
    ("paper", 2, (256, 256), 9.235),
    ("paper", 2, (512, 512), 36.94),
    ("paper", 21, (512, 512), 44.88),
    ("paper", 2, (608, 800), 68.54),
    ("light", 2, (256, 256), 2.686),
    ("light", 21, (512, 512), 12.73),
    ("light", 2, (608, 800), 19.94),
    ("dilated", 2, (256, 256), 3.636),
    ("nano", 2, (256, 192), 0.2909),
]


def size(weights) -> int:
    return sum(math.prod(weight.shape) for weight in weights)


@pytest.mark.parametrize(("preset", "classes", "shape", "billions"), BILLIONS)
def test_weights_multiply_adds_and_taps(preset, classes, shape, billions):
    model = build_graph(keras, GraphOptions(classes, preset), image_shape=shape)
    assert multiply_adds(model) / 1e9 == pytest.approx(billions, rel=2e-4)
    assert model.count_params() == PARAMETERS[preset, classes]
    assert size(model.non_trainable_weights) == STATISTICS[preset]
    encoder = [layer for layer in model.layers if not layer.name.startswith(("layer", "classif"))]
    assert sum(size(layer.weights) for layer in encoder) == ENCODER.get(preset, WHOLE_ENCODER)
    stated = PRESETS[preset]
    for name, stride, channels in zip(stated.taps, stated.strides, stated.channels):
        expected = (None, *(side // stride for side in shape), channels)
        assert model.get_layer(name).output.shape == expected
    if (preset, shape) == ("paper", (256, 256)):
        first = [layer for layer in model.layers if layer.name.startswith("layer1_")]
        assert multiply_adds(model, first) / multiply_adds(model) == pytest.approx(0.62, abs=0.005)


def test_widths_are_settings():
    options = GraphOptions(2, "nano", backbone_width=0.5, decoder_width=8, edge_width=4)
    model = build_graph(keras, options, image_shape=(64, 64))
    channels = [model.get_layer(name).output.shape[-1] for name in PRESETS["nano"].taps]
    assert channels == [16, 16, 32, 48]
    for name, width in (("layer1_project", 8), ("layer4_aspp_project", 8), ("layer3_edge", 4)):
        assert model.get_layer(name).output.shape[-1] == width


def multiply_adds(model, layers=None) -> int:
    """Of convolutions alone: one product for each output pixel and each number of the kernel."""
    total = 0
    for layer in model.layers if layers is None else layers:
        if isinstance(layer, (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)):
            _, rows, columns, _ = layer.output.shape
            total += rows * columns * math.prod(layer.kernel.shape)
    return total


def test_any_size_goes_in_and_comes_out(call_model):
    model = build_graph(keras, GraphOptions(2, "paper"))
    outputs = call_model(model, np.zeros((1, 225, 225, 3), np.float32))
    sides = [outputs[f"sem_{i}"].shape[1:3] for i in range(1, 5)]
    assert sides == [(113, 113), (57, 57), (29, 29), (15, 15)]
    assert tuple(outputs["logits"].shape) == (1, 225, 225, 2)


def blocks(**options) -> Blocks:
    return Blocks(keras, GraphOptions(2, **options))


def maps(*channels) -> np.ndarray:
    return np.stack(channels, axis=-1).astype(np.float32)[None]


CURRENT = maps([[2, -1], [0, 3]], [[1, 1], [-2, 0]])
DEEPER = maps([[4, 2], [2, 0]], [[-2, -2], [0, 0]])


def test_categorical_attention_by_hand():
    outputs = {}
    s = [np.zeros_like(CURRENT), np.zeros_like(CURRENT), CURRENT, DEEPER]
    options = GraphOptions(2)
    found = graph._categorical_attention(Blocks(keras, options), s, options, outputs)
    attention = np.asarray(outputs["attention_3"])[0, 0, 0]
    np.testing.assert_allclose(attention, [0.880797, 0.268941], atol=1e-6)
    expected = maps([[3.761594, -1.880797], [0, 5.642391]], [[1.268941, 1.268941], [-2.537883, 0]])
    np.testing.assert_allclose(found[2], expected, atol=1e-6)
    np.testing.assert_array_equal(found[3], DEEPER)


def test_attention_of_nothing_is_one_half():
    outputs = {}
    s = [CURRENT, *[np.zeros_like(CURRENT)] * 3]
    options = GraphOptions(2)
    found = graph._categorical_attention(Blocks(keras, options), s, options, outputs)
    np.testing.assert_allclose(found[0], 1.5 * CURRENT, atol=1e-6)


def test_attention_comes_from_the_enhanced_or_the_raw_map():
    s = [CURRENT, 2 * CURRENT, DEEPER, 3 * DEEPER]

    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    for source in ("enhanced", "raw"):
        options = GraphOptions(2, cgca_source=source)
        found = graph._categorical_attention(Blocks(keras, options), s, options, {})
        expected = list(s)
        for i in (2, 1, 0):
            deeper = expected[i + 1] if source == "enhanced" else s[i + 1]
            expected[i] = s[i] * sigmoid(deeper.mean(axis=(1, 2), keepdims=True)) + s[i]
        for got, wanted in zip(found, expected):
            np.testing.assert_allclose(got, wanted, rtol=1e-5)


def test_boundary_enhancement_by_hand():
    shallow = maps([[2, -2, 0, 4], [0, 0, 2, 2], [-4, 0, 0, 0], [0, 4, -2, 2]])
    deep = maps([[1, 0], [-1, 0.5]])
    zero = maps([[0]])
    options = GraphOptions(2)
    found = graph._boundary_enhancement(
        Blocks(keras, options), [shallow, deep, zero, zero], PRESETS["light"], options
    )
    expected = [[1, 2], [-1, 0.5]]
    np.testing.assert_allclose(np.asarray(found[1])[0, ..., 0], expected, atol=1e-6)
    # Cumulative: the third layer receives what the second one has become.
    np.testing.assert_allclose(np.asarray(found[2]).ravel(), [np.mean(expected)], atol=1e-6)


def test_boundaries_by_the_largest_value():
    shallow = maps([[2, -2, 0, 4], [0, 0, 2, 2], [-4, 0, 0, 0], [0, 4, -2, 2]])
    b = [shallow, *(np.zeros((1, side, side, 1), np.float32) for side in (2, 1, 1))]
    options = GraphOptions(2, cgbe_resize="max")
    found = graph._boundary_enhancement(Blocks(keras, options), b, PRESETS["light"], options)
    np.testing.assert_allclose(np.asarray(found[1])[0, ..., 0], [[2, 4], [4, 2]])


def test_modules_can_be_left_out():
    b = [np.full((1, side, side, 1), side, np.float32) for side in (8, 4, 2, 1)]
    options = GraphOptions(2, cgca=False, cgbe=False)
    made = Blocks(keras, options)
    assert graph._boundary_enhancement(made, b, PRESETS["light"], options) == b
    assert graph._categorical_attention(made, b, options, {}) == b


@pytest.mark.parametrize(("q", "c", "expected"), [(2, 0, 3), (3, 1, 5.193176)])
def test_fusion_by_hand(q, c, expected):
    made = blocks()
    q, c = (np.full((1, 1, 1, 1), value, np.float32) for value in (q, c))
    fused = made.add([made.multiply([q, made.sigmoid(c, "gate")], "times"), q], "sbf")
    assert float(fused[0, 0, 0, 0]) == pytest.approx(expected, abs=1e-6)


def test_a_layer_follows_the_dataflow(call_model):
    """One decoder layer, recomputed from the outputs of its parts by plain NumPy."""
    model = build_graph(keras, GraphOptions(2), image_shape=(64, 64))
    wanted = {
        name: model.get_layer(f"layer2_{name}").output
        for name in ("project_relu", "semantic_back_relu", "boundary_back2_BN", "narrow_BN")
    }
    wanted["x"] = model.get_layer("block_5_add").output
    wanted["r"] = model.get_layer("layer2_residual2_relu").output
    wanted["g"] = model.get_layer("layer2_residual1").output
    image = np.random.default_rng(0).uniform(-1, 1, (1, 64, 64, 3)).astype(np.float32)
    got = call_model(keras.Model(model.input, wanted), image)
    got = {name: np.asarray(value) for name, value in got.items()}
    gate = 1 / (1 + np.exp(-got["boundary_back2_BN"]))
    q, p = got["semantic_back_relu"], got["project_relu"]
    np.testing.assert_allclose(got["g"], q * gate + q + p, rtol=1e-4, atol=1e-5)
    expected = np.maximum(got["narrow_BN"] + got["x"], 0)
    np.testing.assert_allclose(got["r"], expected, rtol=1e-4, atol=1e-5)
    assert got["semantic_back_relu"].shape[-1] == 256
