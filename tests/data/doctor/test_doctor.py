import json
import math
import re

import numpy as np
import pytest
from each_case import each
from PIL import Image

from tfseg.data.coco.coco import CocoDataset
from tfseg.data.dataset import ListDataset
from tfseg.data.doctor.doctor import diagnose
from tfseg.data.doctor.doctor_checks import box_iou, content_hash
from tfseg.data.doctor.reach import Limits
from tfseg.geometry.resize import SquareResize
from tfseg.structures import Sample

SIZE = (64, 80)
NAMES = ("person", "dog")


def rectangle(y1, x1, y2, x2):
    mask = np.zeros(SIZE, bool)
    mask[y1:y2, x1:x2] = True
    return mask


def sample(number, *boxes, ids=None, **fields):
    image = np.random.default_rng(number).integers(0, 256, (*SIZE, 3), np.uint8)
    masks = np.stack([rectangle(*box) for box in boxes]) if boxes else None
    ids = [1] * len(boxes) if ids is None else ids
    return Sample(image, image_id=number, masks=masks, class_ids=ids, **fields)


def healthy(number):
    return sample(number, (5, 5, 30, 30), (20, 40, 60, 70), ids=[1, 2])


def look(*samples, names=NAMES, **options):
    return diagnose(ListDataset(samples, names), **options)


def codes(diagnosis):
    return sorted(problem.code for problem in diagnosis.problems)


def only(diagnosis):
    (problem,) = diagnosis.problems
    return problem


def test_a_healthy_data_set():
    diagnosis = look(healthy(1), healthy(2))
    assert diagnosis.ok and diagnosis.problems == ()
    assert diagnosis.statistics["instances_per_class"] == {"person": 2, "dog": 2}
    assert diagnosis.statistics["height"]["median"] == 64
    assert diagnosis.statistics["object_side"]["min"] == 25.0
    text = str(diagnosis)
    assert "2 images looked at" in text and "Fit for training. 0 errors, 0 warnings." in text
    assert "person  2 in 2 images" in text


def test_a_damaged_jpeg_that_reads_is_named(tmp_path):
    noise = np.random.default_rng(1).normal(128, 20, (*SIZE, 3)).clip(0, 255).astype(np.uint8)
    found = {}
    for name, options in (("plain", {}), ("rows", {"restart_marker_rows": 1})):
        path = tmp_path / f"{name}.jpg"
        Image.fromarray(noise).save(path, quality=90, **options)
        whole = path.read_bytes()
        for place in (None, 0.4, 0.6, 0.8):
            start = int(len(whole) * (place or 0))
            zeroed = whole[:start] + bytes(200) + whole[start + 200 :]
            path.write_bytes(whole if place is None else zeroed)
            diagnosis = look(
                sample(7, (5, 5, 30, 30)).replace(image=noise, path=str(path)), names=NAMES[:1]
            )
            found[name, place] = [(p.code, p.image) for p in diagnosis.problems]
        damaged = [("damaged_image", str(path))]
        assert found[name, None] == []
        # Between restart markers, damage that takes too little data does not show.
        places = (0.4, 0.6, 0.8) if name == "plain" else (0.6,)
        assert all(found[name, place] == damaged for place in places), found


OBJECTS = {
    "class_out_of_range": (dict(ids=[3]), "class id 3 lies outside 1 to 2"),
    "zero_box": (dict(boxes=[[5, 5, 5, 30]]), r"\(5, 5, 5, 30\) has height 0"),
    "not_finite": (dict(boxes=[[5, math.nan, 30, 30]]), "NaN"),
    "box_outside": (dict(boxes=[[70, 5, 90, 30]]), "lies outside its image of 64 x 80"),
    "misaligned_mask": (dict(boxes=[[5, 40, 30, 65]]), "overlap by 0.00"),
}


