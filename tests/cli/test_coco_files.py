"""The COCO files of the verbs, and plain pycocotools on them: the digits that `evaluate` prints."""

from __future__ import annotations

import contextlib
import io
import json
import os
from pathlib import Path

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from tfseg import models
from tfseg.cli.main import main
from tfseg.data.coco.coco import CocoDataset
from tfseg.data.coco.coco_writer import write_coco
from tfseg.data.dataset import ListDataset, train_val_split
from tfseg.data.synthetic import SyntheticPeople
from tfseg.engine.predict_verbs import PredictVerbs
from tfseg.metrics import InstanceEvaluator
from tfseg.structures import Prediction
from tfseg.structures.sample import boxes_from_masks

SUMMARY = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl")
CLASSES = ("shirt", "trousers", "skirt", "dress")


class Guesser(PredictVerbs):
    """A model that knows the truth, and blurs it: shifted masks, noisy boxes, coarse scores."""

    system = "guesser"
    config = None
    score_metric = "segm/AP"

    def __init__(self, class_names, truth):
        self.class_names, self.truth = tuple(class_names), truth

    def _evaluator(self):
        return InstanceEvaluator(self.class_names)

    def _evaluation_threshold(self):
        return 0.0

    def _require_weights(self):
        pass

    def _predict_inputs(self, item):
        return {}, item

    def _run_rows(self, rows, batch_size):
        return [{}] * len(rows)

    def _decode(self, outputs, item, *, score_threshold, image_id, path):
        return self._guess(self.truth[image_id], item, score_threshold or 0.0)

    def _guess(self, truth, item, threshold):
        random = np.random.default_rng(int(truth.masks.sum()) + len(truth))
        rows = random.integers(0, len(truth), 3 * len(truth)) if len(truth) else np.zeros(0, int)
        shifts = random.integers(-6, 7, (len(rows), 2))
        masks = [np.roll(truth.masks[r], s, axis=(0, 1)) for r, s in zip(rows, shifts)]
        masks = np.array(masks, bool).reshape(len(rows), *truth.size)
        wrong = random.random(len(rows)) < 0.15
        names = np.array(
            [self.class_names.index(CLASSES[k - 1]) + 1 for k in truth.class_ids[rows]]
        )
        ids = np.where(wrong, 1, names)
        found = Prediction.from_masks(
            masks,
            size=truth.size,
            boxes=boxes_from_masks(masks) + random.normal(0, 0.6, (len(rows), 4)),
            class_ids=ids,
            scores=random.integers(1, 7, len(rows)) / 7,  # many are equal
            class_names=self.class_names,
            image_id=item.image_id,
            path=item.path,
        )
        return found[found.scores >= threshold]


def drawn(image_id=lambda index: index):
    """Drawn garments with one crowd region in every third image, ids not in rising order."""
    source = SyntheticPeople(10, size=(160, 200), seed=4, people=(1, 3), classes=CLASSES)
    samples = []
    for index in (7, 2, 9, 0, 4, 1, 8, 3, 6, 5):
        sample = source[index].replace(image_id=image_id(index), label_maps={}, keypoints=None)
        crowd = np.zeros(len(sample), bool)
        crowd[: int(index % 3 == 0)] = True
        samples.append(sample.replace(is_crowd=crowd))
    return ListDataset(samples, CLASSES)


