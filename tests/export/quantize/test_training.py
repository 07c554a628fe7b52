"""Training through the rounding, on a small network."""

import io

import numpy as np
import pytest
from networks import pictures, small_network

from tfseg.data.loader import Loader
from tfseg.errors import ConfigError, ExportError, TrainingError
from tfseg.export.quantize import aware as rounding
from tfseg.export.quantize import training
from tfseg.export.quantize.input import network_input
from tfseg.export.quantize.training import FineTuning, fine_tune, main_loss
from tfseg.structures import Sample

IMAGES = pictures(4, (16, 16))


class Bright(list):
    """Pictures whose bright pixels are the person; a corner is ignored."""

    def __init__(self):
        super().__init__(Sample(image=image, image_id=i) for i, image in enumerate(IMAGES))


def encode(sample, seed):
    labels = (sample.image.mean(-1) > 128).astype(np.int32)
    labels[0, 0] = 255
    return {"image": sample.image, "labels": labels}


def calibrated(network):
    model = rounding.quantised(network)
    rounding.calibrate(model, network, [network_input(IMAGES)])
    return model


def loader():
    return Loader(Bright(), encode, batch_size=4, workers=0)


def values(model):
    return [variable.numpy() for variable in model.variables]


def test_the_loss_is_the_cross_entropy_of_the_pixels_that_count():
    logits = np.array([[[[1.0], [-2.0], [9.0]]]], np.float32)
    labels = np.array([[[1, 0, 255]]])
    expected = (np.log1p(np.exp(-1.0)) + np.log1p(np.exp(-2.0))) / 2
    assert float(main_loss(logits, labels)) == pytest.approx(expected, rel=1e-6)
    both = np.concatenate([np.zeros_like(logits), logits], -1)
    assert float(main_loss(both, labels)) == pytest.approx(expected, rel=1e-6)
    assert float(main_loss(logits, np.full((1, 1, 3), 255))) == 0


def test_it_learns_resumes_and_stays_in_int8(tmp_path, monkeypatch):
    network, out = small_network(), io.StringIO()
    # What dilation leaves out must stay out.
    kernel = network.get_layer("wide").get_weights()[0]
    kernel[1::2], kernel[:, 1::2] = 0, 0
    network.get_layer("wide").set_weights([kernel])
    plan = FineTuning(epochs=2, steps=8, learning_rate=0.05)
    file = tmp_path / "x.npz"
    whole = calibrated(network)
    statistics = whole.get_layer("first_bn").layer.moving_mean.numpy()
    history = fine_tune(whole, loader(), plan, checkpoint=file, stream=out)
    assert [list(logs) for logs in history] == [["loss"], ["loss"]]
    assert history[1]["loss"] < 0.97 * history[0]["loss"]
    assert "epoch 2/2 [int8]" in out.getvalue() and "loss" in out.getvalue()
    learnt = whole.get_layer("wide")._weight_vars[0][0].numpy()
    assert learnt[::2, ::2].any() and not learnt[1::2].any() and not learnt[:, 1::2].any()
    np.testing.assert_array_equal(whole.get_layer("first_bn").layer.moving_mean, statistics)
    # Ranges fit the last weights, and the resize has its input's.
    weight, _, limits = whole.get_layer("last")._weight_vars[0]
    np.testing.assert_allclose(limits["max_var"], np.abs(weight).max((0, 1, 2)) * 127 / 64, 1e-4)
    last, wide = (whole.get_layer(name)._output_quantizer_vars for name in ("last", "logits"))
    assert float(last["max_var"]) == float(wide["max_var"]) != 6

    class Stopped(Exception):
        pass

    part = calibrated(network)
    file.unlink()
    kept = training._epoch

    def one_epoch(step, batches, steps, progress, given, epoch):
        if epoch == 1:
            raise Stopped
        return kept(step, batches, steps, progress, given, epoch)

    monkeypatch.setattr(training, "_epoch", one_epoch)
    with pytest.raises(Stopped):
        fine_tune(part, loader(), plan, checkpoint=file, stream=io.StringIO())
    monkeypatch.undo()
    rest = calibrated(network)
    again = fine_tune(rest, loader(), plan, checkpoint=file, resume=True, stream=io.StringIO())
    assert again[1]["loss"] == pytest.approx(history[1]["loss"], rel=1e-4)
    for one, other in zip(values(whole), values(rest), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)
    other_plan = FineTuning(epochs=3, steps=8, learning_rate=0.05)
    with pytest.raises(ExportError, match="other epochs"):
        fine_tune(rest, loader(), other_plan, checkpoint=file, resume=True)


def test_no_epochs_change_nothing():
    model = calibrated(small_network())
    before = values(model)
    assert fine_tune(model, loader(), FineTuning(epochs=0)) == []
    for one, other in zip(before, values(model), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_loss_that_is_not_finite_names_the_pictures():
    model = calibrated(small_network())
    weight = model.get_layer("last")._weight_vars[0][0]
    weight.assign(weight * np.nan)
    with pytest.raises(TrainingError, match=r"step 1 of epoch 1, images \[.*3"):
        fine_tune(model, loader(), FineTuning(epochs=1), stream=io.StringIO())


@pytest.mark.parametrize(
    "bad",
    [{"epochs": -1}, {"epochs": 1.5}, {"steps": 0}, {"learning_rate": 0}, {"learning_rate": 2}],
)
def test_bad_plans_are_refused(bad):
    with pytest.raises(ConfigError, match=next(iter(bad))):
        FineTuning(**bad)


def test_a_layer_without_a_rule_is_named():
    from tfseg.export.quantize import schemes
    from tfseg.export.quantize.optional import tf_keras

    keras = tf_keras()
    image = keras.Input((4, 4, 3))
    model = keras.Model(image, keras.layers.Dense(2, name="odd")(image))
    with pytest.raises(ExportError, match="'odd': there is no rule .* Dense"):
        schemes.rule(model.get_layer("odd"))
