"""One journey through the real verbs on a tiny network: train, resume, evaluate, predict."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tfseg.cli.main import main

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
  detection_min_confidence: 0.05
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
  stages: [{epochs: EPOCHS, layers: all}]
data:
  classes: [suit, dress]
"""
DATA = "synthetic:length=3,size=64"


def write_config(folder: Path, epochs: int) -> Path:
    path = folder / "tiny.yaml"
    path.write_text(TINY.replace("EPOCHS", str(epochs)))
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of a finished run, trained from the command line."""
    folder = tmp_path_factory.mktemp("journey")
    config = write_config(folder, 1)
    words = ["--data", DATA, "--run-dir", str(folder / "run")]
    assert main(["train", str(config), *words]) == 0
    return folder / "run"


def test_a_run_folder_holds_everything(run):
    expected = ["config.yaml", "log.csv", "best/model.json", "final/model.json"]
    expected += ["checkpoints", "report/index.html"]
    assert [name for name in expected if not (run / name).exists()] == []


@pytest.mark.slow
def test_more_epochs_by_resuming(run, capsys):
    words = ["--data", DATA, "--run-dir", str(run), "--resume", "--epochs", "2"]
    assert main(["train", str(run.parent / "tiny.yaml"), *words]) == 0
    assert len((run / "log.csv").read_text().splitlines()) == 3


def test_evaluate_prints_and_reports(run, tmp_path, capsys):
    words = ["--data", DATA, "--limit", "2", "--json", "--report", str(tmp_path / "report")]
    assert main(["evaluate", str(run / "final"), *words]) == 0
    content = json.loads(capsys.readouterr().out)
    assert {"segm/AP", "bbox/AP50", "map_matterport"} <= set(content["metrics"])
    assert (tmp_path / "report" / "index.html").stat().st_size > 1000


def test_predict_writes_drawings(run, tmp_path):
    from tfseg.visualize import save_png

    image = np.random.default_rng(0).integers(0, 256, (50, 70, 3)).astype(np.uint8)
    save_png(tmp_path / "photo.png", image)
    words = [str(tmp_path / "photo.png"), "--out", str(tmp_path / "drawn")]
    assert main(["predict", str(run / "final"), *words]) == 0
    content = json.loads((tmp_path / "drawn" / "predictions.json").read_text())
    assert (content["images"][0]["height"], content["images"][0]["width"]) == (50, 70)
    assert (tmp_path / "drawn" / "photo.png").is_file()


def test_a_folder_that_is_no_model(run, tmp_path, capsys):
    assert main(["evaluate", str(tmp_path), "--data", DATA]) == 2
    assert "model.json" in capsys.readouterr().err


def test_a_shipped_config_with_a_typing_error_names_the_nearest(capsys):
    words = ["--data", DATA, "--set", "model.imge_size=64"]
    assert main(["train", "mask_rcnn/small", *words]) == 2
    assert "image_size" in capsys.readouterr().err


@pytest.mark.slow
def test_export_runs(run, tmp_path):
    assert main(["export", str(run / "final"), str(tmp_path / "served" / "1")]) == 0
    assert (tmp_path / "served" / "1" / "saved_model.pb").is_file()
    assert main(["export", str(run / "final"), str(tmp_path / "served" / "1")]) == 1


@pytest.mark.slow
def test_ctrl_c_in_a_real_training(tmp_path):
    config = write_config(tmp_path, 1000)
    command = [sys.executable, "-m", "tfseg.cli.main", "train", str(config), "--data", DATA]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    for line in process.stdout:
        if line.startswith("epoch 2/"):
            process.send_signal(signal.SIGINT)
            break
    output, error = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "Traceback" not in error
    assert "--run-dir runs/tiny --resume" in error
