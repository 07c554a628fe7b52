"""Pictures and boxes of every odd kind through `tfseg predict` and a portrait model.

Everything is the real thing but the network: it takes what is red for people.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tfseg import models
from tfseg.cli.main import main
from tfseg.models.portrait import PortraitSegmenter

SIZE = (60, 80)


def red_is_a_person(inputs):
    """Logits 0 and -6 or 6."""
    image = inputs["image"].astype(np.float32)
    red = (image[..., 0] - image[..., 2]) / 10
    return {"logits": np.stack([0 * red, np.clip(red, -6, 6)], axis=-1)}


@pytest.fixture
def portrait(monkeypatch, tmp_path):
    """The model under its name, in an empty folder."""
    model = PortraitSegmenter(image_size=(64, 64))
    model.fitted, model._run = True, red_is_a_person
    monkeypatch.setattr(models, "load", lambda name: model)
    monkeypatch.setattr(models, "offers_litert", lambda name: False)
    monkeypatch.setattr("tfseg.cli.quiet.silence", lambda debug=False: None)
    monkeypatch.chdir(tmp_path)
    return model


def scene(height=SIZE[0], width=SIZE[1]):
    """Blue, with a red square in the middle half."""
    image = np.full((height, width, 3), (20, 20, 200), np.uint8)
    image[height // 4 : -(height // 4) or None, width // 4 : -(width // 4) or None] = (200, 20, 20)
    return image


def cut(words, out="cut.png"):
    assert main(["predict", "portrait", *words, "--out", out]) == 0
    with Image.open(out) as image:
        return np.asarray(image)


def save(array, name, **options):
    Image.fromarray(array).save(name, **options)
    return name


def test_colours_transparency_and_orientation(portrait):
    plain = cut([save(scene(), "a.png")])
    assert plain.shape == (*SIZE, 4)
    assert plain[30, 40, 3] == 255 and plain[2, 2, 3] == 0
    seen = np.concatenate([scene(), np.full((*SIZE, 1), 255, np.uint8)], axis=2)
    seen[:, 60:, 3] = 0  # invisible, and white to the model
    np.testing.assert_array_equal(cut([save(seen, "rgba.png")])[:, :50], plain[:, :50])
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = cut([save(np.rot90(scene()).copy(), "turned.png", exif=exif)])
    assert turned.shape == (*SIZE, 4)
    assert np.mean(turned[..., 3] == plain[..., 3]) > 0.99


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_grey_pictures_have_nobody_in_them(portrait, dtype, capsys):
    grey = (np.arange(60 * 80).reshape(SIZE) % 251).astype(dtype) * (
        257 if dtype == np.uint16 else 1
    )
    result = cut([save(grey.astype(dtype), "grey.png")])
    assert result.shape == (*SIZE, 4)
    # Red equals blue: a logit of 0 is neither one nor the other, and half transparent.
    assert set(np.unique(result[..., 3])) == {128}
    assert "nothing found" in capsys.readouterr().out


def test_nobody_at_all(portrait, capsys):
    save(np.full((*SIZE, 3), (20, 20, 200), np.uint8), "sea.png")
    assert not cut(["sea.png"]).any()
    assert "nothing found" in capsys.readouterr().out
    np.testing.assert_array_equal(cut(["sea.png", "--background", "white"]), 255)
    Path("boxes.json").write_text("[[0, 0, 60, 40], [0, 20, 60, 80]]")
    words = ["predict", "portrait", "sea.png", "--instances", "--boxes", "boxes.json"]
    assert main([*words, "--out", "people"]) == 0
    assert sorted(os.listdir("people")) == ["predictions.json", "sea.png"]


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (10000, 10), (7, 5)])
def test_sizes_at_the_ends(portrait, size):
    red = np.full((*size, 3), (200, 20, 20), np.uint8)
    for words in ([], ["--background", "blur"], ["--background", "#102030"], ["--alpha"]):
        result = cut([save(red, "odd.png"), *words])
        assert result.shape[:2] == size
        opaque = {4: result[..., -1], 3: np.full(size, 255), 2: result}
        assert (opaque[2 if result.ndim == 2 else result.shape[2]] == 255).all()
    assert main(["predict", "portrait", "odd.png", "--format", "drawn", "--out", "drawn"]) == 0


def test_boxes_of_every_kind(portrait, capsys):
    save(scene(), "a.png")
    random = np.random.default_rng(0)
    corners = np.sort(random.uniform(-40, 120, (50, 2, 2)), axis=1).reshape(50, 4)
    kinds = {
        "outside": ([[-50, -50, -10, -10], [100, 100, 200, 300]], 0),
        "reaching out": ([[-50, -50, 500, 500]], 1),
        "fractions": ([[14.5, 19.5, 45.5, 40.2, 0.9], [14.5, 40.2, 45.5, 61, 0.8]], 2),
        "touching": ([[0, 0, 60, 40], [0, 40, 60, 80]], 2),
        "too unsure": ([[0, 0, 60, 80, 0.1]], 0),
        "fifty": (corners.tolist(), None),
        "none": ([], 0),
    }
    words = ["predict", "portrait", "a.png", "--instances", "--boxes", "boxes.json"]
    for name, (rows, count) in kinds.items():
        Path("boxes.json").write_text(json.dumps(rows))
        assert main([*words, "--json", "--out", name]) == 0, name
        (image,) = json.loads(capsys.readouterr().out)["images"]
        assert len(image["cut_outs"]) == len(image["objects"])
        assert count is None or len(image["objects"]) == count, name
        assert all(Path(name, file).is_file() for file in image["cut_outs"])
    Path("boxes.json").write_text("[[50, 0, 10, 80]]")
    assert main([*words, "--json"]) == 1
    assert "ends before it starts" in capsys.readouterr().err


def test_files_that_are_no_pictures(portrait, capsys):
    save(scene(), "a.png")
    Path("empty.png").touch()
    Path("cut_off.jpg").write_bytes(b"\xff\xd8\xff\xe0 and then nothing")
    words = ["predict", "portrait", "gone.jpg", "empty.png", "a.png", "cut_off.jpg"]
    assert main([*words, "--out", "cut"]) == 1
    error = capsys.readouterr().err
    for name in ("gone.jpg: there is no such file", "empty.png: the file is empty", "cut_off.jpg:"):
        assert name in error
    assert "3 of 4 images failed" in error and os.listdir("cut") == ["a.png"]


def test_where_no_file_is_there_no_model_is_loaded(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tfseg.models.load", lambda _: pytest.fail("the model was loaded"))
    Path("empty.png").touch()
    assert main(["predict", "portrait", "gone.jpg", "empty.png", "--out", "cut"]) == 1
    error = capsys.readouterr().err
    assert "gone.jpg: there is no such file" in error and "empty.png: the file is empty" in error
    assert "2 of 2 images failed" in error and not Path("cut").exists()


# VmHWM is the process's own; `ru_maxrss` starts with what the process that began it had.
IN_ITS_OWN_PROCESS = """
import sys
import numpy as np
from PIL import Image

