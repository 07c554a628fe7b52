"""`tfseg convert`: from a file of another program to a model that loads, or a clear refusal."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "convert"))
from foreign_files import matterport_shapes, torchvision_shapes, write_keras2, write_matterport

import tfseg
from tfseg.cli import quiet
from tfseg.cli.main import main
from tfseg.errors import NotFittedError

SMALL = ["--set", "image_size=64"]


@pytest.fixture(autouse=True)
def quietly(monkeypatch, tmp_path):
    monkeypatch.setattr(quiet, "silence", lambda debug=False: None)
    monkeypatch.chdir(tmp_path)


def test_a_model_of_a_matterport_file(tmp_path, capsys):
    write_matterport("shapes.h5", matterport_shapes(classes=4))
    assert main(["convert", "shapes.h5", "--to", "model", *SMALL]) == 0
    out = capsys.readouterr().out
    assert "shapes.h5: matterport/Mask_RCNN, resnet50, 4 classes with the background" in out
    assert "133 layers loaded, 0 skipped, 0 missing, 0 unused" in out and "wrote model" in out
    model = tfseg.load("model")
    assert model.class_names == ("class_1", "class_2", "class_3") and model.fitted
    config = model.config
    assert (config.origin, config.backbone, config.image_size) == ("matterport", "resnet50", 64)
    assert (config.pyramid_channels, config.box_head_channels) == (16, 32)
    # What is there stays, unless it is meant.
    assert main(["convert", "shapes.h5", "--to", "model", *SMALL]) == 2
    assert "model exists" in capsys.readouterr().err
    names = ["--classes", "suit", "dress"]
    assert main(["convert", "shapes.h5", "--to", "start.h5", *names, *SMALL]) == 2
    assert "--skip-mismatch" in capsys.readouterr().err and not Path("start.h5").exists()


@pytest.mark.slow
def test_other_classes_make_a_start_for_training(capsys):
    write_matterport("coco.h5", matterport_shapes(classes=81))
    words = ["--classes", "suit", "dress", *SMALL, "--skip-mismatch"]
    assert main(["convert", "coco.h5", "--to", "start.h5", *words]) == 0
    out = capsys.readouterr().out
    assert "skipped mrcnn_mask: " in out and "train before you predict" in out
    assert Path("start.h5").is_file()


@pytest.mark.slow
def test_a_body_makes_a_model_that_has_to_be_trained(capsys):
    body = {
        name: variables
        for name, variables in matterport_shapes().items()
        if name == "conv1" or name.startswith(("bn_conv1", "res", "bn"))
    }
    write_keras2("resnet50.h5", body)
    assert main(["convert", "resnet50.h5", "--to", "model"]) == 2
    assert "--classes" in capsys.readouterr().err
    small = [*SMALL, "--set", "model.pyramid_channels=8", "--set", "box_head_channels=8"]
    words = ["convert", "resnet50.h5", "--to", "model", "--classes", "a", *small]
    assert main(words) == 0
    out = capsys.readouterr().out
    assert "106 layers loaded" in out and "missing fpn_p2" in out and "train the model" in out
    model = tfseg.load("model")
    with pytest.raises(NotFittedError):
        model.predict([np.zeros((9, 9, 3), np.uint8)])


def test_a_tflite_file_makes_a_start_for_the_system_that_is_named(repo_root, capsys):
    pytest.importorskip("ai_edge_litert")
    file = repo_root / "savedmodels" / "portrait" / "float16.tflite"
    assert main(["convert", str(file), "--to", "start", "--system", "portrait"]) == 0
    out = capsys.readouterr().out
    assert "102 layers loaded, 0 skipped, 75 missing" in out and "train the model" in out
    model = tfseg.load("start")
    assert model.system == "portrait" and model.class_names == ("person",) and not model.fitted


def test_what_cannot_be_converted(capsys):
    write_matterport("deep.h5", matterport_shapes("resnet101", classes=81))
    Path("text.h5").write_text("hello")
    words = ["--to", "model", *SMALL]
    for source, more, said in (
        ("nowhere.h5", [], "no such file"),
        ("text.h5", [], "read too: matterport"),
        ("deep.h5", ["--backbone", "resnet50"], "backbone='resnet101'"),
        ("deep.h5", ["--origin", "torchvision"], "origin='matterport'"),
        ("deep.h5", ["--set", "image_sise=64"], "image_size"),
        ("deep.h5", ["--system", "portrait"], "weights of a whole mask_rcnn model"),
    ):
        assert main(["convert", source, *words, *more]) == 2
        error = capsys.readouterr().err
        assert said in error and "Traceback" not in error
    assert sorted(p.name for p in Path().iterdir()) == ["deep.h5", "text.h5"]


def test_names_of_a_coco_file_come_by_themselves():
    from tfseg.convert import source

    write_matterport("coco.h5", matterport_shapes(classes=81))
    found = source.describe("coco.h5")
    assert found.class_names[:2] == ("person", "bicycle") and len(found.class_names) == 80
    assert found.usual == {"image_size": 1024, "image_min_size": 800}
    assert len(torchvision_shapes()) == 307
