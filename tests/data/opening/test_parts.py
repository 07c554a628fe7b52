"""Several sources as one dataset."""

import json
import pickle

import numpy as np
import pytest
from each_case import each
from PIL import Image

from tfseg.data.dataset import ListDataset
from tfseg.data.doctor.doctor import diagnose
from tfseg.data.opening.parts import Parts
from tfseg.data.opening.sources import open_dataset
from tfseg.errors import ConfigError, DataError
from tfseg.structures import Sample
from tfseg.structures.semantic import class_map

MASK = np.zeros((60, 80), np.uint8)
MASK[10:40, 10:40] = 1


@pytest.fixture
def root(tmp_path, photo):
    """Two folders of masks with images of the same names, and a COCO file with two classes."""
    for place, seed in (("a/train", 1), ("a/val", 2), ("b/train", 3)):
        photo(tmp_path / place / "images" / "1.png", seed=seed)
        (tmp_path / place / "masks").mkdir()
        Image.fromarray(MASK).save(tmp_path / place / "masks" / "1.png")
    photo(tmp_path / "c" / "images" / "1.png", seed=4)
    box = [10, 10, 30, 30]
    outline = [[10, 10, 40, 10, 40, 40, 10, 40]]
    record = dict(id=1, image_id=1, bbox=box, area=900, iscrowd=0, segmentation=outline)
    content = {
        "images": [{"id": 1, "file_name": "1.png", "height": 60, "width": 80}],
        "annotations": [{**record, "category_id": 2}, {**record, "id": 2, "category_id": 1}],
        "categories": [{"id": 1, "name": "dog"}, {"id": 2, "name": "person"}],
    }
    (tmp_path / "c" / "train.json").write_text(json.dumps(content))
    return tmp_path


A = {"path": "a", "format": "image_masks"}
B = {"path": "b", "format": "image_masks", "repeat": 2}
C = {"path": "c", "classes": ["person"]}


def test_parts_become_one_set_with_names_of_their_own(root):
    dataset = open_dataset(root, parts=[A, B, C])
    assert isinstance(dataset, Parts) and len(dataset) == 4
    assert [s.image_id for s in dataset] == ["a/1", "b/1", "b/1", "c/1"]
    assert dataset.class_names == ("person",) and "b 1, b 1" in repr(dataset)
    for sample in dataset:
        assert sample.class_ids.tolist() == [1] and sample.masks[0].sum() == 900
    np.testing.assert_array_equal(dataset[1].image, dataset[2].image)
    assert pickle.loads(pickle.dumps(dataset))[-1].image_id == "c/1"
    with pytest.raises(IndexError):
        dataset[4]


def test_validation_is_of_its_own_parts_or_of_the_same(root):
    val = open_dataset(root, split="val", parts=[B, C], val_parts=A)
    assert [sample.path for sample in val] == [str(root / "a" / "val" / "images" / "1.png")]
    same = open_dataset(root, split="val", parts=[{**A, "repeat": 3}])
    assert len(same) == 1  # repeating is for training
    named = open_dataset(root, split="val", parts=[A], val_parts=[{**B, "split": "train"}])
    assert [sample.image_id for sample in named] == ["b/1"]
    assert len(open_dataset(root, split="train", parts=[A], val_parts=B)) == 1
    with pytest.raises(ConfigError, match="always the split 'train'.*data.val_parts"):
        open_dataset(root, split="val", parts=[{**A, "split": "train"}])


def test_paths_and_classes_for_all(root):
    own = open_dataset(root / "a", parts=[{"format": "image_masks"}], classes=("person",))
    assert [sample.image_id for sample in own] == ["a/1"]
    absolute = open_dataset("", parts=[{**A, "path": str(root / "a")}])
    assert len(absolute) == 1
    twice = open_dataset(root, parts=[A, A])
    assert [sample.image_id for sample in twice] == ["a/1", "a#2/1"]
    drawn = open_dataset("", parts=[{"path": "synthetic:length=2,size=64,classes=person"}])
    assert drawn[1].image_id.startswith("synthetic/")
    dogs = open_dataset(root, parts=[{"path": "c"}], classes=("dog",))
    assert dogs.class_names == ("dog",)


