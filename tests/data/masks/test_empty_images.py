"""Images without objects, beside images with some."""

import numpy as np
import pytest
from PIL import Image

from tfseg.data import EmptyImageDataset, open_dataset
from tfseg.errors import ConfigError, DataError
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
