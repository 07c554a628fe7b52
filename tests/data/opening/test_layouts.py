"""Folders and files of annotation tools, told apart by what is in them."""

import json

import numpy as np
import pytest
from each_case import Fresh, each
from PIL import Image

from tfseg.data.doctor.doctor import diagnose
from tfseg.data.masks.png_masks import PngMaskDataset
from tfseg.data.opening import sources
from tfseg.data.reading.annotation_kinds import annotation_kind
from tfseg.data.reading.part_names import MissingPartError
from tfseg.data.tools.labelme import LabelmeDataset
from tfseg.data.tools.via import ViaDataset
from tfseg.data.voc.voc import VocDataset
from tfseg.errors import ConfigError, DataError


def via(name, kind="cat"):
    rect = {"name": "rect", "x": 5, "y": 5, "width": 20, "height": 20}
    region = {"shape_attributes": rect, "region_attributes": {"kind": kind}}
    return json.dumps({f"{name}9": {"filename": name, "size": 9, "regions": [region]}})


def labelme(name, label="cat"):
    shape = {"label": label, "points": [[5, 5], [25, 25]], "shape_type": "rectangle"}
    file = {"version": "5.0.1", "flags": {}, "shapes": [shape], "imagePath": name}
    return json.dumps({**file, "imageData": None, "imageHeight": 60, "imageWidth": 80})


def coco(name):
    return json.dumps(
        {
            "categories": [{"id": 1, "name": "cat"}],
            "images": [{"id": 1, "file_name": name}],
            "annotations": [],
        }
    )


VIA_CSV = (
    "filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,"
    'region_attributes\na.jpg,9,"{}",1,0,"{""name"":""circle"",""cx"":20,""cy"":20,""r"":9}","{}"\n'
)
MASK = np.pad(np.full((20, 20), 255, np.uint8), ((5, 35), (5, 55)))

# name of the layout: files (text, or an array for a PNG), reader, the splits that it has
LAYOUTS = {
    "via beside": ({"a.jpg": 1, "via_project.json": via("a.jpg")}, ViaDataset, "train"),
    "via csv": ({"a.jpg": 1, "via_export.csv": VIA_CSV}, ViaDataset, "train"),
    "balloons": (
        {
            f"{p}/{x}": y
            for p in ("train", "val")
            for x, y in (("a.jpg", p), ("v.json", via("a.jpg")))
        },
        ViaDataset,
        "train val",
    ),
    "via by name": (
        {"images/a.jpg": 1, "via_train.json": via("a.jpg"), "via_val.json": via("a.jpg")},
        ViaDataset,
        "train val",
    ),
    "via train.json": ({"images/train/a.jpg": 1, "train.json": via("a.jpg")}, ViaDataset, "train"),
    "labelme": ({"a.jpg": 1, "a.json": labelme("a.jpg")}, LabelmeDataset, "train"),
    "labelme parts": (
        {
            "train/a.jpg": 1,
            "train/a.json": labelme("a.jpg"),
            "val/b.jpg": 2,
            "val/b.json": labelme("b.jpg"),
        },
        LabelmeDataset,
        "train val",
    ),
    "labelme apart": (
        {"images/a.jpg": 1, "annotations/a.json": labelme("../images/a.jpg")},
        LabelmeDataset,
        "train",
    ),
    "masks": ({"images/a.jpg": 1, "masks/cat/a.png": MASK}, PngMaskDataset, "train"),
    "masks and sidecars": (
        {"images/a.jpg": 1, "masks/a.png": MASK, "instances.json": '{"a": {"255": "cat"}}'},
        PngMaskDataset,
        "train",
    ),
    "masks in parts": (
        {
            f"{p}/{x}": y
            for p in ("train", "val")
            for x, y in (("images/a.jpg", p), ("masks/cat/a.png", MASK))
        },
        PngMaskDataset,
        "train val",
    ),
    "parts in masks": (
        {
            f"{x}/{p}/{y}": z
            for p in ("train", "val")
            for x, y, z in (("images", "a.jpg", p), ("masks", "cat/a.png", MASK))
        },
        PngMaskDataset,
        "train val",
    ),
    "science bowl": ({"x1/images/x1.png": 1, "x1/masks/f.png": MASK}, PngMaskDataset, "train"),
    "voc": (
        {
            "VOC2012/JPEGImages/a.jpg": 1,
            "VOC2012/SegmentationObject/a.png": MASK // 255,
            "VOC2012/SegmentationClass/a.png": MASK // 255,
            "VOC2012/ImageSets/Segmentation/train.txt": "a\n",
            "VOC2012/ImageSets/Segmentation/val.txt": "a\n",
        },
        VocDataset,
        "train val",
    ),
}


for name in ("labelme parts", "balloons", "masks in parts", "parts in masks", "via by name"):
    # The same where the tool calls its parts otherwise.
    for train, val in (("train", "valid"), ("Train", "Validation")):
        files, reader, splits = LAYOUTS[name]
        files = {p.replace("val", val).replace("train", train): v for p, v in files.items()}
        LAYOUTS[f"{name}, {val}"] = files, reader, splits


def writer(tmp_path, photo):
    def write(files):
        for name, value in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(value, np.ndarray):
                Image.fromarray(value).save(path)
            elif path.suffix in (".jpg", ".png"):
                photo(path, seed=len(str(value)))
            else:
                path.write_text(value)
        return tmp_path

    return write


@pytest.fixture
def save(tmp_path, photo):
    return Fresh(writer, tmp_path, photo)


