"""Files as labelme writes them, versions 3 to 5, with their images or without."""

import base64
import io
import json

import numpy as np
import pytest
from each_case import Fresh, each
from PIL import Image

from tfseg.data.dataset import check_dataset
from tfseg.data.doctor.doctor import diagnose
from tfseg.data.tools.labelme import LabelmeDataset
from tfseg.errors import DataError

KITE = [[10.5, 30.0], [30.25, 5.0], [50.0, 30.0], [30.0, 55.0]]


def png(array):
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, format="PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def shape(label, points, kind="polygon", group_id=None, **more):
    base = {"label": label, "points": points, "group_id": group_id, "description": ""}
    return {**base, "shape_type": kind, "flags": {}, "mask": None, **more}


def content(shapes, image="a.jpg", **more):
    return {
        "version": "5.5.0",
        "flags": {},
        "shapes": shapes,
        "imagePath": image,
        "imageData": None,
        "imageHeight": 60,
        "imageWidth": 80,
        **more,
    }


RING = np.zeros((21, 31), np.uint8)
RING[:, :] = 255
RING[5:16, 5:26] = 0


def writer(tmp_path, photo):
    """Writes `name`.json with an image a.jpg beside it, and returns the folder."""

    def write(shapes, name="a", picture="a.jpg", **more):
        photo(tmp_path / picture)
        text = shapes if isinstance(shapes, str) else json.dumps(content(shapes, **more), indent=2)
        (tmp_path / f"{name}.json").write_text(text, "utf-8")
        return tmp_path

    return write


@pytest.fixture
def save(tmp_path, photo):
    return Fresh(writer, tmp_path, photo)


def test_every_shape_covers_what_plain_geometry_says(save, assert_polygon, assert_ellipse):
    shapes = [
        shape("kite", KITE),
        shape("box", [[50, 35], [20, 10]], "rectangle"),
        shape("ball", [[40, 30], [52, 46]], "circle"),
        shape("box", [[30, 10], [50, 20], [40, 40], [20, 30]], "oriented_rectangle"),
        shape("ring", [[12.0, 7.0], [42.0, 27.0]], "mask", mask=png(RING)),
    ]
    dataset = check_dataset(LabelmeDataset(save(shapes)))
    assert dataset.class_names == ("ball", "box", "kite", "ring")
    assert dataset.image_ids == ("a",) and dataset.problems == ()
    sample = dataset[0]
    assert sample.class_ids.tolist() == [3, 2, 1, 2, 4]
    assert_polygon(sample.masks[0], KITE)
    expected = np.zeros((60, 80), bool)
    expected[10:35, 20:50] = True
    np.testing.assert_array_equal(sample.masks[1], expected)
    assert_ellipse(sample.masks[2], 40, 30, 20, 20)
    assert_polygon(sample.masks[3], shapes[3]["points"])
    expected[:] = False
    expected[7:28, 12:43] = RING != 0  # the second corner is the last pixel, not one further
    np.testing.assert_array_equal(sample.masks[4], expected)


def test_masks_in_bits_at_fractions_and_over_the_edge(save):
    bits = png(RING != 0)
    shapes = [
        shape("a", [[11.6, 7.4], [41.6, 27.4]], "mask", mask=bits),
        shape("a", [[-5.0, -4.0], [25.0, 16.0]], "mask", mask=bits),
    ]
    sample = LabelmeDataset(save(shapes))[0]
    np.testing.assert_array_equal(sample.boxes[0], (7, 12, 28, 43))
    np.testing.assert_array_equal(sample.masks[1][:17, :26], (RING != 0)[4:, 5:])


def test_a_group_is_one_object(save):
    left, right = [[0, 0], [10, 10]], [[60, 40], [70, 50]]
    crop = png(np.full((5, 5), 255, np.uint8))
    shapes = [
        shape("shoe", left, "rectangle", 1),
        shape("hat", left, "rectangle", 1),
        shape("shoe", right, "rectangle", 1),
        shape("shoe", right, "rectangle"),
        shape("shoe", [[30, 30], [34, 34]], "mask", 1, mask=crop),
    ]
    dataset = LabelmeDataset(save(shapes))
    sample = dataset[0]
    assert [dataset.class_names[i - 1] for i in sample.class_ids] == ["shoe", "hat", "shoe"]
    assert sample.masks.sum(axis=(1, 2)).tolist() == [225, 100, 100]
    assert sample.annotation_ids.tolist() == [1, 2, 4]


