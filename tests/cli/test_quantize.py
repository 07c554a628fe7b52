"""`tfseg quantize`: its words reach the pipeline, and other systems are refused first."""

from types import SimpleNamespace

import pytest

from tfseg import models
from tfseg.cli.main import main
from tfseg.config.train import TrainConfig
from tfseg.export.phone import pipeline
from tfseg.export.phone.training import FineTuning
from tfseg.models.mask_rcnn import MaskRCNN


@pytest.fixture
def asked(pretend, monkeypatch, tmp_path):
    """The pretended data, a portrait model that only tells its name, and what was asked of it."""
    found = {"set": {}}

    def quantize(model, train, val, directory, **options):
        found.update(train=train.split, val=val and val.split, directory=directory, **options)
        (tmp_path / directory).mkdir()
        (tmp_path / directory / "comparison.md").write_text("# The files side by side")

    model = SimpleNamespace(
        system="portrait",
        phone_part="tfseg.export.graphs.portrait_phone",
        class_names=("suit", "dress"),
        config=SimpleNamespace(train=TrainConfig()),
        set_params=lambda **params: found["set"].update(params),
    )
    monkeypatch.setattr(models, "load", lambda directory: model)
    monkeypatch.setattr(pipeline, "quantize", quantize)
    found["model"] = model
    return found


def test_the_words_reach_the_pipeline(asked, capsys):
    words = ["quantize", "model", "--data", "photos", "--out", "phone", "--epochs", "2"]
    words += ["--steps", "5", "--learning-rate", "0.001", "--image-size", "256", "192"]
    words += ["--batch-size", "4", "--limit", "7", "--license", "MIT", "--resume"]
    words += ["--kernel-limit", "127"]
    assert main(words) == 0
    assert asked["plan"] == FineTuning(2, 5, 0.001, 127)
    assert (asked["train"], asked["val"], asked["directory"]) == ("train", "val", "phone")
    assert (asked["image_size"], asked["limit"], asked["license"]) == ((256, 192), 7, "MIT")
    assert (asked["resume"], asked["overwrite"]) == (True, False)
    assert asked["set"] == {"train__batch_size": 4}
    assert "side by side" in capsys.readouterr().out


def test_without_words_the_models_own_settings_hold(asked):
    assert main(["quantize", "model", "--data", "photos", "--out", "p", "--val-split", "none"]) == 0
    assert (asked["image_size"], asked["val"], asked["set"]) == (None, None, {})
    assert asked["plan"] == FineTuning()


def test_a_mask_rcnn_is_refused_before_its_data_is_read(asked, pretend, capsys):
    asked["model"].system, asked["model"].phone_part = "mask_rcnn", ""
    asked["model"].no_phone_part = MaskRCNN.no_phone_part
    assert main(["quantize", "model", "--data", "photos", "--out", "p"]) == 1
    assert "proposals" in capsys.readouterr().err
    assert pretend.opened == []


def test_a_taken_folder_is_found_before_the_data_is_read(asked, pretend, capsys, tmp_path):
    (tmp_path / "kept.txt").write_text("mine")
    words = ["quantize", "model", "--data", "photos", "--out", str(tmp_path)]
    assert main(words) == 1
    assert "the folder is not empty" in capsys.readouterr().err and pretend.opened == []


def test_wrong_numbers_are_wrong_use(asked, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["quantize", "model", "--data", "photos", "--out", "p", "--epochs", "-1"])
    assert stop.value.code == 2
    words = ["quantize", "model", "--data", "photos", "--out", "p", "--learning-rate", "3"]
    assert main(words) == 2
    assert "learning_rate" in capsys.readouterr().err
