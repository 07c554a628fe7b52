import csv
import errno
import json
import os
import re
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from toy_estimator import Squares, ToyEstimator

from tfseg.config import Stage, TrainConfig, load_config
from tfseg.engine import checkpoint, optimizers, preflight, training_stages, weights
from tfseg.errors import ConfigError, DataError, TrainingError, WeightsError
from tfseg.metrics import person_masks

TRAIN = TrainConfig(
    batch_size=4, stages=(Stage(1, "heads"), Stage(1)), learning_rate=0.02, workers=1
)


def model(classes=("square",), train=TRAIN, **settings):
    changes = {k: settings.pop(k) for k in list(settings) if k in TrainConfig.setting_names()}
    return ToyEstimator(classes=classes, train=train.replace(**changes), **settings)


def values(made):
    return {v.path: keras.ops.convert_to_numpy(v.value) for v in made.keras_model.weights}


@pytest.mark.both_backends
def test_a_run_folder_holds_all_that_is_promised(tmp_path, capsys):
    folder = tmp_path / "deep" / "run"
    made = model().fit(Squares(8), Squares(4), run_dir=folder)
    assert made.fitted and [row["epoch"] for row in made.history] == [1, 2]
    names = {p.name for p in folder.iterdir()} - {"tensorboard"}
    assert names == {"best", "checkpoints", "config.yaml", "final", "log.csv", "report"}
    loaded = load_config(folder / "config.yaml")
    assert loaded["system"] == "toy" and loaded["train"]["learning_rate"] == 0.02
    rows = list(csv.DictReader((folder / "log.csv").open()))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    for name in (
        "loss",
        "box_loss",
        "class_loss",
        "val_loss",
        "val_box_loss",
        "segm/AP",
        "learning_rate",
        "seconds",
    ):
        assert name in rows[0]
    assert (folder / "report" / "index.html").stat().st_size > 1000
    final = ToyEstimator.load(folder / "final")
    for name, value in values(made).items():
        np.testing.assert_array_equal(value, values(final)[name])
    if keras.backend.backend() == "tensorflow":
        assert list((folder / "tensorboard").glob("events*"))
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 4 and re.match(
        r"epoch 1/2 \[heads\] .* loss \d.* box \d.* class \d", said[1]
    )
    assert said[::2] == [
        "epoch 1/2 [heads] preparing (compiling the network) ...",
        "epoch 2/2 [all] preparing (compiling the network) ...",
    ]
    left_over = [p for p in tmp_path.rglob("*") if "partial" in p.name or p.name == ".probe"]
    assert not left_over


def test_without_a_run_dir_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = model().fit(Squares(6), Squares(3), epochs=1)
    assert len(made.history) == 1 and not list(tmp_path.iterdir())


@pytest.mark.both_backends
def test_only_the_layers_of_a_stage_learn():
    made = model(stages=(Stage(1, "heads"),))
    before = values(made)
    made.fit(Squares(8))
    changed = {name for name, value in values(made).items() if np.any(value != before[name])}
    assert {name.rsplit("/")[-2] for name in changed} == {"box", "scores"}
    assert all(layer.trainable for layer in made.keras_model._flatten_layers())
    made = model(stages=(Stage(1, "all"),))
    made.keras_model.norm.trainable = False
    frozen = values(made)
    made.fit(Squares(8))
    changed = {name for name, value in values(made).items() if np.any(value != frozen[name])}
    assert {name.rsplit("/")[-2] for name in changed} == {"box", "scores", "body"}
    assert made.keras_model.norm.trainable is False


def test_a_stage_without_layers_is_refused():
    class NoHeads(ToyEstimator):
        def _layer_group(self, name):
            return set()

    with pytest.raises(ConfigError, match="no layer of this network belongs to 'heads'"):
        NoHeads(classes=["square"], train=TRAIN).fit(Squares(4))


