"""COCO folders as annotation tools leave them, and images that are missing or elsewhere."""

import json

import pytest
from each_case import Fresh, each
from PIL import Image

from tfseg.data.coco.coco import CocoDataset
from tfseg.data.doctor.doctor import diagnose
from tfseg.data.opening.sources import open_dataset
from tfseg.data.tools.yolo import YoloDataset
from tfseg.errors import DataError

SIZE = (40, 60)


def coco(*names, **more):
    """A COCO file with one object on each image."""
    box = [5, 5, 30, 5, 30, 25, 5, 25]
    images = [
        {"id": n, "file_name": name, "height": SIZE[0], "width": SIZE[1]}
        for n, name in enumerate(names)
    ]
    annotations = [
        {"id": n + 1, "image_id": n, "category_id": 1, "segmentation": [box]}
        for n in range(len(names))
    ]
    categories = [{"id": 1, "name": "cup"}]
    return {"images": images, "annotations": annotations, "categories": categories, **more}


def writer(tmp_path):
    def write(files):
        for name, value in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(value, dict):
                path.write_text(json.dumps(value))
            elif path.suffix in (".jpg", ".png"):
                Image.new("RGB", SIZE[::-1], (len(name) % 256, 90, 9)).save(path)
            else:
                path.write_text(value)
        return tmp_path

    return write


@pytest.fixture
def save(tmp_path):
    return Fresh(writer, tmp_path)


ROBOFLOW = {
    f"{part}/{name}": value
    for part in ("train", "valid", "test")
    for name, value in (("_annotations.coco.json", coco(f"{part}.jpg")), (f"{part}.jpg", 1))
}
TOOLS = {
    "roboflow": ROBOFLOW,
    "cvat, subsets": {
        "annotations/instances_Train.json": coco("train.jpg"),
        "annotations/instances_Validation.json": coco("valid.jpg"),
        "images/Train/train.jpg": 1,
        "images/Validation/valid.jpg": 1,
    },
    "one of each": {
        "annotations/instances_train2017.json": coco("train.jpg"),
        "annotations/instances_val2017.json": coco("valid.jpg"),
        "annotations/person_keypoints_val2017.json": coco("other.jpg"),
        "annotations/captions_val2017.json": "{}",
        "train2017/train.jpg": 1,
        "val2017/valid.jpg": 1,
    },
    "validation.json": {
        "training.json": coco("train.jpg"),
        "validation.json": coco("valid.jpg"),
        "images/train.jpg": 1,
        "images/valid.jpg": 1,
    },
}


@each("tool", TOOLS)
def test_the_parts_of_tools(save, tool):
    folder = save(TOOLS[tool])
    for part, name in (("train", "train.jpg"), ("val", "valid.jpg")):
        assert open_dataset(folder, split=part)[0].path.endswith(f"/{name}")
        assert diagnose(folder, split=part).ok


ONE_FILE = {
    "cvat": {"annotations/instances_default.json": coco("a.jpg"), "images/default/a.jpg": 1},
    "label studio": {"result.json": coco("images/a.jpg"), "images/a.jpg": 1},
    "two of cvat": {
        "annotations/instances_default.json": coco("a.jpg"),
        "annotations/person_keypoints_default.json": coco("a.jpg", "b.jpg"),
        "images/default/a.jpg": 1,
    },
    "other names": {"my_export.json": coco("a.jpg"), "notes.txt": "", "a.jpg": 1},
}


@each("tool", ONE_FILE)
def test_one_file_is_the_part_for_training(save, tool):
    folder = save(ONE_FILE[tool])
    assert len(open_dataset(folder)[0]) == 1
    with pytest.raises(DataError, match="is one file without parts"):
        open_dataset(folder, split="val")


def test_a_list_of_classes_is_no_coco_file(save):
    labels = {"images/a.jpg": 1, "labels/a.txt": "0 .1 .1 .2 .2 .3 .3", "classes.txt": "cup"}
    folder = save({**labels, "notes.json": {"categories": [], "info": {}}})
    assert type(open_dataset(folder)) is YoloDataset


