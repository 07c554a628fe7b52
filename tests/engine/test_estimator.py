import inspect
import math
import pickle
import pydoc
import re
import threading

import keras
import numpy as np
import pytest
from PIL import Image
from toy_estimator import Squares, ToyConfig, ToyEstimator

from tfseg import models
from tfseg.config import TrainConfig
from tfseg.data.dataset import ListDataset
from tfseg.errors import ConfigError, DataError, NotFittedError, WeightsError
from tfseg.structures import Sample


@pytest.fixture(scope="module")
def model():
    made = ToyEstimator(classes=["square", "other"])
    made.fitted = True
    return made


# ---------------------------------------------------------------------- settings


def test_settings_are_checked_at_once_and_the_network_is_built_late():
    with pytest.raises(ConfigError, match="'clases'.*|clases.*Did you mean 'classes'"):
        ToyEstimator(clases=["a"])
    with pytest.raises(ConfigError, match="width: expected at least 1"):
        ToyEstimator(classes=["a"], width=0)
    with pytest.raises(ConfigError, match="expects ToyConfig, got TrainConfig"):
        ToyEstimator(TrainConfig())
    made = ToyEstimator(ToyConfig(classes=("a",)), width=3)
    assert made._network is None and made.config.width == 3
    assert ToyEstimator({"classes": ["a"]}, width=3).config == made.config
    assert repr(made) == "ToyEstimator(classes=('a',), width=3)"
    assert made.keras_model is made.keras_model
    nested = made.set_params(train__seed=3, train__stages=[{"epochs": 5}], classes=["a"])
    inside = re.search(r"train=TrainConfig\((.*)\)\)$", repr(nested))[1]
    assert "stages=(Stage(epochs=5),)" in inside and "seed=3" in inside
    assert "momentum" not in inside


def test_the_constructor_shows_its_settings():
    shown = inspect.signature(ToyEstimator).parameters
    assert list(shown) == ["config", *ToyConfig.setting_names()]
    assert shown["width"].default == 8 and shown["width"].annotation is int
    assert shown["train"].default == ToyConfig(classes=("a",)).train
    assert "width: int = 8" in pydoc.render_doc(ToyEstimator, renderer=pydoc.plaintext)

    class Named(ToyEstimator):
        def __init__(self, name, width=2):
            super().__init__(classes=[name], width=width)

    assert str(inspect.signature(Named)) == "(name, width=2)"


def test_params_reach_inside():
    made = ToyEstimator(classes=["a"])
    params = made.get_params()
    assert params["train__batch_size"] == 4 and params["train"] is made.config.train
    assert "train__batch_size" not in made.get_params(deep=False)
    assert made.set_params(train__batch_size=2, min_score=0.5) is made
    assert made.config.train.batch_size == 2 and made.config.min_score == 0.5
    made.set_params(train={"batch_size": 3, "stages": [{"epochs": 1}]}, train__seed=9)
    assert made.config.train.batch_size == 3 and made.config.train.seed == 9
    for params, word in (
        ({"widht": 1}, "Did you mean 'width'"),
        ({"train__batch_sise": 1}, "'batch_size'"),
        ({"width__x": 1}, "nothing inside"),
        ({"train__seed": "x"}, "seed.*an integer"),
    ):
        with pytest.raises(ConfigError, match=word):
            made.set_params(**params)


def test_changing_settings_keeps_weights_or_refuses(model):
    made = ToyEstimator(classes=["a", "b"])
    before = [v.numpy() if hasattr(v, "numpy") else np.asarray(v) for v in made.keras_model.weights]
    network = made.keras_model
    made.set_params(train__learning_rate=0.5)
    assert made.keras_model is network
    made.set_params(min_score=0.25)
    assert made.keras_model is not network
    for old, new in zip(before, made.keras_model.weights):
        np.testing.assert_array_equal(old, keras.ops.convert_to_numpy(new))
    with pytest.raises(ConfigError, match="would need other weights.*clone"):
        made.set_params(width=9)
    assert made.config.width == 8 and made.config.min_score == 0.25
    made.set_params(width=8)