def test_epochs_cut_or_prolong_the_stages(tmp_path):
    config = TrainConfig(stages=(Stage(2, "heads"), Stage(3, "4+"), Stage(1)))

    def spans(first, last, config=config, **options):
        return [tuple(s) for s in training_stages.segments(config, first, last, **options)]

    assert spans(1, 6) == [("heads", 1, 1, 2), ("4+", 3, 3, 5), ("all", 6, 6, 6)]
    assert spans(1, 4) == [("heads", 1, 1, 2), ("4+", 3, 3, 4)]
    assert spans(4, 9) == [("4+", 3, 4, 5), ("all", 6, 6, 9)]
    assert spans(9, 9) == [("all", 6, 9, 9)] and spans(7, 6) == []
    slower = TrainConfig(stages=(Stage(2, "heads"), Stage(1), Stage(3, learning_rate=0.1)))
    assert spans(1, 6, slower) == [("heads", 1, 1, 2), ("all", 3, 3, 6)]
    assert spans(5, 8, slower) == [("all", 3, 5, 8)]
    assert spans(3, 6, slower, joined=False) == [("all", 3, 3, 3), ("all", 4, 4, 6)]
    made = model().fit(Squares(4), run_dir=tmp_path, epochs=np.int64(3))
    assert len(made.history) == 3


@pytest.mark.both_backends
def test_the_optimizer_follows_the_settings():
    rates = training_stages.Rates(np.array([0.5, 0.25, 0.125]))
    assert [float(rates(step)) for step in (0, 1, 2, 9)] == [0.5, 0.25, 0.125, 0.125]
    made = model()
    for settings, expected in (
        (dict(), ("SGD", 5.0, None)),
        (dict(clip_mode="global"), ("SGD", None, 5.0)),
        (dict(clip_norm=None, optimizer="adamw", weight_decay=0.1), ("AdamW", None, None)),
    ):
        training_stages.compile_stage(made.keras_model, TRAIN.replace(**settings), rates)
        optimizer = made.keras_model.optimizer
        kind, clip, clip_all = expected
        assert type(optimizer).__name__ == kind and optimizer.built
        assert (optimizer.clipnorm, optimizer.global_clipnorm) == (clip, clip_all)
    assert optimizer.weight_decay == 0.1


def test_one_plain_step_is_the_gradient_times_the_rate():
    made = model(learning_rate=0.25, momentum=0.0, clip_norm=None, stages=(Stage(1, "heads"),))
    before = values(made)
    made.fit(Squares(4), epochs=1)
    after = values(made)
    network = model().keras_model
    network.norm.trainable = False  # as in that stage: batch statistics stay as they are
    loader = made._loader(Squares(4), training=True)
    batch = next(loader.batches(0, 1))
    import tensorflow as tf

    with tf.GradientTape() as tape:
        loss = network.compute_loss(batch, y_pred=network(batch, training=True))
    kernel = network.scores.kernel
    gradient = tape.gradient(loss, kernel.value).numpy()
    np.testing.assert_allclose(
        after[kernel.path], before[kernel.path] - 0.25 * gradient, rtol=1e-4, atol=1e-6
    )


@pytest.mark.both_backends
def test_a_loss_that_is_not_finite_names_term_step_and_pictures(tmp_path):
    made = model(broken_picture=3, learning_rate=1e-3)
    order = made._loader(Squares(12), training=True)
    step = next(s for s in range(3) if 3 in order.image_ids(s))
    with pytest.raises(TrainingError) as error:
        made.fit(Squares(12), run_dir=tmp_path / "run")
    message = str(error.value)
    assert (
        f"epoch 1, step {step + 1}: " in message
        and "box_loss is nan" in message
        and "class_loss" not in message
    )
    for picture in order.image_ids(step):
        assert f"{picture!r}" in message
    assert "Nothing was saved yet" in message and "0.001" in message


