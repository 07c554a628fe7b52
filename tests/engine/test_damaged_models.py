"""Saved models, weight files and checkpoints that are damaged, old, or made to hurt."""

import json
import os
import random
import shutil
import types
import zipfile

import h5py
import numpy as np
import pytest
from toy_estimator import Squares, ToyEstimator

from tfseg import files, models
from tfseg.engine import checkpoint, model_json, weights
from tfseg.engine.checkpoint import RunState
from tfseg.errors import ConfigError, TFSegError, WeightsError
from tfseg.models.portrait import PortraitSegmenter

SEAL = len(files.seal(b""))

TOY = models.System("ToyEstimator", "ToyConfig", module="toy_estimator")


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A model folder, and the same weights as one file."""
    model = ToyEstimator(classes=["square"])
    model.fitted = True
    folder = tmp_path_factory.mktemp("models") / "toy"
    model.save_weights(folder.parent / "toy.weights.h5")
    return model.save(folder)


@pytest.fixture
def folder(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "toy")


def flips(content: bytes, count: int):
    """Yields the content with one bit changed, at seeded places and at both ends."""
    rng = random.Random(0)
    places = [rng.randrange(8 * len(content)) for _ in range(count)]
    for place in (*places, 0, 8 * (len(content) - SEAL) - 1, 8 * len(content) - 1):
        damaged = bytearray(content)
        damaged[place // 8] ^= 1 << place % 8
        yield bytes(damaged)


@pytest.mark.parametrize("name", ["model.json", "model.weights.h5"])
def test_every_flipped_bit_of_a_saved_model_is_refused(folder, name):
    path = folder / name
    for damaged in flips(path.read_bytes(), 40):
        path.write_bytes(damaged)
        with pytest.raises(WeightsError, match=rf"{name}.*(Copy it again|Upgrade)"):
            content = checkpoint.read_model_json(folder)
            weights.is_intact(folder / "model.weights.h5", model_json.digest_of_weights(content))
    with pytest.raises(WeightsError, match=rf"{name}.*Copy it again"):
        ToyEstimator.load(folder)
    with pytest.raises(WeightsError, match=rf"{name}.*Copy it again"):
        ToyEstimator(classes=["square"]).load_weights(folder)


def test_every_flipped_bit_of_a_weight_file_is_refused(saved, tmp_path):
    content, path = (saved.parent / "toy.weights.h5").read_bytes(), tmp_path / "a.weights.h5"
    model = ToyEstimator(classes=["square"])
    for damaged in (
        *flips(content, 25),
        content[:-SEAL],
        content[:-1],
        content[: len(content) // 2],
    ):
        path.write_bytes(damaged)
        with pytest.raises(WeightsError, match=r"a\.weights\.h5"):
            model.load_weights(path)
    assert not model.fitted


def test_every_flipped_bit_of_a_checkpoint_is_refused(tmp_path):
    path = tmp_path / "last.npz"
    network = ToyEstimator(classes=["square"]).keras_model
    checkpoint.write_state(
        path, RunState(2, [{"epoch": 1}], 0.5, 1), {"network": network.variables}
    )
    content = path.read_bytes()
    assert checkpoint.read_state(path)[0].epoch == 2
    for damaged in (*flips(content, 40), content[: -2 * SEAL]):
        path.write_bytes(damaged)
        with pytest.raises(WeightsError, match=r"last\.npz.*Start again without resume"):
            checkpoint.read_state(path)


def test_files_of_older_versions_load_with_a_remark(folder, tmp_path, caplog):
    def unsealed(path):
        path.write_bytes(path.read_bytes()[:-SEAL])
        with h5py.File(path, "r+") as file:
            del file.attrs["checksum"]

    assert ToyEstimator.load(folder).fitted and not caplog.text
    content = json.loads((folder / "model.json").read_text())
    del content["checksums"]
    (folder / "model.json").write_text(json.dumps(content))
    unsealed(folder / "model.weights.h5")
    assert ToyEstimator.load(folder).fitted
    for name in ("model.json", "model.weights.h5"):
        assert f"{name} has no checksum" in caplog.text


def test_the_weights_of_another_model_are_not_taken_for_its_own(folder):
    other = ToyEstimator(classes=["square"], train={"seed": 5})
    other.save_weights(folder / "model.weights.h5")
    with pytest.raises(WeightsError, match=r"exchanged.*model\.load_weights\(file\)"):
        ToyEstimator.load(folder)


def test_the_shipped_model_has_checksums(repo_root):
    for path in (repo_root / "savedmodels").glob("*/model.json"):
        digest = model_json.digest_of_weights(model_json.read(path))
        assert weights.is_intact(path.parent / "model.weights.h5", digest)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (np.full((3, 3, 3, 8), 1e300), "body/kernel has values that are not finite in float32"),
        (np.ones((3, 3, 3, 8), np.int8), "kernel is int8; weights are floats"),
        (np.ones((3, 3, 3, 8), np.complex64), "kernel is complex64; weights are floats"),
        (np.array(["a"], object), "kernel is object; weights are floats"),
        ({"shape": (1 << 20, 1 << 20), "dtype": "f4"}, "should have .* bytes, and the file has 0"),
        ({"shape": (1 << 20, 1 << 20), "dtype": "f4", "chunks": (64, 64)}, "and the file has 0"),
        ({"shape": (4,), "dtype": "f4", "external": [("/etc/hostname", 0, 16)]}, "no content in"),
    ],
)
def test_values_that_weights_cannot_have(saved, tmp_path, value, words):
    path = tmp_path / "a.weights.h5"
    shutil.copy(saved.parent / "toy.weights.h5", path)
    with h5py.File(path, "r+") as file:
        del file["body/kernel"], file.attrs["checksum"]
        if isinstance(value, dict):
            file.create_dataset("body/kernel", **value)
        elif value.dtype == object:
            file.create_dataset("body/kernel", data=value, dtype=h5py.string_dtype())
        else:
            file["body/kernel"] = value
    with pytest.raises(WeightsError, match=words):
        ToyEstimator(classes=["square"]).load_weights(path, skip_mismatch=True)


WRONG = [
    None,
    True,
    -1,
    1.5,
    float("inf"),
    float("nan"),
    10**30,
    "x",
    "\0",
    [],
    [[]],
    {},
    {"a": {}},
]


def test_a_model_json_of_any_content_ends_in_our_errors(folder, monkeypatch):
    """Every part replaced by what it cannot be, without checksums; then seeded damage."""
    monkeypatch.setitem(
        models.SYSTEMS, "toy", models.System("ToyEstimator", "ToyConfig", module="toy_estimator")
    )
    monkeypatch.setattr(weights, "load", lambda *args, **options: None)  # this is about the text
    path, tried, loaded = folder / "model.json", 0, 0
    good = json.loads(path.read_text())
    del good["checksums"]

    def contents():
        yield from ("[" * 200_000, "", "[]", "null", "7", '"a"', "{}", "\xff", "9" * 9999)
        for value in WRONG:
            for part in (*good, "checksums"):
                yield json.dumps({**good, part: value})
            for name in (*good["config"], "more"):
                yield json.dumps({**good, "config": {**good["config"], name: value}})
            for name in good["config"]["train"]:
                train = {**good["config"]["train"], name: value}
                yield json.dumps({**good, "config": {**good["config"], "train": train}})
            yield json.dumps({**good, "versions": {"tfseg": value}})

    monkeypatch.setattr(ToyEstimator, "_build", lambda self: None)
    monkeypatch.setattr(weights, "is_intact", lambda *args: True)
    for text in contents():
        path.write_text(text, encoding="latin-1")
        tried += 1
        try:
            models.load(folder)
            loaded += 1
        except WeightsError as error:
            assert str(folder) in str(error)
    assert 0 < loaded < tried / 2


def test_a_checkpoint_of_any_content_ends_in_our_errors(tmp_path):
    path = tmp_path / "last.npz"
    state = {
        "epoch": 1,
        "history": [],
        "best": None,
        "best_epoch": 0,
        "stopped": False,
        "facts": {},
    }

    def write(header, **arrays):
        text = np.frombuffer(json.dumps(header).encode(), np.uint8)
        np.savez(path, header=text, **arrays)

    write({"state": state, "dtypes": {}})
    assert checkpoint.read_state(path)[0].epoch == 1
    for name in state:
        for value in WRONG:
            if not (name in ("history", "facts", "best") and value in (None, [], {})):
                write({"state": {**state, name: value}, "dtypes": {}})
                try:
                    checkpoint.read_state(path)
                except WeightsError as error:
                    assert "cannot be read" in str(error)
                else:
                    assert name in ("best", "facts", "stopped")
    for header in (
        None,
        [],
        {},
        {"state": state},
        {"state": state, "dtypes": {"network/0/a": "f4"}},
    ):
        write(header)
        with pytest.raises(WeightsError, match="cannot be read"):
            checkpoint.read_state(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("header.npy", b"\0" * 50_000_000)
    with pytest.raises(WeightsError, match="should take 50000000 bytes"):
        checkpoint.read_state(path)


def test_the_folder_one_stands_in(folder, monkeypatch, tmp_path):
    monkeypatch.setitem(
        models.SYSTEMS, "toy", models.System("ToyEstimator", "ToyConfig", module="toy_estimator")
    )
    monkeypatch.chdir(folder)
    model = models.load(".")
    assert model.fitted and ToyEstimator.load(".").fitted
    assert ToyEstimator.from_pretrained("../toy").fitted and model.load_weights(".").loaded
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    for call in (model.save, model.export):
        with pytest.raises(TFSegError, match="this process stands in that folder"):
            call(".")
        with pytest.raises(TFSegError, match="expected the name of a folder"):
            call("")
    for call in (models.load, ToyEstimator.load, ToyEstimator.from_pretrained, model.load_weights):
        with pytest.raises(WeightsError, match="expected the name of a folder"):
            call("")


def test_one_training_in_a_run_folder(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    model = ToyEstimator(classes=["square"], train={"workers": 0})
    with files.locked(run / ".training.lock", "a training"):
        for resume in (False, True):
            with pytest.raises(
                ConfigError, match=rf"run: a training uses it.*process {os.getpid()} "
            ):
                model.fit(Squares(4), run_dir=run, resume=resume)
        assert not (run / "config.yaml").exists()
    owner = {"pid": 99_999_999, "host": files.platform.node(), "since": "killed"}
    (run / ".training.lock").write_text(json.dumps(owner))
    begun = []
    model._load_initial = lambda: begun.append(1)
    model.fit(Squares(4), run_dir=run, epochs=1, resume=True)
    assert begun == [1] and not (run / ".training.lock").exists()
    model.fit(Squares(4), run_dir=run, epochs=1, resume=True)
    assert begun == [1]  # that one was a resume


def test_the_portrait_model_begins_from_its_initial_weights(monkeypatch):
    given = []
    network = types.SimpleNamespace(backbone="the encoder")
    monkeypatch.setattr(PortraitSegmenter, "keras_model", network)
    name = "tfseg.engine.published_weights.load_imagenet"
    monkeypatch.setattr(name, lambda *arguments, width: given.append((*arguments, width)))
    model = PortraitSegmenter(initial_weights="imagenet")
    model._load_initial()
    assert given == [("the encoder", "mobilenet_v2", 1.0)]
    model.random_layers = ("layer4_out",)
    model._load_initial()
    assert given == [("the encoder", "mobilenet_v2", 1.0)]


@pytest.mark.parametrize("threshold", [50, -0.1, float("nan"), "0.5", True])
def test_a_threshold_that_is_no_share_is_refused_everywhere(saved, tmp_path, threshold):
    model = ToyEstimator(classes=["square"])
    model.fitted = True
    image = np.zeros((8, 8, 3), np.uint8)
    for call in (
        lambda: model.predict(image, score_threshold=threshold),
        lambda: model.evaluate(Squares(2), score_threshold=threshold),
        lambda: model.export(tmp_path / "out", score_threshold=threshold),
    ):
        with pytest.raises(ConfigError, match="score_threshold: expected a number from 0 to 1"):
            call()
    with pytest.raises(ConfigError, match="score_threshold: an export as 'tflite' has no such"):
        model.export(tmp_path / "out", format="tflite", score_threshold=threshold)
    assert not (tmp_path / "out").exists()