@each(
    ("options", "message"),
    [
        ({"parts": []}, "data.parts: expected a list of parts"),
        ({"parts": "a"}, "data.parts: expected a list of parts"),
        ({"parts": ["a"]}, r"data.parts.0: expected \{path"),
        ({"parts": [{**A, "repeat": 0}]}, "data.parts.0.repeat: expected a whole number"),
        ({"parts": [{**A, "repeat": 1.5}]}, "data.parts.0.repeat"),
        ({"parts": [{"path": 3}]}, "data.parts.0.path: expected a path"),
        ({"parts": [A], "drop_invalid": True}, "--set data.parts.0.drop_invalid"),
        ({"parts": [A], "format": "coco"}, "data.format: with data.parts"),
        ({"parts": [{**A, "valuse": 1}]}, "no option 'valuse'.*'values'"),
        ({"val_parts": [A]}, "data.parts: expected a list of parts, .*got None"),
    ],
)
def test_parts_that_are_none(root, options, message):
    with pytest.raises(ConfigError, match=message):
        open_dataset(root, **options)


def test_other_classes_are_refused(root):
    with pytest.raises(DataError, match="dataset 1 has the classes"):
        open_dataset(root, parts=[A, {"path": "c"}])
    with pytest.raises(ConfigError, match="no path"):
        open_dataset("", parts=[{"format": "image_masks"}])
    with pytest.raises(DataError, match="nowhere"):
        open_dataset(root, parts=[{"path": "nowhere"}])


def test_the_doctor_goes_through_all_parts(root):
    found = diagnose(root, parts=[A, B, C])
    assert found.ok and found.checked == 3 and not found.of("warning")  # repeated ones once
    Image.fromarray(MASK * 9).save(root / "b" / "train" / "masks" / "1.png")
    content = json.loads((root / "c" / "train.json").read_text())
    content["annotations"][0]["category_id"] = 77
    (root / "c" / "train.json").write_text(json.dumps(content))
    found = diagnose(root, parts=[A, B, C])
    assert {"unknown_value", "unknown_category"} <= {p.code for p in found.of("error")}
    assert str(root / "b" / "train" / "masks" / "1.png") in str(found)


def test_a_picture_in_training_and_validation_is_found(root):
    found = diagnose(root, parts=[A], val_parts=[{**A, "split": "train"}], against="val")
    assert [p.code for p in found.of("error")] == ["shared_image"]


def test_names_do_not_change_the_samples():
    picture = Sample(np.zeros((4, 6, 3), np.uint8), image_id=7, path="x.png")
    parts = Parts([ListDataset([picture], ("person",))], ["mine"])
    assert parts[0].image_id == "mine/7" and parts[0].path == "x.png"
    assert parts.problems == ()


@pytest.mark.real_data
def test_real_sources_make_one_set_of_people(real_data):
    crops = {"path": "clothing_co_parsing", "format": "portrait_crops"}
    missing = [n for n in ("clothing_co_parsing", "coco_person") if not (real_data / n).is_dir()]
    if missing:
        pytest.skip(f"no {' and '.join(missing)} in {real_data}")
    parts = [crops, {**crops, "crop": "full"}, {"path": "coco_person", "classes": ["person"]}]
    train = open_dataset(real_data, parts=parts, val_parts=crops)
    val = open_dataset(real_data, split="val", parts=parts, val_parts=crops)
    assert (len(train), len(val)) == (713 + 713 + 288, 120)
    portrait, whole, people = train[0], train[713], train[713 + 713]
    assert portrait.path == whole.path and portrait.size[0] < 0.6 * whole.size[0]
    for sample in (portrait, whole, people):
        classes = class_map(sample)
        assert classes.shape == sample.size and 0.01 < (classes == 1).mean() < 0.99
        assert set(np.unique(classes)) <= {0, 1, 255}


def test_composites_stand_before_the_images_of_a_folder(root, photo):
    for number in range(3):
        photo(root / "places" / f"{number}.jpg", (90, 120), seed=number)
    part = {**A, "format": "composites", "people_format": "image_masks", "length": 4, "size": 64}
    within = open_dataset(root, parts=[{**part, "backgrounds": "places", "people_per_picture": 0}])
    absolute = {**part, "backgrounds": str(root / "places"), "people_per_picture": 0}
    for one, other in zip(within, open_dataset(root, parts=[absolute])):
        assert len(one) == 0 and one.image.std() > 1
        np.testing.assert_array_equal(one.image, other.image)
    peopled = open_dataset(root, parts=[{**part, "backgrounds": "places"}])
    assert any(len(sample) for sample in peopled)
    (root / "bare").mkdir()
    for wrong in ("bare", "nowhere"):
        with pytest.raises(DataError, match=wrong):
            open_dataset(root, parts=[{**part, "backgrounds": wrong}])
