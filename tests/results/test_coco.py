"""Predictions as COCO files: what pycocotools reads, and the ids that it finds in them."""

from __future__ import annotations

import contextlib
import io
import json
import os
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from tfseg.data.coco.coco import CocoDataset
from tfseg.data.coco.coco_writer import write_coco
from tfseg.data.dataset import ListDataset, Subset
from tfseg.errors import DataError
from tfseg.results.coco import CocoFiles, category_ids_of, coco_results, write_coco_results
from tfseg.structures import Prediction, Sample, rle

NAMES = ("person", "dog")


def prediction(image_id, count=2, size=(30, 40), **fields):
    random = np.random.default_rng(zlib.crc32(str(image_id).encode()))
    given = dict(
        boxes=np.sort(random.random((count, 2, 2)) * 30, axis=1).reshape(count, 4),
        class_ids=np.arange(count) % 2 + 1,
        scores=random.random(count),
        class_names=NAMES,
        image_id=image_id,
        size=size,
    )
    return Prediction.from_masks(random.random((count, *size)) > 0.5, **{**given, **fields})


def sample(image_id, **fields):
    masks = np.zeros((2, 30, 40), bool)
    masks[0, 2:9, 3:12], masks[1, 10:30, 20:40] = True, True
    return Sample(
        np.zeros((30, 40, 3), np.uint8), image_id, class_ids=np.array([1, 2]), masks=masks, **fields
    )


def load(truth, results):
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(truth))
        return truth, truth.loadRes(str(results))


@pytest.fixture
def coco_dataset(tmp_path):
    """A COCO dataset whose category ids have gaps."""
    source = ListDataset([sample(i) for i in (139, 7, 42)], NAMES)
    source.category_ids = (3, 90)
    return CocoDataset(
        write_coco(source, tmp_path / "val.json", tmp_path / "images"), tmp_path / "images"
    )


def test_over_a_coco_dataset_its_own_ids_are_kept(tmp_path, coco_dataset):
    predictions = [prediction(s.image_id) for s in coco_dataset]
    written = write_coco_results(predictions, tmp_path / "p.json", dataset=coco_dataset)
    assert [os.path.basename(path) for path in written] == ["p.json", "p.segm.json"]
    _, results = load(tmp_path / "val.json", tmp_path / "p.json")
    for given in predictions:
        records = results.loadAnns(results.getAnnIds(imgIds=[given.image_id]))
        assert [r["category_id"] for r in records] == [3, 90]
        assert [r["score"] for r in records] == given.scores.astype(float).tolist()
        np.testing.assert_array_equal([results.annToMask(r) for r in records], given.masks)
        x, y, w, h = records[0]["bbox"]
        np.testing.assert_allclose([y, x, y + h, x + w], given.boxes[0], rtol=1e-7)
    assert isinstance(
        json.loads((tmp_path / "p.json").read_text())[0]["segmentation"]["counts"], str
    )


def test_masks_alone_get_areas_of_masks(tmp_path, coco_dataset):
    predictions = [prediction(s.image_id) for s in coco_dataset]
    write_coco_results(predictions, tmp_path / "p.json", dataset=coco_dataset)
    _, results = load(tmp_path / "val.json", tmp_path / "p.segm.json")
    areas = [a["area"] for a in results.loadAnns(results.getAnnIds(imgIds=[7]))]
    assert areas == prediction(7).masks.sum(axis=(1, 2)).tolist()


def test_classes_in_another_order_go_by_name(coco_dataset):
    found = prediction(7, class_names=("dog", "cat", "person"), class_ids=[1, 3])
    records = coco_results([found], dataset=coco_dataset)
    assert [r["category_id"] for r in records] == [90, 3]
    assert category_ids_of(coco_dataset, ("dog", "cat", "bird")) == (90, 91, 92)


def test_classes_that_the_annotation_file_lacks_are_said(tmp_path, coco_dataset, caplog):
    coco_results([prediction(7)], dataset=coco_dataset)
    assert not caplog.text
    found = prediction(7, class_names=("dog", "cat"), class_ids=[1, 2])
    assert [r["category_id"] for r in coco_results([found], dataset=coco_dataset)] == [90, 91]
    assert "lacks: cat 91" in caplog.text and "val.json" in caplog.text
    found = prediction(7, class_names=("cat", "bird"))
    with pytest.raises(DataError, match="none of its categories .*dog.*cat, bird.*count from 1"):
        write_coco_results([found], tmp_path / "p.json", dataset=coco_dataset)
    assert not (tmp_path / "p.json").exists()
    # Without an annotation file the list of images names the categories too.
    written = write_coco_results(
        [found], tmp_path / "p.json", dataset=ListDataset([sample(7)], NAMES)
    )
    images = json.loads(Path(written[-1]).read_text())
    assert images["categories"] == [{"id": 3, "name": "cat"}, {"id": 4, "name": "bird"}]


def test_a_part_of_a_coco_dataset(coco_dataset):
    part = Subset(coco_dataset, [2, 0])
    records = coco_results([prediction(s.image_id) for s in part], dataset=part)
    assert [r["image_id"] for r in records] == [42, 42, 139, 139]
    assert {r["category_id"] for r in records} == {3, 90}


def test_text_ids_of_an_annotation_file_are_kept(tmp_path):
    Image.new("RGB", (40, 30)).save(tmp_path / "x.png")
    content = {
        "images": [{"id": "one", "file_name": "x.png", "height": 30, "width": 40}],
        "annotations": [],
        "categories": [{"id": 4, "name": "person"}],
    }
    (tmp_path / "a.json").write_text(json.dumps(content))
    source = CocoDataset(tmp_path / "a.json", tmp_path)
    records = coco_results([prediction("one", 1, class_names=("person",))], dataset=source)
    assert (records[0]["image_id"], records[0]["category_id"]) == ("one", 4)


