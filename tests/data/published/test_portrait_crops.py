import logging

import numpy as np
import pytest
import scipy.io
from each_case import each
from PIL import Image

from tfseg.data.published.portrait_crops import PortraitCropsDataset, portrait_box
from tfseg.errors import DataError
from tfseg.structures.semantic import class_map

TAGS = ("null", "coat", "hair", "hat", "skin")
HEIGHT, WIDTH = 240, 160


def figure(left=60, hair=True, hat_at=None):
    """A figure of 150 pixels, so a head of 20, from row 45 on; its head is 20 columns wide."""
    tags = np.zeros((HEIGHT, WIDTH), np.uint8)
    tags[45:65, left : left + 20] = TAGS.index("skin")
    if hair:
        tags[45:55, left : left + 20] = TAGS.index("hair")
    tags[65:195, left - 20 : left + 40] = TAGS.index("coat")
    if hat_at is not None:
        tags[hat_at : hat_at + 10, left - 40 : left - 20] = TAGS.index("hat")
    return tags


def write(root, maps):
    (root / "photos").mkdir(exist_ok=True)
    (root / "annotations" / "pixel-level").mkdir(parents=True, exist_ok=True)
    cells = np.empty((1, len(TAGS)), object)
    cells[0] = [np.array([name]) for name in TAGS]
    scipy.io.savemat(root / "label_list.mat", {"label_list": cells})
    noise = np.random.default_rng(0)
    for identity, tags in maps.items():
        file = root / "annotations" / "pixel-level" / f"{identity}.mat"
        scipy.io.savemat(file, {"groundtruth": tags})
        pixels = noise.integers(0, 255, (*tags.shape, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(root / "photos" / f"{identity}.jpg")
    (root / "train.txt").write_text("\n".join(maps))
    return root


def test_a_portrait_shows_head_to_waist_around_the_hair(tmp_path):
    dataset = PortraitCropsDataset(write(tmp_path, {"0001": figure()}))
    assert dataset.class_names == ("person",)
    # A head is 150 / 7.5 = 20: from 45 - 8, 3.5 x 20 = 70 rows, 70 x 3/4 = 52 columns around 70.
    assert dataset.box(0) == (37, 44, 107, 96)
    sample = dataset[0]
    assert sample.size == (70, 52) and sample.image_id == "0001"
    person = (figure() > 0)[37:107, 44:96]
    np.testing.assert_array_equal(sample.label_maps["classes"], person)
    np.testing.assert_array_equal(sample.masks[0], person)
    assert sample.label_maps["classes"].dtype == np.int32
    np.testing.assert_array_equal(class_map(sample), person)
    whole = np.asarray(Image.open(tmp_path / "photos" / "0001.jpg"))
    np.testing.assert_array_equal(sample.image, whole[37:107, 44:96])
    assert sample.image.base is None  # the rest of the photo is not kept in memory


def test_other_crops_and_aspects(tmp_path):
    root = write(tmp_path, {"0001": figure()})
    assert PortraitCropsDataset(root, crop="bust").box(0) == (38, 53, 84, 87)
    assert PortraitCropsDataset(root, crop="full").box(0) == (0, 0, HEIGHT, WIDTH)
    assert PortraitCropsDataset(root, aspect=1).box(0) == (37, 35, 107, 105)
    for wrong in (dict(crop="knees"), dict(aspect=0), dict(aspect="3:4"), dict(aspect=True)):
        with pytest.raises(DataError, match="expected"):
            PortraitCropsDataset(root, **wrong)


@each("tags", [figure(hair=False), figure(hat_at=120)])
def test_without_a_head_label_the_person_shows_where_to_cut(tmp_path, tags):
    if (tags == TAGS.index("hat")).any():
        tags[tags == TAGS.index("hair")] = TAGS.index("skin")  # only a hat in the hand is left
    assert PortraitCropsDataset(write(tmp_path, {"0001": tags})).box(0) == (37, 44, 107, 96)


def test_a_hood_above_the_hair_is_shown(tmp_path):
    tags = figure()
    tags[45:55] = np.where(tags[45:55] > 0, TAGS.index("coat"), 0)
    tags[55:60, 60:80] = TAGS.index("hair")
    assert PortraitCropsDataset(write(tmp_path, {"0001": tags})).box(0)[0] == 37


def test_a_raised_arm_does_not_move_the_crop(tmp_path):
    tags = figure()
    tags[45:65, 85:90] = TAGS.index("skin")
    assert PortraitCropsDataset(write(tmp_path, {"0001": tags})).box(0) == (37, 44, 107, 96)


def test_crops_stay_within_the_photo(tmp_path):
    at_the_edge = np.roll(figure(left=20), -45, axis=0)
    dataset = PortraitCropsDataset(write(tmp_path, {"0001": at_the_edge, "0002": figure(110)}))
    assert dataset.box(0) == (0, 4, 70, 56)
    assert dataset.box(1) == (37, 94, 107, 146)
    # A close-up: 400 rows of person would ask for 187 rows and 140 columns of 100.
    person = np.ones((400, 100), bool)
    y1, x1, y2, x2 = portrait_box(person, np.zeros_like(person), 0.4, 3.1, 0.75)
    assert (x1, x2) == (0, 100) and (y1, y2) == (0, 133)
    assert portrait_box(~person, ~person, 0.4, 3.1, 0.75) == (0, 0, 133, 100)
    one = np.ones((1, 1), bool)
    assert portrait_box(one, one, 0.4, 3.1, 0.75) == (0, 0, 1, 1)


def test_a_photo_without_any_tag_is_left_out_and_named(tmp_path, caplog):
    maps = {"0001": figure(), "0002": np.zeros((HEIGHT, WIDTH), np.uint8)}
    root = write(tmp_path, maps)
    with caplog.at_level(logging.WARNING, logger="tfseg.data"):
        assert PortraitCropsDataset(root).image_ids == ("0001",)
    PortraitCropsDataset(root)
    assert caplog.messages == [f"{root}: left out, without any tag in their maps: 0002"]
    with pytest.raises(DataError, match="no map of the split has a tag"):
        PortraitCropsDataset(root, ["0002"])


def test_what_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        PortraitCropsDataset(tmp_path / "nowhere")
    with pytest.raises(DataError, match="label_list.mat"):
        PortraitCropsDataset(tmp_path)
    root = write(tmp_path, {"0001": figure()})
    Image.new("RGB", (9, 9)).save(root / "photos" / "0001.jpg")
    with pytest.raises(DataError, match="Put the photo back"):
        PortraitCropsDataset(root)[0]


@pytest.mark.real_data
@pytest.mark.parametrize(("split", "count"), [("train", 713), ("val", 120)])
def test_the_real_photographs_make_natural_portraits(real_data, split, count):
    folder = real_data / "clothing_co_parsing"
    if not folder.is_dir():
        pytest.skip(f"no Clothing Co-Parsing at {folder}")
    dataset = PortraitCropsDataset(folder, split)
    assert len(dataset) == count  # 714 and 120 listed; 0536 has no label
    shares, tops = [], []
    for index in range(len(dataset)):
        tags = dataset._photos.tag_map(dataset._places[index])
        y1, x1, y2, x2 = dataset._box(tags)
        assert abs((x2 - x1) - 0.75 * (y2 - y1)) <= 1
        assert y2 - y1 >= 320
        shares.append((tags[y1:y2, x1:x2] > 0).mean())
        tops.append((tags[y1, x1:x2] > 0).any())
    assert min(shares) > 0.25 and max(shares) < 0.75
    assert 0.45 < np.median(shares) < 0.54
    assert np.mean(tops) < 0.01  # heads are not cut off
