"""Experiments in turn: resumed after any end to the numbers of an undisturbed call."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from toy_estimator import Squares, ToyConfig, ToyEstimator

from tfseg.config.files import build
from tfseg.errors import ConfigError, TrainingError, WeightsError
from tfseg.studies.experiment_files import read_all
from tfseg.studies.experiment_table import describe, markdown, rows
from tfseg.studies.experiments import run_experiments

HERE = Path(__file__).parent
FILES = {
    "base": """
description: as it is
paper: {table: "1", reported: {total_loss: 5.31}, says: too high}
model: {width: 8}
train: {batch_size: 4, learning_rate: 0.02, workers: 1, stages: [{epochs: 1, layers: heads}]}
""",
    "long": "extends: base.yaml\ntrain: {stages: [{epochs: 2, layers: heads}]}\n",
}
KILLED = """
import os, signal, sys
from tfseg.engine import callbacks
from test_experiments import call

count, original = 0, callbacks.Keeper.on_epoch_end
def on_epoch_end(self, epoch, logs=None):
    global count
    original(self, epoch, logs)
    count += 1
    if count == 2:  # the first epoch of the second experiment is kept
        os.kill(os.getpid(), signal.SIGKILL)
callbacks.Keeper.on_epoch_end = on_epoch_end
call(sys.argv[1], sys.argv[2])
"""


def files(folder: Path) -> list[Path]:
    for name, text in FILES.items():
        (folder / f"{name}.yaml").write_text(text)
    return [folder / f"{name}.yaml" for name in FILES]


def make(experiment):
    return ToyEstimator(build(ToyConfig, experiment.loaded, classes=("square",)))


def call(folder, out, overrides=(), **options):
    names = options.pop("names", FILES)
    found = read_all([Path(folder) / f"{name}.yaml" for name in names], overrides)
    return run_experiments(found, make, Squares(8), Squares(4), out, **options)


def numbers(outcomes):
    found = []
    for row in rows(outcomes):
        found.append({k: v for k, v in row.items() if k != "minutes"})
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("configs")
    files(folder)
    return folder


@pytest.fixture(scope="module")
def whole(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("whole") / "out"
    return call(folder, out, about={"data": "squares", "val_split": "val", "command": "x"}), out


@pytest.fixture
def finished(whole, tmp_path):
    """A copy of a finished call, to be changed at will."""
    return Path(shutil.copytree(whole[1], tmp_path / "out"))


def test_everything_is_written(whole):
    outcomes, out = whole
    assert [o.state for o in outcomes] == ["finished"] * 2
    assert [o.result["epochs"] for o in outcomes] == [1, 2]
    for outcome in outcomes:
        assert {"loss", "box_loss", "class_loss"} == set(outcome.result["train"])
        assert set(outcome.result["val"]) == set(outcome.result["train"])
        assert outcome.result["minutes"] > 0 and 0 <= outcome.result["measures"]["segm/AP50"] <= 1
        log = list(csv.DictReader((outcome.folder / "log.csv").open()))
        assert float(log[-1]["loss"]) == outcome.result["train"]["loss"]
        assert float(log[-1]["val_loss"]) == outcome.result["val"]["loss"]
        assert (outcome.folder / "losses.png").is_file()
    made = {
        p.relative_to(out).as_posix() for p in out.rglob("*") if p.parent in (out, out / "figures")
    }
    assert made == {
        *("base", "long", "figures", "table.md", "table.csv", "experiments.json"),
        *("figures/total_loss.png", "figures/losses.png", "figures/total_loss_longest.png"),
    }


def test_the_table_says_what_changed_and_what_came_of_it(whole):
    outcomes, out = whole
    text = (out / "table.md").read_text()
    assert text == markdown(outcomes, json.loads((out / "experiments.json").read_text())["about"])
    assert "squares: 8 images to train on, 4 (`val`) to measure; classes square; seed 0" in text
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    assert lines[0].startswith("| `base` | – | 5.31 | ")
    assert lines[1].startswith("| `long` | `base`, stages: 2 epochs of heads | – | ")
    loss, val = outcomes[1].result["train"]["loss"], outcomes[1].result["val"]["loss"]
    assert f" | {loss:.3f} | {val:.3f} | " in lines[1]
    table = list(csv.DictReader((out / "table.csv").open()))
    assert [row["experiment"] for row in table] == list(FILES)
    assert float(table[1]["val/box_loss"]) == outcomes[1].result["val"]["box_loss"]
    assert "```bash\nx\n```" in text


def test_killed_in_the_second_and_called_again(whole, folder, tmp_path):
    out = tmp_path / "out"
    paths = os.pathsep.join([str(HERE.parent / "engine"), str(HERE), str(HERE.parents[1])])
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(folder), str(out)],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr[-2000:]
    first = out / "base" / "experiment.json"
    before = first.read_text()
    assert json.loads(before)["result"]
    assert json.loads((out / "long" / "experiment.json").read_text())["result"] is None
    assert (
        "`long` | `base`, stages: 2 epochs of heads (not finished)"
        in (out / "table.md").read_text()
    )
    outcomes = call(folder, out)
    assert first.read_text() == before
    for ours, theirs in zip(numbers(outcomes), numbers(whole[0]), strict=True):
        assert ours.keys() == theirs.keys()
        for name, value in theirs.items():
            close = pytest.approx(value, rel=1e-4, abs=1e-6) if isinstance(value, float) else value
            assert ours[name] == close, name


def test_what_is_finished_is_not_trained_again(finished, folder, whole, monkeypatch):
    monkeypatch.setattr(ToyEstimator, "fit", None)
    assert numbers(call(folder, finished)) == numbers(whole[0])


def test_the_table_is_of_what_was_asked_for_and_the_others_keep_their_folders(finished, folder):
    assert [o.experiment.name for o in call(folder, finished, names=["base"])] == ["base"]
    assert "`long`" not in (finished / "table.md").read_text()
    assert (finished / "long" / "log.csv").is_file()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (dict(overrides=["train.seed=7"]), ["config.train.seed 0, now 7", "another folder"]),
        (dict(overrides=["model.width=12"]), ["config.width 8, now 12"]),
        (dict(weights="start"), ["weights"]),
    ],
)
def test_other_settings_in_the_same_folder_are_refused(finished, folder, tmp_path, change, words):
    if "weights" in change:
        model = make(read_all([folder / "base.yaml"])[0])
        change = {"weights": model.save_weights(tmp_path / "start.weights.h5")}
    with pytest.raises(ConfigError) as error:
        call(folder, finished, **change)
    for word in [*words, str(finished / "base")]:
        assert word in str(error.value)


def test_other_data_in_the_same_folder_are_refused(finished, folder):
    with pytest.raises(ConfigError, match="data.pictures 8, now 9"):
        run_experiments(read_all([folder / "base.yaml"]), make, Squares(9), Squares(4), finished)


def test_a_setting_that_an_older_version_did_not_have_is_at_its_default(finished, folder):
    path = finished / "base" / "experiment.json"
    content = json.loads(path.read_text())
    del content["facts"]["config"]["min_score"], content["facts"]["config"]["train"]["jit"]
    path.write_text(json.dumps(content))
    assert [o.state for o in call(folder, finished)] == ["finished"] * 2
    with pytest.raises(ConfigError, match="config.min_score 0.0, now 0.5"):
        call(folder, finished, ["model.min_score=0.5"])


def test_settings_that_only_change_the_speed_may_differ(finished, folder):
    outcomes = call(folder, finished, ["train.workers=0"])
    assert [o.state for o in outcomes] == ["finished"] * 2


def test_a_damaged_state_and_a_foreign_training_are_named(finished, folder):
    (finished / "long" / "experiment.json").write_text("{")
    with pytest.raises(ConfigError, match="long.experiment.json: this file is damaged"):
        call(folder, finished)
    (finished / "long" / "experiment.json").unlink()
    with pytest.raises(ConfigError, match="holds a training that is none of these"):
        call(folder, finished)


def test_all_start_from_the_same_weights(folder, tmp_path, monkeypatch):
    start = make(read_all([folder / "base.yaml"], ["train.seed=5"])[0])
    path = start.save_weights(tmp_path / "start.weights.h5")
    begun = []

    def fit(self, *args, **options):
        begun.append([weight.numpy() for weight in self.keras_model.box.weights])
        raise TrainingError("far enough")

    monkeypatch.setattr(ToyEstimator, "fit", fit)
    outcomes = call(folder, tmp_path / "out", weights=path)
    assert [o.state for o in outcomes] == ["failed"] * 2
    for values in begun:
        for ours, theirs in zip(values, start.keras_model.box.weights, strict=True):
            np.testing.assert_array_equal(ours, theirs.numpy())
    assert len(begun) == 2 and outcomes[0].facts["weights"]["path"] == str(path)
    assert f"each from {path}" in (tmp_path / "out" / "table.md").read_text()
    with pytest.raises(WeightsError, match="gone.h5: the starting weights cannot be read"):
        call(folder, tmp_path / "out", weights=tmp_path / "gone.h5")


def test_a_model_that_has_a_name_is_a_start(folder, tmp_path, monkeypatch):
    start = make(read_all([folder / "base.yaml"], ["train.seed=5"])[0])
    start.save(tmp_path / "models" / "mine")
    monkeypatch.setenv("TFSEG_MODELS", str(tmp_path / "models"))
    begun = []

    def fit(self, *args, **options):
        begun.append(self.keras_model.box.weights[0].numpy())
        raise TrainingError("far enough")

    monkeypatch.setattr(ToyEstimator, "fit", fit)
    (outcome,) = call(folder, tmp_path / "out", names=["base"], weights="mine")
    np.testing.assert_array_equal(begun[0], start.keras_model.box.weights[0].numpy())
    assert outcome.facts["weights"]["path"] == "mine"
    (again,) = call(folder, tmp_path / "out", names=["base"], weights=tmp_path / "models" / "mine")
    assert again.facts["weights"]["digest"] == outcome.facts["weights"]["digest"]


def test_each_may_go_on_from_its_namesake(folder, tmp_path, monkeypatch):
    own = {}
    for seed, name in enumerate(FILES):
        start = make(read_all([folder / "base.yaml"], [f"train.seed={seed}"])[0])
        start.save_weights(tmp_path / f"{name}.weights.h5")
        own[name] = start.keras_model.box.weights[0].numpy()
    begun = []

    def fit(self, *args, **options):
        begun.append(self.keras_model.box.weights[0].numpy())
        raise TrainingError("far enough")

    monkeypatch.setattr(ToyEstimator, "fit", fit)
    pattern = str(tmp_path / "{name}.weights.h5")
    call(folder, tmp_path / "out", weights=pattern)
    assert not np.array_equal(*own.values())
    for values, expected in zip(begun, own.values(), strict=True):
        np.testing.assert_array_equal(values, expected)
    assert f"each from {pattern}" in (tmp_path / "out" / "table.md").read_text()
    with pytest.raises(WeightsError, match="gone/base: the starting weights cannot be read"):
        call(folder, tmp_path / "out", weights=tmp_path / "gone" / "{name}")


def test_a_loss_that_is_not_finite_stops_one_and_not_the_others(folder, tmp_path):
    (tmp_path / "broken.yaml").write_text(
        f"extends: {folder / 'base.yaml'}\nmodel: {{broken_picture: 2}}\n"
    )
    found = read_all([tmp_path / "broken.yaml", folder / "base.yaml"])
    outcomes = run_experiments(found, make, Squares(8), None, tmp_path / "out")
    assert [o.state for o in outcomes] == ["failed", "finished"]
    assert "nan" in outcomes[0].failure
    text = (tmp_path / "out" / "table.md").read_text()
    assert "broken_picture: 2 (failed) | – | – |" in text
    assert outcomes[1].result["val"] == {} and outcomes[1].result["measures"] == {}
    assert json.loads((tmp_path / "out" / "broken" / "experiment.json").read_text())["failure"]


def test_a_list_of_experiments_needs_no_training(folder):
    text = describe(read_all([folder / "base.yaml", folder / "long.yaml"]))
    lines = text.splitlines()
    assert lines[2] == "| `base` | – | 1 | 5.31 | too high |"
    assert lines[3] == "| `long` | `base`, stages: 2 epochs of heads | – | – |  |"
