"""`Pose2Seg` from poses to masks: order, crowds, fallbacks, and poses that are none."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image
from posed_people import placed

import tfseg
from tfseg.cli.main import main
from tfseg.data import ListDataset, SyntheticPeople
from tfseg.errors import ConfigError, DataError
from tfseg.models.pose2seg.beside import compared, owners
from tfseg.models.pose2seg.inputs import EXTRAS
from tfseg.models.pose2seg.targets import disturbed, plan
from tfseg.structures import Sample

TINY = dict(variant="light", norm="group", image_size=64, window_size=16, feature_width=8)


@pytest.fixture(scope="module")
def model():
    made = tfseg.Pose2Seg(**TINY)
    made.fitted = True
    return made


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(0).integers(0, 255, (120, 160, 3)).astype(np.uint8)


@pytest.mark.both_backends
def test_a_crowd_is_answered_as_its_people_alone(model, image):
    people = np.stack([placed(k % 2, angle=k, shift=(20 + k % 50, 25)) for k in range(100)])
    scores = np.linspace(0.1, 0.9, 100)
    (found,) = model.predict(image, poses=(people, scores))
    assert len(found) == 100 and found.order == "given" and found.size == (120, 160)
    np.testing.assert_allclose(found.scores, scores, rtol=1e-6)
    for index in (0, 57, 99):
        (alone,) = model.predict(image, poses=people[index : index + 1])
        assert (alone.masks[0] != found.masks[index]).mean() < 1e-3
        assert alone.attributes[0][0].name == found.attributes[index][0].name
    assert found.attributes[0][0].name.startswith("template 0")
    some = model.predict(image, poses=(people, scores), score_threshold=0.5)[0]
    assert len(some) == (scores >= 0.5).sum()


def test_poses_with_too_little_see_the_whole_image(model, image):
    two, none = placed(), placed()
    two[2:], none[:] = 0, 0
    (found,) = model.predict(image, poses=np.stack([two, none, placed()]))
    names = [ones[0].name for ones in found.attributes]
    assert names[:2] == ["whole image"] * 2 and names[2] == "template 0"
    assert len(model.predict(image, poses=[])[0]) == 0


def test_poses_that_are_none_are_named(model, image, tmp_path):
    path = tmp_path / "crowd.png"
    Image.fromarray(image).save(path)
    far, broken = placed(), placed()
    far[:, 0] += 5000
    broken[3, 1] = np.nan
    for poses, words in (
        (far[None], r"crowd\.png: person 0 lies outside the image of 120 x 160"),
        (broken[None], "left_ear of person 0.*nan"),
        (placed()[None, :16], "16 joints"),
        (placed(), "poses"),
    ):
        with pytest.raises(DataError, match=words):
            model.predict(path, poses=poses)
    with pytest.raises(ConfigError, match="needs poses"):
        model.predict(path)


def test_the_command_takes_results_of_an_estimator(model, image, tmp_path, capsys):
    for name in ("000000000007", "000000000008"):
        Image.fromarray(image).save(tmp_path / f"{name}.png")
    rows = [{"image_id": 7, "category_id": 1, "score": 0.75}] * 2
    rows = [{**row, "keypoints": placed(k).reshape(-1).tolist()} for k, row in enumerate(rows)]
    (tmp_path / "poses.json").write_text(json.dumps(rows))
    saved = model.save(tmp_path / "model")
    words = [
        "predict",
        str(saved),
        str(tmp_path),
        "--poses",
        str(tmp_path / "poses.json"),
        "--json",
    ]
    assert main(words) == 0
    captured = capsys.readouterr()
    one, none = json.loads(captured.out)["images"]
    assert [o["score"] for o in one["objects"]] == [0.75] * 2 and not none["objects"]
    photo, out = tmp_path / "000000000007.png", tmp_path / "inside"
    words = ["inspect", str(saved), str(photo), "--out", str(out)]
    assert main([*words, "--poses", str(tmp_path / "poses.json")]) == 0
    assert (out / "index.html").is_file()
    assert main(words) == 2 and "needs poses" in capsys.readouterr().err


def test_a_bound_and_hulls_stand_beside_an_evaluation(model):
    data = SyntheticPeople(3, size=96, people=2, seed=4)
    report = model.evaluate(ListDataset([data[k] for k in range(3)], ("person",)))
    assert report["bound/segm/AP"] > 0.3 > report["segm/AP"]
    assert report["bound/segm/AP"] > report["hull/segm/AP"] > 0


def test_whose_pose_it_is():
    sample = SyntheticPeople(1, size=128, people=3, seed=2)[0]
    config = tfseg.Pose2SegConfig(**{**TINY, "image_size": 256, "window_size": 64})
    people = np.flatnonzero((sample.keypoints[..., 2] > 0).any(axis=1))
    keypoints = sample.keypoints[people]
    np.testing.assert_array_equal(owners(keypoints, sample), people)
    moved = disturbed(keypoints[::-1], 0.05, 0.2, np.random.default_rng(0))
    np.testing.assert_array_equal(owners(moved, sample), people[::-1])
    stranger = keypoints[:1] + np.float32([4000, 0, 0])
    assert owners(stranger, sample).tolist() == [-1]
    poses = EXTRAS[0].truth(sample, config)
    planned = plan(poses.keypoints, sample.size, config)
    empty = tfseg.Prediction.from_masks(
        np.zeros((len(poses), *sample.size), bool),
        boxes=np.zeros((len(poses), 4)),
        class_ids=np.ones(len(poses)),
        scores=poses.scores,
    )
    beside = compared(empty, sample, planned, poses, config).beside
    for mask, truth in zip(beside["bound"].masks, sample.masks[people]):
        assert (mask & truth).sum() / (mask | truth).sum() > 0.8
    for mask, pose in zip(beside["hull"].masks, poses.keypoints):
        x, y = np.rint(pose[pose[:, 2] > 0, :2]).astype(int).T
        inside = (x >= 0) & (y >= 0) & (x < 128) & (y < 128)
        assert mask[y[inside], x[inside]].all()


def test_what_cannot_be_learnt_from_is_named():
    bare = Sample(np.zeros((40, 40, 3), np.uint8), "bare", [1], np.ones((1, 40, 40), bool))
    made = tfseg.Pose2Seg(**TINY)
    with pytest.raises(DataError, match="bare.*no keypoints"):
        made._encode(bare, 0)


def test_what_the_network_sees(model, image, tmp_path):
    inside = model.inspect(image, poses=np.stack([placed(), placed(1)]))
    assert inside.windows.shape == (2, 16, 16, 3) and inside.skeletons.shape == (2, 16, 16, 55)
    assert list(inside.pictures) == ["windows", "skeletons", "probabilities", "masks"]
    assert inside.save(tmp_path / "inside").is_file()
    (expected,) = model.predict(image, poses=np.stack([placed(), placed(1)]))
    np.testing.assert_array_equal(inside.prediction.masks, expected.masks)
    sample = SyntheticPeople(1, size=96, people=2, seed=4)[0]
    assert len(model.inspect(sample).templates) == 2
    assert list(model.inspect(image, poses=[]).pictures)[-1] == "masks"
    with pytest.raises(ConfigError, match="needs poses"):
        model.inspect(image)