def test_building_is_reproducible_and_leaves_the_callers_random_state_alone():
    np.random.seed(3)
    expected = np.random.RandomState(3).rand(2)
    first = ToyEstimator(classes=["a"])
    weights = [keras.ops.convert_to_numpy(v) for v in first.keras_model.weights]
    np.testing.assert_array_equal(np.random.rand(2), expected)
    again = ToyEstimator(classes=["a"]).keras_model.weights
    other = ToyEstimator(classes=["a"], train=TrainConfig(seed=1))
    for ours, theirs in zip(weights, again):
        np.testing.assert_array_equal(ours, keras.ops.convert_to_numpy(theirs))
    assert np.abs(weights[0] - keras.ops.convert_to_numpy(other.keras_model.weights[0])).max() > 0


# ---------------------------------------------------------------------- predict


@pytest.mark.both_backends
def test_batches_are_filled_so_that_one_trace_serves_all(model):
    images = [
        Squares(size=size)[i].image for i, size in enumerate([(40, 32), (90, 17), (20, 60)] * 2)
    ]
    singly = model.predict(images[:5])
    seen = []
    run, model._run = model._run, lambda inputs: seen.append(inputs["image"].shape) or run(inputs)
    try:
        together = model.predict(images[:5], batch_size=2)
    finally:
        del model._run
    assert seen == [(2, 32, 32, 3)] * 3
    for a, b in zip(singly, together, strict=True):
        np.testing.assert_allclose(a.boxes, b.boxes, atol=1e-3)
        assert a.size == b.size