def plain(truth, results, kind):
    """The twelve numbers of pycocotools as anyone runs it, and what it prints."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        truth = COCO(str(truth))
        evaluation = COCOeval(truth, truth.loadRes(str(results)), kind)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    lines = [line for line in said.getvalue().splitlines() if line.startswith(" Average")]
    return evaluation.stats.tolist(), [line.rsplit("=", 1)[1].strip() for line in lines]


def compare(metrics, folder):
    """All twelve numbers for boxes and masks: the same floats, so the same digits."""
    for kind, name in (("bbox", "predictions.json"), ("segm", "predictions.segm.json")):
        stats, printed = plain(folder / "truth.json", folder / name, kind)
        for key, value, text in zip(SUMMARY, stats, printed, strict=True):
            ours = metrics[f"{kind}/{key}"]
            if value == -1:
                assert np.isnan(ours), (kind, key)
                continue
            assert ours == value, (kind, key)
            assert f"{ours:0.3f}" == text
        assert 0.1 < stats[0] < 0.9, "the guesses are too good or too bad to show anything"


@pytest.fixture
def guess(monkeypatch):
    """Lets `models.load` return a guesser that knows a dataset."""

    def install(dataset, class_names=CLASSES):
        truth = {dataset[i].image_id: dataset[i] for i in range(len(dataset))}
        model = Guesser(class_names, truth)
        monkeypatch.setattr(models, "load", lambda directory: model)
        monkeypatch.setattr("tfseg.cli.quiet.silence", lambda debug=False: None)
        monkeypatch.setattr("tfseg.cli.quiet.import_backend", lambda: None)
        return model

    return install


@pytest.mark.parametrize(
    "image_id", [lambda i: 100 - i, lambda i: f"photo {i}"], ids=["numbers", "texts"]
)
def test_evaluate_and_plain_pycocotools_give_the_same_floats(tmp_path, guess, image_id):
    dataset = drawn(image_id)
    report = guess(dataset).evaluate(dataset, save_predictions=tmp_path)
    compare(report.metrics, tmp_path)


def test_the_words_print_the_same_digits_over_an_annotation_file_with_gaps(tmp_path, guess, capsys):
    source = drawn()
    source.category_ids = (4, 17, 62, 90)
    write_coco(source, tmp_path / "val.json", tmp_path / "images")
    guess(CocoDataset(tmp_path / "val.json", tmp_path / "images"))
    words = ["--data", str(tmp_path / "val.json"), "--save-predictions", str(tmp_path / "out")]
    assert main(["evaluate", "model", *words, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)["metrics"]
    compare({k: np.nan if v is None else v for k, v in printed.items()}, tmp_path / "out")
    ids = {
        r["category_id"] for r in json.loads((tmp_path / "out" / "predictions.json").read_text())
    }
    assert ids <= {4, 17, 62, 90}
    # Predicting over the same file, and measuring with the file itself: the same again.
    out = tmp_path / "out" / "predictions.json"
    kept = {name: (tmp_path / "out" / name).read_text() for name in os.listdir(tmp_path / "out")}
    words = [str(tmp_path / "val.json"), "--format", "coco", "--out", str(out)]
    assert main(["predict", "model", *words]) == 0
    assert sorted(os.listdir(out.parent)) == sorted(kept)
    for kind, name in (("bbox", "predictions.json"), ("segm", "predictions.segm.json")):
        assert plain(tmp_path / "val.json", out.parent / name, kind)[0] == [
            -1 if printed[f"{kind}/{key}"] is None else printed[f"{kind}/{key}"] for key in SUMMARY
        ]


def test_classes_in_another_order_than_the_data_set(tmp_path, guess):
    dataset = drawn()
    dataset.category_ids = (4, 17, 62, 90)
    model = guess(dataset, ("dress", "shirt", "hat", "trousers", "skirt"))
    compare(model.evaluate(dataset, save_predictions=tmp_path).metrics, tmp_path)


def test_the_first_pictures_only_and_a_report_beside(tmp_path, guess):
    from tfseg.engine import reporting

    dataset = drawn()
    model = guess(dataset)
    report, _ = reporting.write(
        model, dataset, tmp_path / "report", limit=6, save_predictions=tmp_path
    )
    assert len(json.loads((tmp_path / "truth.json").read_text())["images"]) == 6
    compare(report.metrics, tmp_path)


class TestPredict:
    def test_a_folder_of_pictures(self, pretend, photos, capsys):
        assert main(["predict", "model", str(photos), "--format", "coco", "--out", "p.json"]) == 1
        captured = capsys.readouterr()
        assert (
            "c.jpg" in captured.err and "wrote p.json, p.segm.json, p.images.json" in captured.out
        )
        with contextlib.redirect_stdout(io.StringIO()):
            results = COCO("p.images.json").loadRes("p.json")
        assert sorted(results.imgs) == [1, 2]
        assert [Path(i["file_name"]).name for i in results.imgs.values()] == ["a.png", "b.png"]
        assert {a["category_id"] for a in results.anns.values()} == {1, 2}
        assert [p.name for p in Path().glob("*.png")] == []

    def test_a_folder_to_write_to_and_records_printed(self, pretend, photos, capsys):
        words = ["predict", "model", str(photos / "a.png"), "--format", "coco"]
        assert main([*words, "--out", "deep/out", "--json"]) == 0
        assert sorted(os.listdir("deep/out")) == [
            "predictions.images.json", "predictions.json", "predictions.segm.json"
        ]  # fmt: skip
        printed = json.loads(capsys.readouterr().out)
        assert printed == json.loads(Path("deep/out/predictions.json").read_text())

    def test_a_threshold_may_be_given(self, pretend, photos):
        words = ["predict", "model", str(photos / "a.png"), "--format", "coco", "--out", "p.json"]
        assert main([*words, "--score-threshold", "0.8"]) == 0
        assert [r["score"] for r in json.loads(Path("p.json").read_text())] == [np.float32(0.9)]

    def test_a_data_set_can_be_drawn_too(self, tmp_path, guess, capsys):
        dataset = drawn()
        write_coco(dataset, tmp_path / "val.json", tmp_path / "images")
        guess(dataset)
        out = tmp_path / "drawn"
        assert main(["predict", "m", str(tmp_path), "--split", "val", "--out", str(out)]) == 0
        assert sorted(os.listdir(out))[:2] == ["01.png", "02.png"]
        assert len(json.loads((out / "predictions.json").read_text())["images"]) == 10

    def test_a_model_of_other_classes_is_refused_before_the_work(self, tmp_path, guess, capsys):
        dataset = drawn()
        write_coco(dataset, tmp_path / "val.json", tmp_path / "images")
        guess(dataset, ("shoe", "bag"))
        words = [str(tmp_path / "val.json"), "--format", "coco", "--out", str(tmp_path / "p.json")]
        assert main(["predict", "m", *words]) == 2
        captured = capsys.readouterr()
        assert "none of its categories" in captured.err and "shoe, bag" in captured.err
        assert not captured.out and not (tmp_path / "p.json").exists()

    def test_a_share_of_a_data_set(self, guess, tmp_path):
        dataset = drawn()
        write_coco(dataset, tmp_path / "train.json", tmp_path / "images")
        guess(dataset)
        out = tmp_path / "p.json"
        words = [str(tmp_path), "--set", "data.val_fraction=0.2", "--format", "coco"]
        assert main(["predict", "m", *words, "--out", str(out)]) == 0
        _, held_out = train_val_split(dataset, 0.2)
        images = json.loads(out.with_suffix(".images.json").read_text())["images"]
        assert [image["id"] for image in images] == [sample.image_id for sample in held_out]

    @pytest.mark.parametrize("words", [["a.json", "b.png"], ["a.png", "b", "--split", "val"]])
    def test_a_data_set_is_predicted_alone(self, pretend, words, capsys):
        assert main(["predict", "model", *words, "--format", "coco", "--out", "p.json"]) == 2
        assert "predicted alone" in capsys.readouterr().err


class TestCoco:
    def test_drawn_people(self, tmp_path, capsys):
        out = tmp_path / "deep" / "people.json"
        words = ["coco", "synthetic:length=3,size=64", "--out", str(out), "--copy-images"]
        assert main(words) == 0
        assert "3 images with person" in capsys.readouterr().out
        read = CocoDataset(out, out.parent / "images")
        source = SyntheticPeople(3, size=64)
        for index in range(3):
            np.testing.assert_array_equal(read[index].image, source[index].image)
            np.testing.assert_array_equal(read[index].masks, source[index].masks)

    def test_a_coco_data_set_again_keeps_ids_and_names(self, tmp_path):
        source = drawn(lambda i: 50 + 3 * i)
        source.category_ids = (4, 17, 62, 90)
        write_coco(source, tmp_path / "val.json", tmp_path / "images")
        words = ["--split", "val", "--out", str(tmp_path / "again.json"), "--limit", "4"]
        assert main(["coco", str(tmp_path), *words]) == 0
        first = json.loads((tmp_path / "val.json").read_text())
        again = json.loads((tmp_path / "again.json").read_text())
        assert again["categories"] == first["categories"]
        ids = {image["id"] for image in again["images"]}
        assert ids == {image["id"] for image in first["images"][:4]}
        wanted = [a for a in first["annotations"] if a["image_id"] in ids]
        assert again["annotations"] == wanted
        names = [image["file_name"] for image in again["images"]]
        assert names == [os.path.join("images", i["file_name"]) for i in first["images"][:4]]

    def test_wrong_words(self, tmp_path, capsys):
        assert main(["coco", "synthetic", "--out", str(tmp_path / "x.txt")]) == 2
        assert "JSON file" in capsys.readouterr().err
        out = tmp_path / "x.json"
        assert main(["coco", "synthetic:length=2,size=32", "--out", str(out)]) == 2
        assert "--copy-images" in capsys.readouterr().err
        assert not out.exists()
