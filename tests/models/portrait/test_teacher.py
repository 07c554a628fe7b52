"""Learning from a larger model: the loss, a step, a training, and a teacher that cannot be one."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from tfseg.errors import ConfigError
from tfseg.models.portrait import PortraitConfig, PortraitSegmenter, network
from tfseg.models.portrait.losses import teacher_loss
from tfseg.models.portrait.teacher import answers_of

TINY = dict(preset="nano", backbone_width=0.25, decoder_width=8, edge_width=8, image_size=(64, 64))


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


@pytest.mark.both_backends
def test_the_loss_is_the_mean_divergence_where_the_image_is():
    rng = np.random.default_rng(0)
    own, wanted = (rng.normal(0, 3, (2, 3, 4, 3)).astype(np.float32) for _ in range(2))
    valid = rng.random((2, 3, 4)) < 0.7
    p, q = softmax(wanted / 2), softmax(own / 2)
    expected = 4 * np.mean((p * (np.log(p) - np.log(q))).sum(axis=-1)[valid])
    assert float(teacher_loss(own, wanted, valid, 2.0)) == pytest.approx(expected, rel=1e-4)
    assert float(teacher_loss(wanted, wanted, valid)) == pytest.approx(0, abs=1e-6)
    assert float(teacher_loss(own, wanted, np.zeros_like(valid))) == 0


@pytest.mark.slow
@pytest.mark.both_backends
def test_pixels_without_labels_learn_the_teachers_answer():
    keras.utils.set_random_seed(0)
    config = PortraitConfig(**TINY, teacher="any", semantic_weight=0, boundary_weight=0)
    net = network.build(config)
    image = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3)).astype(np.uint8)
    nothing = np.full((2, 64, 64), 255, np.uint8)
    batch = {"image": image, "labels": nothing, "valid": np.ones((2, 64, 64), bool)}
    jit = keras.backend.backend() == "jax"
    optimizer = keras.optimizers.Adam(1e-2)
    net.compile(optimizer=optimizer, jit_compile=jit, auto_scale_loss=False)
    with pytest.raises(ConfigError, match="teacher: 'any' is loaded by PortraitSegmenter.fit"):
        net.compute_loss(x=batch, y_pred=net(batch, training=True))
    person = keras.ops.convert_to_tensor(np.tile(np.float32([0, 2]), (2, 64, 64, 1)))
    net.teacher = lambda image: person
    logs = [net.train_on_batch(batch, return_dict=True) for _ in range(12)]
    first, last = ({name: float(value) for name, value in logs[i].items()} for i in (0, -1))
    assert first["main_loss"] == 0 and first["loss"] == pytest.approx(first["teacher_loss"])
    assert last["teacher_loss"] < 0.5 * first["teacher_loss"]


@pytest.fixture(scope="module")
def teacher_folder(tmp_path_factory):
    """A saved model of random weights that counts as trained."""
    model = PortraitSegmenter(**TINY)
    _ = model.keras_model
    model.fitted = True
    return model.save(tmp_path_factory.mktemp("teacher") / "model")


@pytest.mark.slow
@pytest.mark.both_backends
def test_a_fit_with_a_teacher_keeps_nothing_of_it(teacher_folder, portrait_data, tmp_path):
    train = dict(batch_size=2, steps_per_epoch=2, stages=[dict(epochs=1, layers="all")])
    model = PortraitSegmenter(**TINY, teacher=str(teacher_folder), train=train)
    model.fit(portrait_data, portrait_data, run_dir=tmp_path / "run")
    assert model.history[0]["teacher_loss"] > 0 and model.history[0]["val_teacher_loss"] > 0
    assert set(model.loss_terms) <= set(model.history[0])
    assert model.keras_model.teacher is None
    again = PortraitSegmenter.load(tmp_path / "run" / "final")
    shapes = [weight.shape for weight in PortraitSegmenter(**TINY).keras_model.weights]
    assert [weight.shape for weight in again.keras_model.weights] == shapes


def test_a_teacher_answers_as_it_predicts(teacher_folder, call_model):
    teacher = PortraitSegmenter.load(teacher_folder)
    image = np.random.default_rng(0).integers(0, 256, (2, 64, 48, 3)).astype(np.uint8)
    expected = call_model(teacher.keras_model, {"image": image})["logits"]
    np.testing.assert_allclose(answers_of(teacher)(image), expected, atol=1e-4)


def test_a_teacher_that_cannot_be_one_is_refused(teacher_folder, portrait_data, tmp_path):
    model = PortraitSegmenter(**TINY, teacher="portrai")
    with pytest.raises(ConfigError, match=r"teacher: portrai.*None trains without a teacher"):
        model.fit(portrait_data)
    model = PortraitSegmenter(**TINY, classes=("dog",), teacher=str(teacher_folder))
    with pytest.raises(ConfigError, match="knows the classes person, and this model dog"):
        model.fit(portrait_data)
    raw = PortraitSegmenter(**TINY).save(tmp_path / "raw")
    model = PortraitSegmenter(**TINY, teacher=str(raw))
    with pytest.raises(ConfigError, match="random weights"):
        model.fit(portrait_data)
