"""What a system takes besides images, as options that no command knows by name."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tfseg import models
from tfseg.cli.main import main
from tfseg.engine.extras import Extra
from tfseg.errors import DataError


class Points(Extra):
    name, what, by_image = "points", "points (K, 2)", '{"a.png": [[x, y], ...]}'
    option_help = "JSON file of points"

    def read(self, path):
        return json.loads(Path(path).read_text())

    def check(self, value):
        if value == "wrong":
            raise DataError("expected points (K, 2), got 'wrong'.")
        return value


@pytest.fixture
def pointed(pretend, photos, monkeypatch):
    """The pretended model, of a system that takes points and is declared as others are."""
    monkeypatch.setitem(sys.modules, "pointed_inputs", SimpleNamespace(EXTRAS=(Points(),)))
    system = models.System("Pointed", "PointedConfig", inputs="pointed_inputs")
    monkeypatch.setitem(models.SYSTEMS, "pointed", system)
    pretended, seen = models.system("pointed"), []
    monkeypatch.setattr(pretended, "predict_extras", (Points(),))
    monkeypatch.setattr(
        pretended, "_predict_inputs", lambda self, item: seen.append(item.extras) or ({}, item)
    )
    return seen


def test_a_file_gives_every_image_its_value(pointed, photos, capsys):
    Path("points.json").write_text(json.dumps({"b.png": [[3, 4]], "a": [[1, 2]], "c": []}))
    words = ["predict", "model", str(photos), "--json"]
    assert main([*words, "--points", "points.json"]) == 1  # one image of the folder is broken
    assert pointed == [{"points": [[1, 2]]}, {"points": [[3, 4]]}]
    Path("points.json").write_text(json.dumps({"b": "wrong", "c": []}))
    assert main([*words, "--points", "points.json"]) == 1
    error = capsys.readouterr().err
    assert "a.png: points.json has no points for it" in error
    assert "b.png: expected points (K, 2), got 'wrong'" in error
    Path("points.json").write_text("[[1, 2]]")
    assert main([*words, "--points", "points.json"]) == 2
    assert "--points points.json: holds the points of one image" in capsys.readouterr().err


def test_a_model_that_takes_none_says_so(pointed, photos, monkeypatch, capsys):
    monkeypatch.setattr(models.system("pointed"), "predict_extras", ())
    monkeypatch.setattr(models.system("pointed"), "system", "pretended", raising=False)
    assert main(["predict", "model", str(photos), "--json", "--points", "p.json"]) == 2
    assert "--points: a pretended model takes no points." in capsys.readouterr().err


def test_an_evaluation_takes_the_truth_or_a_file(pointed, pretend, capsys):
    Path("points.json").write_text(json.dumps({"0": [[1, 2]]}))
    words = ["evaluate", "model", "--data", "data", "--points"]
    assert main([*words, "truth"]) == 0 and main([*words, "points.json"]) == 0
    first, second = (asked[3]["points"] for asked in pretend.model)
    assert first == "truth" and second.values == {"0": [[1, 2]]}
