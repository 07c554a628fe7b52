"""Folders of images and masks, and what the values of masks mean."""

import pickle

import numpy as np
import pytest
from each_case import Fresh, each
from PIL import Image

from tfseg.data.doctor.doctor import diagnose
from tfseg.data.masks.mask_pairs import ImageMaskDataset
from tfseg.data.masks.mask_values import ValueRule
from tfseg.data.opening import sources
from tfseg.data.reading.outlines import MaskError
from tfseg.errors import DataError

SIZE = (60, 80)
PERSON = np.zeros(SIZE, np.uint8)
PERSON[20:, 15:45] = 1
EDGE = PERSON.copy()
EDGE[19, 15:45] = 255


def writer(tmp_path, photo):
    """Writes `images/` and `masks/`; masks are arrays or images, by file name."""

    def write(**masks):
        for number, (name, mask) in enumerate(masks.items()):
            photo(tmp_path / "images" / f"{name}.jpg", SIZE, seed=number)
            (tmp_path / "masks").mkdir(exist_ok=True)
            image = mask if isinstance(mask, Image.Image) else Image.fromarray(mask)
            image.save(tmp_path / "masks" / f"{name}.png")
        return tmp_path

    return write


@pytest.fixture
def save(tmp_path, photo):
    return Fresh(writer, tmp_path, photo)


def palette():
    image = Image.fromarray(PERSON).convert("P")
    image.putdata(PERSON.ravel().tolist())
    image.putpalette([0, 0, 0, 200, 30, 30])
    return image


def cutout():
    colours = np.random.default_rng(0).integers(0, 255, (*SIZE, 3))
    return np.dstack([colours, PERSON * 255]).astype(np.uint8)


@each(
    "mask",
    [
        PERSON,
        PERSON * 255,
        PERSON.astype(bool),
        PERSON.astype(np.uint16) * 65535,
        PERSON.astype(np.uint16),
        np.repeat(PERSON[:, :, None] * 255, 3, axis=2),
        palette(),
        cutout(),
        np.dstack([PERSON * 9, PERSON * 255]),
    ],
)
def test_the_ways_to_store_one_class(save, mask):
    dataset = ImageMaskDataset(save(anna=mask))
    sample = dataset[0]
    np.testing.assert_array_equal(sample.label_maps["classes"], PERSON)
    np.testing.assert_array_equal(sample.masks, PERSON[None] == 1)
    assert dataset.class_names == ("person",) and dataset.image_ids == ("anna",)
    assert len(pickle.loads(pickle.dumps(dataset))[0]) == 1


def test_class_numbers_with_255_for_ignored(save):
    one = ImageMaskDataset(save(a=EDGE))[0]
    np.testing.assert_array_equal(one.label_maps["classes"], EDGE)
    np.testing.assert_array_equal(one.masks[0], EDGE == 1)
    two = np.where(EDGE == 1, 2, EDGE)
    sample = ImageMaskDataset(save(a=two), classes=("dog", "person"))[0]
    np.testing.assert_array_equal(sample.label_maps["classes"], two)
    assert sample.class_ids.tolist() == [2]
    # With several classes 255 is never a class, even alone.
    alone = ImageMaskDataset(save(a=PERSON * 255), classes=("dog", "person"))[0]
    assert len(alone) == 0 and (alone.label_maps["classes"] == PERSON * 255).all()
    ids = ImageMaskDataset(save(a=PERSON * 255), values="ids")[0]
    assert len(ids) == 0


def test_rules_for_other_values(save):
    soft = PERSON * 200 + 50
    assert soft.max() == 250
    root = save(a=soft)
    with pytest.raises(DataError, match=r"a\.png: expected 0 to 1, and 255.*got 50, 250.*thresh"):
        ImageMaskDataset(root)[0]
    for values in ("threshold", {50: 0, 250: 1}):
        sample = ImageMaskDataset(root, values=values)[0]
        np.testing.assert_array_equal(sample.label_maps["classes"], PERSON)
    with pytest.raises(DataError, match="expected 0, 38, got 50, 250 as well"):
        ImageMaskDataset(root, values={0: 0, 38: 1})[0]
    with pytest.raises(DataError, match="expected 0 and 1 or 255, got 50, 250"):
        ImageMaskDataset(root, values="binary")[0]
    ignored = ImageMaskDataset(root, values={50: 255, 250: 1})[0].label_maps["classes"]
    assert set(np.unique(ignored)) == {1, 255}


@each(
    ("values", "count", "message"),
    [
        ("treshold", 1, "expected values as one of"),
        ("binary", 2, "is for one class"),
        ({0: 0, 1: 2}, 1, "0 to 1 or 255"),
        ({"red": 1}, 1, "expected a stored value"),
        ({}, 1, "got none"),
    ],
)
def test_rules_that_make_no_sense(values, count, message):
    with pytest.raises(DataError, match=message):
        ValueRule(values, count)


