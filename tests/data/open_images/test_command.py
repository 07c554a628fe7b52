"""`tfseg open-images`, from the words to the folder."""

from __future__ import annotations

import json
import os

import pytest

from tfseg.cli.main import main


@pytest.fixture
def there(clothing, tmp_path, monkeypatch):
    """The drawn download in the working folder, as `openimages`."""
    clothing.write(zipped=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tfseg.cli.quiet.silence", lambda debug=False: None)
    return tmp_path


def test_the_papers_section_as_one_command(there, capsys):
    words = "openimages --out data --min-masks 1 --partition f --classes Suit Dress Jeans"
    words += " --supersets Person Vehicle Clothing"
    assert main(["open-images", *words.split()]) == 0
    text = capsys.readouterr().out
    assert "masks on 12 images, 10 to train and 2 to validate" in text
    assert "tfseg train ... --data data" in text
    names = [c["name"] for c in json.loads((there / "data/train.json").read_text())["categories"]]
    assert names == ["Suit", "Dress", "Jeans"]
    assert main(["doctor", "data", "--against", "val"]) == 0


def test_the_paper_wants_two_hundred_masks_a_class(there, capsys):
    assert main(["open-images", "openimages", "--out", "data"]) == 2
    error = capsys.readouterr().err
    assert "no class is left. Suit: it has" in error and "fewer than the 200" in error
    assert error.count("\n") == 1 and os.listdir(there) == ["openimages"]


def test_all_words(there, capsys):
    words = "openimages --out data --min-masks 0 --partition all --supersets all --classes all "
    words += (
        "--keep 2 --exclude dress --masks-as polygons --val-fraction 0.5 --seed 3 --copy-images"
    )
    assert main(["open-images", *words.split(), "--json", "--parts", "--drop-mismatched"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert {c["name"] for c in report["classes"] if c["id"]} == {"Suit", "Jeans"}
    settings = report["settings"]
    assert settings["partition"] is None and settings["classes"] is None and settings["parts"]
    assert settings["masks"] == "polygons" and settings["seed"] == 3
    assert (
        report["split"]["train"]["images"]
        == sum(s["images"] for s in report["split"].values()) // 2
    )
    assert main(["open-images", *words.split()]) == 2
    assert "it exists" in capsys.readouterr().err
    assert main(["open-images", *words.split(), "--overwrite", "--all"]) == 0


def test_the_list_of_images_to_download(there, capsys):
    os.remove(there / "openimages" / "train_f.zip")
    words = "openimages --list-images wanted.txt --min-masks 1"
    assert main(["open-images", *words.split()]) == 0
    lines = (there / "wanted.txt").read_text().splitlines()
    assert lines == [f"train/f{number:015x}" for number in range(12)]
    assert "wanted.txt: 12 images" in capsys.readouterr().out
    assert sorted(os.listdir(there)) == ["openimages", "wanted.txt"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("openimages", "give --out FOLDER"),
        ("none --out data", "none: there is no such folder"),
        ("openimages --out data --classes Dres --min-masks 1", "Did you mean 'Dress'"),
        ("openimages --out data --supersets Vehicles", "Did you mean 'Vehicle'"),
        ("openimages --out data --partition xyz", "hexadecimal digits"),
        ("openimages --out data --val-fraction 2", "between 0 and 1"),
        ("openimages --out data --seed -1", "at least 0"),
        ("openimages --out openimages --overwrite", "the source lies in this folder"),
    ],
)
def test_wrong_words(there, capsys, words, message):
    assert main(["open-images", *words.split()]) == 2
    assert message in capsys.readouterr().err
    assert os.listdir(there) == ["openimages"]


def test_ctrl_c(there, capsys, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("tfseg.cli.open_images._show", stop)
    assert main(["open-images", "openimages", "--out", "data", "--min-masks", "1"]) == 130
    assert "Stopped. Nothing was written." in capsys.readouterr().err
    assert os.listdir(there) == ["openimages"]


def test_progress_on_a_terminal(there, capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    assert main(["open-images", "openimages", "--out", "data", "--min-masks", "1"]) == 0
    shown = capsys.readouterr().err
    assert "reading the CSV" in shown and "converting, 12 of 12 images" in shown