def test_the_folder_above_names_the_one_that_is_meant(save):
    folder = save({f"my-project.v3/{name}": value for name, value in ROBOFLOW.items()})
    with pytest.raises(DataError, match=r"holds no dataset itself, but .*my-project\.v3 is one"):
        open_dataset(folder)


def test_a_missing_part_names_those_that_are_there(save):
    folder = save({k: v for k, v in ROBOFLOW.items() if not k.startswith("valid")})
    with pytest.raises(DataError, match="split 'val'; there is one for train, test") as error:
        open_dataset(folder, split="val")
    assert len(str(error.value)) < len(str(folder)) + 100


def test_a_file_of_another_part_is_not_for_training(save):
    folder = save({"test.json": coco("a.jpg"), "a.jpg": 1})
    with pytest.raises(DataError, match="split 'train'; there is one for test"):
        open_dataset(folder)


@each("gone", range(5))
def test_any_image_may_be_missing(save, gone):
    names = [f"p{n}.jpg" for n in range(5)]
    folder = save({"train.json": coco(*names), **{f"images/{n}": 1 for n in names}})
    (folder / "images" / names[gone]).unlink()
    with pytest.raises(DataError, match=rf"image '{names[gone]}': there is no file .*images/p"):
        open_dataset(folder)
    assert len(open_dataset(folder, drop_invalid=True)) == 4
    assert [p.code for p in diagnose(folder).of("error")] == ["missing_image"]


def test_the_parts_own_folder_is_kept_where_images_are_missing(save):
    files = {"train.json": coco("1.jpg", "2.jpg", "3.jpg"), "val.json": coco("1.jpg")}
    folder = save({**files, "train/2.jpg": 1, "train/3.jpg": 1, "images/1.jpg": 1})
    rest = open_dataset(folder, drop_invalid=True)
    assert rest[0].path == str(folder / "train" / "2.jpg") and len(rest) == 2


def test_names_of_another_system(save):
    names = ["D:\\set\\images\\a.jpg", "/home/she/images/b.jpg", "images%2Fc.JPG"]
    folder = save({"train.json": coco(*names), **{f"images/{n}.jpg": 1 for n in "abc"}})
    for dataset in (open_dataset(folder), CocoDataset(folder / "train.json", folder / "images")):
        assert [sample.path for sample in dataset] == [
            str(folder / "images" / f"{n}.jpg") for n in "abc"
        ]
        (remark,) = dataset.problems
        assert remark.code == "foreign_file_name" and "3 file names" in str(remark)


def test_two_names_for_one_file_are_a_fault(save):
    folder = save({"train.json": coco("C:\\x\\a.jpg", "C:\\y\\a.jpg", "b.jpg")})
    save({"images/a.jpg": 1, "images/b.jpg": 1})
    with pytest.raises(DataError, match="one of several whose name fits"):
        open_dataset(folder)
    assert open_dataset(folder, drop_invalid=True).image_ids == (2,)


@each("name", ["../secret.jpg", "{}/secret.jpg", "x/../../secret.jpg"])
def test_a_name_that_leads_out_of_the_folder_is_refused(save, name):
    home = save({"secret.jpg": 1, "set/b.jpg": 1})
    name = name.format(home)
    folder = save({"set/train.json": coco(name, "b.jpg")}) / "set"
    for open_it in (lambda **o: open_dataset(folder, **o), lambda **o: _direct(folder, **o)):
        with pytest.raises(DataError, match="leads out of the folder.*allow_outside=true"):
            open_it()
        assert open_it(drop_invalid=True).image_ids == (1,)
        assert len(open_it(allow_outside=True)) == 2
    assert "outside_image" in [p.code for p in diagnose(folder).of("error")]
    save({"set/train.json": coco(name)})
    with pytest.raises(DataError, match="lead out of the folder.*allow_outside=true"):
        open_dataset(folder)
    assert len(open_dataset(folder, allow_outside=True)[0]) == 1


def _direct(folder, **options):
    return CocoDataset(folder / "train.json", folder, **options)
