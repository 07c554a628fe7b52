"""When a backbone gets its initial weights, and what is said where it does not."""

from __future__ import annotations

import keras
import pytest

from tfseg.engine.estimator import Estimator
from tfseg.errors import WeightsError
from tfseg.models.mask_rcnn.config import MaskRCNNConfig
from tfseg.models.mask_rcnn.estimator import MaskRCNN
from tfseg.models.two_stage.initial_weights import load_initial


def _fit(self, train, val=None, *, resume=False):
    """A training that begins, or one that goes on from a checkpoint."""
    if not resume:
        self._load_initial()
    return self


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
    model.random_layers = ("box_head/mrcnn_class_logits",)
    model.fit([])  # a trained backbone that began with folded normalisations, other classes
    assert not caplog.text
    model.random_layers = (f"backbone/{Network.backbone.layers[0].name}",)
    model.fit([])
    assert ("statistics that nothing has learnt" in caplog.text) is warned
    caplog.clear()
    model.random_layers = ()
    model.fit([], resume=True)
    model.fitted = True
    model.fit([])
    assert not caplog.text


def test_a_resnet_that_computes_otherwise_than_keras_applications_is_refused():
    class Network:
        config = MaskRCNNConfig(
            classes=("a",), origin="torchvision", backbone="resnet50", initial_weights="imagenet"
        )

    with pytest.raises(WeightsError, match="would compute something else.*origin='matterport'"):
        load_initial(Network())


@pytest.mark.parametrize("loaded", [False, True])
def test_weights_that_were_loaded_in_part_outrank_the_initial_ones(monkeypatch, loaded):
    monkeypatch.setattr(Estimator, "fit", _fit)
    monkeypatch.setattr(MaskRCNN, "keras_model", "the network")
    monkeypatch.setattr("tfseg.models.two_stage.estimator.has_statistics", lambda network: True)
    given = []
    monkeypatch.setattr("tfseg.models.two_stage.estimator.load_initial", given.append)
    model = MaskRCNN(classes=("a",), backbone="mobilenet_v2", initial_weights="imagenet")
    if loaded:
        model.random_layers = ("mrcnn_mask",)
    model.fit([])
    assert given == ([] if loaded else ["the network"])