def test_files_of_version_3_lack_some_keys(save, assert_polygon):
    bare = {"label": "kite", "points": KITE, "line_color": None, "fill_color": None}
    assert_polygon(LabelmeDataset(save([bare]))[0].masks[0], KITE)
    old = content([bare], version="3.16.7", lineColor=[0, 255, 0, 128])
    del old["imageHeight"], old["imageWidth"]
    (save([]) / "a.json").write_text(json.dumps(old))
    assert len(LabelmeDataset(save(json.dumps(old)))[0]) == 1


@each(
    ("written", "lies"),
    [
        ("..\\pictures\\p.jpg", "pictures/p.jpg"),
        ("../pictures/p.jpg", "pictures/p.jpg"),
        ("C:\\Users\\me\\p.jpg", "ann/p.jpg"),
        ("renamed.jpg", "ann/a.png"),
        ("p.jpg", "images/p.jpg"),
        ("p.jpg", "ann/images/p.jpg"),
    ],
)
def test_pictures_are_found_with_any_slashes(tmp_path, photo, written, lies):
    photo(tmp_path / lies)
    (tmp_path / "ann").mkdir(exist_ok=True)
    (tmp_path / "ann" / "a.json").write_text(json.dumps(content([shape("k", KITE)], written)))
    found = LabelmeDataset(tmp_path / "ann")[0].path
    assert found is not None and (tmp_path / lies).samefile(found)
    single = LabelmeDataset(tmp_path / "ann" / "a.json")
    assert len(single) == 1
    moved = photo(tmp_path / "moved" / (tmp_path / lies).name)
    assert LabelmeDataset(tmp_path / "ann", moved.parent)[0].path == str(moved)


def test_image_data_serves_where_the_picture_is_missing(tmp_path, photo):
    data = base64.b64encode(photo(tmp_path / "x" / "in.png").read_bytes()).decode()
    (tmp_path / "a.json").write_text(json.dumps(content([shape("k", KITE)], imageData=data)))
    dataset = LabelmeDataset(tmp_path)
    sample = dataset[0]
    assert sample.path is None and sample.size == (60, 80) and len(sample) == 1
    np.testing.assert_array_equal(sample.image, np.asarray(Image.open(tmp_path / "x" / "in.png")))
    assert [p.code for p in dataset.problems] == ["embedded_image"] and diagnose(tmp_path).ok
    (tmp_path / "a.json").write_text(json.dumps(content([shape("k", KITE)], imageData="%%")))
    with pytest.raises(DataError, match="a.json.*base64"):
        LabelmeDataset(tmp_path)[0]
    assert [p.code for p in LabelmeDataset(tmp_path, drop_invalid=True).dropped] == [
        "unreadable_image"
    ]
    other = content([shape("k", KITE)], imageData=data, imageHeight=61)
    (tmp_path / "a.json").write_text(json.dumps(other))
    with pytest.raises(DataError, match="a.json.*61 x 80, the image inside it has 60 x 80"):
        LabelmeDataset(tmp_path)[0]
    assert len(LabelmeDataset(tmp_path, drop_invalid=True)) == 0


FAULTS = {
    "missing_image": (content([shape("kite", KITE)], "gone.jpg"), "image 'gone.jpg'; looked"),
    "unreadable_annotation": ("", "b.json: the annotation file is empty. Export it again. Corr"),
    "malformed": ('{"version": "5.0", "flags": {}}', "shapes, imagePath missing"),
    "bad_polygon": (content([shape("kite", KITE[:2])]), "shape 1.*4 numbers"),
    "bad_mask": (content([shape("kite", [[1, 2, 3]])]), "shape 1"),
    "no_label": (content([shape("", KITE)]), "label ''"),
    "unknown_shape": (content([shape("kite", KITE, "star")]), "unknown shape_type 'star'"),
    "zero_box": (content([shape("kite", [[5, 5], [5, 9]], "rectangle")]), "4 x 0"),
    "not_finite": (content([shape("kite", [[1, 2], [float("nan"), 3]], "circle")]), "NaN"),
}


