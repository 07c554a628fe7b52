"""Folders of PNG masks in each layout that the reader states, good and broken."""

import json
import pickle

import cv2
import numpy as np
import pytest
from each_case import Fresh, each
from PIL import Image

from tfseg.data.dataset import check_dataset
from tfseg.data.doctor.doctor import diagnose
from tfseg.data.masks.png_masks import PngMaskDataset
from tfseg.errors import DataError

SIZE = (60, 80)


def block(y1, x1, y2, x2, value=255, size=SIZE):
    mask = np.zeros(size, np.uint8)
    mask[y1:y2, x1:x2] = value
    return mask


LEFT, RIGHT, LOW = block(5, 5, 25, 30), block(5, 50, 25, 75), block(30, 10, 55, 60)
IDS = np.where(LEFT, 1, 0) + np.where(RIGHT, 2, 0) + np.where(LOW, 7, 0)


def writer(tmp_path, photo):
    """Writes images and masks: text as it is, dicts as JSON, arrays and images as PNG."""

    def write(files, pictures=("a.jpg",)):
        for number, name in enumerate(pictures):
            photo(tmp_path / "images" / name, seed=number)
        (tmp_path / "masks").mkdir(exist_ok=True)
        for name, value in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(value, (str, bytes)):
                path.write_bytes(value.encode() if isinstance(value, str) else value)
            elif isinstance(value, dict):
                path.write_text(json.dumps(value))
            else:
                image = value if isinstance(value, Image.Image) else Image.fromarray(value)
                image.save(path)
        return tmp_path

    return write


@pytest.fixture
def save(tmp_path, photo):
    return Fresh(writer, tmp_path, photo)


def test_bytes_after_the_end_of_a_png_do_no_harm(save):
    folder = save({"masks/hat/a.png": LEFT})
    whole = (folder / "masks" / "hat" / "a.png").read_bytes()
    save({"masks/hat/a.png": whole + b"\n"})
    assert PngMaskDataset(folder)[0].masks.sum() == 500
    save({"masks/hat/a.png": whole[:-30]})
    with pytest.raises(DataError, match="hat/a.png.*cut off"):
        PngMaskDataset(folder)[0]


ONE_A_FILE = {
    "class folders": ("masks/hat/a.png", "masks/shoe/a_1.png", "masks/shoe/a_right.png"),
    "picture folders": ("masks/a/hat.png", "masks/a/shoe_1.png", "masks/a/shoe-2.png"),
    "names": ("masks/a_hat.png", "masks/a_shoe_1.png", "masks/a.shoe.2.png"),
}


@each("layout", ONE_A_FILE)
def test_one_object_a_file(save, layout):
    names = ONE_A_FILE[layout]
    masks = (LOW, LEFT, RIGHT)
    dataset = check_dataset(PngMaskDataset(save(dict(zip(names, masks)))))
    assert dataset.class_names == ("hat", "shoe") and dataset.image_ids == ("a",)
    sample = dataset[0]
    found = {(int(i), m.tobytes()) for i, m in zip(sample.class_ids, sample.masks)}
    assert found == {(1, (LOW != 0).tobytes()), *((2, (m != 0).tobytes()) for m in (LEFT, RIGHT))}
    assert diagnose(dataset).ok


def test_pictures_whose_names_begin_alike(save):
    files = {"masks/a_1_hat_2.png": LEFT, "masks/a_hat.png": LOW, "masks/cap/a_1.png": RIGHT}
    dataset = PngMaskDataset(save(files, ("a.jpg", "a_1.jpg")))
    assert dataset.image_ids == ("a", "a_1") and dataset.class_names == ("cap", "hat")
    assert dataset[0].class_ids.tolist() == [2]
    assert sorted(dataset[1].class_ids.tolist()) == [1, 2]


