"""Backbones of keras_cv and keras_hub: names, levels, norms, stages, published weights."""

from __future__ import annotations

import importlib
import json
import sys

import keras
import numpy as np
import pytest

from tfseg.errors import ConfigError, WeightsError
from tfseg.nn.backbones import foreign_construction, foreign_names
from tfseg.nn.backbones.first_kernel import fit_channels
from tfseg.nn.backbones.foreign import foreign_backbone, published_backbone, stage_layers
from tfseg.nn.backbones.foreign_names import find
from tfseg.nn.backbones.network_setting import NetworkSetting, as_setting
from tfseg.nn.backbones.offline_architectures import ARCHITECTURES

SMALL = {
    "keras_cv:ResNetBackbone": dict(
        stackwise_filters=(4, 4, 4, 8),
        stackwise_blocks=(1, 1, 1, 1),
        stackwise_strides=(1, 2, 2, 2),
        block_type="block",
    ),
    # Its norms sit inside other layers.
    "keras_cv:CSPDarkNetBackbone": dict(
        stackwise_channels=(8, 8, 8, 16), stackwise_depth=(1, 1, 1, 1)
    ),
    # Some of its layers have no names of their own.
    "keras_cv:MobileNetV3Backbone": dict(
        stackwise_expansion=(1, 2, 2, 2),
        stackwise_filters=(8, 8, 8, 16),
        stackwise_kernel_size=(3, 3, 3, 3),
        stackwise_stride=(2, 2, 2, 2),
        stackwise_se_ratio=(0.25, None, None, 0.25),
        stackwise_activation=("relu",) * 4,
    ),
    "keras_hub:DenseNetBackbone": dict(stackwise_num_repeats=(1, 1, 1, 1), growth_rate=4),
}
NORMED = ["keras_cv:CSPDarkNetBackbone", "keras_hub:DenseNetBackbone"]
tensorflow_only = pytest.mark.skipif(
    keras.backend.backend() == "jax", reason="compiled JAX hands new statistics back"
)


@pytest.fixture(autouse=True)
def libraries(request):
    if "without_libraries" not in request.keywords:
        for library in foreign_names.LIBRARIES:
            pytest.importorskip(library, reason=f"needs {foreign_names.install_hint(library)}")


def small(name, shape=(64, 64, 3), **options):
    keras.utils.set_random_seed(0)
    return foreign_backbone(find(name), input_shape=shape, options=SMALL[name], **options)


def numbers(stages):
    return {name: keras.ops.convert_to_numpy(value) for name, value in stages.items()}


