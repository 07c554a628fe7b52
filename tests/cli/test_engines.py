"""`--engine`: LiteRT where it can answer, else Keras, and a line where a user would wonder."""

from __future__ import annotations

import logging

import pytest

from tfseg import models
from tfseg.cli import engines
from tfseg.engine import litert
from tfseg.errors import ExportError


@pytest.fixture
def loaded(monkeypatch, tmp_path):
    """Notes what is loaded; LiteRT fails if `loaded.fails`."""

    class Loaded(list):
        fails, folder = None, tmp_path

    notes = Loaded()

    def load(directory, engine="tensorflow"):
        if engine == "litert" and notes.fails:
            raise ExportError(notes.fails)
        notes.append(engine)

    monkeypatch.setattr(models, "load", load)
    monkeypatch.setattr(engines.quiet, "import_backend", lambda: None)
    for name in ("weights", "file"):
        (tmp_path / name).write_bytes(b"")
    litert.record(tmp_path, "weights", "file")
    return notes


def test_the_choice(loaded, caplog):
    folder = loaded.folder
    with caplog.at_level(logging.INFO, logger="tfseg"):
        engines.load(folder, "auto")
        engines.load(folder, "tensorflow")
        engines.load(folder, "litert")
        engines.load(folder, "auto", network=True)  # a detector loads TensorFlow in any case
        (folder / litert.RECORD).unlink()
        engines.load(folder, "auto")
    assert loaded == ["litert", "tensorflow", "litert", "tensorflow", "tensorflow"]
    assert not caplog.text


def test_a_reason_is_said_and_tensorflow_answers(loaded, caplog):
    loaded.fails = 'pip install "tfseg[lite]"'
    with caplog.at_level(logging.INFO, logger="tfseg"):
        engines.load(loaded.folder, "auto")
        assert loaded == ["tensorflow"] and "tfseg[lite]" in caplog.text
        with pytest.raises(ExportError, match="lite"):
            engines.load(loaded.folder, "litert")