image = np.full((6000, 4000, 3), (20, 20, 200), np.uint8)
image[1000:, 500:3500] = (200, 20, 20)
image[1000:1100, 500:3500, 1] = np.arange(3000) % 200
Image.fromarray(image).save("large.jpg")
del image
from tfseg.cli.main import main

code = main(["predict", "tiny", "large.jpg", *sys.argv[1:]])
print(code, int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) // 1024)
"""


@pytest.mark.slow
def test_24_megapixels_stay_below_2_gb(tmp_path):
    model = PortraitSegmenter(image_size=(64, 64))
    classifier = model.keras_model.graph.get_layer("classifier")
    weight, bias = classifier.get_weights()
    classifier.set_weights([weight, bias + np.array([0, 0.5], np.float32)])
    model.fitted = True
    model.save(tmp_path / "models" / "tiny")
    (tmp_path / "boxes.json").write_text("[[900, 400, 6000, 2500], [900, 1800, 6000, 3600]]")
    environment = {**os.environ, "TFSEG_MODELS": str(tmp_path / "models")}
    for words in (
        ["--out", "cut.png"],
        ["--out", "blurred.jpg", "--background", "blur"],
        ["--out", "people", "--instances", "--boxes", "boxes.json"],
    ):
        done = subprocess.run(
            [sys.executable, "-c", IN_ITS_OWN_PROCESS, *words],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
        )
        code, megabytes = map(int, done.stdout.splitlines()[-1].split())
        print(words, megabytes, "MB")
        assert code == 0 and megabytes < 2000, (words, done.stdout, done.stderr)
