"""Which TFLite file answers for a model, and that it is of the same weights."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

from tfseg.engine import litert
from tfseg.errors import ExportError

WEIGHTS = "model.weights.h5"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / WEIGHTS).write_bytes(b"weights")
    (tmp_path / "light.tflite").write_bytes(b"file")
    litert.record(tmp_path, WEIGHTS, "light.tflite")
    return tmp_path


def test_a_recorded_file_is_found(folder, tmp_path):
    assert litert.offered(folder) and not litert.offered(tmp_path / "elsewhere")
    assert litert.tied_file(folder, WEIGHTS) == b"file"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        (WEIGHTS, b"trained on", WEIGHTS),
        ("light.tflite", b"of another model", "light.tflite"),
        (WEIGHTS, None, WEIGHTS),
        ("light.tflite", None, "light.tflite"),
        (litert.RECORD, None, litert.RECORD),
        (litert.RECORD, b"{", "cannot be read"),
        (litert.RECORD, b"[1]", "cannot be read"),
        (litert.RECORD, b'{"file": 3}', "missing"),
        (litert.RECORD, b"\xff\xfe", "cannot be read"),
    ],
)
def test_a_file_of_other_weights_is_not_used(folder, name, content, words):
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_bytes(content)
    with pytest.raises(ExportError, match=words):
        litert.tied_file(folder, WEIGHTS)


def test_a_file_outside_the_folder_is_not_used(folder, tmp_path):
    inside = folder / "inside"
    inside.mkdir()
    (inside / WEIGHTS).write_bytes(b"weights")
    told = json.loads((folder / litert.RECORD).read_text())
    (inside / litert.RECORD).write_text(json.dumps({**told, "file": "../light.tflite"}))
    with pytest.raises(ExportError):
        litert.tied_file(inside, WEIGHTS)


def test_without_the_package_the_remedy_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    with pytest.raises(ExportError, match=r"tfseg\[lite\]"):
        litert.Runner(b"file")


def test_what_is_no_file_of_litert_is_refused():
    pytest.importorskip("ai_edge_litert")
    with pytest.raises(ExportError, match="refuses"):
        litert.Runner(np.zeros(64, np.uint8).tobytes())
