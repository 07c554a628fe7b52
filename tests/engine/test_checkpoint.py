import json
import os

import keras
import numpy as np
import pytest
from toy_estimator import ToyEstimator

from tfseg.engine import checkpoint
from tfseg.engine.checkpoint import RunState
from tfseg.errors import WeightsError


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    return ToyEstimator(classes=["a"]).save(tmp_path_factory.mktemp("m") / "model")


@pytest.mark.both_backends
def test_a_state_comes_back_with_every_kind_of_number(tmp_path):
    variables = [
        keras.Variable(np.arange(3, dtype="float32"), name="a"),
        keras.Variable(np.array([1, 2**31 + 5], "uint32"), dtype="uint32", name="seed"),
        keras.Variable(np.array(7), dtype="int32", name="count"),
        keras.Variable(np.array([0.5, 1.5]), dtype="bfloat16", name="half"),
    ]
    state = RunState(3, [{"epoch": 1, "loss": float("nan")}], 0.5, 2, True, {"steps": 4})
    checkpoint.write_state(tmp_path / "s.npz", state, {"network": variables, "optimizer": []})
    again, groups = checkpoint.read_state(tmp_path / "s.npz")
    assert (again.epoch, again.best, again.best_epoch, again.stopped) == (3, 0.5, 2, True)
    assert np.isnan(again.history[0]["loss"]) and again.facts == {"steps": 4}
    for variable, value in zip(variables, groups["network"], strict=True):
        assert str(value.dtype) == variable.dtype
        np.testing.assert_array_equal(value, keras.ops.convert_to_numpy(variable.value))
    with pytest.raises(WeightsError, match="has 4 variables that do not fit the 2"):
        checkpoint.restore(variables[:2], groups["network"], "s.npz")


def test_a_folder_left_between_two_renames_is_found_again(saved, tmp_path):
    model = ToyEstimator.load(saved)
    folder = model.save(tmp_path / "model")
    os.rename(folder, tmp_path / ".model.previous")
    assert ToyEstimator.load(folder).config == model.config


def test_saving_over_something_else_is_refused(saved, tmp_path):
    model = ToyEstimator.load(saved)
    (tmp_path / "photo.jpg").write_text("x")
    with pytest.raises(WeightsError, match="holds something else"):
        model.save(tmp_path)
    with pytest.raises(WeightsError, match="expected a folder, got a file"):
        model.save(tmp_path / "photo.jpg")
    with pytest.raises(WeightsError, match="ends in .weights.h5"):
        model.save_weights(tmp_path / "weights")


def change(saved, tmp_path, **changes):
    model = ToyEstimator.load(saved)
    folder = model.save(tmp_path / "changed")
    content = json.loads((folder / "model.json").read_text())
    del content["checksums"]  # as an older tfseg wrote it
    content.update(changes)
    (folder / "model.json").write_text(json.dumps(content))
    return folder


@pytest.mark.parametrize(
    "changes, word",
    [
        ({"format_version": 99}, "Upgrade tfseg"),
        ({"versions": {"tfseg": "7.0.1"}}, r"saved by tfseg 7\.0\.1.*Upgrade"),
        ({"system": "portrait"}, r"a 'portrait' model, not 'toy'.*tfseg\.load"),
        ({"config": {"classes": ["a"], "widht": 1}}, "settings are not valid.*widht"),
        ({"config": None}, "settings are not valid"),
        ({"format_version": "x"}, "damaged"),
    ],
)
def test_models_of_other_versions_and_kinds(saved, tmp_path, changes, word):
    with pytest.raises(WeightsError, match=word):
        ToyEstimator.load(change(saved, tmp_path, **changes))


def test_folders_that_are_no_model(saved, tmp_path):
    content = json.loads((saved / "model.json").read_text())
    assert content["class_names"] == ["a"] and content["versions"]["keras"] == keras.__version__
    for make, word in (
        (lambda f: None, "does not exist"),
        (lambda f: f.write_text(""), "is a file"),
        (lambda f: (f.unlink(), f.mkdir()), "no saved model here, but nothing"),
        (lambda f: (f / "saved_model.pb").write_text(""), "exported SavedModel"),
        (lambda f: (f / "model.json").write_text("{"), "damaged"),
    ):
        make(tmp_path / "m")
        with pytest.raises(WeightsError, match=word):
            ToyEstimator.load(tmp_path / "m")
    folder = ToyEstimator.load(saved).save(tmp_path / "n")
    (folder / "model.weights.h5").unlink()
    with pytest.raises(WeightsError, match=r"model\.weights\.h5: does not exist"):
        ToyEstimator.load(folder)