def test_exif_orientation_is_honoured(model, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(Squares()[0].image).save(tmp_path / "a.jpg", exif=exif)
    assert model.predict(tmp_path / "a.jpg")[0].size == (32, 40)


def test_threshold_progress_and_threads(model):
    image = Squares()[0].image
    score = float(model.predict(image)[0].scores[0])
    assert len(model.predict(image, score_threshold=score + 0.01)[0]) == 0
    seen = []
    model.predict([image] * 3, progress=lambda done, of: seen.append((done, of)))
    assert seen == [(1, 3), (2, 3), (3, 3)]
    fresh = ToyEstimator(classes=["square"])
    fresh.fitted = True
    found = [None] * 4

    def work(index):
        found[index] = fresh.predict(image)[0].scores[0]

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    [t.start() for t in threads], [t.join() for t in threads]
    assert len(set(map(float, found))) == 1


# ---------------------------------------------------------------------- evaluate


def test_evaluate_and_score(model, caplog):
    report = model.evaluate(Squares(6), limit=4)
    assert report.details["images"] == 4 and report.details["pictures_in_dataset"] == 6
    assert not caplog.records
    empty = ListDataset([Sample(Squares()[0].image)], ["square"])
    assert math.isnan(model.score(empty)) and "no annotated objects" in caplog.text
    assert model.score(Squares(4)) == pytest.approx(report["segm/AP"], nan_ok=True)


def test_classes_are_matched_by_name(model):
    class Echo(ToyEstimator):
        """Finds exactly the truth, by its class names."""

        def _predict_items(self, items, batch_size, score_threshold):
            for item in items:
                prediction = model.predict(item.image)[0][[]]
                ids, masks = item.sample.class_ids, item.sample.masks
                yield (
                    item,
                    type(prediction).from_masks(
                        masks,
                        boxes=item.sample.boxes,
                        class_ids=ids,
                        scores=np.ones(len(ids)),
                        class_names=self.class_names,
                        image_id=item.image_id,
                    ),
                )

    swapped, known = Squares(4, ("other", "square")), []
    echo = Echo(classes=["square", "other"])
    for sample, _ in echo._predict_dataset(swapped):
        known.append(echo.class_names[sample.class_ids[0] - 1])
    assert known == [swapped.class_names[swapped[i].class_ids[0] - 1] for i in range(4)]
    assert set(echo.evaluate(Squares(2, ("other",))).per_class["segm/AP"]) == {"square", "other"}
    with pytest.raises(DataError, match="does not know: ball.*Model: square, other"):
        model.evaluate(Squares(2, ("ball", "square")))
    with pytest.raises(DataError, match="no images"):
        model.evaluate(Squares(0))
    with pytest.raises(DataError):
        model.evaluate([1, 2])


# ---------------------------------------------------------------------- files


def test_from_pretrained(model, tmp_path, monkeypatch):
    model.save(tmp_path / "toy-squares")
    assert ToyEstimator.from_pretrained(tmp_path / "toy-squares").config == model.config
    monkeypatch.setenv("TFSEG_MODELS", str(tmp_path))
    assert ToyEstimator.from_pretrained("toy-squares").config == model.config
    with pytest.raises(WeightsError, match="toy-square:.*Did you mean 'toy-squares'"):
        ToyEstimator.from_pretrained("toy-square")


def test_a_partly_loaded_model_has_to_be_trained_before_it_predicts(model, tmp_path):
    path = model.save_weights(tmp_path / "two.weights.h5")
    three = ToyEstimator(classes=["a", "b", "c"])
    three.load_weights(path, skip_mismatch=True)
    three.save(tmp_path / "three")
    image = Squares()[0].image
    for made in (three, ToyEstimator.load(tmp_path / "three"), pickle.loads(pickle.dumps(three))):
        with pytest.raises(NotFittedError, match="1 layers .* random numbers.*: scores") as error:
            made.predict(image)
        assert "fit(...)" in str(error.value) and "model.fitted = True" in str(error.value)
        with pytest.raises(NotFittedError, match="random numbers"):
            made.export(tmp_path / "out")
    declared = ToyEstimator.load(tmp_path / "three")
    declared.fitted = True
    assert len(declared.predict(image)) == 1
    declared.save(tmp_path / "declared")
    assert ToyEstimator.load(tmp_path / "declared").random_layers == ()
    # The rest of a model that could predict is no random numbers.
    whole = ToyEstimator(classes=["a", "b", "c"])
    whole.fitted = True
    whole.load_weights(path, skip_mismatch=True)
    assert whole.fitted and whole.random_layers == ()
    # All of another file makes good what the first one left open.
    whole.save_weights(tmp_path / "three.weights.h5")
    three.load_weights(tmp_path / "three.weights.h5")
    assert three.fitted and len(three.predict(image)) == 1


def test_a_reader_of_foreign_files_can_be_plugged_in(model, tmp_path, monkeypatch):
    import sys
    import types

    from tfseg.structures import LoadReport

    reader = types.ModuleType("foreign_reader")
    reader.recognises = lambda path: path.suffix == ".foreign"
    reader.load = lambda made, path, skip: LoadReport(("all",), source=str(path))
    monkeypatch.setitem(sys.modules, "foreign_reader", reader)
    monkeypatch.setattr(ToyEstimator, "weight_readers", ("foreign_reader",))
    (tmp_path / "w.foreign").write_text("x")
    made = ToyEstimator(classes=["a"])
    assert made.load_weights(tmp_path / "w.foreign").loaded == ("all",) and made.fitted


def test_a_model_without_weights_stays_so_when_it_is_saved(tmp_path):
    again = ToyEstimator.load(ToyEstimator(classes=["a"]).save(tmp_path / "m"))
    with pytest.raises(NotFittedError):
        again.predict(Squares()[0].image)


def test_a_damaged_or_missing_folder_says_what_is_there(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").touch()
    for name, words in (("nowhere", "does not exist"), ("photos", r"no saved model.*a\.jpg")):
        with pytest.raises(WeightsError, match=words):
            models.load(tmp_path / name)
