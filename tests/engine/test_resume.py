"""A training that was killed goes on to the numbers of one that was not."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from toy_estimator import Squares, ToyEstimator

from tfseg.config import Stage, TrainConfig
from tfseg.engine import checkpoint
from tfseg.errors import ConfigError, WeightsError

HERE = Path(__file__).parent
TRAIN = TrainConfig(
    batch_size=4,
    # Killed in the last stage, the optimizer is in the middle of two that it knows as one.
    stages=(Stage(2, "heads"), Stage(1), Stage(1, learning_rate=0.01)),
    learning_rate=0.02,
    rate_factors={"body": 0.3},
    accumulate_steps=2,
    weight_decay=0.01,
    workers=1,
    schedule="cosine",
    warmup_steps=3,
    warmup_from=0.2,
)
KILLED = """
import os, signal, sys
import keras
from test_resume import TRAIN
from toy_estimator import Squares, ToyEstimator

class Kill(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch
    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == (int(sys.argv[2]) - 1, 2):
            os.kill(os.getpid(), signal.SIGKILL)

ToyEstimator(classes=["square"], train=TRAIN).fit(
    Squares(22), Squares(6), run_dir=sys.argv[1], callbacks=[Kill()]
)
"""


def model(**train):
    return ToyEstimator(classes=["square"], train=TRAIN.replace(**train))


def change_header(folder, change):
    """Changes what the checkpoint of a run says it is of."""
    path = folder / "checkpoints" / "last.npz"
    with np.load(path) as file:
        arrays = dict(file)
    header = json.loads(bytes(arrays["header"]).decode())
    change(header["state"]["facts"])
    arrays["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    np.savez(path, **arrays)


def numbers(history):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in history]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "whole"
    return model().fit(Squares(22), Squares(6), run_dir=folder), folder


@pytest.fixture(scope="module")
def one_epoch(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "one"
    model().fit(Squares(8), run_dir=folder, epochs=1)
    return folder


@pytest.fixture
def begun(one_epoch, tmp_path):
    """A run folder of one epoch, to be changed at will."""
    return Path(shutil.copytree(one_epoch, tmp_path / "run"))


@pytest.mark.both_backends
@pytest.mark.parametrize("epoch", [2, 4])
def test_killed_in_the_middle_of_an_epoch(uninterrupted, tmp_path, epoch):
    whole, whole_folder = uninterrupted
    folder = tmp_path / "run"
    paths = os.pathsep.join([str(HERE), str(HERE.parents[1])])
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(folder), str(epoch)],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr[-2000:]
    state, _ = checkpoint.read_state(folder / "checkpoints" / "last.npz")
    assert state.epoch == epoch - 1
    resumed = model().fit(Squares(22), Squares(6), run_dir=folder, resume=True)
    assert len(resumed.history) == 4
    for ours, theirs in zip(numbers(resumed.history), numbers(whole.history)):
        assert ours.keys() == theirs.keys()
        np.testing.assert_allclose(list(ours.values()), list(theirs.values()), rtol=1e-4, atol=1e-6)
    for ours, theirs in zip(resumed.keras_model.variables, whole.keras_model.variables):
        np.testing.assert_allclose(
            keras.ops.convert_to_numpy(ours.value),
            keras.ops.convert_to_numpy(theirs.value),
            rtol=1e-4,
            atol=1e-5,
            err_msg=ours.path,
        )
    log, whole_log = ((f / "log.csv").read_text().splitlines() for f in (folder, whole_folder))
    assert len(log) == 5 and log[0] == whole_log[0]


def test_resuming_a_finished_run_changes_nothing_and_more_epochs_go_on(uninterrupted, tmp_path):
    folder = tmp_path / "run"
    train = dict(schedule="milestones", milestones=(1,), milestone_steps=(3,), optimizer="adamw")
    first = model(**train).fit(Squares(8), run_dir=folder, epochs=2)
    again = model(**train).fit(Squares(8), run_dir=folder, epochs=2, resume=True)
    assert again.history == first.history
    longer = model(**train).fit(Squares(8), run_dir=folder, epochs=4, resume=True)
    whole = model(**train).fit(Squares(8), epochs=4)
    assert [row["epoch"] for row in longer.history] == [1, 2, 3, 4]
    for name in ("loss", "learning_rate"):
        assert longer.history[3][name] == pytest.approx(whole.history[3][name], rel=1e-4)


def test_a_run_of_an_older_version_keeps_an_optimizer_for_each_stage(tmp_path):
    stages = (Stage(1, "heads"), Stage(2, "heads", learning_rate=0.01))
    train = dict(stages=stages, schedule="lr_const", warmup_steps=0)
    model(**train).fit(Squares(4), run_dir=tmp_path / "a", epochs=1)
    change_header(tmp_path / "a", lambda facts: facts.pop("joined"))
    made = model(**train)
    made.fit(Squares(4), run_dir=tmp_path / "a", epochs=3, resume=True)
    # Two epochs of one step, of two batches each, after a fresh start in the second stage.
    assert int(made.keras_model.optimizer._iterations) == 4
    assert [row["learning_rate"] for row in made.history[1:]] == pytest.approx([0.01, 0.01])


def test_resume_where_nothing_was_saved_begins(tmp_path):
    trained = model().fit(Squares(4), run_dir=tmp_path / "new", epochs=1, resume=True)
    assert len(trained.history) == 1


@pytest.mark.parametrize(
    "change, words",
    [
        (dict(train=dict(learning_rate=0.5)), ["train.learning_rate 0.02, now 0.5"]),
        (dict(train=dict(stages=(Stage(1), Stage(3)))), ["train.stages"]),
        (dict(width=16), ["width 8, now 16"]),
        (dict(epochs=9), ["epochs 1, now 9", "cosine"]),
        (dict(pictures=5), ["pictures 8, now 5"]),
    ],
)
def test_a_resume_with_other_settings_names_them(begun, change, words):
    other = model(**change.get("train", {}))
    if "width" in change:
        other.set_params(width=change["width"])
    with pytest.raises(ConfigError) as error:
        other.fit(
            Squares(change.get("pictures", 8)),
            run_dir=begun,
            resume=True,
            epochs=change.get("epochs", 1),
        )
    for word in [*words, str(begun), "another folder"]:
        assert word in str(error.value)


def test_settings_that_only_change_the_speed_may_differ(begun):
    again = model(workers=0).fit(Squares(8), run_dir=begun, epochs=1, resume=True)
    assert len(again.history) == 1


def test_another_monitor_forgets_the_best_epoch(tmp_path):
    train = dict(stages=(Stage(2),), schedule="lr_const", early_stopping_patience=1)
    data = Squares(8), Squares(4)
    path = tmp_path / "checkpoints" / "last.npz"
    model(**train, monitor="segm/AP").fit(*data, run_dir=tmp_path, epochs=1)
    assert checkpoint.read_state(path)[0].best == 0
    kept = model(**train, monitor="val_loss").fit(*data, run_dir=tmp_path, epochs=1, resume=True)
    assert len(kept.history) == 1  # nothing is left to be better
    made = model(**train, monitor="val_loss").fit(*data, run_dir=tmp_path, resume=True)
    state, _ = checkpoint.read_state(path)
    assert (state.best, state.best_epoch) == (made.history[1]["val_loss"], 2)
    assert checkpoint.read_model_json(tmp_path / "best")["metrics"]["epoch"] == 2


def test_a_setting_that_an_older_version_did_not_have_is_at_its_default(begun):
    def forget(facts):
        del facts["config"]["min_score"], facts["config"]["train"]["clip_mode"]

    change_header(begun, forget)
    assert len(model().fit(Squares(8), run_dir=begun, epochs=1, resume=True).history) == 1
    with pytest.raises(ConfigError, match="train.clip_mode 'per_variable', now 'global'"):
        model(clip_mode="global").fit(Squares(8), run_dir=begun, epochs=1, resume=True)


def test_a_run_is_never_overwritten_by_accident(begun):
    with pytest.raises(ConfigError, match="holds a training already.*resume=True"):
        model().fit(Squares(8), run_dir=begun, epochs=1)
    with pytest.raises(ConfigError, match="needs the run_dir"):
        model().fit(Squares(8), resume=True)


def test_a_damaged_checkpoint_says_so(begun):
    path = begun / "checkpoints" / "last.npz"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(WeightsError, match=r"last\.npz: this checkpoint cannot be read"):
        model().fit(Squares(8), run_dir=begun, epochs=1, resume=True)


def test_interrupting_keeps_the_last_checkpoint_and_says_how_to_go_on(tmp_path):
    class Press(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if self.model.optimizer.iterations > 1 and batch == 1:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match=r"epoch 1 is saved in .*resume=True"):
        model().fit(Squares(8), run_dir=tmp_path / "a", callbacks=[Press()])
    assert checkpoint.read_state(tmp_path / "a" / "checkpoints" / "last.npz")[0].epoch == 1
    model().fit(Squares(8), run_dir=tmp_path / "a", resume=True)
