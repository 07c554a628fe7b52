"""COCO keypoint files: results of an estimator, annotations, and damaged ones."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tfseg.data.coco.keypoint_results import read_keypoint_results
from tfseg.errors import DataError


def row(x, third=0.9):
    return [value for k in range(17) for value in (x + k, 50 + k, third)]


def write(path, told):
    path.write_text(json.dumps(told))
    return path


def test_results_by_image_in_the_order_of_the_file(tmp_path):
    records = [
        {"image_id": 7, "category_id": 1, "keypoints": row(10), "score": 0.5},
        {"image_id": 3, "category_id": 1, "keypoints": row(20), "score": 0.25},
        {"image_id": 7, "category_id": 1, "keypoints": row(30, 0.1), "score": 0.75},
        {"file_name": "a.jpg", "keypoints": row(40), "score": 2},
    ]
    found = read_keypoint_results(write(tmp_path / "poses.json", records))
    assert list(found) == [7, 3, "a.jpg"]
    assert found[7].scores.tolist() == [0.5, 0.75]
    np.testing.assert_array_equal(found[7].keypoints[0, 2], [12, 52, 2])
    assert not found[7].keypoints[1].any()  # below the lowest confidence
    assert found["a.jpg"].keypoints[0, 0].tolist() == [40, 50, 2]
    assert read_keypoint_results(write(tmp_path / "none.json", [])) == {}


def test_annotations_keep_what_is_hidden(tmp_path):
    hidden = row(10, 1)
    people = [
        {"image_id": 1, "id": 5, "keypoints": hidden, "iscrowd": 0},
        {"image_id": 1, "id": 6, "keypoints": [0] * 51, "iscrowd": 0},
        {"image_id": 1, "id": 7, "keypoints": row(9, 2), "iscrowd": 1},
    ]
    found = read_keypoint_results(write(tmp_path / "truth.json", {"annotations": people}))
    assert len(found[1]) == 1 and found[1].scores.tolist() == [1]
    assert (found[1].keypoints[..., 2] == 1).all()


def test_annotations_without_keypoints_are_left_out_and_counted(tmp_path, caplog):
    people = [
        {"image_id": 1, "id": 4},
        {"image_id": 1, "id": 5, "keypoints": row(10, 2), "num_keypoints": 17},
        {"image_id": 2, "id": 6, "keypoints": None, "num_keypoints": 0},
        {"image_id": 2, "id": 7, "keypoints": row(20, 2), "num_keypoints": 0},
        {"image_id": 3, "id": 8, "keypoints": [0] * 51},
        {"image_id": 3, "id": 9, "iscrowd": 1},
    ]
    file = write(tmp_path / "truth.json", {"annotations": people})
    assert list(read_keypoint_results(file)) == [1]
    assert f"{file}: 4 of its 5 annotations have no keypoints" in caplog.text
    people.append({"image_id": 4, "keypoints": [1, 2, 3]})
    with pytest.raises(DataError, match=r"record 6 \(image 4\).*got 3 entries"):
        read_keypoint_results(write(file, {"annotations": people}))


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"annotations": [{"image_id": 1, "bbox": [1, 2, 3, 4]}]}, "Name the file that has them"),
        ({"images": []}, "expected COCO keypoint results"),
        ([3], "record 0 is 3"),
        ([{"keypoints": row(1)}], "record 0 names no image"),
        ([{"image_id": 4, "keypoints": row(1)[:-1]}], r"record 0 \(image 4\).*got 50 entries"),
        ([{"image_id": 4, "keypoints": ["a"] * 51}], r"record 0 \(image 4\)"),
        ([{"image_id": 4}], r"record 0 \(image 4\).*got None"),
        ([{"image_id": 4, "keypoints": row(1), "score": "high"}], "the score is 'high'"),
        ([{"image_id": 4, "keypoints": row(1, 7)}], "a confidence of 7"),
    ],
)
def test_damaged_files_name_the_record(tmp_path, told, message):
    with pytest.raises(DataError, match=message) as error:
        read_keypoint_results(write(tmp_path / "poses.json", told))
    assert "poses.json" in str(error.value)
