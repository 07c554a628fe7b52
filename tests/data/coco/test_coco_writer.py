import contextlib
import io
import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from tfseg.data.coco.coco import CocoDataset
from tfseg.data.coco.coco_writer import write_coco
from tfseg.data.dataset import ListDataset
from tfseg.errors import DataError
from tfseg.structures import Sample


def sample(number, objects=2, path=None, **fields):
    rng = np.random.default_rng(number)
    masks = rng.random((objects, 30, 40)) > 0.7
    fields = {"image_id": number, "class_ids": np.arange(objects) % 2 + 1, **fields}
    image = rng.integers(0, 256, (30, 40, 3), np.uint8)
    return Sample(image, masks=masks, path=path, **fields)


def dataset(*samples):
    return ListDataset(samples, ("person", "dog"))


def official(path):
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(path)


def test_round_trip_through_the_official_reader(tmp_path):
    points = np.array([[[3, 4, 2], [0, 0, 0]], [[5, 6, 1], [7, 8, 2]]], np.float32)
    source = dataset(
        sample(5, is_crowd=[False, True], keypoints=points), sample(9, 0), sample(2, 3)
    )
    path = write_coco(source, tmp_path / "all.json", tmp_path / "images")
    coco = official(path)
    assert [category["name"] for category in coco.loadCats(coco.getCatIds())] == ["person", "dog"]
    assert sorted(coco.imgs) == [2, 5, 9]
    for expected in source:
        records = coco.loadAnns(coco.getAnnIds(imgIds=[expected.image_id]))
        assert len(records) == len(expected)
        for row, record in enumerate(records):
            np.testing.assert_array_equal(coco.annToMask(record) > 0, expected.masks[row])
            assert record["area"] == expected.masks[row].sum()
            x, y, w, h = record["bbox"]
            assert [y, x, y + h, x + w] == expected.boxes[row].tolist()
            assert record["category_id"] == expected.class_ids[row]
            assert record["iscrowd"] == expected.is_crowd[row]
    read = CocoDataset(path, tmp_path / "images")
    for first, second in zip(source, read):
        for name in ("image", "masks", "boxes", "class_ids", "is_crowd"):
            np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    np.testing.assert_array_equal(read[0].keypoints, points)
    assert read[2].keypoints.shape == (3, 2, 3)
    first = json.loads((tmp_path / "all.json").read_text())["annotations"][0]
    assert first["num_keypoints"] == 1


def test_a_second_export_is_the_first_again(tmp_path):
    first = write_coco(dataset(sample(1), sample(2)), tmp_path / "a.json", tmp_path / "images")
    again = write_coco(
        CocoDataset(first, tmp_path / "images"), tmp_path / "b.json", tmp_path / "images"
    )
    assert json.loads((tmp_path / "a.json").read_text()) == json.loads(Path(again).read_text())
    assert len(os.listdir(tmp_path / "images")) == 2


def test_gaps_of_category_ids_survive(tmp_path):
    source = dataset(sample(1))
    source.category_ids, source.keypoint_names = (3, 90), ("a",)
    path = write_coco(source, tmp_path / "all.json", tmp_path)
    assert CocoDataset(path, tmp_path).category_ids == (3, 90)


def test_ids_that_are_no_numbers_or_not_unique_are_counted(tmp_path):
    path = write_coco(
        dataset(sample(0, image_id="a"), sample(1, image_id="a")), tmp_path / "all.json", tmp_path
    )
    content = json.loads((tmp_path / "all.json").read_text())
    assert [image["id"] for image in content["images"]] == [1, 2]
    assert [record["id"] for record in content["annotations"]] == [1, 2, 3, 4]
    assert [record["image_id"] for record in content["annotations"]] == [1, 1, 2, 2]
    assert len(CocoDataset(path, tmp_path)) == 2


def test_pictures_can_stay_where_they_are(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "notes").mkdir()
    file = tmp_path / "photos" / "x.png"
    Image.fromarray(sample(1).image).save(file)
    path = write_coco(dataset(sample(1, path=str(file))), tmp_path / "notes" / "all.json")
    assert os.listdir(tmp_path / "notes") == ["all.json"]
    # Names that lead out of the folder are followed where the user allows it.
    with pytest.raises(DataError, match="allow_outside=True"):
        CocoDataset(path, tmp_path / "notes")
    dataset_there = CocoDataset(path, tmp_path / "notes", allow_outside=True)
    np.testing.assert_array_equal(dataset_there[0].image, sample(1).image)
    with pytest.raises(DataError, match="image_dir="):
        write_coco(dataset(sample(1)), tmp_path / "all.json")


