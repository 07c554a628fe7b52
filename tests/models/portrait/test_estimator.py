"""The verbs of `PortraitSegmenter` on small images."""

from __future__ import annotations

import inspect
import json

import keras
import numpy as np
import pytest
from PIL import Image

import tfseg
from tfseg.engine.inputs import Item
from tfseg.engine.predict_verbs import PredictVerbs
from tfseg.errors import ConfigError, DataError
from tfseg.models.portrait import PortraitConfig, PortraitSegmenter
from tfseg.models.portrait.inputs import EXTRAS
from tfseg.structures import Sample

PICTURE = np.random.default_rng(0).integers(0, 256, (50, 70, 3)).astype(np.uint8)
HALVES = [(0, 0, 50, 35), (0, 35, 50, 70)]


def everywhere_person(model):
    """Makes the classifier say person at every pixel."""
    layer = model.keras_model.graph.get_layer("classifier")
    before = layer.get_weights()
    layer.set_weights([0 * before[0], np.array([0, 3], np.float32)])
    return layer, before


@pytest.fixture
def person_everywhere(portrait_model):
    layer, before = everywhere_person(portrait_model)
    yield portrait_model
    layer.set_weights(before)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="JAX knows every size")
def test_one_graph_serves_images_of_all_sizes(portrait_model):
    model = portrait_model.with_people()  # the same network; `set_params` would build another
    model._infer, traced = None, []
    network, random = model.keras_model, np.random.default_rng(0)
    forward, answers = network.graph.call, []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(network.graph, "call", lambda x, **k: traced.append(1) or forward(x, **k))
        for fit in ("native", "proportional"):
            model._config = portrait_model.config.replace(image_fit=fit)
            for shape in [(40, 56), (33, 97), (1, 1), (96, 45)]:
                image = random.integers(0, 256, (*shape, 3)).astype(np.uint8)
                inputs = {"image": model._predict_inputs(Item(image))[0]["image"][None]}
                answers.append((inputs, model._run(inputs)["logits"]))
        model.predict([image] * 3, batch_size=2)
    assert traced == [1]
    for inputs, logits in answers[1:4:2]:  # with each size known, operation by operation
        np.testing.assert_allclose(logits, network(inputs)["logits"], atol=1e-5)


def test_boxes_divide_the_mask(person_everywhere):
    (whole,) = person_everywhere.predict(PICTURE)
    assert len(whole) == 1 and whole.masks.all()
    (found,) = person_everywhere.predict(PICTURE, boxes=HALVES)
    assert len(found) == 2
    np.testing.assert_array_equal(found.masks.sum(axis=0), 1)
    np.testing.assert_array_equal(sorted(map(tuple, found.boxes)), HALVES)
    np.testing.assert_array_equal(found.label_maps["classes"], whole.label_maps["classes"])


def test_boxes_for_several_pictures_with_scores(person_everywhere):
    boxes = [np.array([(*HALVES[0], 0.6), (*HALVES[1], 0.9)]), None, []]
    found = person_everywhere.predict([PICTURE] * 3, boxes=boxes)
    assert [len(one) for one in found] == [2, 1, 0]
    np.testing.assert_allclose(found[0].scores, [0.9, 0.6])
    found = person_everywhere.predict([PICTURE], boxes=boxes[:1], score_threshold=0.7)
    assert len(found[0]) == 1


def test_a_detector_gives_the_boxes(person_everywhere):
    def detector(image):
        assert image.shape == PICTURE.shape
        return np.array(HALVES, float), np.array([0.8, 0.9])

    (found,) = person_everywhere.predict(PICTURE, detector=detector)
    np.testing.assert_allclose(found.scores, [0.9, 0.8])


def test_boxes_of_one_picture_in_every_form(person_everywhere):
    scores = [0.9, 0.8]
    for boxes in (HALVES, (HALVES, scores), [[HALVES, scores]], [(np.array(HALVES), scores)]):
        assert len(person_everywhere.predict(PICTURE, boxes=boxes)[0]) == 2
    for nobody in ([], [[]], np.zeros((0, 4))):
        assert len(person_everywhere.predict(PICTURE, boxes=nobody)[0]) == 0


def test_a_box_in_which_nobody_is_found_is_told(person_everywhere, caplog):
    boxes = [HALVES[1], (10, 10, 10, 30), HALVES[0]]  # the second has no pixel
    (found,) = person_everywhere.predict(PICTURE, boxes=boxes)
    np.testing.assert_array_equal(found.boxes, boxes[::2])
    assert "nobody was found in box 1; the others are in their order" in caplog.text


def test_only_detected_boxes_are_doubles(person_everywhere, caplog):
    height, width = PICTURE.shape[:2]
    close = [(0, 0, height, width - 2), (0, 2, height, width)]
    assert len(person_everywhere.predict(PICTURE, boxes=close)[0]) == 2
    assert len(person_everywhere.predict(PICTURE, boxes=(close, [0.9, 0.8]))[0]) == 1
    assert not caplog.records
    assert len(person_everywhere.predict(PICTURE, boxes=(HALVES, [0.9, 0.3]))[0]) == 1
    assert "scores below 0.5 (affinity__score_threshold): box 1." in caplog.text


