"""`tfseg experiments`: its words, and two experiments on drawn people, broken off and taken up."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import types
from pathlib import Path

import pytest

from tfseg.cli.main import main

ROOT = Path(__file__).resolve().parents[2]
TINY = """
system: mask_rcnn
description: A network small enough for a test.
model:
  backbone: mobilenet_v2
  backbone_width: 0.35
  norm: group
  image_size: 64
  anchor_scales: [8, 16, 24, 32, 48]
  pre_nms_limit: 64
  proposals_train: 16
  proposals_test: 8
  train_rois: 8
  max_instances: 4
  max_detections: 4
  pyramid_channels: 16
  rpn_channels: 16
  box_head_channels: 16
  mask_head_channels: 16
  mask_head_convs: 1
train:
  batch_size: 1
  steps_per_epoch: 2
  validation_steps: 1
  workers: 1
  evaluate_every: 0
  stages: [{epochs: EPOCHS, layers: heads}]
data:
  classes: [suit, dress]
"""
DATA = "synthetic:length=3,size=64"
# The epochs' numbers must not depend on how often the process was killed.
KILLED = """
import os, signal, sys
from tfseg.cli.main import main
from tfseg.engine import callbacks

count, original = 0, callbacks.Keeper.on_epoch_end
def on_epoch_end(self, epoch, logs=None):
    global count
    original(self, epoch, logs)
    count += 1
    if count == int(sys.argv[1]):
        os.kill(os.getpid(), signal.SIGKILL)
callbacks.Keeper.on_epoch_end = on_epoch_end
main(sys.argv[2:])
"""


def write_two(folder: Path, epochs: int) -> Path:
    """Makes a folder with two experiments that differ in the loss of the RPN's boxes."""
    folder.mkdir()
    (folder / "base.yaml").write_text(TINY.replace("EPOCHS", str(epochs)))
    (folder / "l2.yaml").write_text("extends: base.yaml\nmodel: {rpn_bbox_loss: l2}\n")
    return folder


class TestWords:
    """What reaches `run_experiments`."""

    @pytest.fixture
    def asked(self, pretend, monkeypatch):
        from tfseg.studies import experiments

        calls = []

        def run_experiments(found, make, train, val, out, *, weights, about):
            calls.append(
                types.SimpleNamespace(
                    names=[one.name for one in found],
                    configs=[make(one).config for one in found],
                    train=train,
                    val=val,
                    out=out,
                    weights=weights,
                    about=about,
                )
            )
            Path(out).mkdir(parents=True, exist_ok=True)
            Path(out, "table.md").write_text("| the table |\n")
            return [types.SimpleNamespace(state=self.state)]

        self.state = "finished"
        monkeypatch.setattr(experiments, "run_experiments", run_experiments)
        return calls

    @pytest.fixture
    def folder(self, tmp_path):
        folder = tmp_path / "mine"
        folder.mkdir()
        (folder / "a.yaml").write_text("system: mask_rcnn\nmodel: {image_size: 128}\n")
        (folder / "b.yaml").write_text("extends: a.yaml\ntrain: {batch_size: 4}\n")
        return folder

    def test_a_folder_a_seed_and_settings(self, asked, folder, capsys):
        words = ["mine", "--data", "photos", "--seed", "4", "--set", "model.image_size=64"]
        assert main(["experiments", *words, "--weights", "w.h5", "--val-split", "held out"]) == 0
        (call,) = asked
        assert call.names == ["a", "b"] and call.weights == "w.h5"
        assert [c.image_size for c in call.configs] == [64, 64]
        assert [c.train.batch_size for c in call.configs] == [1, 4]
        assert {c.train.seed for c in call.configs} == {4}
        assert {c.classes for c in call.configs} == {("suit", "dress")}
        assert (call.train.split, call.val.split) == ("train", "held out")
        assert call.about["command"] == (
            "tfseg experiments mine --data photos --val-split 'held out' --weights w.h5 "
            "--out runs/experiments --seed 4 --set model.image_size=64"
        )
        assert (call.about["data"], call.about["val_split"]) == ("photos", "held out")
        printed = capsys.readouterr().out
        assert "| the table |" in printed and "runs/experiments/table.csv" in printed

    def test_a_shipped_folder_is_found_from_anywhere(self, asked, tmp_path, monkeypatch):
        folder = tmp_path / "site" / "mask_rcnn" / "cpu"
        folder.mkdir(parents=True)
        (folder / "c.yaml").write_text("system: mask_rcnn\n")
        monkeypatch.setattr("tfseg.cli.experiments.shipped", lambda: tmp_path / "site")
        for word in ("configs/mask_rcnn/cpu", "mask_rcnn/cpu"):
            assert main(["experiments", word, "--data", "photos"]) == 0
        assert [call.names for call in asked] == [["c"], ["c"]]

    def test_a_share_for_validation_is_told(self, asked, folder):
        words = ["mine/b.yaml", "--data", "photos", "--val-fraction", "0.5", "--out", "x"]
        assert main(["experiments", *words]) == 0
        assert asked[0].about["val_split"] == "0.5 of them set aside"
        assert (len(asked[0].train), len(asked[0].val)) == (1, 1)

    def test_one_that_failed_is_exit_code_1(self, asked, folder):
        self.state = "failed"
        assert main(["experiments", "mine", "--data", "photos"]) == 1

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (["t3_dim_51"], "Did you mean 'mask_rcnn/t3_dim_512'"),
            (["empty"], "no experiment file"),
            (["mine", "mine/a.yaml"], "two experiments are called 'a'"),
            (["mine", "other.yaml"], "read other data"),
            (["mine", "--seed", "-1"], "train.seed"),
        ],
    )
    def test_wrong_words_are_wrong_use(self, asked, folder, words, said, capsys):
        Path("empty").mkdir()
        Path("other.yaml").write_text("extends: mine/a.yaml\ndata: {classes: [suit]}\n")
        assert main(["experiments", *words, "--data", "photos"]) == 2
        assert said in capsys.readouterr().err
        assert asked == []

    def test_ctrl_c_says_how_to_go_on(self, asked, folder, monkeypatch, capsys):
        from tfseg.studies import experiments

        def interrupted(*args, **options):
            raise KeyboardInterrupt

        monkeypatch.setattr(experiments, "run_experiments", interrupted)
        assert main(["experiments", "mine", "--data", "photos"]) == 130
        line = capsys.readouterr().err.splitlines()[-1].strip()
        assert line == "tfseg experiments mine --data photos --out runs/experiments --seed 0"


