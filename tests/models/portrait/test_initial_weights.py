"""ImageNet weights for the encoder: by name, all or nothing; no network is needed here."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from tfseg.errors import WeightsError
from tfseg.models.portrait import PortraitConfig, initial_weights, network


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
    report = initial_weights.copy_encoder(source, net)
    assert len(report.loaded) == 102 and not report.missing
    image = np.random.default_rng(1).uniform(-1, 1, (1, 64, 64, 3)).astype(np.float32)
    ours = call_model(net.body, image)["C3"]
    inner = keras.Model(source.input, source.get_layer("block_5_add").output)
    theirs = np.asarray(call_model(inner, image))
    assert np.abs(ours - theirs).max() <= 1e-4 * np.abs(theirs).max()


def test_another_width_changes_nothing(net):
    before = net.get_weights()[0].copy()
    narrow = keras.applications.MobileNetV2(
        include_top=False, weights=None, input_shape=(64, 64, 3), alpha=0.5
    )
    with pytest.raises(WeightsError, match="width 1"):
        initial_weights.copy_encoder(narrow, net)
    np.testing.assert_array_equal(net.get_weights()[0], before)


def test_a_failed_download_names_the_way_without(net, monkeypatch):
    def fails(**options):
        raise OSError("no network")

    monkeypatch.setattr(keras.applications, "MobileNetV2", fails)
    with pytest.raises(WeightsError, match="initial_weights=None"):
        initial_weights.load_imagenet(net)
