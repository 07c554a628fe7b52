"""Mask R-CNN on backbones of keras_cv and keras_hub."""

from __future__ import annotations

import importlib
import json
import os
import pickle
from pathlib import Path

import keras
import numpy as np
import pytest

import tfseg
from tfseg.engine.weights import named_weights
from tfseg.errors import ConfigError, WeightsError
from tfseg.models.mask_rcnn import network
from tfseg.models.mask_rcnn.config import MaskRCNNConfig
from tfseg.models.two_stage import initial_weights
from tfseg.models.two_stage.stored_backbone import source_in_old_model
from tfseg.nn.backbones import foreign_construction
from tfseg.nn.backbones.foreign_names import install_hint

ROOT = Path(__file__).resolve().parents[3]
BACKBONES = {
    "keras_cv:ResNetBackbone": dict(
        stackwise_filters=[4, 4, 4, 8],
        stackwise_blocks=[1, 1, 1, 1],
        stackwise_strides=[1, 2, 2, 2],
        block_type="block",
    ),
    "keras_hub:DenseNetBackbone": dict(stackwise_num_repeats=[1, 1, 1, 1], growth_rate=4),
}
SETTINGS = dict(
    classes=("person",),
    image_size=64,
    anchor_scales=(8.0, 16.0, 32.0, 48.0, 64.0),
    pre_nms_limit=50,
    proposals_train=20,
    proposals_test=10,
    train_rois=8,
    pool_size=3,
    mask_pool_size=4,
    max_instances=4,
    max_detections=5,
    pyramid_channels=8,
    rpn_channels=8,
    box_head_channels=8,
    mask_head_channels=8,
    mask_head_convs=1,
    detection_min_confidence=0.0,
    detection_rule="every_class",
    score_floor=0.0,
)


@pytest.fixture(autouse=True, scope="module")
def libraries():
    for library in ("keras_cv", "keras_hub"):
        pytest.importorskip(library, reason=f"needs {install_hint(library)}")


def settings(backbone, **changes):
    return {**SETTINGS, "backbone": backbone, "backbone_options": BACKBONES[backbone], **changes}


@pytest.fixture(scope="module", params=BACKBONES)
def model(request):
    return tfseg.MaskRCNN(settings(request.param))


@pytest.mark.both_backends
def test_settings_names_groups_and_files(model, tmp_path):
    """One backbone serves for all of it: building one takes seconds."""
    built = model.keras_model
    weights = named_weights(built)
    assert sum(map(len, weights.values())) == len(built.weights)
    groups = {g: network.layer_group(built, g) for g in ("heads", "5+", "4+", "3+")}
    assert groups["heads"] < groups["5+"] < groups["4+"] < groups["3+"]
    assert not groups["heads"] & {layer.name for layer in built.backbone.layers}
    model.fitted = True
    image = np.random.default_rng(0).integers(0, 255, (40, 64, 3), np.uint8)
    assert len(model.predict(image)[0]) > 0
    keras.layers.Conv2D(1, 1)  # names must not depend on what else was built
    loaded = tfseg.MaskRCNN.load(model.save(tmp_path / "model"))
    assert loaded.config == model.config
    other = named_weights(loaded.keras_model)
    assert list(other) == list(weights)
    for layer, variables in weights.items():
        for name, variable in variables.items():
            np.testing.assert_array_equal(np.array(other[layer][name]), np.array(variable))


@pytest.mark.both_backends
def test_pixels_reach_the_body_as_its_weights_want_them(model):
    image = np.full((1, 64, 64, 3), 255, np.uint8)
    found = keras.ops.convert_to_numpy(model.keras_model.preprocess(image))[0, 0, 0]
    if model.config.backbone.startswith("keras_cv"):
        np.testing.assert_allclose(found, 1.0)
    else:
        expected = (1 - np.array((0.485, 0.456, 0.406))) / (0.229, 0.224, 0.225)
        np.testing.assert_allclose(found, expected, atol=1e-5)


def published(name, folder, monkeypatch):
    """Puts a preset with random weights where the library looks for what it downloaded."""
    source = source_in_old_model(name)
    owner = getattr(importlib.import_module(f"{source.library}.models"), source.class_name)
    options = {key: foreign_construction._listed(value) for key, value in source.options.items()}
    if source.library == "keras_cv":
        backbone = owner(**options, include_rescaling=True)
        save = importlib.import_module("keras_cv.src.utils.preset_utils").save_to_preset
        save(backbone, str(folder))
    else:
        backbone = owner(**options)
        backbone.save_to_preset(str(folder))

    def download(handle, path=None, **options):
        if not os.path.exists(folder / (path or "")):
            raise FileNotFoundError(path)
        return str(folder / (path or ""))

    monkeypatch.setattr("kagglehub.model_download", download)
    return {weight.path: np.array(weight) for weight in backbone.weights}


