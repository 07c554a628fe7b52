"""Files that are nearly COCO's, as tools write them, and what is told of those that are none."""

import json
import sys
import time

import pytest
from each_case import Fresh, each
from PIL import Image

from tfseg.data.coco.coco import CocoDataset
from tfseg.data.doctor.doctor import diagnose
from tfseg.data.opening.sources import open_dataset
from tfseg.errors import DataError

SIZE = (40, 60)
OUTLINE = [5, 5, 30, 5, 30, 25, 5, 25]


def annotation(identity, image=1, category=1, **changes):
    record = {"id": identity, "image_id": image, "category_id": category}
    return {**record, "segmentation": [OUTLINE], "bbox": [5, 5, 25, 20], "iscrowd": 0, **changes}


def content(**changes):
    return {
        "images": [
            {"id": n, "file_name": f"{n}.png", "height": SIZE[0], "width": SIZE[1]} for n in (1, 2)
        ],
        "annotations": [annotation(1), annotation(2, 2, 2)],
        "categories": [{"id": 1, "name": "cup"}, {"id": 2, "name": "jug"}],
        **changes,
    }


def writer(tmp_path):
    def write(value):
        for n in (1, 2):
            Image.new("RGB", SIZE[::-1], (n * 90, 40, 9)).save(tmp_path / f"{n}.png")
        (tmp_path / "train.json").write_text(json.dumps(value))
        return tmp_path

    return write


@pytest.fixture
def save(tmp_path):
    return Fresh(writer, tmp_path)


def labels(dataset):
    return [[dataset.class_names[i - 1] for i in sample.class_ids] for sample in dataset]


def codes(dataset):
    return [problem.code for problem in dataset.problems]


def text_of(value):
    """A file in which all ids and sizes are text."""
    for record in (r for records in value.values() for r in records):
        record.update({k: str(record[k]) for k in record if k.endswith("id") or k in ("height",)})
    return value


ODD = {
    "all numbers as text": (text_of(content()), {"text_number"}),
    "image ids as text in annotations": (
        content(annotations=[annotation(1, "1"), annotation(2, "2", 2, segmentation=OUTLINE)]),
        {"text_number", "flat_polygon"},
    ),
    "names in addresses": (
        content(
            images=[
                {"id": n, "coco_url": f"http://x.org/val2017/{n}.png", "height": 40, "width": 60}
                for n in (1, 2)
            ]
        ),
        {"file_name_of_url", "foreign_file_name"},
    ),
    "a root of the project's name": (
        content(
            categories=[
                {"id": 0, "name": "pots", "supercategory": "none"},
                {"id": 1, "name": "cup", "supercategory": "pots"},
                {"id": 2, "name": "jug", "supercategory": "pots"},
            ]
        ),
        {"root_category"},
    ),
    "a root with the name of a class": (
        content(
            categories=[
                {"id": 0, "name": "cup", "supercategory": "none"},
                {"id": 1, "name": "cup", "supercategory": "cup"},
                {"id": 2, "name": "jug", "supercategory": "cup"},
            ]
        ),
        {"duplicate_category"},
    ),
    "a class listed twice": (
        content(
            categories=[
                {"id": 1, "name": "cup"},
                {"id": 2, "name": "jug"},
                {"id": 7, "name": "cup"},
                {"id": 2, "name": "jug"},
            ]
        ),
        {"duplicate_category"},
    ),
}


@each("oddity", ODD)
def test_what_has_one_meaning_is_read_and_told_once(save, oddity):
    value, expected = ODD[oddity]
    folder = save(value)
    for dataset in (CocoDataset(folder / "train.json", folder), open_dataset(folder)):
        assert dataset.class_names == ("cup", "jug") and labels(dataset) == [["cup"], ["jug"]]
        assert dataset.category_ids == (1, 2)
        assert set(codes(dataset)) == expected and len(codes(dataset)) <= 4
    assert diagnose(folder).ok


def test_the_root_is_a_class_where_it_is_named_or_has_objects(save):
    value = ODD["a root of the project's name"][0]
    folder = save(value)
    assert open_dataset(folder, classes=("pots", "cup")).class_names == ("pots", "cup")
    folder = save({**value, "annotations": [annotation(1, 1, 0)]})
    assert open_dataset(folder).class_names == ("pots", "cup", "jug")


def test_two_annotated_categories_of_one_name(save):
    categories = [*content()["categories"], {"id": 5, "name": "cup"}]
    folder = save(content(categories=categories, annotations=[annotation(1), annotation(2, 2, 5)]))
    with pytest.raises(DataError, match="'cup' is used twice, by the ids 1 and 5, and both have"):
        open_dataset(folder)
    rest = open_dataset(folder, drop_invalid=True)
    assert rest.class_names == ("cup", "jug") and labels(rest) == [["cup"], ["cup"]]


