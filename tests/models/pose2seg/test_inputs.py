"""Poses as `predict` takes them: arrays, files, annotations and estimators."""

from __future__ import annotations

import json

import numpy as np
import pytest
from posed_people import placed

from tfseg.engine.extras import filler
from tfseg.engine.inputs import Item
from tfseg.errors import ConfigError, DataError
from tfseg.models.pose2seg.inputs import EXTRAS
from tfseg.structures import Sample
from tfseg.structures.poses import Poses

IMAGE = np.zeros((120, 160, 3), np.uint8)


def items(*names):
    return [Item(IMAGE, index, name) for index, name in enumerate(names)]


def given(value, *names, count=1):
    """The poses that the system's hooks would find, image after image."""
    fill = filler("Pose2Seg", EXTRAS, {"poses": value}, count, None)
    return [fill(item, k).extras["poses"] for k, item in enumerate(items(*(names or ("a.jpg",))))]


def test_arrays_of_one_and_of_several_images():
    people = np.stack([placed(), placed(1)])
    (found,) = given(people)
    assert isinstance(found, Poses) and len(found) == 2
    np.testing.assert_allclose(found.keypoints[0, :, :2], people[0, :, :2], atol=1e-4)
    (found,) = given((people, [0.5, 0.25]))
    assert found.scores.tolist() == [0.5, 0.25]
    (found,) = given([])
    assert len(found) == 0
    first, second = given([people, people[:1]], "a.jpg", "b.jpg", count=2)
    assert (len(first), len(second)) == (2, 1)
    with pytest.raises(DataError, match="16 joints"):
        given(people[:, :16])
    with pytest.raises(ConfigError, match="Pose2Seg.predict needs poses"):
        given(None)


def row(pose):
    return pose.reshape(-1).tolist()


def test_files_by_image(tmp_path, caplog):
    path = tmp_path / "poses.json"
    results = [{"image_id": 139, "keypoints": row(placed()), "score": 0.5}]
    path.write_text(json.dumps(results))
    for name in ("000000000139.jpg", "139.png"):
        (found,) = given(path, name)
        assert found.scores.tolist() == [0.5]
    (found,) = given(path, "other.jpg")
    assert len(found) == 0 and "other.jpg: " in caplog.text and "without people" in caplog.text
    truth = {
        "images": [{"id": 7, "file_name": "photo.jpg"}],
        "annotations": [{"image_id": 7, "keypoints": row(placed(1))}],
    }
    path.write_text(json.dumps(truth))
    (found,) = given(path, "folder/photo.jpg")
    assert (found.keypoints[0, :, 2] > 0).sum() == 13
    path.write_text(json.dumps({"a.jpg": [placed().tolist()], "b.jpg": []}))
    first, second = given(path, "a.jpg", "b.jpg", count=2)
    assert (len(first), len(second)) == (1, 0)
    path.write_text(json.dumps([placed().tolist()]))
    assert len(given(path)[0]) == 1
    path.write_text(json.dumps({"a.jpg": [[[1, 2, 3]] * 16]}))
    with pytest.raises(DataError, match="poses.json: a.jpg: 16 joints"):
        given(path)


def test_the_truth_is_who_has_a_joint():
    keypoints = np.stack([placed(), np.zeros((17, 3)), placed()])
    keypoints[0, :5, 2] = 1
    sample = Sample(
        IMAGE,
        class_ids=[1, 1, 1],
        masks=np.ones((3, 120, 160), bool),
        is_crowd=[False, False, True],
        keypoints=keypoints,
    )
    found = EXTRAS[0].truth(sample, None)
    assert len(found) == 1 and (found.keypoints[0, :5, 2] == 1).all()
    with pytest.raises(DataError, match="no keypoints"):
        EXTRAS[0].truth(sample.replace(keypoints=None), None)


def test_any_function_of_an_image_estimates():
    landmarks = np.full((1, 33, 3), 0.5)
    (found,) = given(lambda image: landmarks)
    np.testing.assert_allclose(found.keypoints[0, 0], [79.5, 59.5, 2])
    with pytest.raises(DataError, match="lies outside the image of 120 x 160"):
        given(lambda image: placed()[None] + [500, 0, 0])


def test_a_file_of_openpose(tmp_path):
    path, row = tmp_path / "a_keypoints.json", [0.0] * 75
    row[:3] = [10, 20, 0.9]  # the nose
    row[3 * 5 : 3 * 5 + 3] = [30, 40, 0.8]  # the left shoulder, number 5 of both layouts
    path.write_text(json.dumps({"version": 1.3, "people": [{"pose_keypoints_2d": row}]}))
    (found,) = given(path)
    assert found.keypoints[0, [0, 5]].tolist() == [[10, 20, 2], [30, 40, 2]]
    assert (found.keypoints[0, :, 2] > 0).sum() == 2
    path.write_text(json.dumps({"people": []}))
    assert len(given(path)[0]) == 0
    path.write_text(json.dumps({"people": [{"pose_keypoints_2d": [1, 2]}]}))
    with pytest.raises(DataError, match="person 0.*OpenPose"):
        given(path)