@each("code", FAULTS)
def test_a_fault_is_named_and_the_rest_goes_on(save, code):
    faulty, message = FAULTS[code]
    folder = save([shape("kite", KITE)])
    save(faulty if isinstance(faulty, str) else json.dumps(faulty), "b")
    with pytest.raises(DataError, match=message) as error:
        LabelmeDataset(folder)
    assert "b.json" in str(error.value)
    rest = LabelmeDataset(folder, drop_invalid=True)
    assert [problem.code for problem in rest.dropped] == [code]
    assert rest.image_ids[0] == "a" and len(rest[0]) == 1
    diagnosis = diagnose(folder, format="labelme")
    assert [p.code for p in diagnosis.of("error")] == [code]
    assert "b.json" in str(diagnosis) and diagnosis.checked >= 1


LATE = {
    "empty_mask": (shape("kite", [[500, 500], [600, 600]], "rectangle"), "no pixel"),
    "unreadable_mask": (shape("kite", [[1, 1], [3, 3]], "mask", mask="AAAA"), "no image"),
    "misaligned_mask": (
        shape("kite", [[1, 1], [9, 9]], "mask", mask=png(RING)),
        "box of 9 x 9 and a mask of 21 x 31",
    ),
}


@each("code", LATE)
def test_faults_that_only_drawing_shows(save, code):
    faulty, message = LATE[code]
    folder = save([shape("kite", KITE), faulty])
    with pytest.raises(DataError, match=message) as error:
        LabelmeDataset(folder)[0]
    assert "a.json" in str(error.value)
    rest = LabelmeDataset(folder, drop_invalid=True)
    assert len(rest) == 0 and [p.code for p in rest.dropped] == [code]
    (problem,) = diagnose(folder).of("error")
    assert problem.code == code and problem.annotation_id == 2


def test_lines_and_points_are_told_and_passed_over(save):
    flat = [shape("k", KITE[:2], "line"), shape("k", KITE, "linestrip")]
    flat += [shape("k", KITE[:1], "point"), shape("k", KITE, "points")]
    dataset = LabelmeDataset(save([*flat, shape("kite", KITE)]))
    assert [p.code for p in dataset.problems] == ["no_area"] * 4
    assert "shape 2: the shape is a linestrip" in str(dataset.problems[1])
    assert dataset.class_names == ("kite",)


def test_labels_txt_gives_the_classes_their_order(save, tmp_path):
    folder = save([shape("kite", KITE), shape("ball", KITE), shape("_background_", KITE)])
    (tmp_path / "labels.txt").write_text("__ignore__\n_background_\nkite\nunused\nball\n")
    dataset = LabelmeDataset(folder)
    assert dataset.class_names == ("kite", "unused", "ball")
    assert dataset[0].class_ids.tolist() == [1, 3]
    (tmp_path / "labels.txt").write_text("kite\n")
    with pytest.raises(DataError, match=r"shape 2.*label 'ball', which labels.txt does not list"):
        LabelmeDataset(folder)
    rest = LabelmeDataset(folder, drop_invalid=True)
    assert rest.class_names == ("kite",) and len(rest) == 0
    assert "learnt as background" in str(rest.dropped[0].left_out())
    (tmp_path / "labels.txt").write_text("some other list\n")
    assert LabelmeDataset(folder).class_names == ("ball", "kite")


def test_flags_leave_out_and_mark_crowds(save):
    shapes = [shape("kite", KITE, flags={"crowd": True, "blurred": False})]
    shapes += [shape("kite", KITE, flags={"blurred": True})]
    folder = save(shapes)
    save([shape("kite", KITE)], "b", flags={"bad": True})
    assert [len(LabelmeDataset(folder)[n]) for n in (0, 1)] == [2, 1]
    dataset = LabelmeDataset(folder, skip_flags=("blurred", "bad"))
    assert dataset.image_ids == ("a",) and dataset[0].is_crowd.tolist() == [True]
    assert [p.code for p in dataset.problems] == ["skipped_flag"]
    with pytest.raises(DataError, match="skip_flags as a tuple"):
        LabelmeDataset(folder, skip_flags="bad")