def test_the_list_is_the_one_in_the_readme(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["experiments", "--list"])
    assert stop.value.code == 0
    printed = capsys.readouterr().out
    assert printed.count("\n") == 2 + 27
    assert "| `t3_nms_08` | `t3_anchor_16`, rpn_nms_threshold: 0.8 | 3 | 3.28 |" in printed
    assert printed in (ROOT / "configs" / "mask_rcnn" / "README.md").read_text("utf-8")


def test_a_list_where_the_files_are_missing(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("tfseg.cli.experiments.shipped", lambda: tmp_path)
    with pytest.raises(SystemExit) as stop:
        main(["experiments", "--list"])
    assert stop.value.code == 2 and str(tmp_path) in capsys.readouterr().err


def losses(out: Path) -> dict:
    content = json.loads((out / "experiments.json").read_text())
    return {
        (row["experiment"], name): value
        for row in content["experiments"]
        for name, value in row.items()
        if re.match("train/|val/|segm/", name)
    }


class Broken(BaseException):
    """Ends a call the way a kill does: nothing may catch it."""


@pytest.fixture
def small_backbone(monkeypatch):
    """A body of five convolutions, which compiles in a tenth of the time."""
    import keras

    def build(config, seed):
        x = image = keras.Input((config.image_size, config.image_size, 3))
        stages = {}
        for index in range(1, 6):
            x = keras.layers.Conv2D(8, 3, 2, "same", activation="relu", name=f"conv{index}")(x)
            stages[f"C{index}"] = x
        del stages["C1"]
        return keras.Model(image, stages, name="small_backbone")

    monkeypatch.setattr("tfseg.models.two_stage.network.build_backbone", build)


@pytest.mark.slow
def test_two_experiments_on_drawn_people_broken_off_and_taken_up(
    tmp_path, small_backbone, monkeypatch, capsys
):
    from tfseg.engine.callbacks import Keeper

    kept, original = [], Keeper.on_epoch_end

    def on_epoch_end(self, epoch, logs=None):
        original(self, epoch, logs)
        kept.append(epoch)
        raise Broken

    folder = write_two(tmp_path / "configs", epochs=1)
    words = ["experiments", str(folder), "--data", DATA, "--out", str(tmp_path / "out")]
    with monkeypatch.context() as patch:
        patch.setattr(Keeper, "on_epoch_end", on_epoch_end)
        with pytest.raises(Broken):
            main(words)
    assert kept == [0] and not (tmp_path / "out" / "base" / "final").exists()
    monkeypatch.setattr(Keeper, "on_epoch_end", lambda *a: (kept.append(a[1]), original(*a)))
    assert main(words) == 0
    assert kept == [0, 0]  # the epoch of each once
    printed = capsys.readouterr()
    assert "[2/2] l2: rpn_bbox_loss: l2" in printed.err
    table = (tmp_path / "out" / "table.md").read_text()
    assert table in printed.out
    assert "3 images (`train`) to train on, 3 (`val`) to measure; classes suit, dress" in table
    assert re.search(r"\| `l2` \| `base`, rpn_bbox_loss: l2 \| \d+\.\d{3} \| \d+\.\d{3} ", table)
    assert "RPN box" in table
    numbers = losses(tmp_path / "out")
    for name in ("base", "l2"):
        assert f" | {numbers[name, 'train/loss']:.3f} | {numbers[name, 'val/loss']:.3f} |" in table


@pytest.mark.slow
def test_killed_by_force_at_any_epoch(tmp_path):
    """Real processes, a real body: each is killed when it has kept one more epoch."""
    folder = write_two(tmp_path / "configs", epochs=2)
    words = ["experiments", str(folder), "--data", DATA, "--out"]
    for out, kills in (("whole", 0), ("broken", 4)):
        for _ in range(kills):
            process = run_killed(1, [*words, str(tmp_path / out)])
            assert process.returncode == -signal.SIGKILL, process.stderr[-2000:]
        assert run_killed(99, [*words, str(tmp_path / out)]).returncode == 0
    whole, broken = losses(tmp_path / "whole"), losses(tmp_path / "broken")
    assert whole == pytest.approx(broken, rel=1e-4, abs=1e-6)


def run_killed(epochs: int, words: list[str]) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", KILLED, str(epochs), *words],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=600,
    )
