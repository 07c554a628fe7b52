"""Backbones of keras_cv and keras_hub: names, levels, norms, stages, published weights."""

from __future__ import annotations

import importlib
import re
import sys

import keras
import numpy as np
import pytest

from tfseg.errors import ConfigError, WeightsError
from tfseg.nn.backbones import foreign, foreign_names
from tfseg.nn.backbones import keras_cv_architectures as cv
from tfseg.nn.backbones import keras_hub_architectures as hub
from tfseg.nn.backbones.first_kernel import fit_channels
from tfseg.nn.backbones.foreign import foreign_backbone, published_backbone, stage_layers
from tfseg.nn.backbones.foreign_names import Foreign, find, suggestions

SMALL = {
    "keras_cv:ResNetBackbone": dict(stackwise_filters=(4, 4, 4, 8), stackwise_blocks=(1, 1, 1, 1)),
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
        foreign_backbone(find("keras_cv:ResNetBackbone"), options={"block_type": "other"})


def test_a_transformer_needs_a_fixed_size():
    with pytest.raises(ConfigError, match="fixed size of input"):
        foreign_backbone(find("keras_hub:MiTBackbone"))


def test_levels_that_are_missing_are_told_with_those_that_are_there():
    image = keras.Input((64, 64, 3))
    third = keras.layers.Conv2D(4, 3, 8, "same")(image)
    fourth = keras.layers.Conv2D(4, 3, 2, "same")(third)
    backbone = keras.Model(image, fourth)
    backbone.pyramid_outputs = {"P3": third, "P4": fourth}
    source = Foreign("keras_hub", "SomeBackbone", "SomeBackbone", {}, None, (0.0,) * 3, (1.0,) * 3)
    with pytest.raises(ConfigError, match=r"no level at stride 4, 32.*P3 at stride 8, P4 at.*16"):
        foreign._staged(backbone, source)


# ---------------------------------------------------------------------------------------- names


@pytest.mark.without_libraries
def test_names_stand_for_architectures():
    assert find("keras_cv:resnet50_imagenet").class_name == "ResNetBackbone"
    assert find("keras_cv:ResNet50Backbone").options == find("keras_cv:resnet50").options
    assert find("keras_cv:resnet50_imagenet").published == "resnet50_imagenet"
    assert find("keras_cv:resnet50").published is None
    assert find("keras_cv:resnet50").pixel_std == (255.0,) * 3
    assert find("keras_hub:resnet_50_imagenet").pixel_mean[0] == pytest.approx(123.675)
    assert find("keras_hub:resnet_v2_50_imagenet").pixel_mean == (127.5,) * 3
    assert find("keras_hub:ResNetBackbone").published is None
    assert find("keras_hub:./folder").published == "./folder"
    for library, table in (("keras_cv", cv), ("keras_hub", hub)):
        for name in (*table.ARCHITECTURES, *table.CLASSES, *getattr(table, "ALIASES", ())):
            assert find(f"{library}:{name}").class_name in table.CLASSES


@pytest.mark.without_libraries
def test_an_unknown_name_gets_the_nearest_names_first_and_all_that_fit():
    with pytest.raises(ConfigError) as caught:
        find("keras_cv:resnet50_imagnet")
    message = str(caught.value)
    assert "Did you mean resnet50_imagenet" in message
    assert all(name in message for name in (*cv.ARCHITECTURES, *cv.CLASSES))
    with pytest.raises(ConfigError, match="names no backbone"):
        find("keras_hub:")
    assert "resnet50," not in suggestions("keras_cv", published=True)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("keras_cv:VGG16Backbone", "names no levels"),
        ("keras_cv:vitdet_base", "ViTDetBackbone.*stride 16"),
        ("keras_hub:vgg_16_imagenet", "VGGBackbone.*does not name its levels"),
        ("keras_hub:DINOV2Backbone", "stride 14"),
        ("keras_hub:retinanet_resnet50_fpn_coco", "RetinaNetBackbone.*begin at stride 8"),
        ("keras_hub:bert_base_en", "BertBackbone.*no feature pyramid"),
    ],
)
def test_a_backbone_without_a_pyramid_tells_why(name, reason):
    with pytest.raises(ConfigError, match=f"{reason}.*these fit: .*ResNetBackbone"):
        find(name)


