"""The folder that instances of people are measured on."""

import json

import numpy as np
import pytest
from each_case import each
from PIL import Image

from tfseg.data.doctor.doctor import diagnose
from tfseg.data.masks.instance_folder import InstanceFolderDataset
from tfseg.data.opening import sources
from tfseg.errors import DataError
from tfseg.structures.semantic import class_map

SIZE = (60, 80)
IDS = np.zeros(SIZE, np.uint8)
IDS[10:50, 5:30], IDS[20:50, 25:60] = 1, 2


@pytest.fixture
def root(tmp_path, photo):
    for number, name in enumerate(("0001", "0002")):
        photo(tmp_path / "images" / f"{name}.jpg", seed=number)
        (tmp_path / "instances").mkdir(exist_ok=True)
        Image.fromarray(IDS).save(tmp_path / "instances" / f"{name}.png")
    (tmp_path / "boxes").mkdir()
    boxes = [[10, 5, 50, 30, 0.9], [20, 25, 50, 60, 0.5]]
    (tmp_path / "boxes" / "0001.json").write_text(json.dumps(boxes))
    return tmp_path


def test_instances_and_boxes(root):
    assert sources.recognise(str(root)) == "instance_folder"
    for split in ("train", "val"):
        dataset = sources.open_dataset(root, split=split, classes=("person",))
        assert isinstance(dataset, InstanceFolderDataset) and len(dataset) == 2
    sample = dataset[0]
    np.testing.assert_array_equal(sample.masks, [IDS == 1, IDS == 2])
    assert sample.class_ids.tolist() == [1, 1] and dataset.class_names == ("person",)
    np.testing.assert_array_equal(class_map(sample), IDS > 0)
    boxes, scores = dataset.detections(0)
    assert boxes.tolist() == [[10, 5, 50, 30], [20, 25, 50, 60]] and boxes.dtype == np.float32
    np.testing.assert_allclose(scores, [0.9, 0.5], rtol=1e-6)
    assert dataset.detections(1) is None
    (root / "boxes" / "0002.json").write_text("[]")
    boxes, scores = dataset.detections(1)
    assert boxes.shape == (0, 4) and scores.shape == (0,)


@each("text", ["[[1, 2, 3]]", "{}x", '["a"]', "[[5, 5, 5, 9, 1]]", "[1, 2, 3, 4, 5]", '{"a": 1}'])
def test_boxes_that_are_none(root, text):
    (root / "boxes" / "0002.json").write_text(text)
    dataset = InstanceFolderDataset(root)
    with pytest.raises(DataError, match=r"0002\.json"):
        dataset.detections(1)
    assert [p.code for p in diagnose(root).of("error")] == ["malformed"]
    assert len(InstanceFolderDataset(root, drop_invalid=True)[1]) == 2


def test_faults_are_named(root):
    Image.fromarray(IDS[:-1]).save(root / "instances" / "0001.png")
    (root / "instances" / "0002.png").unlink()
    dataset = InstanceFolderDataset(root)
    with pytest.raises(DataError, match="59 x 80"):
        dataset[0]
    with pytest.raises(DataError, match=r"no map .*0002\.png"):
        dataset[1]
    found = {problem.code for problem in diagnose(root).of("error")}
    assert {"mask_size", "missing_mask"} <= found
    with pytest.raises(DataError, match="the name of one class"):
        InstanceFolderDataset(root, classes=("a", "b"))
