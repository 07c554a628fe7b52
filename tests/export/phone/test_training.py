"""Training through the rounding, on a small network."""

import io
import types

import numpy as np
import pytest
from networks import images, small_network

from tfseg.data.loader import Loader
from tfseg.errors import ConfigError, ExportError, TrainingError
from tfseg.export.graphs.portrait_phone import main_loss, to_logits
from tfseg.export.graphs.portrait_phone import part as portrait_part
from tfseg.export.phone import rounding, training
from tfseg.export.phone.part import Reading
from tfseg.export.phone.pipeline import training_facts
from tfseg.export.phone.training import FineTuning, fine_tune
from tfseg.models.portrait.config import PortraitConfig
from tfseg.structures import Sample

IMAGES, READING = images(4, (16, 16)), Reading()
PART = types.SimpleNamespace(
    reading=READING,
    loss_layer="logits",
    loss=lambda output, batch: main_loss(output, batch["labels"]),
    estimator=types.SimpleNamespace(measures=()),
)


class Bright(list):
    """Images whose bright pixels are the person; a corner is ignored."""

    def __init__(self):
        super().__init__(Sample(image=image, image_id=i) for i, image in enumerate(IMAGES))


def encode(sample, seed):
    labels = (sample.image.mean(-1) > 128).astype(np.int32)
    labels[0, 0] = 255
    return {"image": sample.image, "labels": labels}


def calibrated(network):
    model = rounding.quantised(network)
    rounding.calibrate(model, network, [READING.values(IMAGES)])
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
    history = fine_tune(whole, PART, loader(), plan, checkpoint=file, stream=out)
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

    stopped = calibrated(network)
    file.unlink()
    kept = training._epoch

    def one_epoch(step, batches, steps, progress, part, given, epoch):
        if epoch == 1:
            raise Stopped
        return kept(step, batches, steps, progress, part, given, epoch)

    monkeypatch.setattr(training, "_epoch", one_epoch)
    with pytest.raises(Stopped):
        fine_tune(stopped, PART, loader(), plan, checkpoint=file, stream=io.StringIO())
    monkeypatch.undo()
    rest = calibrated(network)
    again = fine_tune(
        rest, PART, loader(), plan, checkpoint=file, resume=True, stream=io.StringIO()
    )
    assert again[1]["loss"] == pytest.approx(history[1]["loss"], rel=1e-4)
    for one, other in zip(values(whole), values(rest), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)
    other_plan = FineTuning(epochs=3, steps=8, learning_rate=0.05)
    with pytest.raises(ExportError, match="other epochs"):
        fine_tune(rest, PART, loader(), other_plan, checkpoint=file, resume=True)


def test_no_epochs_change_nothing():
    model = calibrated(small_network())
    before = values(model)
    assert fine_tune(model, PART, loader(), FineTuning(epochs=0)) == []
    for one, other in zip(before, values(model), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_loss_that_is_not_finite_names_the_images():
    model = calibrated(small_network())
    weight = model.get_layer("last")._weight_vars[0][0]
    weight.assign(weight * np.nan)
    with pytest.raises(TrainingError, match=r"step 1 of epoch 1, images \[.*3"):
        fine_tune(model, PART, loader(), FineTuning(epochs=1), stream=io.StringIO())


def test_bad_plans_are_refused():
    bad = [("epochs", -1), ("epochs", 1.5), ("steps", 0), ("learning_rate", 0)]
    for name, value in (*bad, ("learning_rate", 2), ("kernel_limit", 100)):
        with pytest.raises(ConfigError, match=name):
            FineTuning(**{name: value})


def test_a_layer_without_a_rule_is_named():
    from tfseg.export.phone.optional import tf_keras

    keras = tf_keras()
    image = keras.Input((4, 4, 3))
    model = keras.Model(image, keras.layers.Dense(2, name="odd")(image))
    with pytest.raises(ExportError, match="'odd': there is no rule .* Dense"):
        rounding.rule(model.get_layer("odd"))


def test_probabilities_become_logits_with_the_same_softmax():
    one = np.array([[[0.0], [0.25], [255 / 256]]], np.float32)
    logits = to_logits(one)
    assert np.isfinite(logits).all()
    softmax = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    np.testing.assert_allclose(softmax[..., 1:], one, atol=1 / 256)
    many = np.array([[[0.5, 0.25, 0.25]]], np.float32)
    np.testing.assert_allclose(np.exp(to_logits(many)), many, rtol=1e-6)


class Variable:
    """What a resume asks of a variable."""

    def __init__(self, value):
        self.value, self.shape = np.asarray(value, np.float32), np.shape(value)

    def numpy(self):
        return self.value

    def assign(self, value):
        self.value = value


class Shades:
    def __init__(self, count, shade=0, class_names=("person",)):
        self.count, self.shade, self.class_names = count, shade, class_names

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        image = np.full((4, 4, 3), self.shade + index, np.uint8)
        return Sample(image, index, class_ids=[1], masks=np.ones((1, 4, 4)))


def facts(data=None, weight=0.5, shape=(32, 32), batches=2, **settings):
    config = PortraitConfig(**settings)
    network = types.SimpleNamespace(weights=[Variable([weight])])
    model = types.SimpleNamespace(config=config, keras_model=network, class_names=("person",))
    return training_facts(portrait_part(model, shape), data or Shades(7), batches)


def test_what_differs_from_the_training_that_is_resumed_is_named(tmp_path):
    path, variables = tmp_path / "a.training.npz", [Variable([1, 2]), Variable([3])]
    training._keep(path, variables, facts(), [{"loss": 0.5}])
    again = [Variable([0, 0]), Variable([0])]
    assert training._restored(path, again, facts()) == [{"loss": 0.5}]
    assert [list(v.value) for v in again] == [[1, 2], [3]]
    for now, named in (
        ({"weight": 0.25}, "other the model's weights"),
        ({"preset": "paper"}, "other the model's settings"),
        ({"data": Shades(8)}, r"other images \(7, now 8\)"),
        ({"data": Shades(7, shade=1)}, "other what the images show"),
        ({"data": Shades(7, class_names=("cat",))}, "other classes"),
        ({"shape": (32, 64)}, "other image size"),
        ({"batches": 3}, r"other calibration batches \(2, now 3\)"),
        ({"train": {"batch_size": 3}}, r"other batch size \(8, now 3\)"),
        ({"train": {"seed": 9}}, "other seed"),
    ):
        with pytest.raises(ExportError, match=f"was begun with {named}.*Remove the file"):
            training._restored(path, again, facts(**now))


def test_a_damaged_state_is_refused(tmp_path):
    path = tmp_path / "a.training.npz"
    training._keep(path, [Variable([1, 2])], facts(), [])
    with pytest.raises(ExportError, match="another network"):
        training._restored(path, [Variable([1, 2, 3])], facts())
    content = path.read_bytes()
    for damaged in (b"", content[:-200], content[:50] + b"x" + content[51:]):
        path.write_bytes(damaged)
        with pytest.raises(ExportError, match="Remove the file to begin anew"):
            training._restored(path, [Variable([1, 2])], facts())
    assert training._restored(tmp_path / "none", [], {}) == []
