"""TFLite files of MobileNetV2: what their integers mean, and the features that come of them."""

from __future__ import annotations

import random
import sys

import keras
import numpy as np
import pytest
from keras import ops

from tfseg import MaskRCNN, PortraitSegmenter
from tfseg.convert import source, tflite_file, tflite_mobilenet
from tfseg.convert.transfer import layers_of
from tfseg.errors import ConfigError, TFSegError, WeightsError

pytest.importorskip("ai_edge_litert")

import tflite_files

NARROW = dict(
    classes=("a",),
    backbone="mobilenet_v2",
    backbone_width=0.35,
    image_size=64,
    pyramid_channels=8,
    rpn_channels=8,
    box_head_channels=8,
    mask_head_channels=8,
)


@pytest.fixture(scope="module")
def light():
    """A Mask R-CNN whose weights the tests change."""
    model = MaskRCNN(**NARROW)
    assert model.keras_model.built
    return model


def backbone(model):
    network = model.keras_model
    return network.backbone


def written(path, *args, **options):
    content, meant = tflite_files.quantised(*args, **options)
    path.write_bytes(content)
    return meant


@pytest.mark.parametrize("kind", ["uint8", "int8"])
def test_each_integer_becomes_the_number_that_it_means(light, tmp_path, kind):
    path = tmp_path / "a.bin"  # known by its content
    behind = [("Conv_1", (1, 1, 112, 1280))]
    meant = written(path, kind=kind, steps=(2 / 255, 127 if kind == "uint8" else -1), extra=behind)
    report = light.load_weights(path)
    assert len(report.loaded) == 102 and not report.skipped
    assert report.unused == ("Conv_1/kernel",) and "rpn_conv_shared" in report.missing
    layers = layers_of(light.keras_model)
    meant.pop("Conv_1")
    for name, (kernel, bias) in meant.items():
        np.testing.assert_allclose(np.asarray(layers[name]["kernel"]), kernel, rtol=1e-5, atol=1e-7)
        norm = "bn_Conv1" if name == "Conv1" else f"{name}_BN"
        x = np.random.default_rng(0).normal(size=(2, 1, 1, len(bias))).astype(np.float32)
        found = _layer(backbone(light), norm)(x, training=False)
        np.testing.assert_allclose(ops.convert_to_numpy(found), x + bias, rtol=1e-5, atol=1e-5)


def _layer(network, name):
    return next(layer for layer in network._flatten_layers() if layer.name == name)


def test_pixels_of_slim_files_are_ours(light, tmp_path):
    path = tmp_path / "a.tflite"
    kernel, bias = written(path)["Conv1"]
    light.load_weights(path)
    image = np.random.default_rng(0).integers(0, 256, (1, 8, 8, 3)).astype(np.float32)
    expected = ops.conv((image - 128) / 128, kernel.astype(np.float32), 2, "valid") + bias
    x = light.keras_model.preprocess(image)
    layers = layers_of(light.keras_model)
    found = ops.conv(x, layers["Conv1"]["kernel"], 2, "valid") + layers["bn_Conv1"]["beta"]
    found, expected = (ops.convert_to_numpy(each) for each in (found, expected))
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())


@pytest.fixture(scope="module")
def portrait():
    """A portrait network whose weights the tests change."""
    return PortraitSegmenter(preset="dilated")


@pytest.mark.parametrize("file", ["float16.tflite", "int8.tflite"])
def test_the_files_of_the_shipped_model_give_back_its_features(portrait, repo_root, file):
    folder, image = repo_root / "savedmodels" / "portrait", _smooth_image(96)
    portrait.load_weights(folder)
    expected = ops.convert_to_numpy(backbone(portrait)(image, training=False)["C4"]).ravel()
    report = portrait.load_weights(folder / file)
    assert len(report.loaded) == 102
    found = ops.convert_to_numpy(backbone(portrait)(image, training=False)["C4"]).ravel()
    assert np.abs(found - expected).max() > 1e-6
    # The int8 file has learnt for sixty steps more.
    assert np.corrcoef(found, expected)[0, 1] > (0.9 if file == "int8.tflite" else 0.9999)


