import contextlib
import copy
import io
import json
import logging

import numpy as np
import pytest
from each_case import Fresh, each
from PIL import Image, ImageDraw
from pycocotools.coco import COCO

from tfseg.data.coco.coco import CocoDataset
from tfseg.data.doctor.doctor import diagnose
from tfseg.errors import DataError
from tfseg.structures import rle

HEIGHT, WIDTH = 40, 60


def rectangle(y1, x1, y2, x2):
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[y1:y2, x1:x2] = True
    return mask


def outline(y1, x1, y2, x2):
    return [[x1, y1, x2, y1, x2, y2, x1, y2]]


def annotation(identity, image, category, box, **changes):
    y1, x1, y2, x2 = box
    record = {
        "id": identity,
        "image_id": image,
        "category_id": category,
        "segmentation": outline(*box),
        "bbox": [x1, y1, x2 - x1, y2 - y1],
        "area": (y2 - y1) * (x2 - x1),
        "iscrowd": 0,
    }
    return {**record, **changes}


def content():
    """Three images; the third has no objects. Category ids have gaps and are out of order."""
    return {
        "images": [
            {"id": 11, "file_name": "a.png", "height": HEIGHT, "width": WIDTH},
            {"id": 7, "file_name": "b.png", "height": HEIGHT, "width": WIDTH},
            {"id": 30, "file_name": "c.png", "height": HEIGHT, "width": WIDTH},
        ],
        "categories": [
            {"id": 90, "name": "tree"},
            {"id": 3, "name": "person"},
            {"id": 18, "name": "dog"},
        ],
        "annotations": [
            annotation(1, 11, 90, (5, 10, 25, 30)),
            annotation(2, 11, 3, (0, 0, 10, 20)),
            annotation(5, 7, 18, (20, 30, 40, 60)),
        ],
    }


class Folder:
    def __init__(self, path):
        self.path, self.content = path, content()
        for number, name in enumerate("abc"):
            pixels = np.random.default_rng(number).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
            Image.fromarray(pixels).save(path / f"{name}.png")

    @property
    def file(self):
        return self.path / "all.json"

    def open(self, **options):
        if self.content is not None:
            self.file.write_text(json.dumps(self.content))
        return CocoDataset(self.file, self.path, **options)

    @property
    def annotations(self):
        return self.content["annotations"]


@pytest.fixture
def folder(tmp_path):
    return Fresh(Folder, tmp_path)


def test_ids_names_masks_and_boxes(folder):
    dataset = folder.open()
    assert dataset.class_names == ("person", "dog", "tree")
    assert dataset.category_ids == (3, 18, 90)
    assert dataset.image_ids == (11, 7, 30)
    first, second, empty = dataset
    assert first.class_ids.tolist() == [3, 1]
    assert first.annotation_ids.tolist() == [1, 2]
    assert first.boxes.tolist() == [[5, 10, 25, 30], [0, 0, 10, 20]]
    np.testing.assert_array_equal(first.masks[0], rectangle(5, 10, 25, 30))
    np.testing.assert_array_equal(second.masks, [rectangle(20, 30, 40, 60)])
    assert first.path == str(folder.path / "a.png")
    assert len(empty) == 0 and empty.masks.shape == (0, HEIGHT, WIDTH)
    assert dataset.annotation_counts() == {"person": 1, "dog": 1, "tree": 1}
    assert "3 images, 3 objects" in repr(dataset)


def test_classes_choose_and_order(folder):
    dataset = folder.open(classes=("tree", "dog"))
    assert dataset.category_ids == (90, 18)
    assert [sample.class_ids.tolist() for sample in dataset] == [[1], [2], []]
    assert len(folder.open(classes=("tree",), keep_empty=False)) == 1
    with pytest.raises(DataError, match="no category 'dogg'.*Did you mean 'dog'"):
        folder.open(classes=("dogg",))
    with pytest.raises(DataError, match=r"tuple.*\('dog',\), in a command data.classes=\[dog\]"):
        folder.open(classes="dog")
    with pytest.raises(DataError, match="different"):
        folder.open(classes=("dog", "dog"))