@each("code", OBJECTS)
def test_faults_of_an_object_name_picture_and_annotation(code):
    fields, message = OBJECTS[code]
    broken = sample(7, (5, 5, 30, 30), annotation_ids=[8831], path="cat_17.jpg", **fields)
    diagnosis = look(healthy(1), broken)
    problem = only(diagnosis)
    assert (problem.severity, problem.code) == ("error", code)
    assert problem.annotation_id == 8831 and problem.image == "cat_17.jpg"
    assert re.search(message, problem.message)
    assert "8831" in str(problem) and "cat_17.jpg" in str(problem)
    assert not diagnosis.ok


def test_class_zero_and_negative_ids_are_out_of_range():
    assert (
        codes(look(sample(1, (5, 5, 30, 30), (5, 40, 30, 60), ids=[0, -1]), healthy(2)))
        == ["class_out_of_range"] * 2
    )


def test_empty_mask():
    broken = sample(1, (5, 5, 30, 30), boxes=[[5, 5, 30, 30]])
    broken.masks[:] = False
    assert only(look(healthy(2), broken)).code == "empty_mask"


def test_half_an_overlap_passes():
    assert look(healthy(2), sample(1, (0, 0, 20, 20), boxes=[[0, 0, 20, 40]])).ok
    assert not look(healthy(2), sample(1, (0, 0, 20, 20), boxes=[[0, 0, 20, 41]])).ok


def test_box_iou_against_pixels():
    rng = np.random.default_rng(0)
    corners = np.sort(rng.integers(0, 40, (50, 2, 2, 2)), axis=2)
    first, second = (corners[:, i].reshape(50, 4).astype(float) for i in (0, 1))
    for a, b, found in zip(first, second, box_iou(first, second)):
        one, two = rectangle(*a.astype(int)), rectangle(*b.astype(int))
        union = (one | two).sum()
        assert found == pytest.approx((one & two).sum() / union if union else 0)


def test_ids_used_twice():
    twice = sample(1, (5, 5, 30, 30), (5, 40, 30, 60), annotation_ids=[4, 4])
    assert codes(look(healthy(2), twice)) == ["duplicate_annotation_id"]
    same = sample(3, (5, 5, 30, 30)).replace(image_id=2)
    assert codes(look(healthy(2), same)) == ["duplicate_image_id"]


def test_the_same_picture_twice_is_a_warning():
    diagnosis = look(healthy(1), healthy(1).replace(image_id=5, path="copy.png"))
    problem = only(diagnosis)
    assert (problem.severity, problem.code) == ("warning", "duplicate_image")
    assert problem.image == "copy.png" and diagnosis.ok


def test_the_hash_sees_shape_and_pixels():
    flat = np.zeros((4, 6, 3), np.uint8)
    assert content_hash(flat) == content_hash(flat.copy())
    assert content_hash(flat) != content_hash(flat.reshape(6, 4, 3))
    assert content_hash(flat[:, ::2]) == content_hash(np.zeros((4, 3, 3), np.uint8))


def test_the_same_object_twice_is_a_warning():
    doubled = sample(1, (5, 5, 30, 30), (5, 5, 30, 30))
    assert only(look(healthy(2), doubled)).code == "duplicate_object"
    other_class = sample(1, (5, 5, 30, 30), (5, 5, 30, 30), ids=[1, 2])
    assert look(healthy(2), other_class).problems == ()


def test_keypoints():
    points = np.zeros((1, 2, 3), np.float32)
    points[0, 0] = (200, 5, 2)
    broken = sample(1, (5, 5, 30, 30), keypoints=points)
    assert only(look(healthy(2), broken)).code == "keypoint_outside"
    points[0, 0] = (math.inf, 5, 2)
    assert only(look(healthy(2), sample(1, (5, 5, 30, 30), keypoints=points))).code == "not_finite"
    points[0, 0] = (200, 5, 0)
    assert look(healthy(2), sample(1, (5, 5, 30, 30), keypoints=points)).problems == ()


