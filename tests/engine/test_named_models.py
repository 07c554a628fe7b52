"""Finding a saved model by its folder or its name."""

import subprocess
import sys

import numpy as np
import pytest
from toy_estimator import ToyEstimator

import tfseg
from tfseg import models
from tfseg.engine import named_models
from tfseg.errors import WeightsError


@pytest.fixture
def collections(tmp_path, monkeypatch):
    """The user's models "mine" and "both", and "both" and "toy" that come with the package."""
    own, ours = tmp_path / "own", tmp_path / "savedmodels"
    for folder, seed in (
        (own / "mine", 1),
        (own / "both", 2),
        (ours / "both", 3),
        (ours / "toy", 4),
    ):
        model = ToyEstimator(classes=["a"], train={"seed": seed})
        model.fitted = True
        model.save(folder, half=folder.name == "toy")
    (ours / "notes").mkdir()
    monkeypatch.setenv("TFSEG_MODELS", str(own))
    monkeypatch.setattr(named_models, "shipped_folders", lambda: [ours])
    monkeypatch.setattr(models, "system", lambda name: ToyEstimator)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path


def test_by_name_by_folder_and_in_which_order(collections, monkeypatch):
    assert list(named_models.known_models()) == ["both", "mine", "toy"]
    for name, seed in (("mine", 1), ("both", 2), ("toy", 4), (collections / "own" / "mine", 1)):
        assert models.load(name).config.train.seed == seed
        assert ToyEstimator.from_pretrained(name).config.train.seed == seed
    ToyEstimator(classes=["a"], train={"seed": 7}).save("toy")
    assert models.load("toy").config.train.seed == 7  # a folder outranks a name
    monkeypatch.delenv("TFSEG_MODELS")
    assert models.load("both").config.train.seed == 3
    with pytest.raises(
        WeightsError, match=r"mine: does not exist.*there are: both, toy\. .*not set"
    ):
        models.load("mine")


def test_half_precision_of_a_saved_model(collections):
    toy = models.load("toy")
    fresh = ToyEstimator(classes=["a"], train={"seed": 4})
    for ours, theirs in zip(fresh.keras_model.weights, toy.keras_model.weights, strict=True):
        rounded = np.asarray(ours.value).astype(np.float16).astype(np.float32)
        np.testing.assert_array_equal(np.asarray(theirs.value), rounded)


def test_an_unknown_name_lists_what_is_known(collections):
    with pytest.raises(
        WeightsError, match="portrate: does not exist.*By name there are: both, mine"
    ):
        models.load("portrate")
    with pytest.raises(WeightsError, match="Did you mean 'both'"):
        ToyEstimator.from_pretrained("botth")
    (collections / "work" / "photo.jpg").touch()
    with pytest.raises(WeightsError, match=r"photo\.jpg: is a file"):
        models.load("photo.jpg")
    with pytest.raises(WeightsError, match="notes: does not exist"):  # a folder without a model
        models.load("notes")


def test_the_checkout_and_the_package_are_looked_into(tmp_path, monkeypatch):
    package = tmp_path / "site" / "tfseg"
    (package / "engine").mkdir(parents=True)
    monkeypatch.setattr(named_models, "__file__", str(package / "engine" / "named_models.py"))
    assert named_models.shipped_folders() == []
    (tmp_path / "site" / "savedmodels").mkdir()
    (package / "savedmodels").mkdir()
    assert named_models.shipped_folders() == [
        package / "savedmodels",
        tmp_path / "site" / "savedmodels",
    ]


def test_the_built_package_holds_what_loading_needs(repo_root, tmp_path):
    checkout = tmp_path / "checkout"
    for name in ("tfseg/__init__.py", "README.md", "setup.py"):
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / name).write_bytes((repo_root / name).read_bytes())
    kept = ("model.json", "model.weights.h5", "labels.txt", "model_card.md")
    for name in (*kept, "int8.tflite", "serving/1/saved_model.pb", "serving/1/labels.txt"):
        (checkout / "savedmodels" / "toy" / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / "savedmodels" / "toy" / name).write_text(name)
    (checkout / "configs" / "toy").mkdir(parents=True)
    (checkout / "configs" / "toy" / "a.yaml").write_text("")
    command = [sys.executable, "setup.py", "-q", "build_py", "--build-lib", str(tmp_path / "built")]
    subprocess.run(command, cwd=checkout, check=True, capture_output=True)
    built = tmp_path / "built" / "tfseg"
    files = {p.relative_to(built).as_posix() for p in built.rglob("*") if p.is_file()}
    assert files == {
        "__init__.py",
        "configs/toy/a.yaml",
        *(f"savedmodels/toy/{name}" for name in kept),
    }


def test_weights_are_loaded_by_name():
    model = tfseg.PortraitSegmenter(preset="light", image_size=(64, 64))
    report = model.load_weights("portrait")
    assert model.fitted and not report.missing and "savedmodels" in report.source
    with pytest.raises(WeightsError, match="portait: does not exist"):
        model.load_weights("portait")
