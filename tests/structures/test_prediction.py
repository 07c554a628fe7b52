import dataclasses
import json
import pickle

import numpy as np
import pytest

from tfseg.errors import DataError
from tfseg.structures import Attribute, Prediction, rle


def masks():
    found = np.zeros((3, 6, 8), bool)
    found[0, 1:3, 2:5] = found[1, 5, 7] = found[2, 0:4, 0:4] = True
    return found


def prediction(**fields):
    given = dict(
        boxes=[[1, 2, 3, 5], [5, 7, 6, 8], [0, 0, 4, 4]],
        class_ids=[2, 1, 9],
        scores=[0.9, 0.5, 0.1],
        class_names=("cat", "dog"),
        image_id=17,
        path="a.jpg",
    )
    return Prediction.from_masks(masks(), **{**given, **fields})


def test_masks_come_back():
    found = prediction()
    np.testing.assert_array_equal(found.masks, masks())
    assert found.size == (6, 8) and len(found) == 3
    assert found.boxes.dtype == found.scores.dtype == np.float32
    assert found.class_ids.dtype == np.int32
    assert found.names == ["dog", "cat", "class 9"]
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(found)).masks, masks())


@pytest.mark.parametrize(
    ("index", "rows"),
    [
        (0, [0]),
        (-1, [2]),
        (slice(1, None), [1, 2]),
        ([2, 0], [2, 0]),
        ([], []),
        (np.array([True, False, True]), [0, 2]),
        (np.zeros(3, bool), []),
    ],
)
def test_indexing_selects_objects(index, rows):
    points = np.arange(18, dtype=np.float32).reshape(3, 2, 3)
    found = prediction(keypoints=points)
    index = np.array(index, int) if isinstance(index, list) else index
    part = found[index]
    assert len(part) == len(rows)
    np.testing.assert_array_equal(part.masks, masks()[rows].reshape(-1, 6, 8))
    np.testing.assert_array_equal(part.boxes, found.boxes[rows])
    np.testing.assert_array_equal(part.class_ids, found.class_ids[rows])
    np.testing.assert_array_equal(part.keypoints, points[rows])
    assert part.image_id == 17 and part.size == (6, 8)


def test_selecting_by_score():
    found = prediction()
    assert found[found.scores > 0.3].scores.tolist() == [np.float32(0.9), 0.5]
    with pytest.raises(IndexError):
        found[3]


def test_nothing_found():
    for found in (
        Prediction((6, 8), [], [], []),
        Prediction.from_masks(np.zeros((0, 6, 8)), boxes=[], class_ids=[], scores=[]),
        prediction()[np.zeros(3, bool)],
    ):
        assert len(found) == 0
        assert found.masks.shape == (0, 6, 8) and found.boxes.shape == (0, 4)
        assert found.to_coco() == [] and found.names == []
        assert "0 objects in 6 x 8" in repr(found)


@pytest.mark.parametrize(
    "fields", [{"boxes": np.zeros((2, 4))}, {"class_ids": [1]}, {"scores": []}, {"rles": ()}]
)
def test_counts_must_agree(fields):
    runs = tuple(rle.encode(mask) for mask in masks())
    given = dict(size=(6, 8), boxes=np.zeros((3, 4)), class_ids=[1] * 3, scores=[1] * 3, rles=runs)
    with pytest.raises(DataError, match="as many boxes"):
        Prediction(**{**given, **fields})


def test_coco_records():
    records = prediction().to_coco()
    assert json.loads(json.dumps(records)) == records
    first = records[0]
    assert first["bbox"] == [2, 1, 3, 2]
    assert (first["image_id"], first["category_id"]) == (17, 2)
    assert first["score"] == pytest.approx(0.9)
    np.testing.assert_array_equal(rle.decode(first["segmentation"]), masks()[0])


def test_coco_records_with_category_ids_and_keypoints():
    points = np.arange(18, dtype=np.float32).reshape(3, 2, 3)
    found = dataclasses.replace(prediction(), keypoints=points)
    records = found.to_coco(category_ids=[7, 90, *range(100, 107)])
    assert [r["category_id"] for r in records] == [90, 7, 106]
    assert records[1]["keypoints"] == [6, 7, 8, 9, 10, 11]
    assert json.loads(json.dumps(records)) == records


