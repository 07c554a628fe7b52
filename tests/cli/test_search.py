"""`tfseg search`: words to the index, the model only when there is something to parse."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from tfseg import models
from tfseg.cli.main import main
from tfseg.visualize import save_png

sys.path.insert(0, str(Path(__file__).parents[1] / "search"))

from test_index import SIZE, WORN, Parser  # noqa: E402


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder of images, a saved model, and how often it was loaded."""
    folder, loaded = tmp_path / "photos", []
    for name in WORN:
        save_png(folder / name, np.full((*SIZE, 3), 90, np.uint8))
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.json").write_text("{}")
    (tmp_path / "model" / "model.weights.h5").write_bytes(b"w")

    def load(path):
        loaded.append(path)
        return Parser(Path("photos"))

    monkeypatch.setattr(models, "load", load)
    monkeypatch.setattr("tfseg.cli.quiet.silence", lambda debug=False: None)
    monkeypatch.setattr("tfseg.cli.quiet.import_backend", lambda: None)
    monkeypatch.setenv("TFSEG_MODELS", "")
    monkeypatch.chdir(tmp_path)
    return loaded


def test_search_and_search_again(place, capsys):
    words = ["photos", "--model", "model"]
    assert main(["search", "red skirt", *words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [hit["file"] for hit in told] == ["b.png", "a.png"] and told[0]["person"] == 1
    assert Path("search.html").is_file() and len(place) == 1
    assert main(["search", "blue coat", *words, "--out", "coats.html"]) == 0
    assert "a.png  person 1: " in capsys.readouterr().out
    assert (
        len(place) == 1 and Path("coats.html").is_file()
    )  # nothing new: the model stays where it is
    assert main(["search", "blue coat and blue skirt", *words]) == 1
    assert main(["search", "rde skirt", *words]) == 2
    assert "'rde' is nothing that this model says" in capsys.readouterr().err
    Path("model/model.weights.h5").write_bytes(b"trained on")
    assert main(["search", "red skirt", *words]) == 2
    assert "--rebuild" in capsys.readouterr().err
    assert main(["search", "red skirt", *words, "--rebuild"]) == 0


def test_without_a_model_the_remedy_is_named(place, capsys, monkeypatch):
    monkeypatch.setattr("tfseg.engine.named_models.shipped_folders", list)
    assert main(["search", "red skirt", "photos"]) == 2
    said = capsys.readouterr().err
    assert "no model 'parsing' comes with this tfseg" in said and "--model runs/light/best" in said
    assert main(["search", "woman", "photos", "--model", "model"]) == 2
    assert "'woman' is nothing" in capsys.readouterr().err
    assert Parser(Path("photos")).asked == []


def test_a_folder_without_images_leaves_nothing_behind(place, capsys):
    Path("empty", "inner").mkdir(parents=True)
    Path("empty", "a.heic").write_bytes(b"no")
    assert main(["search", "red skirt", "empty", "--model", "model"]) == 2
    said = capsys.readouterr().err
    assert "empty: no images in this folder" in said and "1 file is passed over" in said
    assert main(["search", "red skirt", "nowhere", "--model", "model"]) == 2
    assert "expected a folder of images" in capsys.readouterr().err
    assert not place and not Path("search.html").exists()
    assert sorted(path.name for path in Path("empty").iterdir()) == ["a.heic", "inner"]


def test_damaged_images_are_told_and_not_counted(place, capsys):
    Path("photos", "broken.png").write_bytes(b"no")
    words = ["search", "red skirt", "photos", "--model", "model"]
    for more in ([], [], ["--json"]):  # the second time what is wrong stands in the index
        assert main([*words, *more]) == 1
        said = capsys.readouterr()
        assert "broken.png: it is broken" in said.err and "1 of 4 images failed" in said.err
        assert more or "2 people in 3 images" in said.out
    Path("photos", "broken.png").unlink()
    assert main(words) == 0
