"""Normalisations get the statistics of their inputs, and predictions stay what they were."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops
from toy_estimator import Squares, ToyEstimator

from tfseg.engine import norm_statistics
from tfseg.errors import ConfigError
from tfseg.nn.layers.norm import FrozenBatchNormalization

pytestmark = pytest.mark.both_backends


CHANNELS = {"folded": 4, "frozen": 1, "learnt": 4, "new": 4}


def network():
    """Two folded normalisations, one that learnt, and one that is new."""
    rng = np.random.default_rng(0)
    keras.utils.set_random_seed(0)
    image = keras.Input((None, None, 3), name="image")
    x = image
    for name, channels in CHANNELS.items():
        kind = FrozenBatchNormalization if name == "frozen" else keras.layers.BatchNormalization
        x = keras.layers.Conv2D(channels, 3, padding="same", name=f"{name}_conv")(x)
        x = keras.layers.ReLU()(kind(name=name)(x))
    model = keras.Model({"image": image}, {"out": x})
    for name in ("folded", "frozen", "learnt"):
        layer, size = model.get_layer(name), CHANNELS[name]
        draw = [rng.uniform(0.5, 2, size), *rng.normal(size=(2, size)), rng.uniform(1, 3, size)]
        if name != "learnt":
            draw[2:] = np.zeros(size), np.full(size, 1 - layer.epsilon)
        layer.set_weights(draw)
    return model


def test_inference_stays_and_training_sees_what_it_sees():
    model, rng = network(), np.random.default_rng(1)
    sizes = [(2, 8, 8, 3), (2, 8, 8, 3), (1, 12, 4, 3)]
    images = [rng.normal(2, 3, size).astype(np.float32) for size in sizes]
    before = [ops.convert_to_numpy(model({"image": each})["out"]) for each in images]
    norms = norm_statistics.folded(model)
    assert sorted(norms) == ["folded", "frozen"]
    found = norm_statistics.measure(model, norms, [{"image": each} for each in images])
    for name, moments in found.items():
        norm_statistics.give_statistics(norms[name], moments)
    after = [ops.convert_to_numpy(model({"image": each})["out"]) for each in images]
    for old, new in zip(before, after):
        assert np.abs(old).max() > 0.1
        np.testing.assert_allclose(new, old, atol=2e-5 * np.abs(old).max())
    for name in ("folded", "frozen"):  # against plain NumPy over all pixels at once
        inner = keras.Model(model.input, model.get_layer(f"{name}_conv").output)
        pixels = [
            ops.convert_to_numpy(inner({"image": each})).reshape(-1, CHANNELS[name])
            for each in images
        ]
        pixels = np.concatenate(pixels).astype(np.float64)
        _, _, mean, variance = model.get_layer(name).get_weights()
        np.testing.assert_allclose(mean, pixels.mean(axis=0), rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(variance, pixels.var(axis=0), rtol=1e-4)
    assert not norm_statistics.folded(model)
    np.testing.assert_array_equal(model.get_layer("new").get_weights()[3], np.ones(4))


def test_a_model_calibrates_on_a_dataset():
    model = ToyEstimator(classes=("square",), width=4)
    assert model.calibrate_norms(Squares()) == ()  # nothing was folded
    layer = model.keras_model.norm
    rng = np.random.default_rng(0)
    bias = rng.normal(size=4)
    layer.set_weights([np.ones(4), bias, np.zeros(4), np.full(4, 1 - layer.epsilon)])
    model.fitted = True
    images = [Squares()[index].image for index in range(4)]
    before = [each.scores for each in model.predict(images)]
    assert model.calibrate_norms(Squares(), images=16) == (layer.path,)
    assert np.abs(np.asarray(layer.moving_mean)).min() > 0
    for old, new in zip(before, model.predict(images)):
        np.testing.assert_allclose(new.scores, old, atol=1e-5)
    assert model.calibrate_norms(Squares()) == ()
    assert model.calibrate_norms(Squares(), images=4, every=True) == (layer.path,)
    with pytest.raises(ConfigError, match="images: expected an integer from 1, got 0"):
        model.calibrate_norms(Squares(), images=0)


@pytest.mark.parametrize("images", [16, 0])
def test_a_training_begins_with_true_statistics(caplog, images):
    model = ToyEstimator(classes=("square",), width=4, train={"norm_images": images})
    layer = model.keras_model.norm
    layer.set_weights([np.ones(4), np.ones(4), np.zeros(4), np.full(4, 1 - layer.epsilon)])

    class Stop(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        model.fit(Squares(), callbacks=[Stop()])
    assert np.any(np.asarray(layer.moving_mean)) == bool(images)
    assert ("train.norm_images is 0" in caplog.text) == (not images)