def kinds_of_mask():
    inside = LEFT != 0
    palette = Image.fromarray(np.where(inside, 3, 0).astype(np.uint8))
    palette.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0, 9, 9, 9])
    cutout = np.dstack([np.full((*SIZE, 3), 200, np.uint8), LEFT])
    return {
        "255": LEFT,
        "1": (LEFT // 255),
        "bits": inside,
        "16 bits": LEFT.astype(np.uint16) * 3,
        "palette": palette,
        "colours": np.dstack([LEFT * 0, LEFT, LEFT * 0]),
        "cut out": cutout,
        "opaque": np.dstack([LEFT, LEFT, LEFT, np.full(SIZE, 255, np.uint8)]),
        "grey with alpha": np.dstack([LEFT, np.full(SIZE, 255, np.uint8)]),
    }


@each("kind", kinds_of_mask())
def test_what_is_inside(save, kind):
    sample = PngMaskDataset(save({"masks/hat/a.png": kinds_of_mask()[kind]}))[0]
    np.testing.assert_array_equal(sample.masks[0], LEFT != 0)


def id_maps():
    large = IDS.astype(np.int64) * 257  # 257, 514, 1799: beyond 8 bits
    palette = Image.fromarray(IDS.astype(np.uint8))
    palette.putpalette(list(range(256)) * 3)
    colours = np.dstack([large & 255, large >> 8, large * 0]).astype(np.uint8)
    far = np.dstack([IDS * 0, IDS * 0, IDS]).astype(np.uint8)
    return {
        "8 bits": (IDS.astype(np.uint8), 1),
        "16 bits": (large.astype(np.uint16), 257),
        "palette": (palette, 1),
        "colours": (colours, 257),
        "colours far up": (far, 65536),
        "grey in colours": (np.dstack([IDS] * 3).astype(np.uint8), 1),
    }


SOURCES = ["sidecar", "instances", "class map", "class list"]


@each("source", SOURCES)
@each("kind", id_maps())
def test_id_maps(save, kind, source):
    image, factor = id_maps()[kind]
    names = {str(1 * factor): "shoe", str(2 * factor): "shoe", str(7 * factor): "hat"}
    classes = np.where(IDS == 7, 9, np.where(IDS > 0, 4, 0)).astype(np.uint8)
    files = {
        "sidecar": {"masks/a.json": names},
        "instances": {"instances.json": {"a": names}},
        "class map": {"classes/a.png": classes, "classes.json": {"9": "hat", "4": "shoe"}},
        "class list": {
            "classes/a.png": (classes > 4) * np.uint8(1) + (classes > 0),
            "classes.txt": "shoe\nhat\n",
        },
    }[source]
    dataset = check_dataset(PngMaskDataset(save({"masks/a.png": image, **files})))
    assert set(dataset.class_names) == {"shoe", "hat"}
    sample = dataset[0]
    assert [dataset.class_names[i - 1] for i in sample.class_ids] == ["shoe", "shoe", "hat"]
    assert sample.annotation_ids.tolist() == [factor, 2 * factor, 7 * factor]
    np.testing.assert_array_equal(sample.masks, [LEFT != 0, RIGHT != 0, LOW != 0])
    order = ("shoe", "hat") if source.startswith("class") else ("hat", "shoe")
    assert dataset.class_names == order


def test_id_maps_that_nothing_names_are_of_one_class(save):
    folder = save({"masks/a.png": IDS.astype(np.uint8)}, ("a.jpg", "b.jpg"))
    assert PngMaskDataset(folder).class_names == ("object",)
    dataset = PngMaskDataset(folder, classes=("cell",), ignore=(7,))
    assert dataset.class_names == ("cell",) and dataset[0].class_ids.tolist() == [1, 1]
    assert len(dataset) == 2 and len(dataset[1]) == 0
    assert PngMaskDataset(folder, keep_empty=False).image_ids == ("a",)


SOFT = cv2.GaussianBlur(LOW, (7, 7), 0)
JPEG = cv2.imdecode(cv2.imencode(".jpg", LOW)[1], cv2.IMREAD_GRAYSCALE)
HALF = cv2.resize(LOW.repeat(3, 0).repeat(3, 1)[:-2, :-2], SIZE[::-1])  # linear
SOFT_MASKS = {
    "blurred": SOFT,
    "16 bits": SOFT.astype(np.uint16) * 257,
    "never quite certain": np.minimum(SOFT, 254),
    "percent": SOFT * np.float32(100 / 255),
    "was a JPEG file": JPEG,
    "made smaller": HALF,
    "grey in colours": np.repeat(SOFT[..., None], 3, 2),
}


@each("kind", SOFT_MASKS)
def test_a_soft_mask_is_one_object(save, kind):
    mask = SOFT_MASKS[kind]
    mask = mask.astype(np.uint8) if mask.dtype == np.float32 else mask
    assert len(np.unique(mask)) > 4
    folder = save({"masks/a.png": mask})
    (inside,) = PngMaskDataset(folder)[0].masks
    plane = mask[..., 0] if mask.ndim == 3 else mask
    np.testing.assert_array_equal(inside, plane > plane.max() / 2)
    assert "soft_mask" in [problem.code for problem in diagnose(folder).of("warning")]


def with_rims(ids):
    """VOC's: what is near an object's edge is 255."""
    near = np.ones((3, 3), np.uint8)
    inside = (ids > 0).astype(np.uint8)
    return np.where(cv2.dilate(inside, near) > cv2.erode(inside, near), 255, ids)


FIELDS = np.arange(300).reshape(15, 20).repeat(4, 0).repeat(4, 1)
APART = np.where((np.arange(60)[:, None] % 12 < 9) & (np.arange(80) % 16 < 12), 1, 0)
NUMBERED = APART * (np.arange(60)[:, None] // 12 * 5 + np.arange(80) // 16 + 1)
ID_MAPS = {
    "touching": (FIELDS, 299),
    "apart": (NUMBERED, 25),
    "by tens": (NUMBERED * 10, 25),
    "with rims": (with_rims(NUMBERED), 26),
    "gaps and rims": (with_rims(NUMBERED * (NUMBERED % 3 != 0)), 18),
    "a large 255 beside": (np.where(LOW, 255, NUMBERED % 9), 9),
}


@each("kind", ID_MAPS)
def test_maps_of_many_objects_are_no_soft_masks(save, kind):
    ids, count = ID_MAPS[kind]
    assert len(PngMaskDataset(save({"masks/a.png": ids.astype(np.uint16)}))[0]) == count


def test_shades_that_are_named_are_objects(save):
    named = {str(number): "shoe" for number in np.unique(SOFT)[1:]}
    folder = save({"masks/a.png": SOFT, "masks/a.json": named})
    assert len(PngMaskDataset(folder)[0]) == len(named)


def test_crowds_and_both_kinds_of_mask_together(save):
    files = {
        "masks/a.png": np.where(IDS == 7, 0, IDS).astype(np.uint8),
        "masks/a.json": {"1": {"class": "shoe", "iscrowd": 1}, "2": {"class": "hat"}},
        "masks/hat/a.png": LOW,
    }
    sample = PngMaskDataset(save(files))[0]
    assert sample.class_ids.tolist() == [1, 2, 1]
    assert sample.is_crowd.tolist() == [False, True, False]
    assert len(set(sample.annotation_ids.tolist())) == 3


def test_the_science_bowls_layout(tmp_path, photo):
    for name in ("0a7e", "1b2c"):
        photo(tmp_path / name / "images" / f"{name}.png")
        for number, mask in enumerate((LEFT, RIGHT)):
            path = tmp_path / name / "masks" / f"{number}f3d.png"
            path.parent.mkdir(exist_ok=True)
            Image.fromarray(mask).save(path)
    dataset = PngMaskDataset(tmp_path, classes=("nucleus",))
    assert dataset.image_ids == ("0a7e", "1b2c") and dataset.class_names == ("nucleus",)
    np.testing.assert_array_equal(dataset[1].masks, [LEFT != 0, RIGHT != 0])
    (tmp_path / "0a7e" / "images" / "0a7e.png").unlink()
    with pytest.raises(DataError, match="0a7e: expected one image in images/, got 0"):
        PngMaskDataset(tmp_path)
    assert len(PngMaskDataset(tmp_path, drop_invalid=True)) == 1


GOOD = {"masks/hat/a.png": LEFT}
AT_ONCE = {
    "missing_image": ({"masks/hat/z.png": LEFT}, "masks/hat/z.png: no image is called 'z'"),
    "malformed": ({"masks/b.png": LEFT, "masks/b.json": {"255": 3}}, "b.json.*'255': 3"),
    "unreadable_annotation": ({"masks/b.png": LEFT, "masks/b.json": "{"}, "b.json.*expected JSON"),
}
LATE = {
    "mask_size": ({"masks/hat/b.png": block(1, 1, 5, 5, size=(50, 80))}, "hat/b.png.*50 x 80"),
    "empty_mask": ({"masks/hat/b.png": LEFT * 0}, "hat/b.png.*no pixel"),
    "unreadable_mask": ({"masks/hat/b.png": b""}, "hat/b.png.*empty.*none of the formats known"),
    "unknown_label": (
        {"masks/b.png": IDS.astype(np.uint8), "masks/b.json": {"1": "hat", "2": "hat"}},
        "b.png.*class of the numbers 7",
    ),
}


@each("code", {**AT_ONCE, **LATE})
def test_a_fault_is_named_and_the_rest_goes_on(save, code):
    files, message = {**AT_ONCE, **LATE}[code]
    folder = save({**GOOD, **files}, ("a.jpg", "b.jpg"))
    if code in AT_ONCE:
        with pytest.raises(DataError, match=message):
            PngMaskDataset(folder)
    else:
        dataset = PngMaskDataset(folder)
        assert len(dataset[0]) == 1
        with pytest.raises(DataError, match=message):
            dataset[1]
    rest = PngMaskDataset(folder, drop_invalid=True)
    assert len(rest[0]) == 1
    if len(rest) > 1:
        assert all(label == 1 for label in rest[1].class_ids)
    codes = [problem.code for problem in diagnose(folder).of("error")]
    assert code in codes and set(codes) <= {code, "unknown_label"}


def test_a_name_for_a_number_that_no_pixel_has(save):
    files = {"masks/a.png": LEFT, "masks/a.json": {"255": "hat", "9": "shoe"}}
    folder = save(files)
    with pytest.raises(DataError, match=r"a.png, object 9.*named 'shoe'"):
        PngMaskDataset(folder)[0]
    assert len(PngMaskDataset(folder, drop_invalid=True)[0]) == 1


def test_a_picture_whose_whole_map_is_unusable_is_left_out(save, tmp_path):
    whole = save({"masks/a.png": LEFT, "masks/b.png": LEFT}, ("a.jpg", "b.jpg", "c.jpg"))
    data = (tmp_path / "masks" / "b.png").read_bytes()
    (tmp_path / "masks" / "b.png").write_bytes(data[:-20])
    (tmp_path / "images" / "c.jpg").write_bytes(b"no image")
    dataset = PngMaskDataset(whole, drop_invalid=True)
    assert dataset.image_ids == ("a",)
    assert [p.code for p in dataset.dropped] == ["unreadable_mask", "unreadable_image"]
    assert "b.png" in str(dataset.dropped[0]) and "c.jpg" in str(dataset.dropped[1])
    wrong = block(1, 1, 5, 5, size=(80, 60))
    rest = PngMaskDataset(save({"masks/b.png": wrong}, ("b.jpg",)), drop_invalid=True)
    assert [p.code for p in rest.dropped][:1] == ["mask_size"]


@each("orientation", [3, 6, 8])
@each("as_stored", [True, False])
@each("name", ["masks/hat/a.png", "masks/a.png"])
def test_masks_of_a_turned_picture(save, photo, tmp_path, orientation, as_stored, name):
    stored = block(3, 2, 33, 22, size=(40, 100))
    turns = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_270}
    turns[8] = Image.Transpose.ROTATE_90
    seen = np.asarray(Image.fromarray(stored).transpose(turns[orientation]))
    photo(tmp_path / "images" / "a.jpg", (40, 100), orientation)
    ambiguous = orientation == 3
    save({name: stored if as_stored and not ambiguous else seen}, ())
    sample, problems = PngMaskDataset(tmp_path).examine(0)
    np.testing.assert_array_equal(sample.masks[0], seen != 0)
    assert sample.image.shape[:2] == seen.shape
    told = ["turned_annotations"] if as_stored and not ambiguous else []
    assert [p.code for p in problems] == told


def test_folders_by_other_names_and_what_is_missing(save, tmp_path):
    folder = save(GOOD)
    (folder / "images").rename(folder / "photos")
    with pytest.raises(DataError, match="no folder .*images.*image_dir and mask_dir"):
        PngMaskDataset(folder)
    dataset = PngMaskDataset(folder, image_dir="photos", mask_dir=folder / "masks")
    assert pickle.loads(pickle.dumps(dataset))[0].class_ids.tolist() == [1]
    empty = tmp_path / "empty"
    (empty / "images").mkdir(parents=True)
    (empty / "masks").mkdir()
    with pytest.raises(DataError, match="no annotated images"):
        PngMaskDataset(empty)


@each("name", ["masks/a.jpg", "masks/a/hat.jpg", "masks/hat/a.TIF"])
def test_masks_of_another_kind_are_faults_not_empty_pictures(save, name):
    folder = save({name: LEFT, "masks/b.png": LOW}, ("a.jpg", "b.jpg"))
    with pytest.raises(DataError, match=r"masks of objects are PNG files.*image_masks"):
        PngMaskDataset(folder)
    lenient = PngMaskDataset(folder, drop_invalid=True)
    assert lenient.image_ids == ("b",)


def warned(folder, **options):
    return [p.code for p in diagnose(folder, format="png_masks", **options).of("warning")]


def test_words_for_masks_are_no_classes(save):
    save({"masks/a_mask.png": LEFT, "masks/b-Mask.png": RIGHT}, ("a.jpg", "b.jpg"))
    dataset = PngMaskDataset(save({}, ()))
    assert dataset.class_names == ("object",)
    assert [s.masks.sum() for s in dataset] == [500, 500]
    asked = PngMaskDataset(save({}, ()), classes=("mask",))
    assert asked.class_names == ("mask",) and len(asked[0]) == 1
    # Beside other words it is one like them: masks and gloves.
    save({"masks/a_glove.png": RIGHT})
    assert PngMaskDataset(save({}, ())).class_names[0] == "Mask"


def test_what_may_be_read_in_two_ways_is_warned_of(save):
    folder = save({"masks/a_1.png": LEFT, "masks/a.png": RIGHT}, ("a.jpg", "a_1.jpg"))
    assert warned(folder).count("ambiguous_mask") == 1


@each(
    ("ids", "codes"),
    [
        (np.where(LEFT, 1, 0) + np.where(RIGHT, 255, 0), ["doubtful_void"]),
        (LEFT, []),
        (np.where(LEFT, 1, 0) + np.where(RIGHT, 1, 0) + np.where(LOW, 2, 0), ["class_numbers"]),
        (IDS, []),
    ],
)
def test_numbers_that_may_mean_something_else(save, ids, codes):
    folder = save({"masks/a.png": ids.astype(np.uint8)})
    assert warned(folder) == codes
    assert warned(folder, ignore=[255]) == [code for code in codes if "void" not in code]


def test_pictures_that_are_not_looked_at_are_said(save, photo):
    folder = save({"masks/a.png": LEFT})
    photo(folder / "images" / "day2" / "b.jpg")
    (folder / "images" / "c.heic").write_bytes(b"x")
    (folder / "images" / "._a.jpg").write_bytes(b"x")
    deep = folder / "masks" / "hat" / "more"
    deep.mkdir(parents=True)
    Image.fromarray(LEFT).save(deep / "a.png")
    assert sorted(warned(folder)) == ["unread_files", "unread_folder", "unread_folder"]
