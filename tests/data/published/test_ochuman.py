"""OCHuman's own file, made small, through COCO's reader."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from tfseg.data import open_dataset
from tfseg.data.published.ochuman import ochuman_as_coco, write_ochuman_as_coco
from tfseg.errors import DataError
from tfseg.structures.labels import COCO_KEYPOINTS

NAMES = [*reversed(COCO_KEYPOINTS), "head", "neck"]


def person(x, joints=True, mask=True):
    keypoints = [[x + k, 20 + k, 0] for k in range(19)]
    keypoints[NAMES.index("nose")] = [x, 5, 1]
    keypoints[NAMES.index("left_hip")] = [x + 1, 30, 3]
    keypoints[NAMES.index("right_hip")] = [x + 2, 31, 2]
    outer = [[x, 10, x + 20, 10, x + 20, 40, x, 40]]
    inner = [[x + 5, 20, x + 10, 20, x + 10, 30, x + 5, 30]]
    return {
        "bbox": [x, 10, x + 20, 40],
        "keypoints": sum(keypoints, []) if joints else None,
        "segms": {"outer": outer, "inner": inner} if mask else None,
    }


def content(count=3):
    images = [
        {
            "image_id": f"{k:06d}",
            "file_name": f"{k:06d}.png",
            "width": 80,
            "height": 60,
            "annotations": [person(5), person(40, joints=k != 1, mask=k != 2)],
        }
        for k in reversed(range(count))
    ]
    images.append({**images[0], "image_id": "9", "annotations": [person(5, joints=False)]})
    return {"keypoint_names": NAMES, "images": images}


def test_its_people_come_through_cocos_reader(tmp_path):
    (tmp_path / "ochuman.json").write_text(json.dumps(content()))
    (tmp_path / "images").mkdir()
    for k in range(3):
        Image.new("RGB", (80, 60)).save(tmp_path / "images" / f"{k:06d}.png")
    assert write_ochuman_as_coco(tmp_path / "ochuman.json", tmp_path / "val.json", "val") == 3
    dataset = open_dataset(tmp_path, split="val")
    first, second, third = (dataset[k] for k in range(3))
    assert [s.path[-10:] for s in (first, second)] == ["000000.png", "000001.png"]
    assert first.masks[0].sum() == pytest.approx(20 * 30 - 5 * 10, abs=30)
    assert not first.masks[0, 25, 12] and first.masks[0, 15, 12]
    seen = dict(zip(COCO_KEYPOINTS, first.keypoints[0].tolist()))
    assert seen["nose"] == [5, 5, 2] and seen["left_hip"] == [6, 30, 1]
    assert seen["right_hip"] == [7, 31, 2] and seen["left_knee"] == [0, 0, 0]
    assert not second.keypoints[1].any() and not second.is_crowd.any()
    assert third.is_crowd.tolist() == [False, True]
    np.testing.assert_array_equal(third.boxes[1], [10, 40, 40, 60])


def test_parts_and_other_files():
    assert len(ochuman_as_coco(content(), "test")["images"]) == 0
    with pytest.raises(DataError, match="val, test and all"):
        ochuman_as_coco(content(), "train")
    with pytest.raises(DataError, match="expected OCHuman's file"):
        ochuman_as_coco({"images": []}, "val")
    with pytest.raises(DataError, match="lacks nose"):
        ochuman_as_coco({"images": [], "keypoint_names": NAMES[:16]}, "val")
