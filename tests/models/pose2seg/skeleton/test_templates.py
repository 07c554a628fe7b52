"""Templates: those shipped, files of the public code's form, and clusters of poses."""

from __future__ import annotations

import json

import numpy as np
import pytest
from posed_people import placed
from scipy.cluster import vq

from tfseg.errors import ConfigError, DataError
from tfseg.models.pose2seg.skeleton import clustering
from tfseg.models.pose2seg.skeleton.templates import (
    Templates,
    default_templates,
    read_templates,
    write_templates,
)
from tfseg.structures.labels import COCO_KEYPOINT_FLIP, COCO_KEYPOINTS


def test_the_shipped_templates_are_symmetric_and_complete():
    paper, later = default_templates(), default_templates(behind=True)
    assert len(paper) == 2 and len(later) == 3
    assert paper.valid.sum(axis=1).tolist() == [17, 13]
    assert later.valid.sum(axis=1).tolist() == [17, 14, 13]
    for templates in (paper, later):
        mirrored = templates.joints[:, list(COCO_KEYPOINT_FLIP)].copy()
        mirrored[..., 0] = 1 - mirrored[..., 0]
        where = templates.valid[..., None]
        np.testing.assert_allclose(
            np.where(where, mirrored, 0), np.where(where, templates.joints, 0), atol=1e-12
        )
        # Mirroring a symmetric pose is exchanging its names.
        np.testing.assert_array_equal(templates.swapped.joints[:, 1], templates.joints[:, 2])
    left, right = (COCO_KEYPOINTS.index(f"{side}_wrist") for side in ("left", "right"))
    np.testing.assert_allclose(paper.joints[0, [left, right], :2], [[0.58, 0.43], [0.42, 0.43]])
    np.testing.assert_allclose(later.joints[1, [left, right], :2], [[0.42, 0.43], [0.58, 0.43]])


def test_files_come_back_as_they_were(tmp_path):
    templates = Templates(default_templates(True).joints + 0.001, 0.5)
    write_templates(templates, tmp_path / "templates.json")
    again = read_templates(tmp_path / "templates.json")
    np.testing.assert_array_equal(again.joints, templates.joints)
    assert again.visible_from == 0.5
    told = json.loads((tmp_path / "templates.json").read_text())
    assert told["flip_map"]["left_ear"] == "right_ear" and len(told["flip_map"]) == 8
    assert [16, 14] in told["connections"] and np.shape(told["templates"]) == (3, 51)


def test_joints_in_another_order_are_put_in_place(tmp_path):
    templates = default_templates()
    order = np.random.default_rng(0).permutation(17)
    told = {
        "names": [COCO_KEYPOINTS[k] for k in order],
        "templates": templates.joints[:, order].reshape(2, -1).tolist(),
    }
    (tmp_path / "t.json").write_text(json.dumps(told))
    np.testing.assert_array_equal(read_templates(tmp_path / "t.json").joints, templates.joints)


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ([1, 2], "a JSON object with 'templates'"),
        ({"templates": [[0.5] * 50]}, "rows of 51 numbers"),
        ({"templates": [["a"] * 51]}, "rows of 51 numbers"),
        ({"templates": [[0.5] * 51], "names": ["nose"]}, "COCO's 17 joints"),
        ({"templates": [[0.0] * 51]}, "fewer than three joints"),
        ({"templates": [[float("nan")] * 51]}, "not finite"),
        ({"templates": []}, "at least one template"),
    ],
)
def test_damaged_files_are_named(tmp_path, told, message):
    (tmp_path / "t.json").write_text(json.dumps(told))
    with pytest.raises(DataError, match=message) as error:
        read_templates(tmp_path / "t.json")
    assert "t.json" in str(error.value)


def test_fewer_templates_for_ablations():
    assert len(default_templates(True).first(1)) == 1
    with pytest.raises(ConfigError, match="3 templates; 4"):
        default_templates(True).first(4)


def crowd():
    """60 whole and 30 half people in boxes of many places and sizes, float64, with the boxes."""
    random = np.random.default_rng(7)
    keypoints, boxes = [], []
    for index in range(90):
        template, scale = int(index >= 60), random.uniform(40, 200)
        corner = random.uniform(0, 300, 2)
        pose = placed(template, scale=scale, shift=corner)
        seen = pose[:, 2] > 0
        pose[seen, :2] += random.normal(0, 0.01 * scale, (seen.sum(), 2))
        keypoints.append(pose)
        x, y = corner
        boxes.append([y, x + 0.2 * scale, y + scale, x + 0.8 * scale])
    return np.stack(keypoints), np.float64(boxes)


def test_clusters_find_whole_and_half_people():
    keypoints, boxes = crowd()
    found = clustering.cluster_templates(keypoints, boxes, 2)
    assert found.valid.sum(axis=1).tolist() == [17, 13]
    expected = default_templates()
    for ours, theirs, valid in zip(found.joints, expected.joints, found.valid):
        np.testing.assert_allclose(ours[valid, :2], theirs[valid, :2], atol=0.01)
    # Both sides of a person are the same cluster seen in a mirror.
    np.testing.assert_allclose(found.joints[0, 5, 0], 1 - found.joints[0, 6, 0], atol=1e-9)


def test_poses_fill_the_square_with_their_proportions():
    pose = np.zeros((1, 17, 3))
    pose[0, 0] = 30, 10, 2
    pose[0, 16] = 50, 90, 1
    # 40 wide and 80 high at (20, 10): half as wide as the square.
    ours = clustering.normalized_poses(pose, np.float64([[10, 20, 90, 60]]))
    np.testing.assert_allclose(ours[0, 0], [0.375, 0, 2])
    np.testing.assert_allclose(ours[0, 16], [0.625, 1, 1])
    np.testing.assert_allclose(ours[0, 5], [0.5, 0.5, 0])


def test_k_means_is_scipys():
    random = np.random.default_rng(1)
    rows = np.concatenate([random.normal(c, 0.6, (50, 4)) for c in (0, 1, 3)])
    start = rows[[0, 60, 120]]
    centres, owners, spread = clustering.k_means(rows, start)
    theirs, their_owners = vq.kmeans2(rows, start, iter=100, minit="matrix")
    np.testing.assert_allclose(centres, theirs)
    np.testing.assert_array_equal(owners, their_owners)
    assert spread == pytest.approx(((rows - theirs[their_owners]) ** 2).sum(axis=1).mean())


def test_too_few_people_to_cluster():
    keypoints, boxes = crowd()
    keypoints[2:, 3:, 2] = 0
    with pytest.raises(DataError, match="at least 3 people with 8 labelled joints.*got 2 of 90"):
        clustering.cluster_templates(keypoints, boxes, 3)