NONE = {
    "panoptic": (
        content(annotations=[{"image_id": 1, "segments_info": [{"id": 1, "category_id": 1}]}]),
        "panoptic format.*Convert it to instances",
    ),
    "captions": (
        {"images": [], "annotations": [{"id": 1, "image_id": 1, "caption": "a cup"}]},
        "captions, without masks",
    ),
    "VIA 3": ({"project": {}, "config": {}, "file": {}, "metadata": {}}, "project of VIA 3"),
    "Label Studio": ([{"id": 1, "data": {}, "annotations": []}], "Label Studio's own JSON.*COCO"),
    "results": ([{"image_id": 1, "score": 0.5}], "COCO \\*results\\*"),
    "text for category ids": (
        content(categories=[{"id": "cup", "name": "cup"}]),
        "category 1: expected 'id' as int, got 'cup', which is text",
    ),
    "units of the image's size": (
        content(annotations=[annotation(1, segmentation=[[0.1, 0.1, 0.9, 0.1, 0.5, 0.75]])]),
        "only outline lie between 0 and 1.*Multiply",
    ),
}


@each("kind", NONE)
def test_the_first_message_says_what_the_file_is(save, kind):
    value, message = NONE[kind]
    folder = save(value)
    with pytest.raises(DataError, match=message) as error:
        CocoDataset(folder / "train.json", folder, drop_invalid=True)
    assert "drop_invalid" not in str(error.value) and len(str(error.value)) < 330
    problems = diagnose(folder / "train.json", image_dir=folder, format="coco").problems
    assert [problem.code for problem in problems] == ["unusable"]
    (folder / "train.json").rename(folder / "export.json")
    if kind in ("VIA 3", "Label Studio", "panoptic"):
        with pytest.raises(DataError, match=message):
            open_dataset(folder)


def test_some_outlines_in_units_of_the_images_size_are_a_warning(save):
    half = [[0.1, 0.1, 0.9, 0.1, 0.5, 0.75]]
    folder = save(content(annotations=[annotation(1), annotation(2, 2, segmentation=half)]))
    assert "normalised" in codes(open_dataset(folder, drop_invalid=True))


LOST = {
    "an image without a name": ("images", {"file_name": 5}),
    "an image without an id": ("images", {"id": None}),
    "a category without a name": ("categories", {"name": None}),
}


@each("fault", LOST)
def test_one_fault_makes_no_second_one_of_each_annotation(save, fault):
    key, change = LOST[fault]
    value = content()
    value["annotations"] += [annotation(n, 1, 1) for n in range(10, 15)]
    value[key][0].update(change)
    folder = save(value)
    problems = [p for p in diagnose(folder).problems if p.severity == "error"]
    assert len(problems) == (2 if change == {"id": None} else 1)
    rest = open_dataset(folder, drop_invalid=True)
    assert rest.image_ids == (2,) and rest.remaining == (1, 1)
    if "id" not in change:
        assert "6 annotations go with it" in str(rest.dropped[0].left_out())


def test_nothing_is_advised_that_leaves_nothing(save):
    broken = [annotation(n, n, segmentation=None) for n in (1, 2)]
    for value in (content(annotations=broken), content(annotations=[annotation(1, 8)] * 2)):
        folder = save(value)
        with pytest.raises(DataError) as error:
            open_dataset(folder)
        assert "drop_invalid" not in str(error.value)
        diagnosis = diagnose(folder)
        assert diagnosis.remaining == (0, 0) and "drop_invalid" not in str(diagnosis)
        assert len(open_dataset(folder, drop_invalid=True)) == 0
    folder = save(content(annotations=[broken[0], annotation(2, 2, 2)]))
    diagnosis = diagnose(folder)
    assert diagnosis.remaining == (1, 1) and "drop_invalid" in str(diagnosis)


HUGE = {
    "sides": {"size": [10**9, 10**9], "counts": [10**18]},
    "more digits than Python writes": {"size": [10**4400, 1], "counts": [1]},
    "infinite": {"size": [float("inf"), 60], "counts": [0, 2400]},
    "negative": {"size": [-40, -60], "counts": [0, 2400]},
    "none": {"size": [0, 0], "counts": []},
    "counts beyond 64 bits together": {"size": [40, 60], "counts": [2**63 - 1, 2**63 - 1, 2402]},
    "an outline to and fro": [[0, 0, 99_999, 0, 0, 1, 99_999, 1, 0, 2] * 2000],
    "nested": [[[[[5, 5]]]]],
}


@each("sized", [True, False])
@each("kind", HUGE)
def test_masks_that_no_image_has_are_refused_at_once(save, kind, sized):
    value = content(annotations=[annotation(1), annotation(2, 2)])
    if not sized:
        value["images"] = [{"id": n, "file_name": f"{n}.png"} for n in (1, 2)]
    folder = save(value)
    value["annotations"][0]["segmentation"] = "HERE"
    text = json.dumps(value)
    limit = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        (folder / "train.json").write_text(text.replace('"HERE"', json.dumps(HUGE[kind])))
    finally:
        sys.set_int_max_str_digits(limit)
    start = time.process_time()
    with pytest.raises(DataError):
        open_dataset(folder)[0]
    assert not diagnose(folder).ok and time.process_time() - start < 2


def test_other_encodings_than_utf_8_are_named(save):
    folder = save(content())
    text = json.dumps(content(), ensure_ascii=False).replace("cup", "杯子")
    (folder / "train.json").write_bytes(text.encode("gbk"))
    with pytest.raises(DataError, match="another encoding than UTF-8.*iconv"):
        open_dataset(folder)
    for encoding in ("utf-8-sig", "utf-16"):
        (folder / "train.json").write_bytes(text.encode(encoding))
        assert CocoDataset(folder / "train.json", folder).class_names == ("杯子", "jug")