def test_the_checkpoint_before_a_broken_step_stays(tmp_path):
    model().fit(Squares(8), run_dir=tmp_path, epochs=1)
    path = tmp_path / "checkpoints" / "last.npz"
    before = path.read_bytes()

    class Poison(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.model.box.kernel.assign(self.model.box.kernel * np.nan)

    with pytest.raises(TrainingError, match=r"epoch 2.*checkpoint of epoch 1 in .* is whole"):
        model().fit(Squares(8), run_dir=tmp_path, resume=True, callbacks=[Poison()])
    assert path.read_bytes() == before


def test_pictures_without_objects_and_single_pictures_train():
    made = model().fit(Squares(5, empty=(0, 1, 2, 3, 4)), epochs=1)
    assert np.isfinite(made.history[0]["loss"])
    assert np.isfinite(model(batch_size=8).fit(Squares(1), epochs=1).history[0]["loss"])


@pytest.mark.both_backends
def test_a_broken_picture_is_named_by_our_own_error():
    class Broken(Squares):
        def __getitem__(self, index):
            if index == 5:
                raise DataError("photo_5.jpg: the file is truncated. Remove it.")
            return super().__getitem__(index)

    with pytest.raises(DataError, match=r"photo_5\.jpg: the file is truncated"):
        model().fit(Broken(8))
    with pytest.raises(DataError, match=r"photo_5\.jpg"):
        model().fit(Squares(8), Broken(8))


@pytest.mark.both_backends
def test_the_best_epoch_remains_and_patience_ends_the_run(tmp_path):
    class Scripted(ToyEstimator):
        marks = [0.1, 0.5, float("nan"), 0.4, 0.3, 0.2]
        seen = []

        def evaluate(self, dataset, **options):
            self.seen.append(values(self))
            return {"segm/AP": self.marks[len(self.seen) - 1]}

    for folder in (None, tmp_path / "run"):
        Scripted.seen = []
        train = TRAIN.replace(stages=(Stage(6),), early_stopping_patience=3)
        made = Scripted(classes=["square"], train=train).fit(Squares(4), Squares(2), run_dir=folder)
        assert [row["epoch"] for row in made.history] == [1, 2, 3, 4, 5]
        for name, value in values(made).items():
            np.testing.assert_array_equal(value, Scripted.seen[1][name])
    state, _ = checkpoint.read_state(folder / "checkpoints" / "last.npz")
    assert state.stopped and state.best == 0.5 and state.best_epoch == 2
    assert checkpoint.read_model_json(folder / "best")["metrics"]["epoch"] == 2
    again = Scripted(classes=["square"], train=train)
    again.fit(Squares(4), Squares(2), run_dir=folder, resume=True)
    assert len(again.history) == 5


def test_between_equals_the_later_epoch_remains():
    class Flat(ToyEstimator):
        def evaluate(self, dataset, **options):
            self.last = values(self)
            return {"segm/AP": 0.0}

    train = TRAIN.replace(stages=(Stage(9),), early_stopping_patience=2)
    made = Flat(classes=["square"], train=train).fit(Squares(4), Squares(2))
    assert len(made.history) == 3
    for name, value in values(made).items():
        np.testing.assert_array_equal(value, made.last[name])


def test_what_is_monitored():
    made = model(monitor="val_loss", evaluate_every=0, stages=(Stage(3),))
    made.fit(Squares(8), Squares(4))
    assert not any("/" in name for row in made.history for name in row)
    losses = [row["val_loss"] for row in made.history]
    batches = training_stages.Batches(made._loader(Squares(4), training=False))
    made.keras_model.compile(optimizer="sgd", jit_compile=False)
    again = made.keras_model.evaluate(batches, steps=1, return_dict=True, verbose=0)["loss"]
    batches.close()
    assert again == pytest.approx(min(losses), rel=1e-4)
    rows = model(evaluate_every=2, stages=(Stage(3),)).fit(Squares(4), Squares(2)).history
    assert ["segm/AP" in row for row in rows] == [False, True, True]


def test_a_wrong_monitor_is_told_before_anything_is_compiled(tmp_path, monkeypatch):
    monkeypatch.setattr(training_stages, "compile_stage", None)
    for wrong, right in (
        ("segm/PA", "segm/AP"),
        ("segm/APP", "segm/AP"),
        ("val_los", "val_loss"),
        ("val_boks_loss", "val_box_loss"),
        ("learning_rate", "val_loss"),
    ):
        with pytest.raises(ConfigError, match=rf"monitor: there is no '{wrong}'.*{right}"):
            model(monitor=wrong).fit(Squares(4), Squares(2), run_dir=tmp_path / "run")
    with pytest.raises(ConfigError, match="no 'val_los_loss'"):
        model(monitor="val_los_loss", evaluate_every=0).fit(Squares(4), Squares(2))
    assert not (tmp_path / "run").exists()


def test_a_monitor_that_only_the_data_can_tell_passes():
    class Own(ToyEstimator):
        def evaluate(self, dataset, **options):
            return {"mine": 0.5}

    class People(ToyEstimator):
        def _evaluator(self):
            return person_masks.PersonMaskEvaluator(self.class_names)

    def check(kind, name):
        made = kind(classes=["square"], train=TRAIN.replace(monitor=name))
        job = SimpleNamespace(config=made.config.train, estimator=made, val=Squares(2))
        preflight.check_choice_of_best(job)

    for name in ("segm/APml", "occluded/segm/AP", "bound/occluded/segm/AP75", "bbox/AP"):
        check(People, name)
    for kind, name in (
        (People, "segm/APP"),
        (People, "bound/AP"),
        (People, "x/segm/AR1"),
        (ToyEstimator, "a/segm/AP"),
    ):
        with pytest.raises(ConfigError, match=f"there is no '{name}'"):
            check(kind, name)
    train = TRAIN.replace(monitor="mine", stages=(Stage(1),))
    made = Own(classes=["square"], train=train).fit(Squares(4), Squares(2))
    assert made.history[0]["mine"] == 0.5
    with pytest.raises(ConfigError, match=r"monitor: there is no 'yours'. Measured: .*mine"):
        made.set_params(train__monitor="yours").fit(Squares(4), Squares(2))


def test_without_validation_data_there_is_no_best_epoch(tmp_path, caplog):
    with pytest.raises(ConfigError, match=r"early_stopping_patience: without validation data"):
        model(early_stopping_patience=2).fit(Squares(4), run_dir=tmp_path / "run")
    assert not (tmp_path / "run").exists()
    model().fit(Squares(4), epochs=1)
    assert "monitor" not in caplog.text
    model(monitor="segm/AP50").fit(Squares(4), run_dir=tmp_path / "run", epochs=1)
    assert "train.monitor is 'segm/AP50', but without validation data" in caplog.text
    assert "the last epoch are kept" in (tmp_path / "run" / "notes.txt").read_text()


def test_wrong_arguments(tmp_path):
    for options, word in (
        (dict(epochs=0), "epochs"),
        (dict(epochs=1.5), "epochs"),
        (dict(callbacks=[print]), "keras.callbacks.Callback"),
        (dict(callbacks=7), "keras.callbacks.Callback, got 7"),
        (
            dict(callbacks=keras.callbacks.ReduceLROnPlateau()),
            r"ReduceLROnPlateau.*train\.schedule",
        ),
        (dict(callbacks=[keras.callbacks.LearningRateScheduler(float)]), r"train\.schedule"),
    ):
        with pytest.raises(ConfigError, match=word):
            model().fit(Squares(4), **options)
    with pytest.raises(DataError):
        model().fit("photos/")
    with pytest.raises(DataError, match="no images"):
        model().fit(Squares(0))
    with pytest.raises(DataError, match="validation dataset has classes.*ball"):
        model().fit(Squares(4), Squares(4, ("ball",)))


def test_a_run_dir_that_cannot_be_written_is_refused_before_the_first_step(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"run_dir: cannot write to .*file/run"):
        model().fit(Squares(4), run_dir=tmp_path / "file" / "run")
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=1000))
    with pytest.raises(ConfigError, match="MB free and the checkpoints .* need about"):
        model().fit(Squares(4), run_dir=tmp_path / "full")
    monkeypatch.undo()

    def refuse(self, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.raises(ConfigError, match="No space left on device"):
        model().fit(Squares(4), run_dir=tmp_path / "other")


def test_a_disk_that_fills_up_keeps_the_checkpoint_before(tmp_path, monkeypatch):
    model().fit(Squares(4), run_dir=tmp_path, epochs=1)
    path = tmp_path / "checkpoints" / "last.npz"
    before, fsync = path.read_bytes(), os.fsync

    def full(descriptor):
        if "last.npz" in os.readlink(f"/proc/self/fd/{descriptor}"):
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(WeightsError, match=r"last\.npz: could not be written \(No space left"):
        model().fit(Squares(4), run_dir=tmp_path, resume=True)
    assert path.read_bytes() == before and checkpoint.read_state(path)[0].epoch == 1
    assert [p.name for p in path.parent.iterdir()] == ["last.npz"]


@pytest.mark.both_backends
@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_trains_and_resumes(tmp_path, precision):
    train = dict(stages=(Stage(2),), accumulate_steps=2, rate_factors={"body": 0.5})
    made = model(precision=precision, **train)
    made.fit(Squares(8), run_dir=tmp_path, epochs=1)
    scaled = type(made.keras_model.optimizer).__name__ == "LossScaleOptimizer"
    assert scaled == (precision == "mixed_float16")
    again = model(precision=precision, **train)
    again.fit(Squares(8), run_dir=tmp_path, resume=True)
    whole = model(precision=precision, **train).fit(Squares(8))
    assert again.history[1]["loss"] == pytest.approx(whole.history[1]["loss"], rel=1e-3)


@pytest.mark.both_backends
def test_a_jitted_step_trains():
    made = model(stages=(Stage(3),), jit=True).fit(Squares(8))
    losses = [row["loss"] for row in made.history]
    assert made.keras_model.jit_compile is True and losses[2] < losses[0]


def test_further_callbacks_see_losses_and_measures_and_may_stop():
    class Stop(keras.callbacks.Callback):
        seen = []

        def on_epoch_end(self, epoch, logs=None):
            self.seen.append(dict(logs))
            self.model.stop_training = True

    stages = (Stage(1, "heads"), Stage(5))
    made = model(stages=stages).fit(Squares(4), Squares(2), callbacks=[Stop()])
    assert len(made.history) == 1 and {"loss", "val_loss", "segm/AP"} <= set(Stop.seen[0])
    for one in (Stop(), iter([Stop()])):  # a single one, and any iterable
        assert len(model(stages=stages).fit(Squares(4), callbacks=one).history) == 1


def test_fitting_again_goes_on_from_the_weights():
    made = model(stages=(Stage(1),))
    first = made.fit(Squares(8)).history[0]["loss"]
    assert made.fit(Squares(8)).history[0]["loss"] < first
    assert weights.named_weights(made.keras_model).keys() == {"body", "norm", "box", "scores"}


def test_the_table_of_rates_travels_with_a_saved_optimizer():
    optimizer = optimizers.AdamW(
        training_stages.Rates([0.1, 0.2], every=2),
        weight_decay=0.1,
        rate_factors=[0.5, 1],
        decays=[True, False],
        gradient_accumulation_steps=2,
    )
    told = json.loads(json.dumps(keras.saving.serialize_keras_object(optimizer)))
    again = keras.saving.deserialize_keras_object(told)
    rates = [float(again._learning_rate(batch)) for batch in range(6)]
    assert rates == pytest.approx([0.1, 0.1, 0.2, 0.2, 0.2, 0.2])
    assert (again.rate_factors, again.decays) == ((0.5, 1.0), (True, False))
    with pytest.raises(ValueError, match="each of the 1 variables, got 2"):
        again.build([keras.Variable(1.0)])


@pytest.mark.parametrize("known", [True, False], ids=["known before", "met in training"])
def test_validation_without_objects_goes_by_the_loss(tmp_path, caplog, monkeypatch, known):
    if not known:
        monkeypatch.setattr("tfseg.engine.opening.say", lambda job: False)
    train = TRAIN.replace(early_stopping_patience=2, stages=(Stage(3),), learning_rate=0.001)
    made = model(train=train)
    made.fit(Squares(8), Squares(4, empty=range(4)), run_dir=tmp_path / "run")
    losses = [row["val_loss"] for row in made.history]
    assert len(losses) == 3 and (tmp_path / "run" / "best").is_dir()
    assert "segm/AP" not in str([r.message for r in caplog.records if "no better" in r.message])
    assert "val_loss" in caplog.text
    notes = tmp_path / "run" / "notes.txt"
    if known:
        assert "no image has an object" in notes.read_text()
    else:
        assert not notes.exists() and "segm/AP cannot be measured" in caplog.text


def test_training_data_without_objects_is_said(tmp_path, caplog):
    model().fit(Squares(4, empty=range(4)), run_dir=tmp_path / "run", epochs=1)
    assert "training data: no image has an object" in caplog.text
    assert "training data: no image has an object" in (tmp_path / "run" / "notes.txt").read_text()


class Hollow(Squares):
    """The mask of one object has no pixel."""

    def __getitem__(self, index):
        sample = super().__getitem__(index)
        return sample.replace(masks=sample.masks & (index != 2), boxes=None)


def test_an_object_without_a_pixel_stops_a_training_unless_the_augmentation_took_them():
    with pytest.raises(DataError, match="image 2: the mask of annotation 1 has no pixel"):
        model().fit(Hollow(4), epochs=1)
    with pytest.raises(DataError, match="image 2: the mask of annotation 1 has no pixel"):
        model().fit(Squares(4), Hollow(4), epochs=1)

    def away(sample, seed):
        return sample.replace(masks=np.zeros_like(sample.masks), boxes=None)

    assert len(model().fit(Squares(4), epochs=1, augmentation=away).history) == 1
