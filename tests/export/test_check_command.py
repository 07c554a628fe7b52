"""`tfseg export --check` as users call it: with a file for phones, with poses, broken images."""

import json

import pytest
from five_models import images, portrait, pose2seg, poses
from PIL import Image

from tfseg.cli.main import main

pytestmark = pytest.mark.slow


# Halves and quarters of pixels: OpenCV resizes in whole 32nds of one, and random weights tell.
EVEN = ((64, 64), (64, 128), (128, 128))


@pytest.fixture
def photos(tmp_path, request):
    """A folder of three images, and one that is cut off."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for index, image in enumerate(images(*getattr(request, "param", ()))):
        Image.fromarray(image).save(folder / f"{index}.png")
    whole = (folder / "0.png").read_bytes()
    (folder / "broken.png").write_bytes(whole[: len(whole) // 2])
    return folder


def saved(model, folder):
    model.fitted = True
    return str(model.save(folder / "model"))


def rows_of(table):
    """Returns the cells of a table's rows."""
    lines = [line for line in table.read_text().splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


@pytest.mark.parametrize("as_shipped", [False, True])
def test_a_portrait_model_and_its_file_for_phones(photos, tmp_path, capsys, as_shipped):
    """The model that comes with tfseg refines edges and is larger than its files."""
    network = portrait().set_params(refine_edges=as_shipped)
    model, out = saved(network, tmp_path), tmp_path / "served" / "portrait" / "1"
    words = ["--option", "image_size=[96, 64]"] if as_shipped else []
    assert main(["export", model, str(tmp_path / "phone"), "--format", "tflite", *words]) == 0
    file = tmp_path / "phone" / "model.tflite"
    words = ["export", model, str(out), "--check", str(photos), "--phone"]
    for wrong, said in (
        ("nowhere.tflite", "nowhere.tflite: expected a TFLite file of the model (No such file"),
        (str(photos / "0.png"), "0.png: the TFLite interpreter refuses the file"),
    ):
        assert main([*words, wrong]) in (1, 2)
        assert said in capsys.readouterr().err and not out.exists()
    assert main([*words, str(file)]) == 1
    told = capsys.readouterr()
    assert "6 of 8 agree" in told.out and str(out / "check.md") in told.out
    assert told.err.count("broken.png") == 2 and "Python refuses it" in told.err
    rows = rows_of(out / "check.md")
    assert [row[1] for row in rows] == ["SavedModel", "model.tflite"] * 4
    assert [row[-1] for row in rows[:6]] == ["agrees"] * 6
    assert "The SavedModel answers" not in rows[6][-1] and "Python refuses it" in rows[7][-1]
    whole = [str(photos / f"{index}.png") for index in range(3)]
    assert main(["export", model, str(out), "--check", *whole, "--phone", str(file)]) == 0
    assert "6 of 6 agree" in capsys.readouterr().out


@pytest.mark.parametrize("photos", [(EVEN,)], indirect=True)
def test_a_model_that_takes_poses(photos, tmp_path, capsys):
    made = pose2seg().set_params(use_affine=False)
    model, out = saved(made, tmp_path), tmp_path / "served" / "people" / "1"
    file = tmp_path / "poses.json"
    given = {f"{index}.png": one.tolist() for index, one in enumerate(poses(EVEN))}
    file.write_text(json.dumps({**given, "broken": []}))
    words = ["export", model, str(out), "--check", str(photos)]
    for more, said in (
        ([], "--poses: a pose2seg model needs poses for each image, --poses FILE"),
        (["--poses", "nowhere.json"], "nowhere.json"),
        (["--poses", str(photos / "0.png")], "0.png"),
        (["--phone", "a.tflite"], "a.tflite: a 'pose2seg' model has no file for phones. Windows"),
    ):
        assert main([*words, *more]) in (1, 2)
        assert said in capsys.readouterr().err and not out.exists()
    assert main([*words, "--poses", str(file)]) == 1
    told = capsys.readouterr()
    assert "3 of 4 agree" in told.out and "broken.png, SavedModel: Python refuses it" in told.err
    rows = rows_of(out / "check.md")
    assert [row[2] for row in rows[:3]] == ["2 / 2", "0 / 0", "3 / 3"]
    assert all(float(row[5]) > 0.98 for row in rows[:3])
    del given["1.png"]  # nobody is in it, and estimators do not name such images
    file.write_text(json.dumps(given))
    (photos / "broken.png").unlink()
    assert main([*words, "--poses", str(file)]) == 0
    assert "1.png" in capsys.readouterr().err