def test_normalisations_apart_from_their_convolutions_are_refused(portrait, repo_root):
    file = repo_root / "savedmodels" / "portrait" / "light.tflite"  # any size: dilation in pieces
    before = portrait.keras_model.get_weights()
    with pytest.raises(WeightsError, match=r"3 of its convolutions.*block_14_depthwise.*folder"):
        portrait.load_weights(file)
    for value, kept in zip(before, portrait.keras_model.get_weights(), strict=True):
        np.testing.assert_array_equal(value, kept)


def test_a_shorter_encoder_takes_what_it_has(portrait, repo_root):
    folder = repo_root / "savedmodels" / "portrait"
    portrait.load_weights(folder)
    nano = PortraitSegmenter(preset="nano")
    report = nano.load_weights(folder / "float16.tflite")
    assert len(report.loaded) == 72
    assert report.unused
    for name in ("C1", "C2"):
        image = _smooth_image(96)
        found, expected = (
            ops.convert_to_numpy(backbone(model)(image, training=False)[name]).ravel()
            for model in (nano, portrait)
        )
        assert np.corrcoef(found, expected)[0, 1] > 0.9999


def _smooth_image(side):
    noise = np.random.default_rng(0).normal(size=(1, 6, 6, 3)).astype(np.float32)
    return ops.clip(ops.image.resize(noise, (side, side), "bicubic"), -1, 1)


@pytest.mark.slow
def test_a_file_of_the_converter_runs_as_the_interpreter_runs_it(tmp_path):
    from ai_edge_litert.interpreter import Interpreter

    theirs = _random_keras_network()
    path = tmp_path / "a.tflite"
    path.write_bytes(_converted(theirs))
    model = MaskRCNN(**NARROW)
    model.load_weights(path)
    pixels = np.clip(127.5 * (ops.convert_to_numpy(_smooth_image(64)) + 1), 0, 255).astype(np.uint8)
    runner = Interpreter(model_content=path.read_bytes())
    runner.allocate_tensors()
    runner.set_tensor(runner.get_input_details()[0]["index"], pixels)
    runner.invoke()
    details = runner.get_output_details()[0]
    scale, zero = details["quantization"]
    expected = scale * (runner.get_tensor(details["index"]).astype(np.float32) - zero)
    network = model.keras_model
    found = ops.convert_to_numpy(backbone(model)(network.preprocess(pixels), training=False)["C5"])
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.97
    stage = theirs.get_layer("block_16_project_BN").output
    image = network.preprocess(pixels)
    exact = ops.convert_to_numpy(keras.Model(theirs.input, stage)(image, training=False))
    assert np.corrcoef(found.ravel(), exact.ravel())[0, 1] > 0.99


def _random_keras_network():
    rng = np.random.default_rng(0)
    options = dict(input_shape=(64, 64, 3), alpha=0.35, weights=None, include_top=False)
    network = keras.applications.MobileNetV2(**options)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            gamma, beta, mean, variance = layer.get_weights()
            variance = rng.uniform(0.5, 1.5, variance.shape)
            layer.set_weights([gamma, beta + rng.normal(0, 0.3, beta.shape), mean, variance])
    return network


def _converted(network) -> bytes:
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2 as frozen,
    )

    last = network.get_layer("block_16_project_BN").output
    part = keras.Model(network.input, last)
    spec = tf.TensorSpec((1, 64, 64, 3))
    run = tf.function(lambda x: part(x, training=False)).get_concrete_function(spec)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen(run)])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    images = [np.clip(_smooth_image(64) + shift, -1, 1) for shift in (-0.3, 0.0, 0.3)]
    converter.representative_dataset = lambda: ([each] for each in images)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.uint8
    return converter.convert()


def test_another_model_or_file_is_refused_with_the_remedy(light, tmp_path):
    path = tmp_path / "a.tflite"
    before = backbone(light).get_weights()[0].copy()
    for options, settings, words in (
        (dict(width=0.5), {}, "Make it with backbone_width=0.5"),
        ({}, dict(norm="group"), "Make it with norm='frozen'"),
        ({}, dict(backbone="resnet50", backbone_width=1.0), "backbone='mobilenet_v2'"),
        (dict(only=50), {}, "The file has 50; number 51, block_16_project.*has no more"),
        (dict(width=0.4), {}, "expected a network that begins with the 51 convolutions"),
        (dict(steps=(1 / 255, 0)), {}, "input runs from 0.000 to 1.000; expected -1 to 1"),
    ):
        written(path, **options)
        model = light if not settings else MaskRCNN(**{**NARROW, **settings})
        with pytest.raises(WeightsError, match=words):
            model.load_weights(path, skip_mismatch=True)
    np.testing.assert_array_equal(backbone(light).get_weights()[0], before)