def test_synonyms_make_several_categories_one_class(folder):
    folder.content["categories"].append({"id": 40, "name": "Person"})
    folder.annotations.append(annotation(9, 7, 40, (1, 1, 9, 9)))
    alike = {p.code: p for p in diagnose(folder.open()).problems}["alike_labels"]
    assert "data.synonyms={person: [person, Person]}" in alike.message
    dataset = folder.open(synonyms={"person": ("person", "Person")})
    assert dataset.class_names == ("person", "dog", "tree")
    assert dataset.category_ids == (3, 18, 90)
    assert [sample.class_ids.tolist() for sample in dataset] == [[3, 1], [2, 1], []]
    assert "alike_labels" not in {p.code for p in diagnose(dataset).problems}
    one = folder.open(classes=("living",), synonyms={"living": ("Person", "dog")})
    assert [s.class_ids.tolist() for s in one] == [[], [1, 1], []] and one.category_ids == (18,)
    assert {p.code for p in one.problems} == {"passed_over"}
    with pytest.raises(DataError, match="no category 'Persn'.*Did you mean 'Person'"):
        folder.open(synonyms={"person": ("person", "Persn")})
    with pytest.raises(DataError, match="'dog' is part of two classes"):
        folder.open(classes=("a", "b"), synonyms={"a": ("dog",), "b": ("dog", "tree")})
    # An object without a mask leaves its image out, whichever of its class's names it has.
    folder.annotations[-1]["segmentation"] = []
    rest = folder.open(synonyms={"person": ("person", "Person")}, drop_invalid=True)
    assert rest.image_ids == (11, 30)


def test_three_ways_to_write_a_mask(folder):
    mask = np.zeros((HEIGHT, WIDTH), bool)
    ImageDraw.Draw(picture := Image.new("1", (WIDTH, HEIGHT))).ellipse((8, 5, 40, 30), fill=1)
    mask[:] = np.asarray(picture)
    compressed = rle.encode(mask)
    plain = rle.to_uncompressed(compressed)
    assert isinstance(plain["counts"], list)
    for identity, segmentation in ((50, compressed), (51, plain)):
        folder.annotations.append(
            annotation(identity, 30, 3, (5, 8, 31, 41), segmentation=segmentation)
        )
    sample = folder.open()[2]
    np.testing.assert_array_equal(sample.masks, [mask, mask])
    assert sample.boxes.tolist() == [[5, 8, 31, 41]] * 2


def test_several_polygons_are_one_object(folder):
    parts = outline(2, 2, 8, 9) + outline(20, 30, 33, 50)
    folder.annotations[0]["segmentation"] = parts
    del folder.annotations[0]["bbox"]
    sample = folder.open()[0]
    np.testing.assert_array_equal(
        sample.masks[0], rectangle(2, 2, 8, 9) | rectangle(20, 30, 33, 50)
    )
    assert sample.boxes[0].tolist() == [2, 2, 33, 50]


def test_polygons_that_reach_over_the_edge_are_cut(folder):
    folder.annotations[0].update(segmentation=outline(-5, -8, 10, 12), bbox=[-8, -5, 20, 15])
    sample = folder.open()[0]
    np.testing.assert_array_equal(sample.masks[0], rectangle(0, 0, 10, 12))


def test_crowd_regions(folder):
    region = rle.to_uncompressed(rle.encode(rectangle(0, 0, 20, 60)))
    folder.annotations.append(annotation(9, 11, 3, (0, 0, 20, 60), segmentation=region, iscrowd=1))
    assert folder.open()[0].is_crowd.tolist() == [False, False, True]
    assert folder.open(crowd="drop")[0].is_crowd.tolist() == [False, False]
    with pytest.raises(DataError, match="crowd to be one of keep, drop"):
        folder.open(crowd="negative")


def test_keypoints(folder):
    folder.content["categories"][1]["keypoints"] = ["nose", "knee"]
    folder.annotations[1]["keypoints"] = [3, 4, 2, 0, 0, 0]
    dataset = folder.open()
    assert dataset.keypoint_names == ("nose", "knee")
    first, second, empty = dataset
    assert first.keypoints.tolist() == [[[0, 0, 0]] * 2, [[3, 4, 2], [0, 0, 0]]]
    assert second.keypoints.shape == (1, 2, 3) and empty.keypoints.shape == (0, 2, 3)
    assert folder.open(keypoints="drop")[0].keypoints is None
    assert folder.open(classes=("dog",))[0].keypoints is None
    with pytest.raises(DataError, match="keypoints to be one of"):
        folder.open(keypoints="yes")