def test_plain_pictures_are_counted_and_listed(tmp_path):
    found = [
        prediction("beach", path=str(tmp_path / "photos" / "beach.jpg")),
        prediction("alps", 0, size=(10, 20)),
    ]
    written = write_coco_results(found, tmp_path / "p.json")
    assert [os.path.basename(path) for path in written] == [
        "p.json", "p.segm.json", "p.images.json"
    ]  # fmt: skip
    images, results = load(tmp_path / "p.images.json", tmp_path / "p.json")
    assert images.dataset["images"] == [
        {"id": 1, "file_name": os.path.join("photos", "beach.jpg"), "height": 30, "width": 40},
        {"id": 2, "file_name": "alps", "height": 10, "width": 20},
    ]
    assert images.dataset["categories"] == [{"id": 1, "name": "person"}, {"id": 2, "name": "dog"}]
    assert len(results.getAnnIds(imgIds=[1])) == 2


def test_whole_number_ids_of_plain_samples_are_kept():
    records = coco_results([prediction(12), prediction(0)])
    assert [r["image_id"] for r in records] == [12, 12, 0, 0]


def test_the_numbering_of_other_datasets_is_that_of_their_export(tmp_path):
    source = ListDataset([sample("b"), sample("a")], NAMES)
    truth = json.loads(Path(write_coco(source, tmp_path / "t.json", tmp_path / "i")).read_text())
    records = coco_results([prediction("b"), prediction("a")], dataset=source)
    assert [image["id"] for image in truth["images"]] == [1, 2]
    assert [r["image_id"] for r in records] == [1, 1, 2, 2]


def test_nothing_found_and_no_pictures(tmp_path):
    for found in ([prediction("a", 0)], []):
        write_coco_results(found, tmp_path / "p.json")
        assert json.loads((tmp_path / "p.json").read_text()) == []


def test_one_prediction_needs_no_list():
    assert len(coco_results(prediction(3))) == 2


@pytest.mark.parametrize(
    ("predictions", "message"),
    [
        ([prediction(1), {"rois": []}], "got dict"),
        ([prediction(1), prediction(2, class_names=("cat", "cow"))], "different classes"),
        ([prediction(1, class_ids=[1, 3])], "class id 3 is none of the 2"),
    ],
)
def test_what_is_refused(predictions, message, tmp_path):
    with pytest.raises(DataError, match=message):
        write_coco_results(predictions, tmp_path / "p.json")
    assert os.listdir(tmp_path) == []


def test_two_predictions_of_one_picture_are_refused(coco_dataset):
    with pytest.raises(DataError, match="two predictions are of image 7"):
        coco_results([prediction(7), prediction(7)], dataset=coco_dataset)


def test_all_files_or_none(tmp_path, monkeypatch):
    write_coco_results([prediction(1)], tmp_path / "p.json")
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    (tmp_path / "p.images.json").unlink()
    (tmp_path / "p.images.json").mkdir()  # the third file cannot be put in place

    def forbidden(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", forbidden)
    with pytest.raises(DataError, match="could not be written"):
        write_coco_results([prediction(2)], tmp_path / "p.json")
    assert (tmp_path / "p.json").read_bytes() == before["p.json"]
    assert not list(tmp_path.glob("*.partial"))


class TestFilesOfAnEvaluation:
    def test_ids_and_categories(self, tmp_path, coco_dataset):
        files = CocoFiles(NAMES, coco_dataset)
        for each in coco_dataset:
            files.update(each, prediction(each.image_id))
        written = files.write(tmp_path / "out")
        assert [os.path.basename(path) for path in written] == [
            "truth.json", "predictions.json", "predictions.segm.json"
        ]  # fmt: skip
        truth, results = load(*written[:2])
        assert sorted(truth.imgs) == sorted(results.imgs) == [7, 42, 139]
        assert sorted(truth.cats) == [3, 90]
        # The truth names the images where they lie, beside the folder.
        again = CocoDataset(written[0], tmp_path / "out", allow_outside=True)
        np.testing.assert_array_equal(again[0].masks, coco_dataset[1].masks)

    def test_text_ids_count_in_the_order_of_the_evaluation(self, tmp_path):
        files = CocoFiles(NAMES)
        for name in ("zebra", "ape"):
            files.update(sample(name), prediction(name))
        truth, _ = load(*files.write(tmp_path)[:2])
        assert [(i["id"], i["file_name"]) for i in truth.dataset["images"]] == [
            (1, "ape"), (2, "zebra")
        ]  # fmt: skip

    def test_an_empty_mask_is_kept_as_the_evaluation_counts_it(self, tmp_path):
        files = CocoFiles(NAMES)
        empty = sample(1).replace(masks=np.zeros((2, 30, 40), bool))
        files.update(empty, prediction(1))
        truth, _ = load(*files.write(tmp_path)[:2])
        assert [a["area"] for a in truth.dataset["annotations"]] == [0, 0]
        assert rle.area([truth.dataset["annotations"][0]["segmentation"]]).tolist() == [0]

    def test_a_folder_that_cannot_be_made(self, tmp_path):
        (tmp_path / "file").touch()
        with pytest.raises(DataError, match="cannot be written"):
            CocoFiles(NAMES).write(tmp_path / "file" / "out")
