"""A dataset of several parts, named in an experiment file."""

import argparse

import numpy as np
import pytest
from PIL import Image

from tfseg.cli import datasets
from tfseg.cli.main import main
from tfseg.structures.semantic import class_map

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


def test_what_a_file_says_itself_outlives_a_drawn_recipe_that_it_extends(pretend, tmp_path):
    drawn = "system: mask_rcnn\ndata: {path: synthetic, length: 8, classes: [suit]}\n"
    (tmp_path / "drawn.yaml").write_text(drawn)
    own = tmp_path / "own.yaml"
    own.write_text("extends: drawn.yaml\ndata: {classes: [dress]}\n")
    assert main(["train", str(own), "--data", "photos", "--val-split", "none"]) == 0
    assert pretend.opened == [("photos", "train", {"classes": ["dress"]})]
    pretend.opened.clear()
    words = ["train", str(tmp_path / "drawn.yaml"), "--data", "photos", "--run-dir", "other"]
    assert main([*words, "--val-split", "none"]) == 0
    assert pretend.opened == [("photos", "train", {})]


def test_a_fraction_is_refused(pretend, config_file, capsys):
    assert main(["train", config_file, "--data", "photos", "--val-fraction", "0.2"]) == 2
    assert "name data.val_parts" in capsys.readouterr().err


def test_networks_of_whole_maps_read_voc_with_its_void_pixels(tmp_path):
    objects = np.zeros((20, 30), np.uint8)
    objects[5:15, 5:15] = 1
    rim = np.where(np.pad(objects, 2)[4:, 2:-2] | np.pad(objects, 2)[:-4, 2:-2], 255, 0)
    for name, value in (("Object", np.where(objects, objects, rim)), ("Class", 15 * objects)):
        image = np.where(objects == 1, value, rim).astype(np.uint8)
        (tmp_path / f"Segmentation{name}").mkdir()
        Image.fromarray(image).save(tmp_path / f"Segmentation{name}" / "a.png")
    (tmp_path / "JPEGImages").mkdir()
    Image.fromarray(np.full((20, 30, 3), 90, np.uint8)).save(tmp_path / "JPEGImages" / "a.jpg")
    lists = tmp_path / "ImageSets" / "Segmentation"
    lists.mkdir(parents=True)
    (lists / "val.txt").write_text("a\n")
    words = argparse.Namespace(data=str(tmp_path), format=None, set=[])

    def read(**options):
        return datasets.open_split(words, {}, "val", None, classes=("person",), **options)[0]

    expected = np.where(objects == 1, 1, rim)
    np.testing.assert_array_equal(class_map(read(whole_maps=True)), expected)
    np.testing.assert_array_equal(class_map(read()), objects)
    words.format = "voc"
    np.testing.assert_array_equal(class_map(read(whole_maps=True)), objects)