def test_pictures_that_are_small_thin_blank_or_full():
    def found(shape, value=None):
        image = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
        image = image if value is None else np.full_like(image, value)
        diagnosis = look(healthy(2), Sample(image, image_id=9))
        return [code for code in codes(diagnosis) if code != "images_without_objects"]

    assert found((1, 1)) == ["blank_image", "small_image"]
    assert found((20, 300)) == ["small_image"]
    assert found((10000, 40)) == ["stretched_image"]
    assert found((40, 50), value=7) == ["blank_image"]
    many = sample(
        1, *[(y, x, y + 8, x + 8) for y in range(0, 55) for x in (0, 20)], ids=[1, 2] * 55
    )
    problem, shown = look(healthy(2), many).problems
    assert (problem.code, problem.severity) == ("many_objects", "info")
    assert problem.message.startswith("94 of 112 objects") and "Raise max_instances to 110" in str(
        problem
    )
    assert shown.code == "many_detections" and "--config FILE" in shown.message
    mine = Limits(SquareResize(64, 64).plan, 64, 100, 200, "mine.yaml")
    problem = only(look(healthy(2), many, limits=mine))
    assert problem.severity == "warning" and "10 of 112 objects" in problem.message
    assert "mine.yaml" in problem.message and not look(healthy(2), limits=mine).problems
    assert only(look(healthy(2), sample(1, (5, 5, 10, 9)))).code == "tiny_object"


def test_what_only_the_whole_shows():
    assert codes(look(sample(1), sample(2))) == ["no_objects"]
    assert codes(look(healthy(1), sample(2))) == ["images_without_objects"]
    without = look(sample(1, (5, 5, 30, 30)))
    assert only(without).code == "class_without_objects" and "'dog'" in only(without).message
    crowd = look(healthy(1), sample(2, (0, 0, 60, 60), is_crowd=[True]))
    assert crowd.statistics["crowd_regions"] == 1 and crowd.statistics["objects"] == 2
    rare = [sample(k, *[(y, x, y + 9, x + 9) for y in (0, 20) for x in range(50)]) for k in (1, 2)]
    found = codes(look(*rare, sample(3, (5, 5, 30, 30), ids=[2])))
    assert found == ["imbalance", "many_detections", "many_objects"]


def test_no_option_is_advised_that_a_dataset_does_not_have():
    found = only(look(healthy(1), names=("person", "Person")))
    assert found.code == "alike_labels" and "synonyms" not in found.message


def test_a_limit_proves_no_absence():
    diagnosis = look(sample(1), healthy(2), limit=1)
    assert (diagnosis.checked, diagnosis.total) == (1, 2)
    assert codes(diagnosis) == ["images_without_objects"]
    assert "1 of 2 images" in str(diagnosis)
    assert look(healthy(1), limit=0).checked == 0


def test_pictures_shared_with_the_other_part():
    other = ListDataset([healthy(1).replace(path="val/x.png"), healthy(5)], NAMES)
    diagnosis = look(healthy(1), healthy(2), against=other)
    problem = only(diagnosis)
    assert (problem.severity, problem.code) == ("error", "shared_image")
    assert "val/x.png" in problem.message


def test_readers_that_fail_are_named_and_passed_over():
    class Broken(ListDataset):
        def __getitem__(self, index):
            if index == 1:
                raise KeyError("mask")
            return super().__getitem__(index)

    steps = []
    dataset = Broken([healthy(1), healthy(2), healthy(3)], NAMES)
    diagnosis = diagnose(dataset, progress=lambda done, total: steps.append((done, total)))
    problem = only(diagnosis)
    assert problem.code == "reader_failed"
    assert "image 1: the dataset raised KeyError: 'mask'" in str(problem)
    assert steps == [(1, 3), (2, 3), (3, 3)]
    assert diagnosis.statistics["images"] == 2


@each("data", ["/nowhere/at/all", [1, 2], ListDataset([], NAMES)])
def test_what_cannot_be_opened_is_a_diagnosis_of_one_error(data):
    diagnosis = diagnose(data)
    assert only(diagnosis).code == "unusable" and not diagnosis.ok
    assert "Not fit for training yet. 1 error, 0 warnings." in str(diagnosis)