def test_boxes_by_name_and_of_samples(person_everywhere, tmp_path):
    assert {"boxes", "detector"} <= set(inspect.signature(PortraitSegmenter.predict).parameters)
    Image.fromarray(PICTURE).save(tmp_path / "a.png")
    (tmp_path / "boxes.json").write_text(json.dumps({"a": [list(box) for box in HALVES]}))
    (found,) = person_everywhere.predict(tmp_path / "a.png", boxes=tmp_path / "boxes.json")
    assert len(found) == 2
    sample = Sample(PICTURE, class_ids=[1, 1], boxes=HALVES)
    (again,) = person_everywhere.predict([sample], boxes="truth")
    np.testing.assert_array_equal(again.boxes, found.boxes)
    with pytest.raises(ConfigError, match=r"Did you mean 'boxes'.*for each image boxes \(K, 4\)"):
        PredictVerbs.predict(person_everywhere, PICTURE, box=HALVES)


def test_bad_boxes_are_named(portrait_model):
    for wrong, message in (
        ("truth", "is for evaluate"),
        ([10, 20, 30, 40], "one box is a list too"),
        ([[("a", 2, 3, 4)]], "expected numbers"),
        ([[(1, 2, 3), (1, 2, 3, 4)]], "expected numbers"),
    ):
        with pytest.raises(DataError, match=message):
            portrait_model.predict(PICTURE, boxes=wrong)
    with pytest.raises(DataError, match="2 images"):
        portrait_model.predict([PICTURE] * 2, boxes=[HALVES])
    with pytest.raises(DataError, match=r"\(K, 4\)"):
        portrait_model.predict(PICTURE, boxes=[(1, 2, 3)])
    with pytest.raises(DataError, match="finite"):
        portrait_model.predict(PICTURE, boxes=[(0, 0, np.nan, 9)])
    with pytest.raises(ConfigError, match="one of them"):
        portrait_model.predict(PICTURE, boxes=[HALVES], detector=lambda image: ([], []))
    outside = [(500, 500, 600, 600)]
    assert len(portrait_model.predict(PICTURE, boxes=outside)[0]) == 0
    many = np.array([(0, i, 40, i + 20) for i in range(50)], float)
    assert len(portrait_model.predict(PICTURE, boxes=many)[0]) <= 50


def test_evaluation_measures_maps_and_with_boxes_persons(portrait_model, portrait_data):
    report = portrait_model.evaluate(portrait_data)
    assert 0 <= report["miou"] <= 1 and "segm/AP" not in report.metrics
    report = portrait_model.evaluate(portrait_data, boxes="truth")
    assert {"miou", "iou_person_image_mean", "segm/AP", "segm/AP90"} <= set(report.metrics)
    assert not portrait_model._evaluation_extras
    assert portrait_model.score(portrait_data) == pytest.approx(report["miou"])
    with pytest.raises(ConfigError, match="truth"):
        portrait_model.evaluate(portrait_data, boxes=[HALVES])


def test_true_boxes_are_those_of_the_foreground(portrait_samples):
    config = PortraitConfig(classes=("bag", "person"))
    two = portrait_samples[1].replace(class_ids=np.array([1, 2]))
    (given,) = EXTRAS
    np.testing.assert_array_equal(given.truth(two, config), two.boxes[1:])
    crowd = two.replace(is_crowd=np.array([False, True]))
    assert given.truth(crowd, config).shape == (0, 4)


def test_perfect_class_maps_and_boxes_measure_as_perfect(
    portrait_data, portrait_model, monkeypatch
):
    from tfseg.models.portrait import verbs

    truths = {s.image_id: s for s in portrait_data}

    def perfect(logits, plan, *, image_id, path, class_names, score_threshold=None):
        mask = truths[image_id].masks.any(axis=0)
        return tfseg.Prediction.from_masks(
            mask[None],
            boxes=np.zeros((1, 4)),
            class_ids=[1],
            scores=[1],
            image_id=image_id,
            class_names=class_names,
            label_maps={"classes": mask.astype(np.uint8), "alpha": 255 * mask.astype(np.uint8)},
        )

    monkeypatch.setattr(verbs, "decode", perfect)
    report = portrait_model.evaluate(portrait_data, boxes="truth")
    assert report["miou"] == report["iou_person_image_mean"] == report["segm/AP"] == 1.0


@pytest.mark.parametrize("number", [1, 3])
def test_boxes_go_with_pictures_that_come_one_by_one(person_everywhere, number):
    pictures = (PICTURE for _ in range(2))
    assert len(person_everywhere.predict(pictures, boxes=[HALVES] * 2)) == 2
    with pytest.raises(DataError, match="boxes: expected them for each of"):
        person_everywhere.predict((PICTURE for _ in range(2)), boxes=[HALVES] * number)