def test_empty_masks_are_refused_and_nothing_is_left_behind(tmp_path):
    broken = Sample(np.zeros((4, 4, 3), np.uint8), masks=np.zeros((1, 4, 4)), class_ids=[1])
    with pytest.raises(DataError, match="annotation 1: the mask is empty"):
        write_coco(dataset(sample(1), broken), tmp_path / "all.json", tmp_path / "images")
    assert not (tmp_path / "all.json").exists()


def test_no_samples(tmp_path):
    path = write_coco(dataset(), tmp_path / "all.json")
    assert len(CocoDataset(path, tmp_path)) == 0


def test_an_old_file_stays_whole_when_the_disk_is_full(tmp_path, monkeypatch):
    target = tmp_path / "all.json"
    write_coco(dataset(sample(1)), target, tmp_path)
    before = target.read_bytes()

    def full(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(DataError, match=r"all\.json: could not be written \(No space left"):
        write_coco(dataset(), target)
    assert target.read_bytes() == before
    assert not (tmp_path / "all.json.partial").exists()


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="cannot be written"):
        write_coco(dataset(sample(1)), tmp_path / "all.json", tmp_path / "file" / "images")
    with pytest.raises(DataError, match="could not be written"):
        write_coco(dataset(), tmp_path / "nowhere" / "all.json")


def test_a_picture_that_cannot_be_written(tmp_path, monkeypatch):
    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(DataError, match=r"000001\.png: could not be written \(No space left"):
        write_coco(dataset(sample(1)), tmp_path / "all.json", tmp_path / "images")
    assert not (tmp_path / "all.json").exists()


class TestCopiedPictures:
    def photos(self, tmp_path, *names):
        samples = []
        for number, name in enumerate(names, 1):
            file = tmp_path / "photos" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(sample(number).image).save(file, quality=80)
            samples.append(sample(number, path=str(file)))
        return dataset(*samples)

    def test_files_keep_their_name_and_bytes(self, tmp_path):
        source = self.photos(tmp_path, "a.jpg", "b.jpg")
        for _ in range(2):  # the second time everything is there already
            path = write_coco(source, tmp_path / "all.json", tmp_path / "images")
            assert sorted(os.listdir(tmp_path / "images")) == ["a.jpg", "b.jpg"]
        copy = (tmp_path / "images" / "a.jpg").read_bytes()
        assert copy == (tmp_path / "photos" / "a.jpg").read_bytes()
        assert len(CocoDataset(path, tmp_path / "images")) == 2

    def test_equal_names_of_different_pictures(self, tmp_path):
        source = self.photos(tmp_path, "x/a.jpg", "y/a.jpg")
        write_coco(source, tmp_path / "all.json", tmp_path / "images")
        content = json.loads((tmp_path / "all.json").read_text())
        assert [i["file_name"] for i in content["images"]] == ["a.jpg", "000002.jpg"]

    def test_a_sample_that_is_a_part_of_its_file_is_written_anew(self, tmp_path):
        (whole,) = self.photos(tmp_path, "a.png")
        part = Sample(whole.image[:20], image_id=1, path=whole.path)
        path = write_coco(dataset(part), tmp_path / "all.json", tmp_path / "images")
        read = CocoDataset(path, tmp_path / "images")[0]
        np.testing.assert_array_equal(read.image, part.image)

    def test_a_failed_export_takes_its_pictures_back(self, tmp_path):
        source = self.photos(tmp_path, "a.jpg", "b.jpg")
        broken = Sample(np.zeros((4, 4, 3), np.uint8), masks=np.zeros((1, 4, 4)), class_ids=[1])
        (tmp_path / "images").mkdir()
        (tmp_path / "images" / "mine.txt").touch()
        with pytest.raises(DataError, match="mask is empty"):
            write_coco(dataset(*source, broken), tmp_path / "all.json", tmp_path / "images")
        assert os.listdir(tmp_path / "images") == ["mine.txt"]


def test_an_image_id_of_zero_is_kept_and_an_annotation_id_of_zero_is_not(tmp_path):
    source = dataset(sample(0, 1, annotation_ids=[0]), sample(4, 1, annotation_ids=[9]))
    write_coco(source, tmp_path / "all.json", tmp_path)
    content = json.loads((tmp_path / "all.json").read_text())
    assert [image["id"] for image in content["images"]] == [0, 4]
    assert [record["id"] for record in content["annotations"]] == [1, 2]
    assert [record["image_id"] for record in content["annotations"]] == [0, 4]
