"""What every system promises, as checks that run over ours and over your own.

A test file beside your system, run with this folder on the PYTHONPATH::

    from estimator_contract import EstimatorContract

    class TestMine(EstimatorContract):
        system = MySystem
        settings = dict(classes=("leaf", "stem"), image_size=64)  # a tiny network

        @classmethod
        def data(cls):
            return MyDataset("three/images")  # of different sizes
"""

from __future__ import annotations

import copy
import inspect
import math
import os
import pickle
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from tfseg import models
from tfseg.data import ListDataset, Subset
from tfseg.errors import ConfigError, DataError, NotFittedError, TFSegError, WeightsError

LEARNING = dict(
    batch_size=2, steps_per_epoch=1, stages=[{"epochs": 2}], workers=0, validation_steps=1
)


class Killed(keras.callbacks.Callback):
    """Ends a training as Ctrl-C does, when its second epoch begins."""

    begun = 0

    def on_epoch_begin(self, epoch, logs=None):
        self.begun += 1
        if self.begun == 2:
            raise KeyboardInterrupt


class EstimatorContract:
    """The checks. A subclass says of which system, with which settings and data.

    Attributes:
        system: The estimator's class.
        settings: Of a network as small as can be; with two classes or more.
        expensive: Whether training and export take so long that their checks are marked `slow`.
    """

    system: type
    settings: dict = {}
    expensive = False

    @classmethod
    def data(cls):
        """Returns a dataset of three images or more, of different sizes, with the classes of
        `settings`; the first two have objects."""
        raise NotImplementedError

    @classmethod
    def extras(cls, samples) -> dict:
        """Returns what `predict` needs besides the images of these samples: their truth."""
        config = cls.system(**cls.settings).config
        needed = [extra for extra in cls.system.predict_extras if extra.required]
        return {extra.name: [extra.truth(one, config) for one in samples] for extra in needed}

    # ------------------------------------------------------------------ what the checks share

    @classmethod
    def fresh(cls, **changes):
        """Returns a new estimator whose training is as short as can be."""
        made = cls.system(**{**cls.settings, **changes})
        return made.set_params(**{f"train__{name}": value for name, value in LEARNING.items()})

    @classmethod
    def fitted(cls):
        """Returns an estimator that counts as fitted, with weights that a new one does not have."""
        made = cls.fresh()
        seed = made.config.train.seed
        made.set_params(train__seed=seed + 1).keras_model  # noqa: B018
        made.set_params(train__seed=seed).fitted = True
        return made

    @pytest.fixture(scope="class")
    @classmethod
    def samples(cls):
        """The first samples of the data."""
        data = cls.data()
        return [data[index] for index in range(3)]

    @pytest.fixture(scope="class")
    @classmethod
    def model(cls):
        """An estimator of random weights that counts as fitted."""
        return cls.fitted()

    @pytest.fixture(scope="class")
    @classmethod
    def run(cls, tmp_path_factory):
        """A trained estimator and its run folder."""
        folder = tmp_path_factory.mktemp("contract") / "run"
        return cls.fresh().fit(cls.data(), cls.data(), run_dir=folder), folder

    @classmethod
    def predicted(cls, model, samples, images=None, **options):
        """Returns the predictions of the samples' images, handed over as `images`."""
        images = [sample.image for sample in samples] if images is None else images
        return model.predict(images, **cls.extras(samples), **options)

    # ------------------------------------------------------------------ settings

    def test_settings(self):
        made = self.system(**self.settings)
        assert made._network is None
        shown = inspect.signature(self.system).parameters
        assert set(made.get_params(deep=False)) == set(shown) - {"config"}
        assert self.system(**made.get_params(deep=False)).config == made.config
        assert self.system(made.config.to_dict()).config == made.config
        assert self.system.config_class.from_dict(made.config.to_dict()) == made.config
        assert self.system(**copy.deepcopy(made.get_params(deep=False))).config == made.config
        assert pickle.loads(pickle.dumps(made))._network is None
        made.set_params(train__seed=5)
        assert made.config.train.seed == made.get_params()["train__seed"] == 5
        assert repr(made).startswith(f"{self.system.__name__}(") and "seed=5" in repr(made)
        with pytest.raises(ConfigError, match="Did you mean 'classes'"):
            self.system(**{**self.settings, "clases": ("a",)})
        with pytest.raises(ConfigError, match="train.batch_size: expected at least 1"):
            self.system(**{**self.settings, "train": {"batch_size": 0}})

    def test_sklearn_clones_it(self):
        clone = pytest.importorskip("sklearn.base").clone
        made = self.system(**self.settings)
        assert clone(made).config == made.config and clone(made)._network is None

    def test_groups_of_layers(self, model):
        layers = {layer.name for layer in model.keras_model._flatten_layers()}
        assert "all" in self.system.layer_groups
        for name, about in self.system.layer_groups.items():
            assert about and model._layer_group(name) and model._layer_group(name) <= layers
        with pytest.raises(ConfigError, match=r"train.stages\[0\].layers: 'none-such'"):
            stages = [{"epochs": 1, "layers": "none-such"}]
            self.system(**{**self.settings, "train": {"stages": stages}})

    # ------------------------------------------------------------------ predict

    def test_predict_takes_an_image_in_every_form(self, model, samples, tmp_path):
        sample = samples[0]
        (expected,) = self.predicted(model, [sample])
        assert (expected.size, expected.class_names) == (sample.size, model.class_names)
        assert expected.image_id == 0 and expected.path is None
        folder = tmp_path / "images"
        folder.mkdir()
        path = folder / "one.png"
        Image.fromarray(sample.image).save(path)
        with path.open("rb") as file:
            forms = [sample.image, path, str(path), path.read_bytes(), file]
            forms += [Image.open(path), sample.image[None], (image for image in [sample.image])]
            found = [self.predicted(model, [sample], form)[0] for form in (*forms, folder)]
        for one in found:
            same(one, expected)
        assert found[1].image_id == found[-1].image_id == "one" and found[1].path == str(path)
        Image.fromarray(samples[1].image).save(folder / "a.bmp")
        (folder / "notes.txt").write_text("no image")
        both = self.predicted(model, [samples[1], sample], folder)
        assert [one.image_id for one in both] == ["a", "one"] and both[0].size == samples[1].size
        own = sample.replace(image_id="mine", path="x.png")
        for form in (own, ListDataset([own], self.data().class_names), [own]):
            (one,) = self.predicted(model, [sample], form)
            same(one, expected)
            assert (one.image_id, one.path) == ("mine", "x.png")

    def test_predictions_lie_in_their_image(self, model, samples):
        seen = []
        options = dict(progress=lambda done, count: seen.append((done, count)))
        singly = self.predicted(model, samples, **options)
        assert seen == [(1, 3), (2, 3), (3, 3)]
        for one, sample in zip(singly, samples, strict=True):
            height, width = sample.size
            assert one.size == (height, width) and np.isfinite(one.boxes).all()
            assert (one.boxes >= 0).all() and (one.boxes <= [height, width] * 2).all()
            assert ((one.scores >= 0) & (one.scores <= 1)).all()
            assert set(one.class_ids) <= set(range(1, len(model.class_names) + 1))
            assert one.masks.shape == (len(one), height, width)
            assert all(values.shape == one.size for values in one.label_maps.values())
        for ours, other in zip(self.predicted(model, samples, batch_size=2), singly, strict=True):
            same(ours, other)
        for one in self.predicted(model, samples, score_threshold=1.0):
            assert (one.scores >= 1).all()

    def test_small_grey_and_narrow_images(self, model, samples):
        if self.extras(samples):
            pytest.skip("what is given besides the image lies in it")
        images = [np.full(shape, 200, np.uint8) for shape in [(1, 1, 3), (2000, 3, 3), (40, 30)]]
        for one, image in zip(model.predict(images), images, strict=True):
            assert one.size == image.shape[:2] and np.isfinite(one.boxes).all()
            assert one.masks.shape[1:] == one.size
        assert model.predict([]) == []

    def test_bad_input_is_named(self, model, samples, tmp_path):
        with pytest.raises(NotFittedError, match="no weights yet.*fitted = True"):
            self.predicted(self.fresh(), samples[:1])
        with pytest.raises(DataError, match="no images in this folder"):
            self.predicted(model, [], tmp_path)
        Image.fromarray(samples[0].image).save(tmp_path / "cut.jpg")
        whole = (tmp_path / "cut.jpg").read_bytes()
        (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
        image = samples[0].image
        for images, words in (
            ("nowhere.jpg", r"nowhere\.jpg.*no such file"),
            (tmp_path, r"cut\.jpg"),
            (3, "expected a path.*int"),
            ({"a": 1}, "expected a path.*dict"),
            ([image, 3], "2 of 2.*int"),
            ([np.zeros((4, 4, 9), np.uint8)], "1 of 1"),
            (np.zeros((2, 3, 4, 4, 3)), "1 of 2"),
            (np.full((4, 4, 3), np.nan), "1 of 1"),
            ([b"not an image"], "1 of 1"),
            (np.zeros((0, 5, 3), np.uint8), "1 of 1.*pixel"),
        ):
            several = isinstance(images, list) or getattr(images, "ndim", 0) == 5
            count = len(images) if several else 1
            with pytest.raises(DataError, match=words):
                self.predicted(model, samples[:1] * count, images)
        for options in (dict(batch_size=0), dict(score_threshold=2), dict(score_threshold="high")):
            with pytest.raises(ConfigError, match=next(iter(options))):
                self.predicted(model, samples[:1], **options)
        with pytest.raises(DataError, match="no images"):
            model.evaluate(ListDataset([], model.class_names))
        with pytest.raises(DataError, match="unheard"):
            model.evaluate(ListDataset(samples, ("unheard", *model.class_names[1:])))
        wrong = [samples[0], samples[1].replace(class_ids=[99] * len(samples[1]))]
        with pytest.raises(DataError, match=f"{samples[1].image_id}.*99"):
            model.evaluate(ListDataset(wrong, model.class_names))
        with pytest.raises(ConfigError, match="limit"):
            model.evaluate(self.data(), limit=0)

    # ------------------------------------------------------------------ evaluate, files

    def test_evaluate(self, model):
        report = model.evaluate(self.data(), limit=2)
        assert model.score_metric in report.metrics
        assert report.details["system"] == model.system
        assert report.details["pictures_in_dataset"] == len(self.data())
        values = [value for value in report.metrics.values() if not math.isnan(value)]
        assert values and all(map(math.isfinite, values))
        wanted = model.evaluate(Subset(self.data(), [0, 1]))[model.score_metric]
        score = model.score(Subset(self.data(), [0, 1]))
        assert score == pytest.approx(wanted, nan_ok=True)

    def test_files_and_copies_are_the_model(self, model, samples, tmp_path):
        expected = self.predicted(model, samples[:1])[0]
        folder = model.save(tmp_path / "deep" / "saved")
        model.save(folder)
        assert [path.name for path in folder.parent.iterdir()] == ["saved"]
        assert sorted(path.name for path in folder.iterdir()) == ["model.json", "model.weights.h5"]
        known = self.system.system in models.SYSTEMS
        loaded = (models if known else self.system).load(folder)
        same(self.predicted(loaded, samples[:1])[0], expected)
        other = self.fresh()
        for source in (model.save_weights(tmp_path / "a.weights.h5"), folder):
            report = other.load_weights(source)
            assert other.fitted and not (report.skipped or report.missing or report.unused)
        for again in (loaded, other, pickle.loads(pickle.dumps(model))):
            assert type(again) is self.system and again.fitted and again.history == model.history
            assert again.config == model.config and again.class_names == model.class_names
            for ours, theirs in zip(weights(again), weights(model), strict=True):
                np.testing.assert_array_equal(ours, theirs)
        with pytest.raises(WeightsError, match="no saved model"):
            self.system.load(tmp_path)

    def test_weights_of_other_classes(self, model, samples, tmp_path):
        names = (*model.class_names, "one more")
        path = model.save_weights(tmp_path / "a.weights.h5")
        other = self.fresh(classes=names)
        before = weights(other)
        with pytest.raises(WeightsError, match="skip_mismatch=True"):
            other.load_weights(path)
        for ours, theirs in zip(weights(other), before, strict=True):
            np.testing.assert_array_equal(ours, theirs)
        report = other.load_weights(path, skip_mismatch=True)
        assert report.skipped and not report.missing and not other.fitted
        with pytest.raises(NotFittedError, match="random numbers"):
            self.predicted(other, samples[:1])
        # Nor are the rows of one class another's where there are as many.
        swapped = self.fresh(classes=model.class_names[::-1])
        with pytest.raises(WeightsError, match="in another order"):
            swapped.load_weights(path)
        assert set(swapped.load_weights(path, skip_mismatch=True).skipped) == set(report.skipped)
        assert not swapped.fitted

    # ------------------------------------------------------------------ training

    def test_fit(self, run):
        made, folder = run
        assert made.fitted and [row["epoch"] for row in made.history] == [1, 2]
        for row in made.history:
            assert math.isfinite(row["loss"]) and math.isfinite(row["val_loss"])
            assert made.score_metric in row and set(made.loss_terms) <= set(row)
        names = {path.name for path in folder.iterdir()} - {"tensorboard", "notes.txt"}
        assert names == {"best", "checkpoints", "config.yaml", "final", "log.csv", "report"}
        final = self.system.load(folder / "final")
        for ours, theirs in zip(weights(final), weights(made), strict=True):
            np.testing.assert_array_equal(ours, theirs)

    def test_a_resumed_training_is_the_uninterrupted_one(self, run, tmp_path):
        whole, _ = run
        with pytest.raises(KeyboardInterrupt):
            options = dict(run_dir=tmp_path / "run", callbacks=Killed())
            self.fresh().fit(self.data(), self.data(), **options)
        resumed = self.fresh().fit(self.data(), self.data(), run_dir=tmp_path / "run", resume=True)
        assert len(resumed.history) == 2
        assert resumed.history[1]["loss"] == pytest.approx(whole.history[1]["loss"], rel=1e-3)
        for ours, theirs in zip(weights(resumed), weights(whole), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4)

    def test_a_training_that_cannot_begin(self, tmp_path):
        with pytest.raises(ConfigError, match="epochs"):
            self.fresh().fit(self.data(), epochs=0)
        with pytest.raises(TFSegError, match="no images"):
            self.fresh().fit(ListDataset([], self.data().class_names))
        (tmp_path / "file").touch()
        with pytest.raises(ConfigError, match="run_dir: cannot write"):
            self.fresh().fit(self.data(), run_dir=tmp_path / "file" / "run")

    # ------------------------------------------------------------------ export

    @pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow exports")
    def test_export(self, model, samples, tmp_path):
        import tensorflow as tf

        from tfseg.export.endpoints import graph_module

        folder = Path(model.export(tmp_path / "exported" / "1"))
        names = {path.name for path in folder.iterdir()}
        assert {"saved_model.pb", "variables", "labels.txt", "model_card.md"} <= names
        signatures = tf.saved_model.load(os.fspath(folder)).signatures
        card = (folder / "model_card.md").read_text()
        for endpoint in graph_module(model).serving(model).endpoints:
            assert endpoint.name in card
            signature = signatures[endpoint.name]
            assert set(signature.structured_outputs) == set(endpoint.gives)
            if [given.spec.name for given in endpoint.takes] == ["images"]:
                images = tf.cast(samples[0].image[None], endpoint.takes[0].spec.dtype)
                for value in signature(images=images).values():
                    numbers = value.dtype.is_floating
                    assert not numbers or np.isfinite(value.numpy()).all()
        with pytest.raises(TFSegError):
            model.export(tmp_path / "exported" / "1")
        with pytest.raises(ConfigError, match="no such option"):
            model.export(tmp_path / "b", none_such=1)


def weights(made) -> list[np.ndarray]:
    """Returns all weights of an estimator's network."""
    return [keras.ops.convert_to_numpy(v.value) for v in made.keras_model.weights]


def same(ours, expected) -> None:
    """Fails unless two predictions are equal up to what another order of sums changes."""
    assert ours.size == expected.size and len(ours) == len(expected)
    np.testing.assert_array_equal(ours.class_ids, expected.class_ids)
    np.testing.assert_allclose(ours.scores, expected.scores, atol=1e-3)
    np.testing.assert_allclose(ours.boxes, expected.boxes, atol=0.1)
    if len(ours):
        assert np.mean(ours.masks != expected.masks) < 0.01
    assert ours.label_maps.keys() == expected.label_maps.keys()
    for name, values in ours.label_maps.items():
        far = np.abs(values.astype(int) - expected.label_maps[name].astype(int)) > 1
        assert np.mean(far) < 0.01, name
