import json
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from each_case import each
from PIL import Image

from tfseg.data.opening import formats
from tfseg.data.opening.sources import FORMATS, open_dataset, recognise
from tfseg.errors import ConfigError, DataError

ROOT = Path(__file__).resolve().parents[3]


def write_coco_file(path, image="a.png"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        json.dumps(
            {
                "annotations": [],
                "images": [{"id": 1, "file_name": image, "height": 4, "width": 6}],
                "categories": [{"id": 1, "name": "person"}, {"id": 2, "name": "dog"}],
            }
        )
    )


def write_image(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (6, 4)).save(path)


LAYOUTS = [
    ("train.json", "images/a.png"),
    ("train.json", "photos/a.png"),
    ("train.json", "train/a.png"),
    ("train.json", "a.png"),
    ("train.json", "images/train/a.png"),
    ("instances_train.json", "images/a.png"),
    ("annotations/instances_train2017.json", "train2017/a.png"),
    ("annotations/instances_train2017.json", "images/train2017/a.png"),
    ("annotations/person_keypoints_train2017.json", "train2017/a.png"),
    ("annotations/train.json", "images/a.png"),
    ("train/_annotations.coco.json", "train/a.png"),
    ("train/annotations.json", "train/images/a.png"),
]


@each(("file", "image"), LAYOUTS)
def test_coco_layouts(tmp_path, file, image):
    write_coco_file(tmp_path / file)
    write_image(tmp_path / image)
    (tmp_path / "images").mkdir(exist_ok=True)  # an empty folder of a likely name misleads nobody
    for path in (tmp_path, tmp_path / file):
        dataset = open_dataset(path)
        assert dataset[0].path == str(tmp_path / image)
        assert dataset.class_names == ("person", "dog")
    assert recognise(str(tmp_path)) == "coco"


@each("folder", ["images/val", "val", "val_images"])
def test_parts_may_number_their_pictures_alike(tmp_path, folder):
    for name, pictures in (("train", "images"), ("val", folder)):
        write_coco_file(tmp_path / f"{name}.json", "1.png")
        write_image(tmp_path / pictures / "1.png")
    for place, split in ((tmp_path, "val"), (tmp_path / "val.json", "train")):
        assert open_dataset(place, split=split)[0].path == str(tmp_path / folder / "1.png")
    for place, split in ((tmp_path, "train"), (tmp_path / "train.json", "val")):
        assert open_dataset(place, split=split)[0].path == str(tmp_path / "images" / "1.png")


def test_classes_options_and_image_dir_are_passed_on(tmp_path):
    write_coco_file(tmp_path / "val.json", "\u00e4.png")
    write_image(tmp_path / "pictures" / "\u00e4.png")
    dataset = open_dataset(
        tmp_path, split="val", classes=("dog",), image_dir="pictures", keep_empty=False
    )
    assert dataset.class_names == ("dog",) and len(dataset) == 0
    elsewhere = open_dataset(tmp_path / "val.json", image_dir=tmp_path / "pictures", format="coco")
    assert len(elsewhere) == 1
    with pytest.raises(DataError, match=r"first image 'ä\.png' is in none of.*image_dir"):
        open_dataset(tmp_path, split="val")


def test_a_file_without_pictures_needs_no_image_folder(tmp_path):
    (tmp_path / "train.json").write_text(
        '{"images": [], "annotations": [], "categories": [{"id": 1, "name": "a"}]}'
    )
    assert len(open_dataset(tmp_path)) == 0


def test_clothing_co_parsing(tmp_path):
    cells = np.empty((1, 3), object)
    cells[0] = [np.array([name]) for name in ("null", "dress", "hat")]
    scipy.io.savemat(tmp_path / "label_list.mat", {"label_list": cells})
    folder = tmp_path / "annotations" / "pixel-level"
    folder.mkdir(parents=True)
    scipy.io.savemat(folder / "0001.mat", {"groundtruth": np.full((4, 6), 2, np.uint8)})
    write_image(tmp_path / "photos" / "0001.jpg")
    (tmp_path / "val.txt").write_text("0001")
    dataset = open_dataset(tmp_path, split="val", classes=("hat",), min_area=0)
    assert dataset[0].class_ids.tolist() == [1]
    with pytest.raises(DataError, match="no split 'train'"):
        open_dataset(tmp_path, classes=("hat",))


