"""`tfseg predict` with a model that cuts people out: files, backgrounds, persons one by one."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from tfseg import models
from tfseg.cli.main import main
from tfseg.engine.predict_verbs import PredictVerbs
from tfseg.models.portrait.config import PortraitConfig
from tfseg.models.portrait.inputs import EXTRAS
from tfseg.structures import Prediction
from tfseg.visualize import save_png

DARK, BRIGHT = 40, 220


class PretendPortrait(PredictVerbs):
    """Takes what is bright for people, with a soft edge of one pixel below; boxes divide it."""

    system, cuts_out, class_names = "portrait", True, ("person",)
    predict_extras = EXTRAS
    config = PortraitConfig()
    asked: list = []

    def _require_weights(self):
        pass

    def _predict_inputs(self, item):
        self.asked.append({"boxes": item.extras.get("boxes")})
        return {}, item

    def _run_rows(self, rows, batch_size):
        return [{}] * len(rows)

    def _decode(self, outputs, item, *, score_threshold, image_id, path):
        mask, boxes = item.image[..., 0] > 150, item.extras.get("boxes")
        alpha = np.where(mask, 255, 0).astype(np.uint8)
        below = np.zeros_like(mask)
        below[1:] = mask[:-1]
        alpha[below & ~mask] = 100
        masks, scores = [mask] if mask.any() else [], [0.9]
        if boxes is not None:
            masks, scores = [], boxes[1] if boxes[1] is not None else [1.0] * len(boxes[0])
            for y1, x1, y2, x2 in np.int64(boxes[0]):
                part = np.zeros_like(mask)
                part[y1:y2, x1:x2] = mask[y1:y2, x1:x2]
                masks = [*masks, part]
        found = Prediction.from_masks(
            np.array(masks, bool).reshape(-1, *mask.shape),
            size=mask.shape,
            boxes=[[0, 0, *mask.shape]] * len(masks),
            class_ids=[1] * len(masks),
            scores=scores[: len(masks)],
            class_names=self.class_names,
            path=path,
            label_maps={"classes": mask.astype(np.uint8), "alpha": alpha},
        )
        return found[found.scores >= (score_threshold or 0)]

    def with_people(self, boxes=None, detector=None):
        self.asked.append(("with_people", boxes, detector))
        return self

    def evaluate(self, dataset, **options):
        from tfseg.structures import Report

        return Report({"miou": 0.5})


@pytest.fixture
def portrait(pretend, photos, tmp_path, monkeypatch):
    """The pretended portrait model under its name, and images with two people in them."""
    load = models.load
    monkeypatch.setattr(models, "offers_litert", lambda name: False)
    monkeypatch.setattr(
        models, "load", lambda name: PretendPortrait() if name == "portrait" else load(name)
    )
    monkeypatch.setattr(PretendPortrait, "asked", [])
    image = np.full((20, 30, 3), DARK, np.uint8)
    image[5:15, 2:12] = image[5:15, 18:28] = (BRIGHT, 10, 10)
    save_png(tmp_path / "two.png", image)
    save_png(tmp_path / "beach.png", np.full((7, 7, 3), (0, 0, 250), np.uint8))
    Path("boxes.json").write_text("[[4, 0, 16, 15, 0.7], [4, 15, 16, 30, 0.9]]")
    return image


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image)


def test_a_cut_out_is_the_person_on_nothing(portrait, capsys):
    assert main(["predict", "portrait", "two.png", "--out", "deep/cut.png"]) == 0
    cut = pixels("deep/cut.png")
    assert cut.shape == (20, 30, 4)
    np.testing.assert_array_equal(cut[6, 4], (BRIGHT, 10, 10, 255))
    np.testing.assert_array_equal(cut[0, 0], 0)
    assert 0 < cut[15, 4, 3] < 255  # the soft edge
    assert sorted(p.name for p in Path("deep").iterdir()) == ["cut.png"]
    assert "1 person" in (text := capsys.readouterr().out) and "wrote deep/cut.png" in text


@pytest.mark.parametrize(
    ("background", "colour"),
    [("white", 255), ("#0000fa", (0, 0, 250)), ("beach.png", (0, 0, 250)), ("blur", DARK)],
)
def test_another_background(portrait, background, colour):
    words = ["predict", "portrait", "two.png", "--background", background]
    assert main([*words, "--out", "new.png"]) == 0
    new = pixels("new.png")
    assert new.shape == (20, 30, 3)
    np.testing.assert_allclose(new[0, 0].astype(int), colour, atol=1)
    np.testing.assert_array_equal(new[8, 5], (BRIGHT, 10, 10))
    assert main([*words, "--out", "new.jpg"]) == 0
    assert np.abs(pixels("new.jpg").astype(int) - new).mean() < 12


def test_the_opacity_alone(portrait):
    assert main(["predict", "portrait", "two.png", "--alpha", "--out", "a.png"]) == 0
    alpha = pixels("a.png")
    assert alpha.shape == (20, 30) and set(np.unique(alpha[:15])) == {0, 255}
    assert main(["predict", "portrait", "two.png", "--out", "cut.png"]) == 0
    np.testing.assert_array_equal(alpha, pixels("cut.png")[..., 3])


def test_several_pictures_go_to_a_folder_and_bad_ones_are_named(portrait, photos, capsys):
    words = ["predict", "portrait", "two.png", str(photos), "gone.jpg", "--out", "cut"]
    assert main(words) == 1
    assert sorted(p.name for p in Path("cut").iterdir()) == ["a.png", "b.png", "two.png"]
    assert pixels("cut/a.png")[..., 3].max() == 0  # nobody there
    captured = capsys.readouterr()
    assert "c.jpg" in captured.err and "gone.jpg" in captured.err
    assert "2 of 5 images failed" in captured.err
    assert "a.png: nothing found" in captured.out and "wrote 3 cut-outs to cut" in captured.out


def test_person_by_person(portrait, capsys):
    words = ["predict", "portrait", "two.png", "--instances", "--boxes", "boxes.json"]
    assert main([*words, "--out", "people", "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    (image,) = content["images"]
    assert image["drawing"] == "two.png"
    assert image["cut_outs"] == ["two_person_1.png", "two_person_2.png"]
    assert [one["score"] for one in image["objects"]] == [0.7, 0.9]
    first, second = (pixels(f"people/{name}")[..., 3] for name in image["cut_outs"])
    assert first[8, 5] == second[8, 20] == 255 and not (first.astype(bool) & second).any()
    assert first[15, 5] > 0 and first[:, 15:].max() == 0  # each has its own soft edge
    assert pixels("people/two.png").shape[2] == 3
    assert json.loads(Path("people/predictions.json").read_text()) == content
    assert main([*words, "--out", "drawing.png"]) == 0
    assert pixels("drawing.png").shape[2] == 3 and not Path("people.png").exists()
    assert main([*words, "--format", "cutout", "--alpha", "--out", "only"]) == 0
    assert sorted(p.name for p in Path("only").iterdir()) == image["cut_outs"]
    assert pixels("only/two_person_1.png").ndim == 2


def test_boxes_of_several_pictures(portrait, photos, capsys):
    rows = [[0, 0, 20, 15]]
    for name in ("two.png", "two", str(Path("two.png"))):
        Path("boxes.json").write_text(json.dumps({name: rows, "a.png": []}))
        words = ["two.png", str(photos / "a.png"), "--instances", "--boxes", "boxes.json", "--json"]
        assert main(["predict", "portrait", *words]) == 0
        first, second = json.loads(capsys.readouterr().out)["images"]
        assert len(first["objects"]) == 1 and second["objects"] == []
    words[1] = str(photos / "b.png")
    assert main(["predict", "portrait", *words]) == 1
    assert "b.png: boxes.json has no boxes for it" in capsys.readouterr().err


def test_boxes_of_a_detector(portrait, monkeypatch, capsys):
    finds = Prediction((20, 30), [[0, 0, 20, 15]], [1], [0.75], ({},), ("person",))
    detector = SimpleNamespace(
        system="mask_rcnn", class_names=("person",), predict=lambda images: [finds]
    )
    load = models.load
    monkeypatch.setattr(models, "load", lambda name: detector if name == "finds" else load(name))
    words = ["predict", "portrait", "two.png", "--instances", "--json", "--detector"]
    assert main([*words, "finds"]) == 0
    assert len(json.loads(capsys.readouterr().out)["images"][0]["objects"]) == 1
    boxes, scores = PretendPortrait.asked[-1]["boxes"]
    assert boxes.tolist() == [[0, 0, 20, 15]] and scores.tolist() == [0.75]
    monkeypatch.setattr(models.system("x"), "system", "mask_rcnn", raising=False)
    for other in ("model", "portrait"):
        assert main([*words, other]) == 2
        assert f"--detector {other}: expected a model that finds each" in capsys.readouterr().err


def test_the_files_of_other_models_too(portrait):
    words = ["predict", "portrait", "two.png", "--out"]
    assert main([*words, "drawn", "--format", "drawn"]) == 0
    assert sorted(p.name for p in Path("drawn").iterdir()) == ["predictions.json", "two.png"]
    for form in ("drawn", "coco"):
        assert main([*words, "one.png", "--format", form]) == 2
    assert not Path("one.png").exists()
    assert main([*words, "coco.json", "--format", "coco"]) == 0
    (record,) = json.loads(Path("coco.json").read_text())
    assert record["category_id"] == 1 and record["score"] == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--alpha", "--background", "white"], "--alpha and --background"),
        (["--background", "nowhere.jpg"], "--background nowhere.jpg: expected blur, a colour"),
        (["--background", "notes.txt"], "or the file of an image; this is no image"),
        (["--instances"], "--instances: give the boxes"),
        (["--boxes", "boxes.json"], "are for --instances"),
        (["--instances", "--boxes", "boxes.json", "--detector", "model"], "give one of them"),
        (["--instances", "--boxes", "gone.json"], "gone.json: there is no such file of boxes"),
        (["--instances", "--boxes", "bad.json"], "bad.json: expected [[y1, x1, y2, x2]"),
        (["--alpha", "--format", "coco"], "--alpha: makes no sense with --format coco"),
        (["--score-threshold", "0.5"], "a cut-out has no score"),
    ],
)
def test_words_that_do_not_go_together(portrait, words, message, capsys):
    Path("notes.txt").write_text("no image")
    Path("bad.json").write_text('[[1, 2, 3, "x"]]')
    assert main(["predict", "portrait", "two.png", "--out", "out.png", *words]) == 2
    assert message in capsys.readouterr().err
    assert not PretendPortrait.asked and not Path("out.png").exists()


@pytest.mark.parametrize(
    ("out", "words", "message"),
    [
        ("cut.jpg", [], "a JPEG file cannot be transparent"),
        ("cut.gif", [], "expected a name that ends in .png"),
        ("cut.png", ["beach.png"], "one file cannot hold 2 images"),
        ("boxes.json/cut.png", [], "boxes.json is a file"),
        ("two.png", [], "would replace an image of yours"),
        (".", [], "would replace an image of yours"),
        (".", ["--format", "drawn"], "would replace an image of yours"),
        (".", ["--format", "drawn", "--json"], "would replace an image of yours"),
        ("beach.png", ["--background", "beach.png"], "would replace an image of yours"),
        ("p.png", ["--instances", "--boxes", "boxes.json", "--alpha"], "name a folder"),
        ("p.png", ["--instances", "--boxes", "boxes.json", "--format", "cutout"], "name a folder"),
    ],
)
def test_places_that_cannot_be_are_refused_before_the_work(portrait, out, words, message, capsys):
    before = Path("two.png").read_bytes()
    assert main(["predict", "portrait", "two.png", *words, "--out", out]) == 2
    assert message in capsys.readouterr().err
    assert not PretendPortrait.asked and Path("two.png").read_bytes() == before


def test_a_list_of_boxes_is_for_one_picture(portrait, capsys):
    words = ["two.png", "beach.png", "--instances", "--boxes", "boxes.json", "--json"]
    assert main(["predict", "portrait", *words]) == 2
    assert "holds the boxes of one image, and there are 2" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["--alpha"],
        ["--background", "blur"],
        ["--format", "cutout"],
        ["--instances", "--boxes", "boxes.json"],
    ],
)
def test_a_model_that_finds_objects_does_not_cut_out(portrait, words, capsys, monkeypatch):
    monkeypatch.setattr(models.system("x"), "system", "mask_rcnn", raising=False)
    assert main(["predict", "model", "two.png", "--out", "out", *words]) == 2
    error = capsys.readouterr().err
    assert "a mask_rcnn model finds objects and cuts nothing out" in error
    assert words[0] in error and not Path("out").exists()


def test_nothing_is_left_of_a_file_that_could_not_be_written(portrait, monkeypatch, capsys):
    import tfseg.visualize.files as files

    def full(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "replace", full)
    assert main(["predict", "portrait", "two.png", "--out", "deep/cut.png"]) == 1
    assert "No space left on device" in capsys.readouterr().err
    assert list(Path("deep").iterdir()) == []


def test_evaluating_people_by_true_boxes(portrait, capsys, monkeypatch):
    assert main(["evaluate", "portrait", "--data", "photos", "--boxes", "truth"]) == 0
    assert PretendPortrait.asked == [("with_people", "truth", None)]
    assert main(["evaluate", "portrait", "--data", "photos", "--boxes", "x.json"]) == 2
    assert "--boxes x.json: expected truth" in capsys.readouterr().err
    monkeypatch.setattr(models.system("x"), "system", "mask_rcnn", raising=False)
    assert main(["evaluate", "model", "--data", "photos", "--boxes", "truth"]) == 2
    assert "--boxes: a mask_rcnn model finds its objects itself" in capsys.readouterr().err
