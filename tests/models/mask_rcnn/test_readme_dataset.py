"""The README's dataset in ten lines, as it is printed there, on files."""

import re

import numpy as np
import pytest
from PIL import Image

import tfseg
from tfseg.data.dataset import check_dataset
from tfseg.data.doctor.doctor import diagnose
from tfseg.models.mask_rcnn.config import MaskRCNNConfig
from tfseg.models.two_stage.targets import encode


@pytest.fixture
def cutouts(repo_root):
    """The class that the README defines, from the very block in it."""
    blocks = re.findall(r"```python\n(.*?)```", (repo_root / "README.md").read_text("utf-8"), re.S)
    (block,) = [text for text in blocks if "class Cutouts" in text]
    body = block.partition("class Cutouts")[2].splitlines()
    assert len([line for line in body if line.strip()]) <= 12, "ten lines were promised"
    names: dict = {}
    exec(compile(block, "README.md", "exec"), names)
    return names["Cutouts"]


@pytest.fixture
def files(tmp_path):
    """Three photographs with the mask of a shoe each, at three sizes."""
    pairs, rng = [], np.random.default_rng(0)
    for number, size in enumerate(((60, 80), (90, 50), (64, 64))):
        mask = np.zeros(size, np.uint8)
        mask[10:40, 15 + number : 45] = 255
        paths = tmp_path / f"{number}.jpg", tmp_path / f"{number}_mask.png"
        Image.fromarray(rng.integers(0, 256, (*size, 3), np.uint8)).save(paths[0])
        Image.fromarray(mask).save(paths[1])
        pairs.append(paths)
    return pairs


def test_it_is_a_data_set_that_passes_every_check(cutouts, files):
    dataset = check_dataset(cutouts(files))
    assert isinstance(dataset, tfseg.Dataset) and len(dataset) == 3
    assert diagnose(dataset).ok
    for number, sample in enumerate(dataset[n] for n in range(3)):
        np.testing.assert_array_equal(sample.boxes, [[10, 15 + number, 40, 45]])
        assert sample.masks.sum() == 30 * (30 - number) and sample.class_ids.tolist() == [1]


def test_mask_rcnn_takes_its_samples(cutouts, files):
    dataset = cutouts(files)
    config = MaskRCNNConfig(classes=dataset.class_names, image_size=128)
    encoded = encode(dataset[0], config)
    assert encoded["image"].shape == (128, 128, 3)
    assert encoded["gt_class_ids"][0] == 1 and not encoded["gt_class_ids"][1:].any()
    # 60 x 80 grows by 1.6 to 96 x 128 and stands 16 rows below the top.
    np.testing.assert_allclose(encoded["gt_boxes"][0], (32, 24, 80, 72), atol=1)
    assert encoded["gt_masks"][0].mean() > 0.95