def test_keypoints_without_names_and_in_two_lengths(folder):
    folder.annotations[1]["keypoints"] = [3, 4, 2]
    assert folder.open()[0].keypoints.shape == (2, 1, 3)
    folder.annotations[0]["keypoints"] = [3, 4, 2, 5, 6, 1]
    dataset = folder.open()
    assert dataset[0].keypoints is None and len(dataset[0]) == 2
    assert [problem.code for problem in dataset.problems] == ["different_keypoints"]
    assert folder.open(classes=("person",))[0].keypoints.shape == (1, 1, 3)


def test_annotations_without_ids_are_numbered(folder):
    for record in folder.annotations:
        del record["id"]
    dataset = folder.open()
    assert [sample.annotation_ids.tolist() for sample in dataset] == [[1, 2], [3], []]


def test_ids_may_be_text_or_very_large(folder):
    folder.annotations[0]["id"], folder.annotations[1]["id"] = "first", 10**20
    assert folder.open()[0].annotation_ids.tolist() == ["first", 10**20]


NAN = float("nan")
ALL_PIXELS = HEIGHT * WIDTH
# Change to annotation 1 of a.png; what the error must say; the code of the problem.
FAULTS = {
    "nan in box": ({"bbox": [10, NAN, 20, 20]}, "NaN", "not_finite"),
    "no height": ({"bbox": [10, 40, 45, 0]}, r"box \(40, 10, 40, 55\).*has height 0", "zero_box"),
    "no width": ({"bbox": [10, 40, -3, 10]}, "has width -3", "zero_box"),
    "far box": ({"bbox": [1e300, 1, 2, 3]}, "far outside", "bad_box"),
    "box of three": ({"bbox": [1, 2, 3]}, r"\[x, y, width, height\]", "bad_box"),
    "box of text": ({"bbox": "all"}, "expected bbox", "bad_box"),
    "no mask": ({"segmentation": []}, "has no segmentation", "no_mask"),
    "mask null": ({"segmentation": None}, "has no segmentation", "no_mask"),
    "mask text": ({"segmentation": "yes"}, "neither polygons", "bad_mask"),
    "flat and odd": ({"segmentation": [1, 1, 5, 1, 5, 5, 2]}, "flat list", "bad_mask"),
    "flat and short": ({"segmentation": [1, 1, 5, 1]}, "flat list", "bad_mask"),
    "two corners": ({"segmentation": [[1, 1, 5, 5]]}, "has 4 numbers", "bad_polygon"),
    "empty polygon": ({"segmentation": [[]]}, "has 0 numbers", "bad_polygon"),
    "odd polygon": ({"segmentation": [[1, 1, 5, 1, 5, 5, 2]]}, "even length", "bad_mask"),
    "nan polygon": ({"segmentation": [[1, 1, 5, NAN, 5, 5]]}, "NaN", "not_finite"),
    "text polygon": ({"segmentation": [["a", 1, 5, 1, 5, 5]]}, "other than numbers", "bad_mask"),
    "endless polygon": ({"segmentation": [[0, 0, 1e18, 0, 5, 5]]}, "1e.18", "bad_mask"),
    "outside": (
        {"segmentation": outline(50, 10, 70, 30), "bbox": None},
        "lies outside",
        "mask_outside",
    ),
    "thinner than a pixel": (
        {"segmentation": [[5.1, 5.1, 5.2, 5.1, 5.2, 5.2]], "bbox": None},
        "no pixel",
        "empty_mask",
    ),
    "runs all zero": (
        {"segmentation": {"size": [HEIGHT, WIDTH], "counts": [ALL_PIXELS]}},
        "no pixel",
        "empty_mask",
    ),
    "runs of another size": (
        {"segmentation": {"size": [WIDTH, HEIGHT], "counts": [0, ALL_PIXELS]}},
        "swapped",
        "bad_mask",
    ),
    "runs too short": (
        {"segmentation": {"size": [HEIGHT, WIDTH], "counts": [5, 9]}},
        "add up to 14",
        "bad_mask",
    ),
    "runs negative": (
        {"segmentation": {"size": [HEIGHT, WIDTH], "counts": [ALL_PIXELS + 5, -5]}},
        "negative",
        "bad_mask",
    ),
    "runs not whole": (
        {"segmentation": {"size": [HEIGHT, WIDTH], "counts": [0.5, 9]}},
        "whole numbers",
        "bad_mask",
    ),
    "runs of words": (
        {"segmentation": {"size": [HEIGHT, WIDTH], "counts": ["a"]}},
        "not numbers",
        "bad_mask",
    ),
    "runs of null": (
        {"segmentation": {"size": [HEIGHT, WIDTH], "counts": None}},
        "neither text",
        "bad_mask",
    ),
    "runs without counts": ({"segmentation": {"size": [1, 1]}}, "'counts'", "bad_mask"),
    "text cut off": (
        {"segmentation": {"size": [HEIGHT, WIDTH], "counts": "T"}},
        "cut off",
        "bad_mask",
    ),
    "text too short": (
        {"segmentation": {"size": [HEIGHT, WIDTH], "counts": "52"}},
        "add up to 7",
        "bad_mask",
    ),
    "text of foreign letters": (
        {"segmentation": {"size": [HEIGHT, WIDTH], "counts": "é "}},
        "alphabet",
        "bad_mask",
    ),
    "text with spaces": (
        {"segmentation": {"size": [HEIGHT, WIDTH], "counts": "  "}},
        "alphabet",
        "bad_mask",
    ),
    "text of a huge number": (
        {"segmentation": {"size": [HEIGHT, WIDTH], "counts": "o" * 40 + "0"}},
        "too large",
        "bad_mask",
    ),
    "unknown category": (
        {"category_id": 4},
        "no category with id 4.*3, 18, 90",
        "unknown_category",
    ),
    "category null": ({"category_id": None}, "no category with id None", "unknown_category"),
    "category list": ({"category_id": [3]}, "no category", "unknown_category"),
    "unknown image": ({"image_id": 12}, "no image with id 12", "unknown_image"),
    "id used twice": ({"id": 2}, "used twice", "duplicate_annotation_id"),
    "crowd of two": ({"iscrowd": 2}, "iscrowd 0 or 1", "malformed"),
    "id missing": ({"id": None}, "expected 'id'", "malformed"),
    "nan keypoint": ({"keypoints": [1, NAN, 2]}, "keypoints have NaN", "not_finite"),
    "keypoint pairs": ({"keypoints": [1, 2]}, "multiple of 3", "bad_keypoints"),
    "keypoint words": ({"keypoints": ["x", 2, 2]}, "keypoint", "bad_keypoints"),
    "keypoint visibility": ({"keypoints": [1, 2, 7]}, "visibilities", "bad_keypoints"),
}


