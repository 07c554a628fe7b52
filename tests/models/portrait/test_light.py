"""Portraits cut out by LiteRT: what TensorFlow gives, without loading it."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys

import numpy as np
import pytest

import tfseg
from tfseg.data import SyntheticPeople
from tfseg.errors import ConfigError, DataError, ExportError
from tfseg.visualize import save_png

pytest.importorskip("ai_edge_litert")

# Ends the process with 3 where Keras or its backend was imported, even if only for a moment.
PROGRAM = """
import sys
sys.argv[0] = "tfseg"
from tfseg.cli.main import main
code = main(sys.argv[1:])
heavy = {"tensorflow", "keras", "jax"} & set(sys.modules)
print("heavy:", *heavy)
sys.exit(3 if heavy else code)
"""


@pytest.fixture(scope="module")
def people():
    """Drawn people, two an image."""
    return SyntheticPeople(2, size=200, seed=5, people=(2, 2))


@pytest.fixture(scope="module")
def light():
    return tfseg.load("portrait", engine="litert")


def command(*words):
    words = [sys.executable, "-c", PROGRAM, "predict", "portrait", *map(str, words)]
    return subprocess.run(words, capture_output=True, text=True)


@pytest.mark.parametrize(
    "words",
    [
        ["--background", "blur"],
        ["--alpha", "--engine", "litert"],
        ["--instances", "--boxes", "boxes.json"],
    ],
    ids=lambda words: words[0] + words[1],
)
def test_a_folder_of_photographs_needs_neither_keras_nor_tensorflow(
    people, tmp_path, words, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    boxes = {}
    for index, sample in enumerate(people):
        save_png(tmp_path / "photos" / f"{index}.png", sample.image[:, : 150 + 50 * index])
        boxes[f"{index}.png"] = [[0, 0, 200, 75], [0, 75, 200, 150]]
    (tmp_path / "photos" / "damaged.jpg").write_bytes(b"\xff\xd8 no more of it")
    (tmp_path / "boxes.json").write_text(json.dumps({**boxes, "damaged.jpg": []}))
    done = command("photos", "--out", "out", *words)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "damaged.jpg" in done.stderr and "1 of 3 images failed" in done.stderr
    assert "XNNPACK" not in done.stderr and len(list((tmp_path / "out").iterdir())) >= 2


def test_its_answers_are_those_of_tensorflow_to_a_grey_value(people, light):
    pytest.importorskip("tensorflow")
    network = tfseg.load("portrait")
    for sample, (height, width) in zip(people, [(200, 110), (90, 200)]):
        image = np.ascontiguousarray(sample.image[:height, :width])
        boxes = [(0, 0, height, width // 2), (0, width // 2, height, width)]
        for options in ({}, {"boxes": boxes}):
            (here,), (there,) = (m.predict(image, **options) for m in (light, network))
            apart = here.label_maps["alpha"].astype(int) - there.label_maps["alpha"]
            assert np.abs(apart).max() <= 1 and len(here) == len(there)
            np.testing.assert_allclose(here.boxes, there.boxes, atol=1)
    reports = [m.evaluate(people) for m in (light, network)]
    assert reports[0]["person_iou"] == pytest.approx(reports[1]["person_iou"], abs=0.002)


def test_it_is_called_as_the_network_is(people, light):
    image = people[0].image
    (one,) = light.predict(image)
    again = pickle.loads(pickle.dumps(light)).predict([image, image[:50]], batch_size=2)
    np.testing.assert_array_equal(again[0].label_maps["alpha"], one.label_maps["alpha"])
    with pytest.raises(ConfigError, match="batch_size"):
        light.predict(image, batch_size=0)
    with pytest.raises(DataError, match="no such file"):
        light.predict("nowhere.jpg")
    with pytest.raises(AttributeError, match="engine='litert'"):
        light.fit(people)
    for engine in ("tflite", None):
        with pytest.raises(ConfigError, match="litert"):
            tfseg.load("portrait", engine=engine)


def test_new_weights_in_the_folder_are_not_answered_by_the_old_file(repo_root, tmp_path):
    shipped = repo_root / "savedmodels" / "portrait"
    for name in ("model.json", "model.weights.h5", "light.tflite", "litert.json"):
        (tmp_path / name).write_bytes((shipped / name).read_bytes())
    assert tfseg.load(tmp_path, engine="litert").class_names == ("person",)
    with open(tmp_path / "model.weights.h5", "r+b") as file:
        file.seek(5000)
        file.write(b"other")
    with pytest.raises(ExportError, match=r"model\.weights\.h5"):
        tfseg.load(tmp_path, engine="litert")