def test_a_picture_of_another_size_is_a_fault(save):
    folder = save([shape("kite", KITE)], imageHeight=50)
    with pytest.raises(DataError, match="a.json.*says 50 x 80, the image has 60 x 80"):
        LabelmeDataset(folder)[0]
    assert len(LabelmeDataset(folder, drop_invalid=True)) == 0
    assert [p.code for p in diagnose(folder).of("error")] == ["size_mismatch", "no_pictures"]
    odd = LabelmeDataset(save([shape("kite", KITE)], imageHeight="60"))
    assert [p.code for p in odd.problems] == ["bad_image_size"] and len(odd[0]) == 1


@each("orientation", [5, 6, 7, 8])
def test_the_size_in_the_file_tells_which_way_up_it_was_annotated(tmp_path, photo, orientation):
    photo(tmp_path / "a.jpg", (40, 100), orientation)
    points = [[2, 3], [22, 33]]
    for height, width in ((100, 40), (40, 100)):
        shapes = [shape("box", points, "rectangle")]
        sizes = {"imageHeight": height, "imageWidth": width}
        (tmp_path / "a.json").write_text(json.dumps(content(shapes, **sizes)))
        sample, problems = LabelmeDataset(tmp_path).examine(0)
        stored = np.zeros((height, width), np.uint8)
        stored[3:33, 2:22] = 1
        if height == 40:
            # Pillow turns the mask the way it turns the image: an independent witness.
            turns = {5: 5, 6: 4, 7: 6, 8: 2}  # Image.Transpose by EXIF orientation
            stored = np.asarray(
                Image.fromarray(stored).transpose(Image.Transpose(turns[orientation]))
            )
            assert [p.code for p in problems] == ["turned_annotations"]
        else:
            assert problems == []
        np.testing.assert_array_equal(sample.masks[0], stored != 0)
        assert sample.size == (100, 40)


def test_nothing_there(tmp_path):
    with pytest.raises(DataError, match="no JSON files of labelme"):
        LabelmeDataset(tmp_path)
    with pytest.raises(DataError, match="no such image folder"):
        LabelmeDataset(tmp_path, tmp_path / "none")
    (tmp_path / "a.json").write_text("{")
    diagnosis = diagnose(tmp_path, format="labelme")
    assert [p.code for p in diagnosis.problems] == ["unreadable_annotation", "no_pictures"]


@each("name", ["../secret.jpg", "..\\..\\secret.jpg", "{}/secret.jpg"])
def test_image_path_leads_out_only_where_that_is_allowed(photo, tmp_path, name):
    photo(tmp_path / "secret.jpg")
    folder = tmp_path / "set"
    photo(folder / "other.jpg")
    text = json.dumps(content([shape("kite", KITE)], image=name.format(tmp_path)))
    (folder / "a.json").write_text(text)
    with pytest.raises(DataError, match="allow_outside=True|no file of the image"):
        LabelmeDataset(folder)
    assert len(LabelmeDataset(folder, drop_invalid=True)) == 0
    if "\\" not in name:
        dataset = LabelmeDataset(folder, allow_outside=True)
        assert dataset[0].path.endswith("secret.jpg")


def test_points_in_shares_of_the_size_are_no_pixels(save):
    folder = save([shape("kite", [[0.1, 0.1], [0.9, 0.2], [0.5, 0.75]])])
    with pytest.raises(DataError, match="only outline lie between 0 and 1"):
        LabelmeDataset(folder, drop_invalid=True)


def test_a_turned_picture_without_a_stated_size_is_a_warning(save, photo):
    for orientation, height, expected in ((6, None, 1), (6, 80, 0), (None, None, 0)):
        sizes = {"imageHeight": height, "imageWidth": height and 60}
        folder = save([shape("kite", KITE[:3])], **sizes)
        photo(folder / "a.jpg", orientation=orientation)
        codes = [problem.code for problem in diagnose(folder).problems]
        assert codes.count("rotated_image") == expected, (orientation, height)


