"""The Portrait dataset as it was released and as it is mirrored."""

import logging
import pickle

import numpy as np
import pytest
import scipy.io
from each_case import Fresh, each
from PIL import Image

from tfseg.data.doctor.doctor import diagnose
from tfseg.data.opening import sources
from tfseg.data.published.portrait import PortraitDataset
from tfseg.errors import DataError
from tfseg.structures.semantic import class_map

SIZE = (80, 60)  # the release's 800 x 600 in small
PERSON = np.zeros(SIZE, bool)
PERSON[20:, 15:45] = True
BOTH = ("released", "mirrored")


def writer(tmp_path, photo):
    """Writes `count` portraits in one of the layouts; `masks` are arrays by name."""

    def write(layout="released", count=3, masks=(), root=tmp_path):
        for number in range(1, count + 1):
            name = f"{number:05d}"
            mask = dict(masks).get(name, PERSON.astype(np.uint8))
            if layout == "released":
                photo(root / "images_data_crop" / f"{name}.jpg", SIZE, seed=number)
                (root / "images_mask").mkdir(exist_ok=True)
                scipy.io.savemat(root / "images_mask" / f"{name}_mask.mat", {"mask": mask})
            else:
                photo(root / "Images" / f"{name}.png", SIZE, seed=number)
                (root / "Labels").mkdir(exist_ok=True)
                Image.fromarray(mask).save(root / "Labels" / f"{name}.png")
        return root

    return write


@pytest.fixture
def save(tmp_path, photo):
    return Fresh(writer, tmp_path, photo)


@each("layout", BOTH)
def test_both_layouts(save, layout):
    root = save(layout)
    assert sources.recognise(str(root)) == "portrait"
    dataset = PortraitDataset(root, "all")
    assert dataset.class_names == ("person",)
    assert dataset.image_ids == ("00001", "00002", "00003")
    for sample in dataset:
        np.testing.assert_array_equal(sample.label_maps["classes"], PERSON)
        np.testing.assert_array_equal(class_map(sample), PERSON)
        np.testing.assert_array_equal(sample.masks, PERSON[None])
        assert sample.class_ids.tolist() == [1] and sample.label_maps["classes"].dtype == np.int32
    assert len(pickle.loads(pickle.dumps(dataset))) == 3


@each(
    ("layout", "mask"),
    [
        ("released", PERSON),
        ("released", PERSON.astype(float)),
        ("released", PERSON * np.uint8(255)),
        ("released", PERSON * np.uint16(1)),
        ("mirrored", PERSON * np.uint8(255)),
        ("mirrored", PERSON),
        ("mirrored", np.repeat((PERSON * np.uint8(255))[:, :, None], 3, axis=2)),
    ],
)
def test_the_masks_that_copies_have(save, layout, mask):
    root = save(layout, 1, {"00001": mask})
    np.testing.assert_array_equal(PortraitDataset(root, "all")[0].label_maps["classes"], PERSON)


def test_without_lists_the_split_is_the_specifications(save):
    root = save("released", 12)
    parts = {name: PortraitDataset(root, name).image_ids for name in ("train", "val", "test")}
    order = np.random.default_rng(0).permutation(12)
    assert len(parts["train"]) == round(12 * 1500 / 1695) == 11
    assert parts["train"] == tuple(f"{place + 1:05d}" for place in order[:11])
    assert parts["val"] == parts["test"] == (f"{order[11] + 1:05d}",)


@each(("pairs", "train"), [(1695, 1500), (1800, 1500), (2, 1), (1694, 1499)])
def test_the_size_of_the_training_part(pairs, train):
    from tfseg.data.published.portrait import _choose

    stems = [f"{number:05d}" for number in range(pairs)]
    chosen = _choose(None, "nowhere", "train", stems), _choose(None, "nowhere", "val", stems)
    assert len(chosen[0]) == train
    assert sorted(chosen[0] + chosen[1]) == stems


@each("name", ["{}.txt", "eg1800_{}.txt", "{}list.txt", "{}_list.txt"])
def test_lists_of_common_names(save, name):
    root = save("mirrored")
    (root / name.format("train")).write_text("00001.png\nImages/00003.png Labels/00003.png\n")
    (root / name.format("test")).write_text("\n00002\n")
    assert PortraitDataset(root).image_ids == ("00001", "00003")
    for part in ("val", "test"):
        assert PortraitDataset(root, part).image_ids == ("00002",)
    assert PortraitDataset(root, root / name.format("test")).image_ids == ("00002",)


def test_what_has_no_partner_is_passed_over_in_one_line(save, photo, caplog):
    root = save("mirrored")
    photo(root / "Images" / "00007.png", SIZE)
    (root / "Labels" / "00002.png").unlink()
    Image.fromarray(PERSON).save(root / "Labels" / "00009.png")
    with caplog.at_level(logging.WARNING, logger="tfseg.data"):
        dataset = PortraitDataset(root, "all")
    assert dataset.image_ids == ("00001", "00003")
    (line,) = caplog.messages
    assert "2 images without a mask and 1 masks without an image; 2 pairs are left" in line


def test_a_list_that_names_what_is_missing(save, caplog):
    root = save("mirrored")
    (root / "train.txt").write_text("00001\n00044\n")
    with caplog.at_level(logging.WARNING, logger="tfseg.data"):
        assert PortraitDataset(root).image_ids == ("00001",)
    assert "passed over 1 of 2 names" in caplog.text and "00044" in caplog.text
    with pytest.raises(DataError, match="no list names the part 'val'"):
        PortraitDataset(root, "val")
    (root / "train.txt").write_text("00044\n")
    with pytest.raises(DataError, match="none of its 1 names has an image and a mask"):
        PortraitDataset(root)


def test_bad_folders_and_parts(save, tmp_path):
    with pytest.raises(DataError, match="expected images_data_crop/ and images_mask/ or Images/"):
        PortraitDataset(tmp_path)
    root = save("mirrored", 1)
    with pytest.raises(DataError, match="1 pairs make no two parts"):
        PortraitDataset(root)
    with pytest.raises(DataError, match="no split 'dev'"):
        PortraitDataset(root, "dev")
    with pytest.raises(DataError, match="no such list"):
        PortraitDataset(root, "gone.txt")
    with pytest.raises(DataError, match="the name of one class"):
        PortraitDataset(root, "all", classes=("person", "dog"))
    (root / "Labels" / "00001.png").rename(root / "Labels" / "other.png")
    with pytest.raises(DataError, match="none of 1 images"):
        PortraitDataset(root, "all")


def test_the_doctor_names_each_faulty_mask(save):
    half = PERSON.astype(float) / 2
    masks = {"00001": np.zeros(SIZE, np.uint8), "00002": half, "00003": PERSON[:-1].astype("u1")}
    root = save("released", 6, {**masks, "00004": np.ones(SIZE, np.uint8)})
    (root / "images_mask" / "00005_mask.mat").write_bytes(b"MATLAB 5.0 MAT-file, cut off")
    found = diagnose(root, split="all")
    codes = {(p.code, p.severity) for p in found.problems}
    assert {
        ("empty_mask", "warning"),
        ("full_mask", "warning"),
        ("unknown_value", "error"),
        ("mask_size", "error"),
        ("unreadable_mask", "error"),
    } <= codes
    text = str(found)
    for number in range(1, 6):
        assert f"{number:05d}" in text
    with pytest.raises(DataError, match="00002_mask.mat: expected 0 and 1"):
        PortraitDataset(root, "all")[1]
    kept = PortraitDataset(root, "all", drop_invalid=True)
    assert (kept[1].label_maps["classes"] == 255).all() and len(kept[1]) == 0
