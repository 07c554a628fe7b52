"""A data set of several parts, named in an experiment file."""

import pytest

from tfseg.cli.main import main

PARTS = [{"path": "a", "repeat": 2}, {"path": "b"}]


@pytest.fixture
def config_file(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(
        "system: mask_rcnn\n"
        "data:\n"
        "  parts:\n"
        "    - {path: a, repeat: 2}\n"
        "    - {path: b}\n"
        "  val_parts: {path: a}\n"
    )
    return str(path)


def test_training_and_validation(pretend, config_file):
    options = {"parts": PARTS, "val_parts": {"path": "a"}}
    assert main(["train", config_file, "--data", "photos"]) == 0
    assert pretend.opened == [("photos", "train", options), ("photos", "val", options)]
    pretend.opened.clear()
    words = ["--set", "data.parts.1.path=c", "--set", "data.path=there", "--run-dir", "again"]
    assert main(["train", config_file, *words]) == 0
    changed = {**options, "parts": [PARTS[0], {"path": "c"}]}
    assert pretend.opened == [("there", "train", changed), ("there", "val", changed)]


def test_parts_may_say_all_there_is_to_say(pretend, config_file):
    assert main(["evaluate", "model", "--config", config_file]) == 0
    assert [place[:2] for place in pretend.opened] == [("", "val")]
    assert pretend.opened[0][2]["classes"] == ("suit", "dress")


def test_a_fraction_is_refused(pretend, config_file, capsys):
    assert main(["train", config_file, "--data", "photos", "--val-fraction", "0.2"]) == 2
    assert "name data.val_parts" in capsys.readouterr().err