def test_another_encoding_than_utf_8_is_named(save):
    folder = save([shape("kite", KITE)])
    text = json.dumps(content([shape("\u88e4\u5b50", KITE)]), ensure_ascii=False)
    (folder / "a.json").write_bytes(text.encode("gbk"))
    with pytest.raises(DataError, match="a.json: it is written in another encoding.*iconv"):
        LabelmeDataset(folder)


def test_files_that_are_not_read_are_said(tmp_path, photo, caplog):
    def put(folder, name):
        photo(folder / f"{name}.jpg")
        (folder / f"{name}.json").write_text(
            json.dumps(content([shape("kite", KITE)], f"{name}.jpg"))
        )

    put(tmp_path, "a")
    for name in ("b", "c"):
        put(tmp_path / "day2" / "late", name)
    put(tmp_path / "val", "v")  # another part
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "x.json").write_text("{}")
    (tmp_path / "._a.json").write_bytes(b"\0\5\x16\7")
    dataset = LabelmeDataset(tmp_path)
    (problem,) = dataset.problems
    assert dataset.image_ids == ("a",) and problem.severity == "warning"
    assert problem.where.endswith("late") and problem.message.startswith(
        "2 files in it are not read"
    )
    assert "day2" in caplog.text
    assert [p.code for p in diagnose(tmp_path).of("warning")].count("unread_folder") == 1


def test_images_without_their_file_are_counted(tmp_path, photo, caplog):
    def put(folder, name, image, **more):
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(content([shape("kite", KITE)], image, **more))
        (folder / f"{name}.json").write_text(text)

    for name in ("a", "b", "c", "d", "e", "f"):
        photo(tmp_path / "images" / f"{name}.jpg")
    put(tmp_path / "train", "a", "../images/a.jpg")
    put(tmp_path / "train", "skipped", "../images/b.jpg", flags={"bad": True})
    put(tmp_path / "val", "c", "../images/c.jpg")  # another part's
    data = LabelmeDataset(tmp_path / "train", skip_flags=("bad",), allow_outside=True)
    told = {p.code: p for p in data.problems}["unannotated"]
    assert data.image_ids == ("a",) and told.severity == "info"
    assert told.message.startswith("3 images have no JSON file and are not read, such as")
    assert "d.jpg" in told.message and told.message in caplog.text
    photo(tmp_path / "one" / "a.jpg")
    put(tmp_path / "one", "a", "a.jpg")
    assert LabelmeDataset(tmp_path / "one").problems == ()
    photo(tmp_path / "one" / "z.jpg")
    (found,) = [p for p in diagnose(tmp_path / "one").of("info") if p.code == "unannotated"]
    assert found.message.startswith("1 image has no JSON file and is not read")
    assert LabelmeDataset(tmp_path / "one" / "a.json").problems == ()
    put(tmp_path / "linked", "a", "a.jpg")
    (tmp_path / "linked" / "a.jpg").symlink_to(tmp_path / "images" / "a.jpg")
    assert LabelmeDataset(tmp_path / "linked").problems == ()


def test_labels_that_look_alike_are_one_class(tmp_path, photo):
    photo(tmp_path / "a.jpg")
    shapes = [shape(label, KITE) for label in ("kite", "kite ", "ki\u200bte", "kite\xa0", "Kite")]
    (tmp_path / "a.json").write_text(json.dumps(content(shapes)))
    dataset = LabelmeDataset(tmp_path)
    assert dataset.class_names == ("Kite", "kite")
    assert dataset[0].class_ids.tolist() == [2, 2, 2, 2, 1]
    found = {p.code: p.severity for p in diagnose(tmp_path).problems}
    assert found["alike_labels"] == "warning" and found["unified_labels"] == "info"
    (tmp_path / "labels.txt").write_text("kite\nKite\n")
    assert LabelmeDataset(tmp_path).class_names == ("kite", "Kite")