def test_a_setting_names_the_file_to_start_from(tmp_path, caplog):
    path = tmp_path / "a.tflite"
    kernel, _ = written(path, steps=(2 / 255, 127))["block_16_project"]
    model = MaskRCNN(**NARROW, initial_weights=str(path))
    model._load_start()
    model._load_initial()
    found = layers_of(model.keras_model)["block_16_project"]["kernel"]
    np.testing.assert_allclose(np.asarray(found), kernel, rtol=1e-5, atol=1e-7)
    assert not model.fitted and "starts from random weights" not in caplog.text
    model.keras_model.set_weights([np.zeros(each.shape) for each in model.keras_model.weights])
    model._load_start()  # weights that came from elsewhere are kept
    assert not np.any(np.asarray(found))
    portrait = PortraitSegmenter(initial_weights="nowhere/a.tflite")
    with pytest.raises(WeightsError, match="initial_weights: .*not exist.*docs/weights.md"):
        portrait._load_start()
    for kind in (MaskRCNN, PortraitSegmenter):
        with pytest.raises(ConfigError, match="initial_weights.*Did you mean 'imagenet'"):
            kind(classes=("a",), initial_weights="imagnet")


def test_grey_images_are_fitted_on_demand(tmp_path):
    path = tmp_path / "a.tflite"
    kernel, _ = written(path, steps=(2 / 255, 127))["Conv1"]
    model = MaskRCNN(**NARROW, channels=1)
    with pytest.raises(WeightsError, match="skip_mismatch=True to fit the first layer"):
        model.load_weights(path)
    model.load_weights(path, skip_mismatch=True)
    found = np.asarray(layers_of(model.keras_model)["Conv1"]["kernel"])
    np.testing.assert_allclose(found[:, :, 0], kernel.sum(axis=2), rtol=1e-4, atol=1e-6)


def test_without_litert_the_error_names_the_command(tmp_path, monkeypatch):
    path = tmp_path / "a.tflite"
    written(path)
    monkeypatch.setitem(sys.modules, "ai_edge_litert.schema_py_generated", None)
    with pytest.raises(WeightsError, match=r'pip install "tfseg\[lite\]"'):
        source.describe(path)


def test_damaged_files_end_in_an_error_that_names_them(tmp_path):
    path = tmp_path / "a.tflite"
    content, rng = tflite_files.quantised()[0], random.Random(3)
    # The tables that say what is where lie at both ends; in between are weights.
    ends = [*range(4), *range(8, 4000), *range(len(content) - 40_000, len(content))]
    refused = 0
    for _ in range(60):
        changed = bytearray(content)
        for _ in range(rng.randint(1, 12)):
            changed[rng.choice(ends)] = rng.choice([0, 1, 127, 128, 255, rng.randrange(256)])
        path.write_bytes(bytes(changed[: rng.choice([None, None, rng.randrange(8, len(content))])]))
        try:
            found = tflite_file.read(path)
            [(each.kernel, each.bias) for each in found.convolutions]
            tflite_mobilenet.describe(path)
        except TFSegError as error:
            assert isinstance(error, WeightsError) and str(path) in str(error)
            refused += 1
    assert refused > 20


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\x1c\0\0\0TFL3", "a damaged or truncated TFLite file"),
        (b"\x08\0\0\0TFL3" + bytes(64), "a damaged or truncated TFLite file"),
        (b"\xff\xff\xff\x7fTFL3" + bytes(64), "a damaged or truncated TFLite file"),
        (b"TFL3, or so it says", "expected a tfseg weight file, got a file of another kind"),
    ],
)
def test_what_only_looks_like_a_tflite_file(light, tmp_path, content, words):
    path = tmp_path / "a.tflite"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=words):
        light.load_weights(path)
