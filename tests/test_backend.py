"""The backend that Keras is told to take, and processes that were forked."""

import json
import os
import subprocess
import sys

import keras
import pytest

from tfseg import backend
from tfseg.errors import ConfigError

BY_WORD = [
    ("torchh", "KERAS_BACKEND=torchh is set, but there is no such backend; tfseg runs on"),
    ("absent", "KERAS_BACKEND=absent is set, but absent is not installed; tfseg runs on"),
    ("numpy", None),
    ("", None),
]


@pytest.fixture
def told(monkeypatch, tmp_path):
    """Keras not imported, and whatever it is told."""
    monkeypatch.delitem(sys.modules, "keras")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(backend, "_OTHERS", (*backend._OTHERS, "absent"))

    def tell(word=None, file=None):
        monkeypatch.setenv("KERAS_BACKEND", word or "")
        if file is not None:
            (tmp_path / "keras.json").write_text(file)
        backend.check.__wrapped__()

    return tell


@pytest.mark.parametrize(("word", "message"), BY_WORD)
def test_a_backend_that_is_not_there_is_one_sentence(told, word, message):
    if message is None:
        told(word)
        return
    with pytest.raises(ConfigError, match=message) as caught:
        told(word)
    assert "Set KERAS_BACKEND=tensorflow" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["tensorflw", 7, ["jax"], None])
def test_the_file_of_keras_is_named_and_the_environment_outranks_it(told, tmp_path, name):
    text = json.dumps({"backend": name})
    with pytest.raises(ConfigError, match=r"keras\.json sets the backend .*no such backend"):
        told(file=text)
    told("numpy", text)


def test_what_is_not_tested_is_remarked_on_and_what_is_tested_is_not(told, caplog):
    told("tensorflow")
    told(file="no JSON")
    assert not caplog.records
    told("numpy")
    assert "tfseg runs on tensorflow or jax" in caplog.text


def test_work_of_tensorflow_takes_it_whatever_was_chosen(told, monkeypatch, caplog):
    told("jax")
    with caplog.at_level("INFO", "tfseg"):
        backend.take_tensorflow()
        backend.take_tensorflow()
    assert os.environ["KERAS_BACKEND"] == "tensorflow"
    assert [r.message for r in caplog.records] == [
        "KERAS_BACKEND=jax is set; this is TensorFlow's work, and TensorFlow does it."
    ]
    monkeypatch.setitem(sys.modules, "keras", keras)  # too late
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    backend.take_tensorflow()
    assert os.environ["KERAS_BACKEND"] == "jax"


def test_without_keras_there_is_nothing_to_check(told, monkeypatch):
    find = backend.importlib.util.find_spec
    monkeypatch.setattr(
        backend.importlib.util, "find_spec", lambda name: None if name == "keras" else find(name)
    )
    told("absent")


def test_the_sentence_comes_before_keras_whatever_is_imported(tmp_path):
    rooms = ("engine.estimator", "models.portrait", "nn.ops", "convert", "export.saved_model")
    code = (
        "import importlib\n"
        f"for room in {rooms}:\n"
        "    try: importlib.import_module('tfseg.' + room)\n"
        "    except ValueError as error: print(error)\n"
    )
    environment = {**os.environ, "KERAS_BACKEND": "nonesuch"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True
    )
    assert done.stdout.count("KERAS_BACKEND=nonesuch is set, but") == len(rooms), done.stderr


def test_numpy_cannot_train(monkeypatch):
    from tfseg.engine import runtime

    runtime.require_training()
    monkeypatch.setattr(keras.backend, "backend", lambda: "numpy")
    with pytest.raises(ConfigError, match="Keras computes with numpy; tfseg trains on"):
        runtime.require_training()


def test_tensorflow_keeps_its_memory_unless_the_environment_says_otherwise():
    code = "import os, tfseg.nn; print(os.environ['TF_CPU_ALLOCATOR_USE_BFC'])"
    for given, expected in ((None, "true"), ("false", "false")):
        environment = {k: v for k, v in os.environ.items() if k != "TF_CPU_ALLOCATOR_USE_BFC"}
        if given is not None:
            environment["TF_CPU_ALLOCATOR_USE_BFC"] = given
        run = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True
        )
        assert run.stdout.split() == [expected], run.stderr
