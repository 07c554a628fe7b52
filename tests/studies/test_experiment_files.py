"""What an experiment file changes, and what is not handed down to files that extend it."""

from __future__ import annotations

import pytest

from tfseg.config import load_config
from tfseg.errors import ConfigError
from tfseg.studies.experiment_files import change_text, changes, read_all, read_experiment

BASE = """system: mask_rcnn
description: the base
command: tfseg train base.yaml
hardware: a computer
expected: nothing
source: a paper
paper: {table: "1", reported: {total_loss: 5}, says: good}
model: {image_size: 512, backbone: resnet50}
train: {learning_rate: 0.1, stages: [{epochs: 2, layers: heads}]}
"""
CHILD = """extends: base.yaml
model: {image_size: 256, backbone: resnet50, rpn_bbox_loss: l2}
train: {stages: [{epochs: 2, layers: heads}, {epochs: 3, learning_rate: 1e-3}]}
data: {classes: [suit]}
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "base.yaml").write_text(BASE)
    (tmp_path / "child.yaml").write_text(CHILD)
    return tmp_path


def test_differences_are_computed_from_both_files(folder):
    child = read_experiment(folder / "child.yaml")
    assert (child.name, child.parent) == ("child", "base")
    assert child.differs == {
        "model.image_size": (512, 256),
        "model.rpn_bbox_loss": (None, "l2"),
        "train.stages": (
            [{"epochs": 2, "layers": "heads"}],
            [{"epochs": 2, "layers": "heads"}, {"epochs": 3, "learning_rate": 0.001}],
        ),
        "data.classes": (None, ["suit"]),
    }
    assert child.change == (
        "image_size: 256; rpn_bbox_loss: l2; stages: 2 epochs of heads, 3 of all at 0.001; "
        "classes: suit"
    )


def test_a_file_that_extends_nothing_differs_from_nothing(folder):
    base = read_experiment(folder / "base.yaml")
    assert (base.parent, base.differs, base.change) == (None, {}, "")
    assert base.paper.reported == {"total_loss": 5.0} and base.paper.table == "1"


def test_what_is_said_of_one_file_is_not_said_of_the_next(folder):
    loaded = load_config(folder / "child.yaml")
    for name in ("description", "command", "hardware", "expected", "source"):
        assert name not in loaded
    assert loaded["paper"] == {} and loaded["system"] == "mask_rcnn"
    assert loaded["train"]["learning_rate"] == 0.1
    assert loaded.extends == folder / "base.yaml"


def test_overrides_change_the_settings_and_not_the_difference(folder):
    child = read_experiment(folder / "child.yaml", ["model.image_size=64", "train.seed=3"])
    assert child.loaded["model"]["image_size"] == 64 and child.loaded["train"]["seed"] == 3
    assert child.differs["model.image_size"] == (512, 256)
    assert "train.seed" not in child.differs


def test_a_setting_that_is_gone_is_a_difference():
    before, after = {"model": {"a": 1, "b": 2}}, {"model": {"a": 1}, "data": {"c": 0}}
    assert changes(before, after) == {"data.c": (None, 0), "model.b": (2, None)}


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("model.dropout", ["identity", "conv"], "dropout: identity, conv"),
        ("model.rpn_nms_threshold", 0.8, "rpn_nms_threshold: 0.8"),
        ("model.backbone", None, "backbone: as by default"),
        ("train.stages", [{"epochs": 40, "layers": "heads"}, {"epochs": 20}], "stages: 40 epochs"),
    ],
)
def test_changes_in_words(name, value, words):
    assert change_text(name, value).startswith(words)


def test_names_are_unique_and_there_is_one(folder):
    (folder / "more").mkdir()
    (folder / "more" / "base.yaml").write_text(BASE)
    with pytest.raises(ConfigError, match="two experiments are called 'base'.*more"):
        read_all([folder / "base.yaml", folder / "more" / "base.yaml"])
    with pytest.raises(ConfigError, match="at least one experiment"):
        read_all([])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{tabel: '3'}", ["line 1", "paper.tabel", "'table'"]),
        ("{reported: {total_loss: low}}", ["paper.reported", "a number"]),
        ("{table: 3}", ["paper.table", "a text"]),
        ("good", ["paper", "settings by name"]),
    ],
)
def test_a_wrong_report_of_the_paper_is_named(tmp_path, text, words):
    (tmp_path / "a.yaml").write_text(f"paper: {text}\n")
    with pytest.raises(ConfigError) as error:
        read_experiment(tmp_path / "a.yaml")
    for word in words:
        assert word in str(error.value)