def test_long_lists_are_shortened_in_print_only():
    broken = [sample(k, (5, 5, 30, 30), boxes=[[5, 5, 5, 5]]) for k in range(12)]
    diagnosis = look(*broken, healthy(20))
    assert len(diagnosis.of("error")) == 12
    assert "... and 7 more" in str(diagnosis)


def test_json(tmp_path):
    path = tmp_path / "diagnosis.json"
    broken = sample(np.int64(7), (5, 5, 30, 30), boxes=[[5, 5, 5, 30]])
    text = look(healthy(1), broken).to_json(path)
    content = json.loads(path.read_text())
    assert content == json.loads(text)
    assert content["ok"] is False and content["checked"] == 2
    assert content["problems"][0]["code"] == "zero_box"
    assert content["statistics"]["objects"] == 3


def outline(y1, x1, y2, x2):
    return [[x1, y1, x2, y1, x2, y2, x1, y2]]


def write_broken_coco(folder):
    """Six images with one fault each, and a sound one; returns the codes to be found."""
    rng = np.random.default_rng(0)
    for name in ("good", "copy", "small", "turned", "flipped", "cut"):
        pixels = rng.integers(0, 256, (*SIZE, 3), np.uint8)
        exif = Image.Exif()
        if name in ("turned", "flipped"):
            exif[0x0112] = 6 if name == "turned" else 3
        image = Image.fromarray(pixels if name != "small" else pixels[:30])
        image.save(folder / f"{name}.jpg", exif=exif)
    (folder / "copy.jpg").write_bytes((folder / "good.jpg").read_bytes())
    (folder / "cut.jpg").write_bytes((folder / "cut.jpg").read_bytes()[:2000])
    (folder / "text.jpg").write_text("no image")
    names = ["good", "copy", "small", "turned", "flipped", "cut", "text", "gone"]
    records = [
        dict(id=1, image_id=1, category_id=1, segmentation=outline(5, 5, 30, 30)),
        dict(id=1, image_id=1, category_id=1, segmentation=outline(5, 5, 30, 30)),
        dict(id=2, image_id=1, category_id=7, segmentation=outline(5, 5, 30, 30)),
        dict(id=3, image_id=1, category_id=1, segmentation=outline(100, 5, 130, 30)),
        dict(id=4, image_id=1, category_id=1, segmentation=[], bbox=[1, 1, 5, 5]),
        dict(
            id=5, image_id=1, category_id=1, segmentation=outline(5, 5, 30, 30), bbox=[5, 5, 0, 9]
        ),
        dict(id=6, image_id=1, category_id=1, segmentation=outline(math.nan, 5, 30, 30)),
        dict(id=7, image_id=99, category_id=1, segmentation=outline(5, 5, 30, 30)),
        dict(
            id=8,
            image_id=1,
            category_id=1,
            segmentation=outline(40, 40, 60, 60),
            bbox=[5, 5, 20, 20],
        ),
        dict(id=9, image_id=5, category_id=2, segmentation=outline(40, 40, 60, 60)),
    ]
    images = [
        dict(id=number, file_name=f"{name}.jpg", height=SIZE[0], width=SIZE[1])
        for number, name in enumerate(names, 1)
    ]
    categories = [dict(id=1, name="person"), dict(id=2, name="dog"), dict(id=3, name="cat")]
    (folder / "train.json").write_text(
        json.dumps({"images": images, "annotations": records, "categories": categories})
    )
    return {
        "duplicate_annotation_id": 1,
        "unknown_category": 1,
        "mask_outside": 1,
        "no_mask": 1,
        "zero_box": 1,
        "not_finite": 1,
        "unknown_image": 1,
        "misaligned_box": 1,
        "duplicate_image": 1,
        "duplicate_object": 2,  # of a wrong id and a wrong box the masks are looked at all the same
        "size_mismatch": 2,
        "rotated_image": 1,
        "unreadable_image": 2,
        "missing_image": 1,
        "class_without_objects": 1,
        "images_without_objects": 1,
    }