def test_scores_and_boxes_survive_json_exactly():
    rng = np.random.default_rng(0)
    found = dataclasses.replace(
        prediction(), scores=rng.random(3), boxes=np.float32(rng.random((3, 4)) * 7)
    )
    for record, score, box in zip(
        json.loads(json.dumps(found.to_coco())), found.scores, found.boxes
    ):
        assert np.float32(record["score"]) == score
        x, y, w, h = record["bbox"]
        np.testing.assert_array_equal(np.float32([y, x, y + h, x + w]), box)


def test_the_names_of_matterport():
    found = dataclasses.replace(prediction(), boxes=[[1.4, 2.6, 3, 5], [0, 0, 1, 1], [2, 2, 4, 4]])
    view = found.as_matterport()
    assert sorted(view) == ["class_ids", "masks", "rois", "scores"]
    assert view["rois"].dtype == np.int32 and view["rois"][0].tolist() == [1, 3, 3, 5]
    assert view["class_ids"].dtype == np.int32 and view["class_ids"].tolist() == [2, 1, 9]
    assert view["scores"].dtype == np.float32
    np.testing.assert_array_equal(view["scores"], found.scores)
    assert view["masks"].dtype == bool and view["masks"].shape == (6, 8, 3)
    for k, mask in enumerate(masks()):
        np.testing.assert_array_equal(view["masks"][..., k], mask)
    view["scores"][:] = 0
    assert found.scores.all()


def test_the_names_of_matterport_where_nothing_was_found():
    view = Prediction((6, 8), [], [], []).as_matterport()
    shapes = {name: value.shape for name, value in view.items()}
    assert shapes == {"rois": (0, 4), "class_ids": (0,), "scores": (0,), "masks": (6, 8, 0)}
    assert {name: str(value.dtype) for name, value in view.items()} == {
        "rois": "int32",
        "class_ids": "int32",
        "scores": "float32",
        "masks": "bool",
    }


def test_it_prints_the_best_first():
    assert repr(prediction()) == "Prediction(3 objects in 6 x 8: dog 0.90, cat 0.50, class 9 0.10)"
    many = Prediction.from_masks(
        np.ones((7, 2, 2)), boxes=np.zeros((7, 4)), class_ids=[1] * 7, scores=[1] * 7
    )
    assert repr(many).endswith(", ...)")


# ---------------------------------------------------------------------- several answers


def rich(**fields):
    colors = np.zeros((6, 8), np.uint8)
    colors[1:3, 2:5], colors[5, 7] = 2, 255
    coat = Attribute("coat", 0.75, rle.encode(masks()[0]), {"color": ("red", 0.5)})
    given = dict(
        keypoints=np.arange(18, dtype=np.float32).reshape(3, 2, 3) / 7,
        label_maps={"color": colors, "alpha": np.full((6, 8), 200, np.uint8)},
        label_names={"color": ("dark", "red")},
        attributes=((coat, Attribute("hat", 0.25)), (), (Attribute("tail"),)),
        scores=[0.2, 0.9, 0.9],
        order="given",
    )
    return prediction(**{**given, **fields})


def test_rows_in_the_callers_order_stay_there():
    found = rich()
    assert found.scores.tolist() == [np.float32(0.2), np.float32(0.9), np.float32(0.9)]
    assert found.best_first().tolist() == [1, 2, 0]
    assert [r["score"] for r in found.to_coco()] == found.scores.astype(float).tolist()


def test_selecting_rows_carries_all_that_is_known_of_each():
    part = rich()[[2, 0]]
    assert [[a.name for a in ones] for ones in part.attributes] == [["tail"], ["coat", "hat"]]
    np.testing.assert_array_equal(part.keypoints, rich().keypoints[[2, 0]])
    assert part.order == "given" and part.names_of("color") == ("dark", "red")
    assert rich()[np.zeros(3, bool)].attributes == ()


def test_whose_pixel_it_is_follows_the_rows():
    owners = np.zeros((6, 8), np.uint8)
    owners[0, :4] = 0, 1, 2, 3
    found = rich(label_maps={"instances": owners}, label_names={})
    assert found[[2, 0]].label_maps["instances"][0, :4].tolist() == [0, 2, 0, 1]
    assert found[found.scores > 1].label_maps["instances"].max() == 0
    assert found[1].label_maps["instances"].dtype == np.uint8 and owners.max() == 3


