"""ImageNet weights give our backbones the outputs of theirs, all or nothing; no download is needed
here."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from tfseg.engine import published_weights
from tfseg.engine.published_weights import copy_by_meaning
from tfseg.errors import WeightsError
from tfseg.models.portrait import PortraitConfig, network
from tfseg.nn.backbones.imagenet import imagenet_name
from tfseg.nn.backbones.resnet import resnet


@pytest.fixture(scope="module")
def net():
    return network.build(PortraitConfig(preset="paper"))


@pytest.fixture(scope="module")
def source():
    model = keras.applications.MobileNetV2(include_top=False, weights=None, input_shape=(64, 64, 3))
    rng = np.random.default_rng(0)
    for weight in model.weights:
        low = 0.5 if "variance" in weight.name or weight.name == "gamma" else -0.5
        weight.assign(rng.uniform(low, low + 1, weight.shape).astype(np.float32))
    return model


def test_the_encoder_computes_what_theirs_does(net, source, call_model):
    report = copy_by_meaning(source, net.backbone, flip_channels=False)
    assert len(report.loaded) == 102 and not report.missing
    image = np.random.default_rng(1).uniform(-1, 1, (1, 64, 64, 3)).astype(np.float32)
    ours = call_model(net.backbone, image)["C3"]
    inner = keras.Model(source.input, source.get_layer("block_5_add").output)
    theirs = np.asarray(call_model(inner, image))
    assert np.abs(ours - theirs).max() <= 1e-4 * np.abs(theirs).max()


def test_another_width_changes_nothing(net):
    before = net.get_weights()[0].copy()
    narrow = keras.applications.MobileNetV2(
        include_top=False, weights=None, input_shape=(64, 64, 3), alpha=0.5
    )
    with pytest.raises(WeightsError, match="another architecture.*Nothing was changed"):
        copy_by_meaning(narrow, net.backbone, flip_channels=False)
    np.testing.assert_array_equal(net.get_weights()[0], before)


@pytest.mark.parametrize(
    ("name", "maker"), [("mobilenet_v2", "MobileNetV2"), ("resnet101", "ResNet101")]
)
def test_a_failed_download_names_the_way_without(monkeypatch, name, maker):
    def fails(**options):
        raise OSError("no network")

    monkeypatch.setattr(keras.applications, maker, fails)
    with pytest.raises(WeightsError, match=f"{name} cannot.*no network.*initial_weights=None"):
        published_weights.load_imagenet(None, name)


def test_names_of_keras_applications():
    assert imagenet_name("conv1") == "conv1_conv"
    assert imagenet_name("res2a_branch1") == "conv2_block1_0_conv"
    assert imagenet_name("bn4f_branch2c") == "conv4_block6_3_bn"
    assert imagenet_name("block_3_expand") == "block_3_expand"


def test_our_resnet_with_their_weights_gives_their_features():
    rng = np.random.default_rng(0)
    theirs = keras.applications.ResNet50(include_top=False, weights=None, input_shape=(64, 64, 3))
    for layer in theirs.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            gamma, beta, mean, variance = layer.get_weights()
            # Tiny variances too: there the epsilons differ most.
            variance = rng.choice([1e-3, 0.5, 2.0], variance.shape)
            layer.set_weights([0.1 * gamma * np.sqrt(variance), beta + 0.1, mean, variance])
    ours = resnet("resnet50", input_shape=(64, 64, 3))
    report = copy_by_meaning(theirs, ours, flip_channels=True)
    assert len(report.loaded) == 106
    image = rng.normal(0, 50, (1, 64, 64, 3)).astype("float32")
    expected = keras.ops.convert_to_numpy(theirs(image[..., ::-1], training=False))
    found = keras.ops.convert_to_numpy(ours(image, training=False)["C5"])
    np.testing.assert_allclose(found, expected, atol=1e-3 * np.abs(expected).max())
