"""Looking inside: the steps are those of the network, and the end is what `predict` returns."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from PIL import Image

from tfseg.data.dataset import ListDataset
from tfseg.data.synthetic import SyntheticPeople
from tfseg.errors import ConfigError, DataError, NotFittedError
from tfseg.models.mask_rcnn import MaskRCNN
from tfseg.structures import Sample

SETTINGS = dict(
    classes=("person", "bag"),
    backbone="mobilenet_v2",
    backbone_width=0.35,
    norm="group",
    image_size=128,
    anchor_scales=(12.0, 24.0, 48.0, 80.0, 128.0),
    rpn_train_anchors=32,
    pre_nms_limit=60,
    proposals_train=30,
    proposals_test=24,
    train_rois=12,
    add_truth_to_proposals=True,
    detection_min_confidence=0.3,
    pool_size=3,
    mask_pool_size=4,
    mini_mask_size=14,
    max_instances=5,
    max_detections=8,
    pyramid_channels=16,
    rpn_channels=16,
    box_head_channels=24,
    mask_head_channels=16,
    mask_head_convs=1,
)
BIAS = np.array([0, 0.6, 0.5], np.float32)
STEPS = [
    "input", "anchors", "objectness", "top_anchors", "proposals", "roi_levels", "box_head",
    "suppression", "masks", "detections",
]  # fmt: skip
TARGETS = ["anchor_matches", "roi_targets", "mask_targets"]
SAMPLE = SyntheticPeople(3, size=(90, 140), people=(2, 2))[1]


def small_backbone(config, seed):
    """Returns five convolutions with the strides of a real backbone, which run in no time."""
    x = image = keras.Input((config.image_size, config.image_size, 3), name="image")
    stages = {}
    for index in range(1, 6):
        x = keras.layers.Conv2D(8, 3, 2, "same", activation="relu", name=f"block_{index}")(x)
        stages[f"C{index}"] = x
    del stages["C1"]
    return keras.Model(image, stages, name="small_backbone")


def make(**changes):
    keras.utils.set_random_seed(1)
    model = MaskRCNN(**{**SETTINGS, **changes})
    with pytest.MonkeyPatch.context() as patch:
        if not changes:
            patch.setattr("tfseg.models.two_stage.network.build_backbone", small_backbone)
        # Weights of chance say "background" everywhere; a model of chance should find something.
        model.keras_model.box_head.score.bias.assign(BIAS)
    model.fitted = True
    return model


@pytest.fixture(scope="module")
def model():
    return make()


@pytest.fixture(scope="module")
def seen(model):
    return model.inspect(SAMPLE)


def test_the_prediction_is_that_of_predict(model, seen):
    (predicted,) = model.predict([SAMPLE])
    assert len(predicted) > 0
    for name in ("boxes", "scores", "class_ids", "masks"):
        np.testing.assert_array_equal(getattr(seen.prediction, name), getattr(predicted, name))
    assert (seen.prediction.image_id, seen.prediction.size) == (SAMPLE.image_id, SAMPLE.size)
    (all_of_them,) = model.predict([SAMPLE], score_threshold=0.0)
    assert len(seen.detections) == len(all_of_them)
    np.testing.assert_array_equal(
        model.inspect(SAMPLE.image, score_threshold=0.0).prediction.boxes, all_of_them.boxes
    )


def test_the_input_and_its_window(seen):
    assert seen.square.shape == (128, 128, 3)
    y1, x1, y2, x2 = seen.window.astype(int)
    assert (x1, x2) == (0, 128) and y2 - y1 == round(128 * 90 / 140)
    assert not seen.square[:y1].any() and not seen.square[y2:].any()


def test_anchors_and_objectness_by_level(model, seen):
    np.testing.assert_array_equal(np.concatenate(seen.anchors), model.keras_model.anchors)
    assert [o.shape for o in seen.objectness] == [
        (128 // s,) * 2 + (3,) for s in (4, 8, 16, 32, 64)
    ]
    scores = np.concatenate([o.reshape(-1) for o in seen.objectness])
    assert ((scores > 0) & (scores < 1)).all()
    best = scores[seen.top_anchors]
    assert len(best) == 60 and (np.diff(best) <= 0).all()
    assert best.min() >= np.delete(scores, seen.top_anchors).max()


def box_iou(a, b):
    top, bottom = np.maximum(a[:2], b[:2]), np.minimum(a[2:], b[2:])
    shared = np.prod(np.maximum(bottom - top, 0))
    return shared / (np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - shared)


def test_proposals_are_what_suppression_leaves_of_the_candidates(model, seen):
    """One box at a time, as the textbook has it."""
    assert len(seen.candidates) == 60
    kept = []
    for box in seen.candidates:
        if len(kept) < 24 and all(box_iou(box, k) <= 0.7 for k in kept):
            kept.append(box)
    assert 0 < len(kept) < 60
    np.testing.assert_allclose(seen.proposals, kept, atol=1e-3)


def test_candidates_are_the_best_anchors_moved(model, seen):
    from keras import ops

    from tfseg.nn.ops.boxes import apply_deltas

    network = model.keras_model
    image = seen.square[None].astype(np.float32)
    _, deltas = network.rpn(network.pyramid(image))
    deltas = ops.convert_to_numpy(deltas)[0][seen.top_anchors]
    anchors = network.anchors_normalized[seen.top_anchors]
    moved = ops.convert_to_numpy(apply_deltas(anchors, deltas))
    pixels = np.clip(moved, 0, 1) * 127 + np.float32([0, 0, 1, 1])
    np.testing.assert_allclose(seen.candidates, pixels, atol=1e-2)


def test_levels_of_proposals_by_equation_1(seen):
    height, width = (seen.proposals[:, 2:] - seen.proposals[:, :2]).T - 1
    root = np.sqrt(np.maximum(height * width, 1e-6)) / 127
    expected = np.clip(4 + np.round(np.log2(root / (224 / 128))), 2, 5)
    np.testing.assert_array_equal(seen.roi_levels, expected)


def test_what_the_box_head_says(seen):
    assert seen.probabilities.shape == (len(seen.proposals), 3)
    np.testing.assert_allclose(seen.probabilities.sum(axis=1), 1, rtol=1e-5)
    best = seen.probabilities.argmax(axis=1)
    assert len(seen.refined) == (best > 0).sum() > len(seen.detections) > 0
    assert sorted(seen.refined_ids) == sorted(best[best > 0])
    np.testing.assert_allclose(
        sorted(seen.refined_scores), sorted(seen.probabilities.max(axis=1)[best > 0]), rtol=1e-6
    )
    # Every detection is one of the refined boxes, and no two of a class overlap too much.
    for box, class_id, score in zip(seen.detections[:, :4], *seen.detections[:, 4:].T):
        same = (np.abs(seen.refined - box).max(axis=1) < 0.01) & (seen.refined_ids == class_id)
        assert np.abs(seen.refined_scores[same] - score).min() < 1e-4
    assert seen.masks.shape == (len(seen.detections), 8, 8)


def test_targets_of_a_sample(model, seen):
    truth = seen.truth
    assert truth.anchor_match.shape == (len(model.keras_model.anchors),)
    positive, negative = (truth.anchor_match == 1).sum(), (truth.anchor_match == -1).sum()
    assert positive >= 2 and positive + negative == 32
    for anchor in truth.anchors[truth.anchor_match == 1]:
        assert max(box_iou(anchor, box) for box in truth.boxes) > 0.2
    for anchor in truth.anchors[truth.anchor_match == -1]:
        assert max(box_iou(anchor, box) for box in truth.boxes) < 0.3
    assert truth.rois.shape == (12, 4) and truth.positive.any()
    for roi, class_id in zip(truth.rois[: len(truth.positive)], truth.roi_class_ids):
        if class_id:
            # The network measures overlaps in its own units, which differ by a pixel.
            assert max(box_iou(roi, box) for box in truth.boxes) > 0.45
    assert set(np.unique(truth.mask_targets)) <= {0.0, 1.0}
    # The truth itself is among the RoIs: its target is its mask.
    assert truth.mask_targets[truth.positive].any()


def test_looking_changes_nothing(model):
    before = [np.array(w) for w in model.keras_model.get_weights()]
    states = [np.array(s.state) for s in (model.keras_model.rpn_seed, model.keras_model.roi_seed)]
    model.inspect(SAMPLE)
    for first, second in zip(before, model.keras_model.get_weights()):
        np.testing.assert_array_equal(first, second)
    for state, seed in zip(states, (model.keras_model.rpn_seed, model.keras_model.roi_seed)):
        np.testing.assert_array_equal(state, np.array(seed.state))


class TestPictures:
    def test_names_and_kinds(self, seen):
        assert list(seen.pictures) == STEPS + TARGETS
        for name, picture in seen.pictures.items():
            assert picture.dtype == np.uint8 and picture.ndim == 3, name
            assert picture.std() > 5, f"{name} is empty"

    def test_files(self, seen, tmp_path):
        page = seen.save(tmp_path / "deep" / "inside")
        files = sorted(p.name for p in page.parent.iterdir())
        wanted = [f"{k:02d}_{name}.png" for k, name in enumerate(STEPS + TARGETS, 1)]
        assert files == [*wanted, "index.html"]
        for name, file in zip(seen.pictures, wanted):
            with Image.open(page.parent / file) as picture:
                np.testing.assert_array_equal(np.asarray(picture), seen.pictures[name])
        text = page.read_text()
        assert text.count("data:image/jpeg;base64") == 13 and "<script" not in text

    def test_a_notebook_shows_them(self, seen):
        assert seen._repr_html_().count("<img") == 13
        assert "proposals" in repr(seen)


class TestInputs:
    def test_a_file_has_no_targets(self, model, tmp_path):
        path = tmp_path / "a&b.png"
        Image.fromarray(SAMPLE.image).save(path)
        seen = model.inspect(path)
        assert list(seen.pictures) == STEPS and seen.truth is None
        assert seen.prediction.path == str(path)
        assert "a&amp;b.png" in seen.save(tmp_path / "out").read_text()

    @pytest.mark.slow
    def test_a_sample_without_objects_and_a_crowd(self, model):
        for sample in (
            Sample(SAMPLE.image),
            SAMPLE.replace(is_crowd=np.ones(len(SAMPLE), bool)),
        ):
            seen = model.inspect(sample)
            assert not seen.truth.positive.any() and not (seen.truth.anchor_match == 1).any()
            assert list(seen.pictures) == STEPS + TARGETS

    def test_nothing_found(self, model):
        bias = model.keras_model.box_head.score.bias
        bias.assign(np.float32([50, 0, 0]))
        try:
            seen = model.inspect(SAMPLE.image)
        finally:
            bias.assign(BIAS)
        assert len(seen.detections) == len(seen.refined) == len(seen.prediction) == 0
        assert list(seen.pictures) == STEPS

    def test_what_is_refused(self, model):
        with pytest.raises(DataError, match="one image"):
            model.inspect(ListDataset([SAMPLE, SAMPLE], ("person", "bag")))
        with pytest.raises(DataError, match="class id 7 is none of the model's 2"):
            model.inspect(SAMPLE.replace(class_ids=np.array([7, 1])))
        with pytest.raises(DataError, match="nowhere.jpg"):
            model.inspect("nowhere.jpg")
        with pytest.raises(ConfigError, match="from 0 to 1, got 60"):
            model.inspect(SAMPLE, score_threshold=60)
        with pytest.raises(NotFittedError):
            MaskRCNN(**SETTINGS).inspect(SAMPLE)


@pytest.mark.slow
@pytest.mark.parametrize("origin", ["matterport", "torchvision"])
def test_both_origins(origin):
    rules = dict(proposal_rule="per_level") if origin == "torchvision" else {}
    model = make(origin=origin, image_min_size=100, **rules)
    seen = model.inspect(SAMPLE)
    assert list(seen.pictures) == STEPS + TARGETS
    np.testing.assert_array_equal(seen.prediction.boxes, model.predict([SAMPLE])[0].boxes)


@pytest.mark.slow
class TestVerb:
    @pytest.fixture
    def door(self, model, monkeypatch, tmp_path):
        from tfseg import models
        from tfseg.cli.main import main

        monkeypatch.setattr(models, "load", lambda directory: model)
        monkeypatch.setattr("tfseg.cli.quiet.silence", lambda debug=False: None)
        monkeypatch.setattr("tfseg.cli.quiet.import_backend", lambda: None)
        monkeypatch.chdir(tmp_path)
        return main

    def test_a_photo(self, door, tmp_path, capsys):
        Image.fromarray(SAMPLE.image).save(tmp_path / "photo.png")
        assert door(["inspect", "model", "photo.png", "--out", "inside"]) == 0
        assert "wrote 10 images" in capsys.readouterr().out
        assert (tmp_path / "inside" / "index.html").is_file()

    def test_a_picture_of_a_data_set(self, door, tmp_path, capsys):
        from tfseg.data.coco.coco_writer import write_coco

        source = ListDataset([SAMPLE.replace(keypoints=None)] * 2, ("person", "bag"))
        write_coco(source, tmp_path / "val.json", tmp_path / "images")
        assert door(["inspect", "model", ".", "--index", "1", "--out", "inside"]) == 0
        assert (tmp_path / "inside" / "13_mask_targets.png").is_file()
        assert door(["inspect", "model", ".", "--index", "2", "--out", "other"]) == 2
        assert "2 images, counted from 0" in capsys.readouterr().err
        assert not (tmp_path / "other").exists()
        # Read as in the training: of two images, one is the share set aside.
        words = ["--index", "1", "--set", "data.val_fraction=0.5", "--set", "data.val_split=val"]
        words += ["--set", "data.train_split=val", "--out", "other"]
        assert door(["inspect", "model", ".", *words]) == 2
        assert "1 images, counted from 0" in capsys.readouterr().err
