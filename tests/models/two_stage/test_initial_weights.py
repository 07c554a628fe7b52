"""ImageNet weights of Keras Applications give our backbone the outputs of theirs."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from tfseg.engine.estimator import Estimator
from tfseg.errors import WeightsError
from tfseg.models.mask_rcnn.config import MaskRCNNConfig
from tfseg.models.mask_rcnn.estimator import MaskRCNN
from tfseg.models.two_stage import initial_weights
from tfseg.models.two_stage.initial_weights import copy_backbone, load_imagenet
from tfseg.nn.backbones.imagenet import imagenet_name
from tfseg.nn.backbones.resnet import resnet


def _fit(self, train, val=None, *, resume=False):
    """A training that begins, or one that goes on from a checkpoint."""
    if not resume:
        self._load_initial()
    return self


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
    report = copy_backbone(theirs, ours, flip_channels=True)
    assert len(report.loaded) == 106
    image = rng.normal(0, 50, (1, 64, 64, 3)).astype("float32")
    expected = keras.ops.convert_to_numpy(theirs(image[..., ::-1], training=False))
    found = keras.ops.convert_to_numpy(ours(image, training=False)["C5"])
    np.testing.assert_allclose(found, expected, atol=1e-3 * np.abs(expected).max())


def test_without_network_the_message_says_what_to_do(monkeypatch):
    def refuse(**options):
        raise OSError("URL fetch failure")

    class Network:
        config = MaskRCNNConfig(classes=("a",), backbone="resnet50")
        backbone = None

    monkeypatch.setattr(initial_weights.keras.applications, "ResNet50", refuse)
    with pytest.raises(WeightsError, match="initial_weights=None"):
        load_imagenet(Network())


@pytest.mark.parametrize(("norm", "warned"), [("frozen", True), ("batch", False)])
def test_random_weights_under_frozen_statistics_are_warned_of(monkeypatch, caplog, norm, warned):
    monkeypatch.setattr(Estimator, "fit", _fit)
    monkeypatch.setattr(MaskRCNN, "keras_model", property(lambda self: Network()))

    class Network:
        config = MaskRCNNConfig(classes=("a",), backbone="mobilenet_v2")
        backbone = keras.Sequential([keras.Input((2,)), keras.layers.BatchNormalization()])

    model = MaskRCNN(classes=("a",), backbone="mobilenet_v2", norm=norm)
    assert model.fit([]) is model
    assert ("statistics that nothing has learnt" in caplog.text) is warned
    caplog.clear()
    moving_mean = Network.backbone.layers[0].moving_mean
    moving_mean.assign([0.5, 0])
    model.fit([])  # a converted backbone
    moving_mean.assign([0, 0])
    model.fit([], resume=True)
    model.fitted = True
    model.fit([])
    assert not caplog.text


@pytest.mark.parametrize("loaded", [False, True])
def test_weights_that_were_loaded_in_part_outrank_the_initial_ones(monkeypatch, loaded):
    monkeypatch.setattr(Estimator, "fit", _fit)
    monkeypatch.setattr(MaskRCNN, "keras_model", "the network")
    monkeypatch.setattr("tfseg.models.mask_rcnn.estimator.has_statistics", lambda network: True)
    given = []
    monkeypatch.setattr("tfseg.models.mask_rcnn.estimator.load_initial", given.append)
    model = MaskRCNN(classes=("a",), backbone="mobilenet_v2", initial_weights="imagenet")
    if loaded:
        model.random_layers = ("mrcnn_mask",)
    model.fit([])
    assert given == ([] if loaded else ["the network"])