@each("layout", LAYOUTS)
def test_a_folder_is_recognised_by_what_is_in_it(save, layout):
    files, reader, splits = LAYOUTS[layout]
    folder = save(files)
    for split in splits.split():
        dataset = sources.open_dataset(folder, split=split)
        assert type(dataset) is reader and len(dataset) == 1
        assert len(dataset[0]) == 1
        assert diagnose(folder, split=split).checked == 1
        kind = sources.recognise(str(folder), split)
        assert len(sources.open_dataset(folder, split=split, format=kind)) == 1
    if "val" not in splits:
        with pytest.raises(DataError, match="no part 'val'; looked for"):
            sources.open_dataset(folder, split="val")


@each("name", ["x.json", "x.csv"])
def test_a_file_of_via_or_labelme_can_be_named_itself(save, name):
    text = VIA_CSV if name == "x.csv" else via("a.jpg")
    assert type(sources.open_dataset(save({"a.jpg": 1, name: text}) / name)) is ViaDataset
    if name == "x.json":
        file = save({name: labelme("a.jpg")}) / name
        assert type(sources.open_dataset(file, classes=("cat",))) is LabelmeDataset


def test_coco_keeps_its_place_beside_other_formats(save):
    folder = save({"images/a.jpg": 1, "masks/cat/a.png": MASK, "train.json": coco("a.jpg")})
    assert sources.recognise(str(folder)) == "coco"
    assert sources.recognise(str(folder), "val") == "png_masks"
    assert [annotation_kind(save({"x.json": text}) / "x.json") for text in (
        coco("a.jpg"), "{}", "", '{"a": 1, "annotations": []}', labelme("a"), via("a")
    )] == ["coco", None, None, "coco", "labelme", "via"]  # fmt: skip
    assert annotation_kind(folder / "images" / "a.jpg") is None


def test_the_order_that_a_file_lists_holds_in_every_part(save):
    parts = {
        f"{part}/{name}": text
        for part in ("train", "val")
        for name, text in (("a.jpg", part), ("a.json", labelme("a.jpg", "zebra")))
    }
    folder = save({**parts, "labels.txt": "zebra\ncat\n"})
    for split in ("train", "val"):
        assert sources.open_dataset(folder, split=split).class_names == ("zebra", "cat")


def test_a_part_without_objects_has_the_classes_of_the_other(save):
    nothing = json.dumps({"b.jpg1": {"filename": "b.jpg", "size": 1, "regions": []}})
    folder = save(
        {"train/a.jpg": 1, "train/v.json": via("a.jpg"), "val/b.jpg": 22, "val/v.json": nothing}
    )
    dataset = sources.open_dataset(folder, split="val")
    assert dataset.class_names == ("cat",) and len(dataset[0]) == 0


def test_options_reach_the_readers(save):
    files = {"pictures/a.jpg": 1, "train.json": via("a.jpg"), "images/z.txt": "", "far.txt": ""}
    folder = save(files)
    dataset = sources.open_dataset(folder, image_dir="pictures", synonyms={"animal": ("cat",)})
    assert dataset.class_names == ("animal",) and dataset[0].class_ids.tolist() == [1]
    with pytest.raises(ConfigError, match="no option 'class_atribute'.*'class_attribute'"):
        sources.open_dataset(folder, class_atribute="kind")
    with pytest.raises(DataError, match="several files of VIA"):
        sources.open_dataset(save({"my_train.json": via("a.jpg")}))


def test_an_unknown_folder_lists_every_format(tmp_path):
    with pytest.raises(DataError) as error:
        sources.open_dataset(tmp_path)
    for word in sources.FORMATS:
        assert word == "synthetic" or f"({word})" in str(error.value)


FOREIGN = {
    "boxes of voc": ({"JPEGImages/a.jpg": 1, "Annotations/a.xml": "<a/>"},),
    "cvat": ({"images/a.jpg": 1, "annotations.xml": "<a/>"},),
}
SAID = {"boxes of voc": "boxes alone", "cvat": "CVAT's own XML"}


@each("kind", FOREIGN)
def test_what_is_known_and_not_read_is_called_so(save, kind):
    (files,) = FOREIGN[kind]
    with pytest.raises(DataError, match=f"this is .*{SAID[kind.split(',')[0]]}") as error:
        sources.open_dataset(save(files))
    assert len(str(error.value)) < 300


def test_a_part_that_is_not_there_is_said_shortly(save):
    folder = save({"images/a.jpg": 1, "instances/a.png": MASK, "notes.txt": ""})
    assert len(sources.open_dataset(folder)) == 1
    folder = save({"train/a.jpg": 1, "train/a.json": labelme("a.jpg")})
    with pytest.raises(MissingPartError, match="no part 'val'") as error:
        sources.open_dataset(folder / "train", split="val")
    assert len(str(error.value)) < 200 + len(str(folder))


def test_csv_with_other_marks_than_commas(save):
    for mark, name in ((";", "semicolons"), ("\t", "tabs")):
        folder = save({"a.jpg": 1, "via.csv": VIA_CSV.replace(",", mark)})
        with pytest.raises(DataError, match=f"CSV with {name} between.*Save it with commas"):
            sources.open_dataset(folder)


def test_the_doctor_lists_every_fault_of_a_folder(save):
    broken = {"a.jpg": 1, "a.json": labelme("a.jpg"), "b.json": labelme("gone.jpg"), "c.json": "{"}
    diagnosis = diagnose(save(broken))
    assert [p.code for p in diagnosis.of("error")] == ["missing_image", "unreadable_annotation"]
    assert diagnosis.checked == 1 and "gone.jpg" in str(diagnosis) and "c.json" in str(diagnosis)
