"""Images without objects, beside images with some."""

import numpy as np
import pytest
from PIL import Image

from tfseg.data import EmptyImageDataset, open_dataset
from tfseg.data.doctor.doctor import diagnose
from tfseg.errors import ConfigError, DataError
from tfseg.models.pose2seg.config import Pose2SegConfig
from tfseg.models.pose2seg.inputs import PeoplePoses
from tfseg.models.pose2seg.targets import encode
from tfseg.structures.semantic import class_map


@pytest.fixture
def root(tmp_path, photo):
    """A part with one person, and a folder of two images, one of them in a part of its own."""
    photo(tmp_path / "people" / "train" / "images" / "1.png", seed=1)
    (tmp_path / "people" / "train" / "masks").mkdir()
    mask = np.zeros((60, 80), np.uint8)
    mask[10:40, 10:40] = 1
    Image.fromarray(mask).save(tmp_path / "people" / "train" / "masks" / "1.png")
    photo(tmp_path / "places" / "lawn.png", seed=2)
    photo(tmp_path / "places" / "val" / "horse.png", seed=3)
    return tmp_path


def test_they_teach_background_beside_other_parts(root):
    parts = [
        {"path": "people", "format": "image_masks"},
        {"path": "places", "format": "empty"},
    ]
    both = open_dataset(root, parts=parts, classes=("person",))
    assert both.class_names == ("person",)
    assert [len(sample.class_ids) for sample in both] == [1, 0]
    empty = both[1]
    assert empty.image_id == "places/lawn" and empty.masks.shape == (0, 60, 80)
    assert not class_map(empty).any()


def test_their_parts_are_folders(root):
    given = {"format": "empty", "classes": ("suit", "dress")}
    val = open_dataset(root / "places", split="val", **given)
    assert val.class_names == ("suit", "dress") and [s.image_id for s in val] == ["horse"]
    with pytest.raises(DataError, match="test"):
        open_dataset(root / "places", split="test", **given)


def test_what_nobody_could_learn_from_is_refused(root, tmp_path):
    with pytest.raises(ConfigError, match="data.classes"):
        open_dataset(root / "places", format="empty")
    (tmp_path / "none").mkdir()
    with pytest.raises(DataError, match="no images"):
        EmptyImageDataset(tmp_path / "none")


@pytest.mark.parametrize("classes", ["person", ("a", "a"), (1, None), (" ",)])
def test_classes_are_different_names(root, classes):
    with pytest.raises(DataError, match="different names"):
        EmptyImageDataset(root / "places", classes)


def test_images_that_are_not_read_are_told(root, photo):
    photo(root / "places" / "training hall" / "a.png", seed=4)
    given = {"format": "empty", "classes": ("person",)}
    found = open_dataset(root / "places", **given)
    assert [sample.image_id for sample in found] == ["lawn"]
    assert [(p.code, p.severity) for p in found.problems] == [("passed_over", "warning")]
    assert "training hall" in str(found.problems[0])
    val = open_dataset(root / "places", split="val", **given)
    assert "1 image is not read" in str(val.problems[0]) and "val/" in str(val.problems[0])


def test_the_doctor_finds_nothing_wrong_with_them(root):
    for part in ("train", "val"):
        diagnosis = diagnose(root / "places", split=part, format="empty", classes=("person",))
        assert diagnosis.ok and "no_objects" in {problem.code for problem in diagnosis.of("info")}


def test_pose2seg_takes_them_without_keypoints(root):
    (sample,) = open_dataset(root / "places", format="empty", classes=("person",))
    assert len(PeoplePoses().truth(sample, None)) == 0
    assert not encode(sample, Pose2SegConfig(variant="light"))["masks"].any()