@each("fault", FAULTS)
def test_faulty_annotations_are_named_or_left_out(folder, fault, caplog):
    change, message, code = FAULTS[fault]
    # The faulty one comes last, so that of two equal ids it is the second.
    record = folder.annotations.pop(0)
    folder.annotations.append({**record, **change})
    with pytest.raises(DataError, match=f"(?s)all.json.*{message}") as caught:
        folder.open()
    if "image_id" not in change:
        assert "'a.png'" in str(caught.value)
    if "id" not in change:
        assert "annotation 1" in str(caught.value)
    with caplog.at_level(logging.WARNING):
        dataset = folder.open(drop_invalid=True)
    assert "left out 1 faulty records" in caplog.text
    assert [problem.code for problem in dataset.dropped] == [code]
    left = [sample.class_ids.tolist() for sample in dataset]
    if "image_id" in change or fault == "thinner than a pixel":
        assert left == [[1], [2], []]  # nothing of it is in an image
    elif change.keys() & {"segmentation", "category_id"}:
        assert left == [[2], []]  # the object would be background
        assert f"2 of 3 images with {dataset.remaining[1]} objects remain" in caplog.text
    else:
        assert left == [[1, 3], [2], []]  # the mask is sound
        assert len(set(dataset[0].annotation_ids.tolist())) == 2
    assert dataset.remaining == (len(left), sum(map(len, left)))


def test_not_an_object(folder):
    folder.annotations.append([1, 2])
    with pytest.raises(DataError, match="annotation 4.*expected an object, got list"):
        folder.open()


def test_one_bad_polygon_of_two_costs_only_itself(folder):
    folder.annotations[0]["segmentation"].append([1, 1, 2, 2])
    with pytest.raises(DataError, match="polygon 2 of 2 has 4 numbers"):
        folder.open()
    dataset = folder.open(drop_invalid=True)
    assert [problem.code for problem in dataset.dropped] == ["bad_polygon"]
    np.testing.assert_array_equal(dataset[0].masks[0], rectangle(5, 10, 25, 30))


def test_a_box_off_its_mask_is_a_warning_and_the_mask_wins(folder, caplog):
    folder.annotations[0]["bbox"] = [40, 5, 20, 20]
    with caplog.at_level(logging.WARNING):
        dataset = folder.open()
    assert "annotation 1 of image 'a.png'" in caplog.text and "less than half" in caplog.text
    assert [problem.code for problem in dataset.problems] == ["misaligned_box"]
    assert dataset.dropped == ()
    assert dataset[0].boxes[0].tolist() == [5, 10, 25, 30]