def picture(channels=3, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(0, 1, (2, 64, 64, channels)).astype("float32")


@pytest.mark.parametrize("name", ["keras_cv:ResNetBackbone", "keras_cv:MobileNetV3Backbone"])
def test_stages_have_the_strides_of_a_pyramid(name):
    backbone = small(name, (64, 64, 4))
    assert backbone.input_shape == (None, 64, 64, 4)
    sides = {stage: tuple(value.shape[1:3]) for stage, value in backbone.output.items()}
    assert sides == {"C2": (16, 16), "C3": (8, 8), "C4": (4, 4), "C5": (2, 2)}


def test_weights_are_called_the_same_whatever_was_built_before():
    name = "keras_cv:MobileNetV3Backbone"
    first = [weight.path for weight in small(name).weights]
    for _ in range(3):
        keras.layers.Conv2D(1, 1)
        keras.layers.LayerNormalization()
    assert [weight.path for weight in small(name).weights] == first
    assert len(set(first)) == len(first)
    keras.layers.Conv2D(1, 1)
    assert keras.layers.Conv2D(1, 1).name != "conv2d"  # the count outside goes on


@pytest.mark.parametrize("name", NORMED)
def test_frozen_norms_keep_their_statistics(name, call_model):
    if keras.backend.backend() == "jax" and name != NORMED[-1]:
        pytest.skip("the other backbone shows it; compiling this one takes half a minute")
    image = picture()
    backbone = small(name, norm_kind="frozen")
    means = [w for w in backbone.weights if w.path.endswith("moving_mean")]
    assert means
    before = [np.array(w) for w in means]
    trained, tested = (numbers(call_model(backbone, image, training=t)) for t in (True, False))
    for stage, value in tested.items():
        np.testing.assert_array_equal(trained[stage], value)
    assert all(np.array_equal(np.array(w), b) for w, b in zip(means, before))
    assert any(w.path.endswith("gamma") for w in backbone.trainable_weights)


@tensorflow_only
@pytest.mark.parametrize("name", NORMED)
def test_batch_norms_collect_their_statistics(name):
    image = picture()
    backbone = small(name, norm_kind="batch", momentum=0.5)
    norms = [
        x for x in backbone._flatten_layers() if isinstance(x, keras.layers.BatchNormalization)
    ]
    assert {layer.momentum for layer in norms} == {0.5}
    trained, tested = (numbers(backbone(image, training=t)) for t in (True, False))
    assert not np.allclose(trained["C5"], tested["C5"])
    assert all(np.abs(np.array(layer.moving_mean)).max() > 0 for layer in norms)


@pytest.mark.parametrize("kind", ["group", "none"])
def test_other_norms_are_refused(kind):
    with pytest.raises(ConfigError, match="its own normalisation"):
        small("keras_cv:ResNetBackbone", norm_kind=kind)


@pytest.mark.parametrize("name", ["keras_cv:MobileNetV3Backbone"])
def test_stages_are_cut_where_the_levels_are(name, call_model):
    backbone, image = small(name), picture()
    later = {stage: stage_layers(backbone, stage) for stage in (3, 4, 5)}
    assert later[5] < later[4] < later[3] < {layer.name for layer in backbone.layers}
    for stage, names in later.items():
        before = numbers(call_model(backbone, image))
        for layer in backbone.layers:
            if layer.name in names:
                for weight in layer.trainable_weights:
                    weight.assign(np.array(weight) + 0.3)
        after = numbers(call_model(backbone, image))
        changed = {s for s in before if not np.allclose(before[s], after[s])}
        assert changed == {f"C{s}" for s in range(stage, 6)}


def test_half_precision_and_the_policy_outside():
    backbone = small("keras_cv:ResNetBackbone", dtype="mixed_bfloat16")
    assert {layer.compute_dtype for layer in backbone.layers if layer.weights} == {"bfloat16"}
    assert {str(weight.dtype) for weight in backbone.weights} == {"float32"}
    assert keras.config.dtype_policy().name == "float32"


def test_options_that_the_library_refuses():
    with pytest.raises(ConfigError, match="ResNetBackbone has no option depth.*stackwise_filters"):
        foreign_backbone(find("keras_cv:ResNetBackbone"), options={"depth": 3})
    with pytest.raises(ConfigError, match="backbone_options: .*does not take"):
        options = {**SMALL["keras_cv:ResNetBackbone"], "block_type": "other"}
        foreign_backbone(find("keras_cv:ResNetBackbone"), options=options)


def test_a_transformer_needs_a_fixed_size():
    options = dict(
        layerwise_depths=[1] * 4,
        num_layers=4,
        layerwise_num_heads=[1] * 4,
        layerwise_sr_ratios=[1] * 4,
        max_drop_path_rate=0.1,
        layerwise_patch_sizes=[7, 3, 3, 3],
        layerwise_strides=[4, 2, 2, 2],
        hidden_dims=[4] * 4,
    )
    with pytest.raises(ConfigError, match="fixed size of input"):
        foreign_backbone(find("keras_hub:MiTBackbone"), options=options)


def functional(strides, outputs=dict):
    """Returns a network of convolutions, one for each stride, with an output at each."""
    x = image = keras.Input((None, None, 3))
    levels = {}
    for index, stride in enumerate(strides):
        x = keras.layers.Conv2D(4 + index, 3, stride, "same", name=f"stage{index}")(x)
        levels[f"level{index}"] = x
    found = levels if outputs is dict else list(levels.values())
    return keras.Model(image, found, name="mine")


@pytest.mark.without_libraries
@pytest.mark.parametrize("outputs", [dict, list])
def test_a_network_of_the_users_is_a_backbone_and_keeps_its_weights(outputs, call_model):
    network = functional((4, 2, 2, 2), outputs)
    setting = as_setting(network)
    backbone = foreign_backbone(find(setting), input_shape=(64, 64, 3))
    image = picture()
    theirs = call_model(network, image)
    theirs = list(theirs.values()) if outputs is dict else theirs
    for name, expected in zip(("C2", "C3", "C4", "C5"), theirs, strict=True):
        ours = keras.ops.convert_to_numpy(call_model(backbone, image)[name])
        np.testing.assert_allclose(ours, keras.ops.convert_to_numpy(expected), atol=1e-5)
    kept = NetworkSetting.from_dict(json.loads(json.dumps(dict(setting))))
    assert kept == setting and kept.weights is None
    again = foreign_backbone(find(kept), input_shape=(64, 64, 3))
    assert [w.path for w in again.weights] == [w.path for w in backbone.weights]


@pytest.mark.without_libraries
def test_networks_that_do_not_go_with_the_settings():
    setting = as_setting(functional((4, 2, 2, 2)))
    with pytest.raises(ConfigError, match="reads images of 3 channels.*channels=1"):
        foreign_backbone(find(setting), input_shape=(64, 64, 1))
    fixed = keras.Input((32, 32, 3))
    network = keras.Model(fixed, functional((4, 2, 2, 2))(fixed))
    with pytest.raises(ConfigError, match="images of 32 x 32, and the settings need 64 x 64"):
        foreign_backbone(find(as_setting(network)), input_shape=(64, 64, 3))
    with pytest.raises(ConfigError, match="is a class. Pass a network"):
        as_setting(keras.Model)
    with pytest.raises(ConfigError, match="expected a name, a keras.Model"):
        NetworkSetting.from_dict({"classes": 3})


def test_what_does_not_fit_gets_the_same_error_in_every_form(tmp_path):
    """A class, a network, a folder; a preset by name takes the folder's way."""
    words = "does not fit: .*strides 4, 8, 16 and 32.*none at {}; it has {}. Levels are the pyramid"
    image = dict(input_shape=(64, 64, 3))
    options = dict(stackwise_num_repeats=[1] * 5, stackwise_num_filters=[4] * 5)
    vgg = words.format("4, 8, 16", "output 0 at stride 32")
    with pytest.raises(ConfigError, match=f"VGGBackbone {vgg}"):
        foreign_backbone(find("keras_hub:VGGBackbone"), options=options, **image)
    with pytest.raises(
        ConfigError, match=words.format("4, 32", "level0 at stride 8, level1 at stride 16")
    ):
        foreign_backbone(find(as_setting(functional((8, 2)))), **image)
    made = importlib.import_module("keras_hub.models").VGGBackbone(**options)
    made.save_to_preset(str(tmp_path / "vgg"))
    with pytest.raises(ConfigError, match=vgg):
        foreign_backbone(find(f"keras_hub:{tmp_path}/vgg"), **image)


# ---------------------------------------------------------------------------------------- names


@pytest.mark.without_libraries
def test_names_stand_for_architectures_presets_and_classes():
    assert find("keras_cv:resnet50_imagenet").class_name == "ResNetBackbone"
    assert find("keras_cv:resnet50_imagenet").published == "resnet50_imagenet"
    assert find("keras_cv:resnet50").published is None
    assert find("keras_cv:resnet50").pixels == ((0.0,) * 3, (255.0,) * 3)
    assert find("keras_cv:csp_darknet_tiny_imagenet").published == "csp_darknet_tiny_imagenet"
    assert find("keras_cv:csp_darknet_tiny").class_name == ""
    assert find("keras_hub:resnet_50_imagenet").pixels[0][0] == pytest.approx(123.675)
    assert find("keras_hub:resnet_v2_50_imagenet").pixels[0] == (127.5,) * 3
    assert find("keras_hub:ResNetBackbone").class_name == "ResNetBackbone"
    assert find("keras_hub:ResNetBackbone").published is None
    assert find("keras_hub:./folder").published == "./folder"
    with pytest.raises(ConfigError, match="names no backbone.*keras_cv:resnet18"):
        find("keras_hub:")


@pytest.mark.parametrize(
    ("name", "near"),
    [("keras_cv:csp_darknet_tine", "csp_darknet_tiny"), ("keras_hub:resnet_50", "resnet_50_im")],
)
def test_a_preset_that_cannot_be_had_tells_the_cause_and_what_can(name, near, monkeypatch):
    def refuse(*arguments, **options):
        raise ConnectionError("Failed to resolve 'api.kaggle.com'")

    monkeypatch.setattr("kagglehub.model_download", refuse)
    with pytest.raises(
        ConfigError, match=f"cannot be had.*Did you mean .*{near}.*keras_cv:resnet18"
    ):
        foreign_backbone(find(name))


def test_a_class_that_the_library_does_not_have():
    with pytest.raises(ConfigError, match="no class ResnetBackbone. Did you mean ResNetBackbone"):
        foreign_backbone(find("keras_hub:ResnetBackbone"))


# ------------------------------------------------------------------------------ missing libraries


@pytest.mark.without_libraries
@pytest.mark.parametrize("library", foreign_names.LIBRARIES)
def test_a_missing_library_is_told_with_the_command(library, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.setitem(sys.modules, f"{library}.models", None)
    with pytest.raises(ConfigError, match=rf"pip install 'tfseg\[{library.replace('_', '-')}\]'"):
        foreign_backbone(find(f"{library}:MiTBackbone"))


def test_a_library_that_does_not_import_is_told_with_its_own_words(monkeypatch):
    def broken(name, package=None):
        raise AttributeError("module 'keras' has no attribute 'backend_utils'")

    monkeypatch.setattr(foreign_construction.importlib, "import_module", broken)
    with pytest.raises(ConfigError, match=r"cannot be imported.*backend_utils.*from keras_hub"):
        foreign_backbone(find("keras_cv:resnet18"))


# --------------------------------------------------------------------------------------- weights


@pytest.mark.parametrize("name", ["keras_cv:ResNetBackbone", "keras_hub:DenseNetBackbone"])
def test_weights_of_a_preset_in_a_folder(name, tmp_path):
    source, folder = find(name), str(tmp_path / "mine")
    options = {key: foreign_construction._listed(value) for key, value in SMALL[name].items()}
    owner = getattr(importlib.import_module(f"{source.library}.models"), source.class_name)
    if source.library == "keras_cv":
        made = owner(**options, include_rescaling=True)
        importlib.import_module("keras_cv.src.utils.preset_utils").save_to_preset(made, folder)
    else:
        made = owner(**options)
        made.save_to_preset(folder)
    there = find(f"{source.library}:{folder}")
    backbone = foreign_backbone(there, input_shape=(64, 64, 3))
    loaded = published_backbone(there, (64, 64, 3))
    assert [w.path for w in loaded.weights] == [w.path for w in backbone.weights]
    expected = {w.path: np.array(w) for w in made.weights}
    for weight in loaded.weights:
        np.testing.assert_array_equal(np.array(weight), expected[weight.path])
    assert not any(isinstance(layer, keras.layers.Rescaling) for layer in loaded.layers)


@pytest.mark.parametrize("name", ["keras_cv:resnet50_imagenet", "keras_hub:resnet_18_imagenet"])
def test_without_network_the_cause_and_the_ways_out_are_told(name, monkeypatch):
    def refuse(*arguments, **options):
        raise ConnectionError("Failed to resolve 'api.kaggle.com'")

    monkeypatch.setattr("kagglehub.model_download", refuse)
    words = "api.kaggle.com.*network access.*initial_weights=None"
    with pytest.raises(WeightsError, match=words):
        published_backbone(find(name))


def test_a_folder_that_holds_no_preset(tmp_path):
    with pytest.raises(ConfigError, match=r"preset.*cannot be had.*save_to_preset"):
        foreign_backbone(find(f"keras_hub:{tmp_path}/nothing"))


@pytest.mark.without_libraries
@pytest.mark.parametrize("parts", [1, 4])
def test_a_first_kernel_for_other_channels(parts):
    rng = np.random.default_rng(0)
    kernel = rng.normal(size=(3, 3, 3 * parts, 5))
    split = kernel.reshape(3, 3, parts, 3, 5)
    grey = fit_channels(kernel, 1)
    assert grey.shape == (3, 3, parts, 5)
    np.testing.assert_allclose(grey, split.sum(axis=3))
    deep = fit_channels(kernel, 5).reshape(3, 3, parts, 5, 5)
    np.testing.assert_array_equal(deep[:, :, :, :3], split)
    assert not deep[:, :, :, 3:].any()
    np.testing.assert_array_equal(fit_channels(kernel, 3), kernel)
    assert fit_channels(kernel, 2).shape == (3, 3, 2 * parts, 5)


# ----------------------------------------------------------------------------- those of the table

# Weights that keras_cv states for its presets; None where it counts other things.
STATED = {
    "resnet18": 11_186_112,
    "resnet50": 23_561_152,
    "resnet101": 42_605_504,
    "efficientnetv2_s": 20_331_360,
    "mobilenet_v3_small": 881_520,
    "mobilenet_v3_large": 2_838_912,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_offline_architectures_run_and_are_built_again_from_what_is_kept(name):
    backbone = foreign_backbone(find(f"keras_cv:{name}"), input_shape=(64, 64, 3))
    stages = numbers(backbone(picture()[:1]))
    assert {n: v.shape[1] for n, v in stages.items()} == {"C2": 16, "C3": 8, "C4": 4, "C5": 2}
    assert all(np.isfinite(value).all() for value in stages.values())
    assert backbone.count_params() == STATED[name]
    again = foreign_backbone(backbone.source, input_shape=(64, 64, 3))
    assert [w.path for w in again.weights] == [w.path for w in backbone.weights]
