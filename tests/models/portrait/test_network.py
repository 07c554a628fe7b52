"""The network: preprocessing, losses, gradients, settings, groups of layers; on both backends."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from tfseg.errors import ConfigError
from tfseg.models.portrait import network
from tfseg.models.portrait.config import PortraitConfig
from tfseg.models.portrait.losses import TERMS

RNG = np.random.default_rng(0)


def batch(size=64, count=2):
    labels = np.zeros((count, size, size), np.uint8)
    labels[:, 16:48, 16:48] = 1
    labels[:, :2] = 255
    valid = np.ones(labels.shape, bool)
    image = RNG.integers(0, 256, (count, size, size, 3)).astype(np.uint8)
    return {"image": image, "labels": labels, "valid": valid}


@pytest.fixture(scope="module")
def net():
    return network.build(PortraitConfig(weight_decay=1e-4))


@pytest.mark.slow
@pytest.mark.both_backends
def test_one_step_lowers_the_loss_and_names_its_terms(net):
    keras.utils.set_random_seed(0)
    jit = keras.backend.backend() == "jax"
    optimizer = keras.optimizers.SGD(1e-3, momentum=0.9)
    net.compile(optimizer=optimizer, jit_compile=jit, auto_scale_loss=False)
    data = batch()
    first = net.train_on_batch(data, return_dict=True)
    assert set(first) == {"loss", "l2_loss", *TERMS}
    weights = (1.0, 0.4, 0.4, 1.0)
    names = (*TERMS, "l2_loss")
    expected = sum(w * float(first[n]) for w, n in zip(weights, names))
    assert float(first["loss"]) == pytest.approx(expected, rel=1e-4)
    for _ in range(3):
        last = net.train_on_batch(data, return_dict=True)
    assert float(last["main_loss"]) < float(first["main_loss"])


@pytest.mark.both_backends
def test_inference_has_the_logits_alone(net, call_model):
    data = batch(count=1)
    outputs = call_model(net, {"image": data["image"]})
    assert set(outputs) == {"logits"}
    assert tuple(outputs["logits"].shape) == (1, 64, 64, 2)
    graph = call_model(net.graph, data["image"].astype(np.float32) / 127.5 - 1)
    np.testing.assert_allclose(outputs["logits"], graph["logits"], atol=1e-4)


def test_only_kernels_decay(net):
    total = sum(
        float(np.square(np.asarray(w)).sum())
        for w in net.trainable_variables
        if w.name not in ("gamma", "beta", "bias")
    )
    assert float(net._l2_penalty()) == pytest.approx(0.5e-4 * total, rel=1e-4)


def test_groups_of_layers(net):
    everything = network.layer_group(net, "all")
    heads = network.layer_group(net, "heads")
    still = network.layer_group(net, "frozen_norm")
    assert "Conv1" in everything - heads and "classifier" in heads
    assert all(name.startswith(("layer", "classifier")) for name in heads)
    norms = {"bn_Conv1", "layer1_out_BN"}
    assert norms <= everything and not norms & still and "Conv1" in still
    with pytest.raises(ConfigError, match="frozen_norm"):
        network.layer_group(net, "4+")


def test_settings_come_back(net):
    again = network.PortraitNetwork.from_config(net.get_config())
    assert again.config == net.config
    assert [w.shape for w in again.weights] == [w.shape for w in net.weights]


def test_the_foreground_is_the_person_or_the_first_class():
    assert PortraitConfig(classes=("cat", "person")).foreground_id == 2
    assert PortraitConfig(classes=("cat", "dog")).foreground_id == 1
    assert PortraitConfig(classes=("cat", "dog"), foreground="dog").foreground_id == 2


def test_bad_settings_are_refused():
    with pytest.raises(ConfigError, match="foreground"):
        PortraitConfig(classes=("cat",), foreground="dog")
    with pytest.raises(ConfigError, match="preset"):
        PortraitConfig(preset="lite")
    with pytest.raises(ConfigError, match="image_size"):
        PortraitConfig(image_size=(16, 64))


@pytest.mark.parametrize("options", [{"decoder": "aspp"}, {"merge": "concat"}])
def test_other_decoders_learn_too(options):
    net = network.build(PortraitConfig(**options))
    outputs = net({key: value[:1] for key, value in batch().items()}, training=True)
    assert tuple(outputs["logits"].shape) == (1, 64, 64, 2)
    loss = net.compute_loss(x=batch(count=1), y_pred=outputs)
    assert np.isfinite(float(loss))


def test_frozen_norms_do_not_change():
    net = network.build(PortraitConfig(norm="frozen"))
    net(batch(), training=True)
    for layer in net.graph.layers:
        if hasattr(layer, "moving_mean"):
            assert not np.asarray(layer.moving_mean).any()
            break


def test_mixed_precision_keeps_logits_in_float32(call_model):
    net = network.build(PortraitConfig(precision="mixed_bfloat16"))
    outputs = call_model(net, {"image": batch(count=1)["image"]})
    assert str(keras.backend.standardize_dtype(outputs["logits"].dtype)) == "float32"
    assert all(w.dtype == "float32" for w in net.trainable_variables)
