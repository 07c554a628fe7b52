"""Whole paths: the programs that are timed find the same person in the same file."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from file_to_mask import contest, programs

from tfseg.data.synthetic import SyntheticPeople


@pytest.fixture
def photograph(tmp_path):
    image = SyntheticPeople(1, size=800, seed=5, people=(1, 1))[0].image[:, 100:700]
    path = tmp_path / "photo.jpg"
    contest.photograph(image, 1, path)
    return path


def test_the_phone_program_and_the_light_file_agree(photograph, repo_root, monkeypatch):
    interpreter = pytest.importorskip("ai_edge_litert.interpreter")
    monkeypatch.setattr(interpreter, "Interpreter", interpreter.Interpreter)  # restored after
    monkeypatch.setattr(sys, "argv", [""])
    model = repo_root / "savedmodels" / "portrait"
    light = programs.litert(str(model), 1)(str(photograph))
    cut = programs.phone(str(model / "float16.tflite"), 1)
    phone = cut(str(photograph))
    assert light.shape == phone.shape and abs(light.size - 1e6) < 3000
    # At 320 x 256 and at 256 x 192.
    assert light.any() and (light != phone).mean() < 0.05
    np.testing.assert_array_equal(cut(str(photograph)), phone)  # with the interpreter that was kept


def test_a_cold_start_is_a_process_that_ends_well(photograph):
    settings = {"program": "litert", "model": "no such model", "threads": 1}
    with pytest.raises(subprocess.CalledProcessError):
        contest.cold({**settings, "photograph": str(photograph)})