@pytest.mark.parametrize(
    ("name", "channels", "first"),
    [
        # Its first layer stacks four parts of the image: 12 channels for three colours.
        pytest.param(
            "keras_cv:csp_darknet_tiny_imagenet",
            4,
            "stem_conv_conv/kernel",
            marks=pytest.mark.slow,
        ),
        ("keras_hub:resnet_18_imagenet", 1, "conv1_conv/kernel"),
    ],
)
def test_published_weights_fill_the_body(name, channels, first, tmp_path, monkeypatch):
    expected = published(name, tmp_path / "preset", monkeypatch)
    config = MaskRCNNConfig(
        **{**SETTINGS, "backbone": name, "initial_weights": "preset", "channels": channels}
    )
    built = network.build(config)
    report = initial_weights.load_initial(built)
    assert report.source == name and report.loaded
    names = [weight.path for weight in built.backbone.weights]
    (kernel,) = [path for path in names if path.endswith(first)]
    for weight in built.backbone.weights:
        if weight.path != kernel:
            np.testing.assert_array_equal(np.array(weight), expected[weight.path])
    found = {weight.path: np.array(weight) for weight in built.backbone.weights}[kernel]
    rows = expected[kernel].reshape(*expected[kernel].shape[:2], -1, 3, found.shape[-1])
    found = found.reshape(*found.shape[:2], -1, channels, found.shape[-1])
    if channels == 1:
        np.testing.assert_allclose(found[..., 0, :], rows.sum(axis=3), atol=1e-5)
    else:
        np.testing.assert_array_equal(found[..., :3, :], rows)


def test_weights_of_another_architecture_are_refused(monkeypatch):
    """keras_hub 0.29 publishes EfficientNet-B1 under the name of three others."""
    name = "keras_cv:resnet50_imagenet"

    class Network:
        config = MaskRCNNConfig(classes=("a",), backbone=name, initial_weights="preset")
        backbone = keras.Sequential(
            [keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3, name="first")]
        )

    other = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(5, 3, name="first")])
    monkeypatch.setattr(initial_weights, "published_backbone", lambda source, shape: other)
    with pytest.raises(WeightsError, match="another architecture.*first"):
        initial_weights.load_initial(Network())


def test_another_preprocessing_than_published_is_told(monkeypatch, caplog):
    config = MaskRCNNConfig(classes=("a",), backbone="keras_hub:resnet_18_imagenet")
    initial_weights._compare_pixels(config, ((123.7, 116.3, 103.5), (58.4, 57.1, 57.4)))
    assert not caplog.records
    initial_weights._compare_pixels(config, ((127.5,) * 3, (127.5,) * 3))
    assert "pixel_mean=[127.5, 127.5, 127.5]" in caplog.text


def refuse(*arguments, **options):
    raise AssertionError("something asked for the network")


def features(model):
    """Returns C5 of an image of noise; predicting would compile for seconds."""
    image = np.random.default_rng(0).normal(0, 1, (1, 64, 64, 3)).astype(np.float32)
    return keras.ops.convert_to_numpy(model.keras_model.backbone(image, training=False)["C5"])


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("keras_cv:yolo_v8_xs_backbone", marks=pytest.mark.slow),
        "keras_hub:DenseNetBackbone",
    ],
)
def test_a_model_of_before_the_architecture_was_kept_loads_without_a_network(
    name, tmp_path, monkeypatch
):
    """Its model.json has a name and no architecture: of a preset that is fetched today, or of a
    class whose other settings were those of a preset."""
    monkeypatch.setattr("kagglehub.model_download", refuse)
    options = {"stackwise_num_repeats": [1, 1, 1, 1]} if name.startswith("keras_hub") else None
    model = tfseg.MaskRCNN({**SETTINGS, "backbone": name, "backbone_options": options})
    model._take_architecture({})  # the numbers of that time
    model.fitted = True
    expected = features(model)
    folder = model.save(tmp_path / "old")
    content = json.loads((folder / "model.json").read_text())
    assert content.pop("architecture")["backbone"]["config"]
    del content["checksums"]
    (folder / "model.json").write_text(json.dumps(content))
    loaded = tfseg.MaskRCNN.load(folder)
    np.testing.assert_array_equal(features(loaded), expected)
    again = tfseg.MaskRCNN.load(loaded.save(tmp_path / "new"))
    np.testing.assert_array_equal(features(again), expected)