def test_label_maps_have_names_of_their_own():
    maps = {"classes": np.zeros((6, 8), int), "size": np.ones((6, 8), int)}
    found = rich(label_maps=maps, label_names={"size": ("small",)})
    assert found.names_of("size") == ("small",) and found.names_of("classes") == ("cat", "dog")
    with pytest.raises(DataError, match="no label map 'color'; it has classes, size"):
        found.names_of("color")


@pytest.mark.parametrize("found", [rich(), rich()[np.zeros(3, bool)], prediction()])
def test_json_holds_a_prediction_whole(found, tmp_path):
    text = found.to_json(tmp_path / "p.json")
    assert (tmp_path / "p.json").read_text() == text + "\n"
    back = Prediction.from_json(text)
    for path in (tmp_path / "p.json", str(tmp_path / "p.json")):
        assert Prediction.from_json(path).to_dict() == back.to_dict()
    assert back.to_dict() == found.to_dict() == json.loads(text)
    for name in ("boxes", "class_ids", "scores", "masks", "keypoints"):
        before, after = getattr(found, name), getattr(back, name)
        np.testing.assert_array_equal(after, before)
        assert getattr(after, "dtype", None) == getattr(before, "dtype", None)
    for name, labels in found.label_maps.items():
        np.testing.assert_array_equal(back.label_maps[name], labels)
        assert back.label_maps[name].dtype == labels.dtype
    assert back.label_names == found.label_names and back.order == found.order
    assert (back.image_id, back.path, back.size) == (17, "a.jpg", (6, 8))
    if found.attributes is not None and len(found):
        coat = back.attributes[0][0]
        assert coat.traits["color"] == ("red", 0.5)
        np.testing.assert_array_equal(rle.decode(coat.rle), masks()[0])


def test_json_that_is_no_prediction_is_refused():
    short = rich().to_dict()
    short["label_maps"]["color"]["counts"][0] += 1
    for content, words in (
        ([], "expected a prediction as a JSON object"),
        ({}, "'objects' is missing"),
        (short, "label map 'color' has 49 pixels"),
        ({**rich().to_dict(), "size": 3}, "not iterable"),
    ):
        with pytest.raises(DataError, match=words):
            Prediction.from_json(json.dumps(content))
    with pytest.raises(DataError, match="expected the JSON text"):
        Prediction.from_json("{")
    with pytest.raises(DataError, match="nowhere.json: cannot be read"):
        Prediction.from_json("nowhere.json")


def test_coco_records_carry_attributes():
    record = rich().to_coco()[0]
    assert [a["name"] for a in record["attributes"]] == ["coat", "hat"]
    assert record["attributes"][0]["traits"] == {"color": {"value": "red", "score": 0.5}}
    assert "attributes" not in prediction().to_coco()[0]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"order": "size"}, "expected 'score' or 'given'"),
        ({"keypoints": np.zeros((2, 17, 3))}, r"\(N, K, 3\) for 3 objects, got \(2, 17, 3\)"),
        ({"attributes": ((),)}, "each of 3 objects"),
        ({"attributes": (("coat",), (), ())}, "expected tfseg.structures.Attribute, got str"),
        (
            {"attributes": ((Attribute("a", 1, rle.encode(np.ones((2, 2)))),), (), ())},
            r"attribute 'a': its mask is of \(2, 2\) pixels",
        ),
        ({"label_maps": {"color": np.zeros((6, 7), int)}}, r"label map 'color'.*\(6, 8\)"),
        ({"label_maps": {"color": np.zeros((6, 8))}}, "whole numbers"),
        ({"label_names": {"size": ("small",)}}, "no label map 'size'; there is color, alpha"),
        ({"label_names": {"color": "red"}}, r"label_names\['color'\]"),
    ],
)
def test_answers_that_do_not_fit_are_refused(fields, words):
    with pytest.raises(DataError, match=words):
        rich(**fields)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("", 1), "needs a name"),
        (("coat", 1.5), "score from 0 to 1, got 1.5"),
        (("coat", float("nan")), "score from 0 to 1"),
        (("coat", 1, {"counts": ""}), "run-length mask"),
        (("coat", 1, None, {"color": "red"}), r"'color' a pair \(value, score\)"),
        (("coat", 1, None, {"color": ("red", 2)}), "coat', color: expected a score"),
    ],
)
def test_attributes_that_are_none_are_refused(given, words):
    with pytest.raises(DataError, match=words):
        Attribute(*given)