def test_a_broken_coco_file_is_gone_through_to_the_end(tmp_path):
    expected = write_broken_coco(tmp_path)
    diagnosis = diagnose(tmp_path)
    found = {code: codes(diagnosis).count(code) for code in codes(diagnosis)}
    assert found == expected
    text, errors = str(diagnosis), {problem.code for problem in diagnosis.of("error")}
    for name in ("copy", "small", "turned", "flipped", "cut", "text", "gone"):
        assert f"{name}.jpg" in text
    for identity in (1, 2, 3, 4, 5, 6, 7, 8):
        assert f"annotation {identity} " in text or f"annotation {identity}:" in text
    assert "orientation 6" in text and not diagnosis.ok
    assert "drop_invalid=True" in text
    # Told to leave faults out, it says so, and advises nothing that is done already.
    lenient = diagnose(tmp_path, drop_invalid=True)
    assert {code: codes(lenient).count(code) for code in codes(lenient)} == expected
    assert lenient.ok and "drop_invalid" not in str(lenient)
    for problem in lenient.problems:
        left_out = "It is left out." in problem.message
        assert left_out == (problem.code in errors), problem
    only_dogs = diagnose(tmp_path / "train.json", classes=("dog",), limit=2)
    assert only_dogs.checked == 2


def test_a_lenient_data_set_is_diagnosed_with_what_it_left_out(tmp_path):
    write_broken_coco(tmp_path)
    dataset = CocoDataset(tmp_path / "train.json", tmp_path, drop_invalid=True, classes=("dog",))
    diagnosis = diagnose(dataset)
    assert "zero_box" in codes(diagnosis) and "class_without_objects" not in codes(diagnosis)


def test_masks_that_turn_out_empty_only_in_the_picture(tmp_path):
    Image.new("RGB", (80, 64), "red").save(tmp_path / "a.png")
    record = dict(id=4, image_id=1, category_id=1, segmentation=outline(100, 5, 130, 30))
    content = dict(
        images=[dict(id=1, file_name="a.png")],
        annotations=[record],
        categories=[dict(id=1, name="person")],
    )
    (tmp_path / "train.json").write_text(json.dumps(content))
    found = [problem for problem in diagnose(tmp_path).problems if problem.code == "empty_mask"]
    assert [problem.annotation_id for problem in found] == [4]


def test_two_splits_of_a_folder_are_compared(tmp_path):
    for split in ("train", "val"):
        (tmp_path / split).mkdir()
        Image.fromarray(healthy(1).image).save(tmp_path / split / f"{split}.png")
        record = dict(id=1, image_id=1, category_id=1, segmentation=outline(5, 5, 30, 30))
        content = dict(
            images=[dict(id=1, file_name=f"{split}.png", height=64, width=80)],
            annotations=[record],
            categories=[dict(id=1, name="person")],
        )
        (tmp_path / f"{split}.json").write_text(json.dumps(content))
    problem = only(diagnose(tmp_path, against="val"))
    assert problem.code == "shared_image"
    assert "train.png" in problem.where and "val.png" in problem.message
    missing = only(diagnose(tmp_path, against="test"))
    assert missing.code == "unusable" and "split 'test'" in missing.message


@pytest.mark.real_data
@pytest.mark.slow
def test_the_photographs_are_fit_for_training(real_data):
    for folder in ("clothing_co_parsing", "coco_person"):
        diagnosis = diagnose(real_data / folder, split="val", against="train")
        assert diagnosis.ok, str(diagnosis)


def test_pictures_of_the_other_part_that_cannot_be_read_are_passed_over(tmp_path):
    write_broken_coco(tmp_path)
    other = CocoDataset(tmp_path / "train.json", tmp_path, drop_invalid=True)
    assert "shared_image" not in codes(look(healthy(1), healthy(2), against=other))
    shared = look(other[0].replace(image_id=77), against=other)
    assert codes(shared).count("shared_image") == 2