def test_a_preset_of_the_network_is_kept_with_a_model_and_its_copies(tmp_path, monkeypatch):
    folder = tmp_path / "preset"
    owner = importlib.import_module("keras_hub.models").DenseNetBackbone
    owner(stackwise_num_repeats=[1, 1, 1, 1], growth_rate=4).save_to_preset(str(folder))
    with monkeypatch.context() as patch:
        patch.setattr("kagglehub.model_download", lambda handle, path, **k: str(folder / path))
        model = tfseg.MaskRCNN({**SETTINGS, "backbone": "keras_hub:densenet_121_imagenet"})
        model.fitted = True
        expected = features(model)
    monkeypatch.setattr("kagglehub.model_download", refuse)
    loaded = tfseg.MaskRCNN.load(model.save(tmp_path / "model"))
    assert loaded.config == model.config
    np.testing.assert_array_equal(features(loaded), expected)
    np.testing.assert_array_equal(features(pickle.loads(pickle.dumps(loaded))), expected)


def test_a_network_as_backbone_keeps_its_weights_and_goes_with_the_model(tmp_path):
    x = image = keras.Input((None, None, 3))
    levels = []
    for index, stride in enumerate((4, 2, 2, 2)):
        x = keras.layers.Conv2D(4, 3, stride, "same", name=f"stage{index}")(x)
        levels.append(x)
    mine = keras.Model(image, levels, name="mine")
    model = tfseg.MaskRCNN({**SETTINGS, "backbone": mine})
    assert model.config.pixel_mean == (123.7, 116.8, 103.9)
    for ours, theirs in zip(model.keras_model.backbone.weights, mine.weights, strict=True):
        np.testing.assert_array_equal(np.array(ours), np.array(theirs))
    model.fitted = True
    expected = features(model)
    loaded = tfseg.MaskRCNN.load(model.save(tmp_path / "model"))
    assert loaded.config == model.config
    np.testing.assert_array_equal(features(loaded), expected)
    assert "mine" in repr(model)
    with pytest.raises(ConfigError, match="initial_weights: .*brings its own weights"):
        tfseg.MaskRCNN({**SETTINGS, "backbone": mine, "initial_weights": "preset"})


def test_every_name_of_old_models_stands_for_a_class_of_its_library():
    names = json.loads((ROOT / "tfseg/models/two_stage/names_in_old_models.json").read_text())
    assert len(names) == 182
    for name in names:
        source = source_in_old_model(name)
        library = importlib.import_module(f"{source.library}.models")
        assert isinstance(getattr(library, source.class_name), type) and source.options
    assert source_in_old_model("keras_cv:resnet19") is None


@pytest.mark.slow
@pytest.mark.parametrize("backbone", BACKBONES)
def test_training_by_stages_and_the_export(backbone, tmp_path):
    stages = [{"epochs": 1, "layers": layers} for layers in ("heads", "4+", "all")]
    train = dict(batch_size=2, steps_per_epoch=2, stages=stages, workers=1)
    model = tfseg.MaskRCNN(settings(backbone, train=train))
    data = tfseg.SyntheticPeople(4, size=64, people=(1, 2))
    backbone = model.keras_model.backbone
    statistics = [w for w in backbone.weights if "moving_" in w.path]
    scales = [w for w in backbone.weights if w.path.endswith("gamma")]
    before = [np.array(w) for w in (*statistics, *scales)]
    model.fit(data)
    after = [np.array(w) for w in (*statistics, *scales)]
    same = [np.array_equal(a, b) for a, b in zip(after, before)]
    assert all(same[: len(statistics)]) and not all(same[len(statistics) :])
    assert np.isfinite(model.history[-1]["loss"])
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        folder = model.export(tmp_path / "people" / "1")
        image = data[0].image
        (expected,) = model.predict(image)
        signatures = tf.saved_model.load(os.fspath(folder)).signatures
        found = signatures["images_uint8"](images=tf.constant(image[None]))
        count = int(found["num_detections"][0])
        assert count >= len(expected) > 0
        assert np.isclose(float(found["detection_scores"][0, 0]), expected.scores.max(), atol=1e-3)