def test_every_backbone_with_levels_is_in_the_tables():
    """The tables are complete for the installed versions of both libraries."""
    models = importlib.import_module("keras_hub.models")
    for name, owner in vars(models).items():
        levelled = isinstance(owner, type) and issubclass(owner, models.FeaturePyramidBackbone)
        if levelled and name != "FeaturePyramidBackbone":
            assert (name in hub.CLASSES) != (name in hub.UNFIT), name
            if name in hub.CLASSES:
                assert set(owner.presets) <= set(hub.ARCHITECTURES)
    models = importlib.import_module("keras_cv.models")
    for name, owner in vars(models).items():
        if not name.endswith("Backbone") or name == "Backbone":
            continue
        base = next((unfit for unfit in cv.UNFIT if issubclass(owner, getattr(models, unfit))), "")
        assert bool(base) != (name in cv.CLASSES or name in cv.ALIASES), name
        assert base or set(owner.presets) <= set(cv.ARCHITECTURES)
        assert base or set(getattr(owner, "presets_with_weights", ())) <= set(cv.PUBLISHED)


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

    monkeypatch.setattr(foreign.importlib, "import_module", broken)
    with pytest.raises(ConfigError, match=r"cannot be imported.*backend_utils.*from keras_hub"):
        foreign_backbone(find("keras_cv:resnet18"))


# --------------------------------------------------------------------------------------- weights


@pytest.mark.parametrize("name", ["keras_cv:ResNetBackbone", "keras_hub:DenseNetBackbone"])
def test_weights_of_a_preset_in_a_folder(name, tmp_path):
    source, folder = find(name), str(tmp_path / "mine")
    options = {**source.options, **SMALL[name]}
    options = {key: foreign._listed(value) for key, value in options.items()}
    owner = getattr(importlib.import_module(f"{source.library}.models"), source.class_name)
    if source.library == "keras_cv":
        backbone = owner(**options, include_rescaling=True)
        importlib.import_module("keras_cv.src.utils.preset_utils").save_to_preset(backbone, folder)
    else:
        backbone = owner(**options)
        backbone.save_to_preset(folder)
    there = find(f"{source.library}:{folder}")
    backbone = foreign_backbone(there, input_shape=(64, 64, 3))
    loaded = published_backbone(there, (64, 64, 3))
    assert [w.path for w in loaded.weights] == [w.path for w in backbone.weights]
    expected = {w.path: np.array(w) for w in backbone.weights}
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
    with pytest.raises(ConfigError, match=r"preset.*cannot be read.*save_to_preset"):
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


# ------------------------------------------------------------------------------------- all of them

# What the libraries state counts other things: a classifier of 1000 or 10 outputs, no moving
# statistics, an older network. Each of these was looked into.
CLASSIFIER = {"MiTBackbone": 10, "EfficientNetBackbone": 1000, "CSPNetBackbone": 1000}
WRONG = (
    r"(efficientnetv1|efficientnetlite)_b\d|mobilenet_v3_.*|resnet_v2_(50|101)_imagenet|densenet.*"
)


def architectures():
    """The presets by what is built for them, since many differ in their weights alone."""
    names = [f"keras_cv:{name}" for name in cv.ARCHITECTURES if name not in cv.PUBLISHED]
    names += [f"keras_hub:{name}" for name in hub.ARCHITECTURES]
    groups = {}
    for name in names:
        source = find(name)
        built = (source.library, source.class_name, repr(sorted(source.options.items())))
        groups.setdefault(built, []).append(source)
    return list(groups.values())


def stated_weights(source):
    """What the library says of a preset; None where it says nothing, or something wrong."""
    models = importlib.import_module(f"{source.library}.models")
    stated = getattr(models, source.class_name).presets[source.name]["metadata"].get("params")
    return None if re.fullmatch(WRONG, source.name) else stated


@pytest.mark.slow
@pytest.mark.parametrize("presets", architectures(), ids=lambda p: f"{p[0].library}:{p[0].name}")
def test_every_architecture_builds_runs_and_has_the_stated_number_of_weights(presets, monkeypatch):
    source, made, construct = presets[0], [], foreign._construct
    monkeypatch.setattr(
        foreign, "_construct", lambda *given: made.append(construct(*given)) or made[0]
    )
    backbone = foreign_backbone(source, input_shape=(64, 64, 3))
    stages = numbers(backbone(picture()[:1]))
    assert {n: v.shape[1] for n, v in stages.items()} == {"C2": 16, "C3": 8, "C4": 4, "C5": 2}
    assert all(np.isfinite(value).all() for value in stages.values())
    paths = [weight.path for weight in backbone.weights]
    assert len(set(paths)) == len(paths)
    late = stage_layers(backbone, 3)
    inner = {x.name for layer in backbone.layers for x in layer._flatten_layers(include_self=False)}
    assert not late & inner
    (backbone,) = made
    own = source.class_name in ("EfficientNetBackbone", "CSPNetBackbone")
    count = sum(
        int(np.prod(weight.shape))
        for weight in backbone.weights
        if not (own and "moving_" in weight.path)
    )
    width = backbone.output_shape[-1]
    for preset in presets:
        classes = 1000 if "_vd_" in preset.name else CLASSIFIER.get(preset.class_name, 0)
        expected = stated_weights(preset)
        assert expected in (None, count + classes * (width + 1) * bool(classes)), preset.name