@each("make", ["empty", "foreign"])
def test_an_unknown_folder_lists_what_was_looked_for_and_found(tmp_path, make):
    if make == "foreign":
        (tmp_path / "notes.docx").touch()
    expected = "notes.docx" if make == "foreign" else "nothing"
    with pytest.raises(DataError, match=rf"label_list\.mat.*train\.json.*folder has: {expected}"):
        open_dataset(tmp_path)


def test_missing_path_and_foreign_file(tmp_path):
    with pytest.raises(DataError, match="no such folder or file.*synthetic"):
        open_dataset(tmp_path / "none")
    with pytest.raises(DataError, match="no such annotation file"):
        open_dataset(tmp_path / "none.json", format="coco")
    (tmp_path / "a.txt").touch()
    with pytest.raises(DataError, match="got another file"):
        open_dataset(tmp_path / "a.txt")
    (tmp_path / "empty.json").touch()
    with pytest.raises(DataError, match=r"empty\.json: the annotation file is empty"):
        open_dataset(tmp_path / "empty.json")
    (tmp_path / "broken.json").write_text('{"images": [{"file_name": "a')
    with pytest.raises(DataError, match="expected JSON"):
        open_dataset(tmp_path / "broken.json")


def test_no_file_or_several_for_the_split(tmp_path):
    write_coco_file(tmp_path / "annotations.json")
    with pytest.raises(DataError, match=r"split 'val'; looked for val\.json.*annotations\.json"):
        open_dataset(tmp_path, split="val")
    write_coco_file(tmp_path / "annotations" / "instances_val2014.json")
    write_coco_file(tmp_path / "annotations" / "instances_val2017.json")
    with pytest.raises(DataError, match="several annotation files fit the split 'val'"):
        open_dataset(tmp_path, split="val")


def test_unknown_formats_and_options_name_the_nearest(tmp_path):
    with pytest.raises(ConfigError, match="no data format 'cocoo'.*Did you mean 'coco'"):
        open_dataset(tmp_path, format="cocoo")
    write_coco_file(tmp_path / "train.json")
    write_image(tmp_path / "a.png")
    with pytest.raises(ConfigError, match="no option 'drop_invlid'.*Did you mean 'drop_invalid'"):
        open_dataset(tmp_path, drop_invlid=True)
    with pytest.raises(ConfigError, match="no option 'image_dri'"):
        open_dataset(tmp_path, image_dri="x")


def test_the_guides_name_every_format():
    """A reader that the list has is one that a user can find: its class, and its `--format`."""
    guides = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    text = "".join(guide.read_text(encoding="utf-8") for guide in guides)
    for name, one in zip(FORMATS, formats.every(), strict=True):
        assert one.name == name and one.marks
        assert one.reader.__name__ in text, f"{name}: no guide names {one.reader.__name__}"
        assert one.is_recognised or name in text


def test_drawn_people():
    train = open_dataset("synthetic:length=6,size=48x64,seed=3,people=1-2")
    val = open_dataset("synthetic:length=6,size=48x64,seed=3,people=1-2,val_length=2", split="val")
    assert (len(train), len(val)) == (6, 2)
    assert train[0].size == (48, 64) and train.class_names == ("person",)
    assert not np.array_equal(train[0].image, val[0].image)
    same = open_dataset("synthetic", length=6, size=(48, 64), seed=3, people=(1, 2))
    np.testing.assert_array_equal(same[5].image, train[5].image)
    assert len(open_dataset("synthetic")) == 1000
    assert len(open_dataset("synthetic", split="val")) == 200
    assert open_dataset("synthetic:classes=suit+dress,length=1").class_names == ("suit", "dress")
    assert open_dataset("synthetic:size=32,length=1", classes="clothing")[0].size == (32, 32)


@each(
    ("spec", "message"),
    [
        ("synthetic:lenght=3", "Did you mean 'length'"),
        ("synthetic:length", "name=value"),
        ("synthetic:length=many", "value of 'length'"),
        ("synthetic:size=1x2x3", "value of 'size'"),
    ],
)
def test_specifications_of_drawn_people_are_checked(spec, message):
    with pytest.raises(ConfigError, match=message):
        open_dataset(spec)


def test_drawn_people_have_three_splits():
    with pytest.raises(DataError, match="train, val, test, got 'eval'"):
        open_dataset("synthetic", split="eval")
    with pytest.raises(ConfigError, match="no option 'sise'"):
        open_dataset("synthetic", sise=3)