def test_empty_and_sixteen_bit_numbers():
    assert ValueRule("auto", 1).ids(np.zeros((0, 4), np.uint8), "x").shape == (0, 4)
    with pytest.raises(MaskError, match="got 300 as well"):
        ValueRule("auto", 3).ids(np.full((2, 2), 300, np.uint16), "x")
    half = np.array([[0, 32767, 32768, 65535]], np.uint16)
    assert ValueRule("threshold", 1).ids(half, "x").tolist() == [[0, 0, 1, 1]]


def test_names_with_a_suffix_and_one_folder_for_both(tmp_path, photo):
    photo(tmp_path / "anna.jpg", SIZE)
    Image.fromarray(PERSON * 255).save(tmp_path / "anna_mask.png")
    dataset = ImageMaskDataset(tmp_path, tmp_path)
    assert dataset.image_ids == ("anna",)
    np.testing.assert_array_equal(dataset[0].label_maps["classes"], PERSON)
    cut = tmp_path / "cut"
    cut.mkdir()
    Image.fromarray(cutout()).save(cut / "bob.png")
    own = ImageMaskDataset(cut, cut)[0]
    np.testing.assert_array_equal(own.label_maps["classes"], PERSON)


def test_parts_are_opened_by_format(save, tmp_path):
    root = save(anna=PERSON)
    assert sources.recognise(str(root)) == "png_masks"
    for part in ("train", "val"):
        for kind in ("images", "masks"):
            (tmp_path / "both" / part).mkdir(parents=True, exist_ok=True)
            (tmp_path / "both" / part / kind).symlink_to(root / kind)
    assert len(sources.open_dataset(root, format="image_masks")) == 1
    for part in ("train", "val"):
        opened = sources.open_dataset(tmp_path / "both", split=part, format="image_masks")
        assert isinstance(opened, ImageMaskDataset) and len(opened) == 1
    given = sources.open_dataset(root / "images", format="image_masks", masks=str(root / "masks"))
    assert len(given) == 1
    with pytest.raises(DataError, match="no part 'test'"):
        sources.open_dataset(tmp_path / "both", split="test", format="image_masks")


def test_what_is_missing_is_a_fault(save, photo, tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        ImageMaskDataset(tmp_path)
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    with pytest.raises(DataError, match="no annotated images"):
        ImageMaskDataset(tmp_path)
    root = save(anna=PERSON)
    photo(root / "images" / "bob.jpg")
    with pytest.raises(DataError, match=r"no mask .*bob\.png"):
        ImageMaskDataset(root)
    assert ImageMaskDataset(root, drop_invalid=True).image_ids == ("anna",)
    (root / "images" / "anna.jpg").unlink()
    with pytest.raises(DataError, match="bob.*1 more faults"):
        ImageMaskDataset(root)
    Image.fromarray(PERSON).save(root / "masks" / "bob.png")
    with pytest.raises(DataError, match=r"anna\.png: there is no image of that name"):
        ImageMaskDataset(root)


def test_the_doctor_names_each_faulty_pair(save):
    colours = np.random.default_rng(1).integers(0, 255, (*SIZE, 3)).astype(np.uint8)
    root = save(
        a=PERSON, b=PERSON[:-1], c=PERSON * 7, d=PERSON * 0, e=PERSON * 0 + 1, f=colours, g=PERSON
    )
    (root / "masks" / "g.png").write_bytes(b"\x89PNG\r\n\x1a\n cut")
    found = diagnose(root, format="image_masks")
    named = {(p.code, p.severity) for p in found.problems}
    assert named >= {
        ("mask_size", "error"),
        ("unknown_value", "error"),
        ("empty_mask", "warning"),
        ("full_mask", "warning"),
        ("unreadable_mask", "error"),
    }
    for name in "bcdefg":
        assert any(f"{name}.png" in str(problem) for problem in found.problems), name
    assert not any("a.png" in str(problem) for problem in found.problems)


def test_a_mask_turns_with_its_picture(tmp_path, photo):
    photo(tmp_path / "images" / "a.jpg", SIZE, orientation=6)
    (tmp_path / "masks").mkdir()
    Image.fromarray(PERSON).save(tmp_path / "masks" / "a.png")
    sample = ImageMaskDataset(tmp_path)[0]
    np.testing.assert_array_equal(sample.label_maps["classes"], np.rot90(PERSON, -1))


def test_lists_beside_the_folders_tell_the_parts(save, tmp_path):
    save(a=PERSON, b=PERSON, c=PERSON)
    (tmp_path / "train.txt").write_text("a\nc.jpg\n")
    (tmp_path / "valid.txt").write_text("b\n\n")

    def opened(split, **options):
        return sources.open_dataset(tmp_path, split=split, format="image_masks", **options)

    assert opened("train").image_ids == ("a", "c") and opened("val").image_ids == ("b",)
    assert opened("train", ids=["b"]).image_ids == ("b",)
    with pytest.raises(DataError, match="no part 'test'"):
        opened("test")
    (tmp_path / "train.txt").write_text("a\nz\n")
    with pytest.raises(DataError, match="the list names it"):
        opened("train")
    assert opened("train", drop_invalid=True).image_ids == ("a",)
    (tmp_path / "train.txt").write_text("\n")
    with pytest.raises(DataError, match="the list is empty"):
        opened("train")