def test_rounding_of_tiny_boxes_is_no_disagreement(folder):
    folder.annotations[0].update(segmentation=outline(5, 5, 7, 7), bbox=[5.9, 5.9, 0.8, 0.8])
    assert folder.open().problems == ()


def test_all_faults_are_counted_in_the_error(folder):
    for record in folder.annotations:
        record["bbox"] = [0, 0, 0, 0]
    with pytest.raises(DataError, match=r"2 more faults; tfseg doctor"):
        folder.open()


def test_missing_picture(folder):
    (folder.path / "b.png").unlink()
    with pytest.raises(DataError, match=r"image 'b.png'.*no file .*b\.png"):
        folder.open()
    dataset = folder.open(drop_invalid=True)
    assert dataset.image_ids == (11, 30)
    assert dataset.dropped[0].code == "missing_image"


def test_duplicate_image_id(folder):
    folder.content["images"][1]["id"] = 11
    folder.annotations.pop()
    with pytest.raises(DataError, match="image id 11 is used twice, by 'a.png' and 'b.png'"):
        folder.open()
    # Whose the two annotations are is not known.
    assert folder.open(drop_invalid=True).image_ids == (30,)
    folder.annotations.clear()
    assert folder.open(drop_invalid=True).image_ids == (11, 30)
    folder.content["images"][1]["file_name"] = "a.png"
    dataset = folder.open()
    assert dataset.image_ids == (11, 30)
    assert [problem.code for problem in dataset.problems] == ["duplicate_image"]


@each(
    ("change", "message"),
    [
        ({"height": 0}, "height 0"),
        ({"width": -5}, "width -5"),
        ({"height": "tall"}, "expected 'height' as int"),
        ({"height": 10**400}, "has height"),
        ({"width": float("inf")}, "expected 'width'"),
        ({"file_name": None}, "expected 'file_name'"),
        ({"file_name": ""}, "expected 'file_name'"),
        ({"id": 1.5}, "expected 'id'"),
    ],
)
def test_faulty_image_records(folder, change, message):
    folder.content["images"][2].update(change)
    with pytest.raises(DataError, match=f"image 3: .*{message}"):
        folder.open()
    # A size is only compared; without a name or an id the image cannot be used.
    assert len(folder.open(drop_invalid=True)) == (3 if change.keys() & {"height", "width"} else 2)


def test_sizes_may_be_missing(folder):
    for image in folder.content["images"]:
        del image["height"], image["width"]
    np.testing.assert_array_equal(folder.open()[0].masks[0], rectangle(5, 10, 25, 30))


def test_without_a_size_emptiness_shows_when_the_picture_is_read(folder):
    del folder.content["images"][0]["height"], folder.content["images"][0]["width"]
    folder.annotations[0].update(segmentation=outline(50, 10, 70, 30), bbox=None)
    with pytest.raises(DataError, match="annotation 1 of image 'a.png': the mask has no pixel"):
        folder.open()[0]
    rest = folder.open(drop_invalid=True)
    assert rest.image_ids == (7, 30) and [p.code for p in rest.dropped] == ["empty_mask"]
    runs = {"size": [5, 5], "counts": [0, 25]}
    folder.annotations[0].update(segmentation=runs)
    with pytest.raises(DataError, match="run lengths for 5 x 5 do not fit"):
        folder.open()[0]
    assert folder.open(drop_invalid=True).image_ids == (7, 30)
    # Thinner than a pixel: nothing of the object is in the image, which stays.
    folder.annotations[0].update(segmentation=[[5.1, 5.1, 5.2, 5.1, 5.2, 5.2]])
    assert folder.open(drop_invalid=True)[0].annotation_ids.tolist() == [2]


def test_a_picture_of_another_size(folder):
    Image.new("RGB", (WIDTH + 1, HEIGHT)).save(folder.path / "a.png")
    dataset = folder.open()
    with pytest.raises(DataError, match=r"'a.png' \(id 11\).*says 40 x 60.*has 40 x 61"):
        dataset[0]
    dataset = folder.open(drop_invalid=True)
    assert dataset.image_ids == (7, 30)
    assert dataset.dropped[0].code == "size_mismatch"


def test_a_picture_turned_by_its_exif_tag(folder):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (WIDTH, HEIGHT), "red").save(folder.path / "a.png", exif=exif)
    with pytest.raises(DataError, match=r"orientation 6.*save the image anew without the tag"):
        folder.open()[0]
    folder.content["images"][0].update(height=WIDTH, width=HEIGHT)
    folder.annotations[:2] = [annotation(1, 11, 3, (30, 2, 55, 30))]
    sample = folder.open()[0]
    assert sample.size == (WIDTH, HEIGHT) and sample.boxes.tolist() == [[30, 2, 55, 30]]


def test_a_picture_that_is_cut_off_is_left_out_before_it_is_asked_for(folder):
    file = folder.path / "a.png"
    file.write_bytes(file.read_bytes()[:70])
    with pytest.raises(DataError, match=r"a\.png: expected a complete image"):
        folder.open()[0]
    rest = folder.open(drop_invalid=True)
    assert [problem.code for problem in rest.dropped] == ["unreadable_image"]
    assert len(rest) == len(folder.open()) - 1 and rest[0].path.endswith("b.png")


@each(
    ("text", "message"),
    [
        ("", "is empty"),
        ("  \n", "is empty"),
        ('{"images": [', "line 1, column 13"),
        ("[]", "COCO \\*results\\*"),
        ("3", "missing"),
        ("{}", "images, annotations, categories missing"),
        ('{"images": [], "categories": [], "info": 1}', "annotations missing .found: images"),
        ('{"images": {}, "categories": [], "annotations": []}', "'images' to be a list"),
        ('{"images": [], "categories": [], "annotations": []}', "no usable category"),
    ],
)
def test_annotation_files_that_are_none(folder, text, message):
    folder.content = None
    folder.file.write_text(text)
    with pytest.raises(DataError, match=f"all.json: .*{message}"):
        folder.open()


def test_binary_deep_missing_and_folder(folder):
    folder.content = None
    folder.file.write_bytes(b"\xff\xfe\xff\x00\x81")
    with pytest.raises(DataError, match="expected JSON"):
        folder.open()
    folder.file.write_text("[" * 200_000)
    with pytest.raises(DataError, match="expected JSON"):
        folder.open()
    with pytest.raises(DataError, match="no such annotation file"):
        CocoDataset(folder.path / "none.json", folder.path)
    with pytest.raises(DataError, match="got a folder"):
        CocoDataset(folder.path, folder.path)
    with pytest.raises(DataError, match="no such image folder"):
        CocoDataset(folder.file, folder.path / "pictures")


@each(
    ("extra", "code"),
    [
        ({"id": 3, "name": "cat"}, "duplicate_category_id"),
        ({"id": None, "name": "cat"}, "malformed"),
        ({"id": 4}, "malformed"),
        ("cat", "malformed"),
    ],
)
def test_faulty_categories(folder, extra, code):
    folder.content["categories"].append(extra)
    with pytest.raises(DataError, match="all.json, category 4"):
        folder.open()
    dataset = folder.open(drop_invalid=True)
    assert dataset.class_names == ("person", "dog", "tree")
    assert dataset.dropped[0].code == code


def test_no_annotations_and_no_pictures(folder):
    folder.content["annotations"] = []
    assert [len(sample) for sample in folder.open()] == [0, 0, 0]
    assert len(folder.open(keep_empty=False)) == 0
    folder.content["images"] = []
    assert len(folder.open()) == 0


def test_three_hundred_objects(folder):
    base = copy.deepcopy(folder.annotations[0])
    folder.content["annotations"] = [{**base, "id": k} for k in range(1, 301)]
    assert folder.open()[0].masks.shape == (300, HEIGHT, WIDTH)


@pytest.mark.real_data
def test_real_masks_equal_those_of_the_official_reader(real_data):
    folder = real_data / "coco_person"
    if not folder.is_dir():
        pytest.skip(f"no photographs at {folder}")
    dataset = CocoDataset(folder / "val.json", folder / "images")
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(dataset.annotation_file)
    assert len(dataset) == 60
    assert sum(dataset.annotation_counts().values()) == len(coco.anns)
    for sample in dataset:
        assert sample.keypoints.shape == (len(sample), 17, 3)
        for row, identity in enumerate(sample.annotation_ids.tolist()):
            record = coco.anns[identity]
            np.testing.assert_array_equal(sample.masks[row], coco.annToMask(record) > 0)
            assert sample.is_crowd[row] == record["iscrowd"]
