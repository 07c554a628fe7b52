"""The network: sizes, names, one forward pass a step, training that behaves."""

from __future__ import annotations

import json

import keras
import numpy as np
import pytest
from keras import ops

from tfseg.errors import ConfigError
from tfseg.models.mask_rcnn import network
from tfseg.models.mask_rcnn.config import MaskRCNNConfig
from tfseg.models.mask_rcnn.losses import TERMS
from tfseg.nn.layers.norm import norm

SETTINGS = dict(
    classes=("disc", "bar"),
    backbone="mobilenet_v2",
    backbone_width=0.35,
    norm="group",
    image_size=64,
    anchor_scales=(8.0, 16.0, 32.0, 48.0, 64.0),
    rpn_train_anchors=32,
    pre_nms_limit=100,
    proposals_train=30,
    proposals_test=20,
    train_rois=12,
    pool_size=3,
    mask_pool_size=4,
    mini_mask_size=14,
    max_instances=3,
    max_detections=5,
    pyramid_channels=16,
    rpn_channels=16,
    box_head_channels=24,
    mask_head_channels=16,
    mask_head_convs=1,
)


def small_backbone(config, seed):
    """Returns five convolutions with the strides, the outputs and the norm of a real backbone."""
    x = image = keras.Input((config.image_size, config.image_size, 3), name="image")
    stages = {}
    for index in range(5):
        name, dtype = f"block_{3 * index}_conv", config.precision
        x = keras.layers.Conv2D(8 + 4 * index, 3, 2, "same", name=name, dtype=dtype)(x)
        layer = norm(config.norm, f"{name}_BN", momentum=0.9, dtype=dtype)
        x = x if layer is None else layer(x)
        x = stages[f"C{index + 1}"] = keras.layers.ReLU(dtype=dtype)(x)
    del stages["C1"]
    return keras.Model(image, stages, name="small_backbone")


def make(real_body=False, **changes):
    """Returns a network; its backbone is a small one, which compiles in a tenth of the time."""
    keras.utils.set_random_seed(0)
    with pytest.MonkeyPatch.context() as patch:
        if not real_body:
            patch.setattr("tfseg.models.two_stage.network.build_backbone", small_backbone)
        return network.build(MaskRCNNConfig(**{**SETTINGS, **changes}))


def batch(size=2, objects=2, seed=0, side=64, mini=14, places=3):
    """Returns training inputs: coloured rectangles on noise; `objects` may be 0."""
    random = np.random.default_rng(seed)
    image = random.integers(0, 60, (size, side, side, 3)).astype(np.uint8)
    ids = np.zeros((size, places), np.int32)
    boxes = np.zeros((size, places, 4), np.float32)
    masks = np.zeros((size, places, mini, mini), np.uint8)
    for b in range(size):
        for k in range(objects):
            y, x = random.integers(0, side // 2, 2)
            h, w = random.integers(side // 4, side // 2, 2)
            ids[b, k] = k % 2 + 1
            boxes[b, k] = y, x, y + h, x + w
            masks[b, k] = 1
            image[b, y : y + h, x : x + w, k % 3] = 220
    return {"image": image, "gt_class_ids": ids, "gt_boxes": boxes, "gt_masks": masks}


def weights_of(model):
    return [ops.convert_to_numpy(w).copy() for w in model.weights]


@pytest.fixture(scope="module")
def model():
    return make()


# ---- sizes and names


@pytest.mark.parametrize(
    ("backbone", "classes", "total", "statistics", "layers"),
    [
        ("resnet50", 3, 44_673_706, 59_264, 133),
        ("resnet101", 80, 64_158_584, 111_488, 235),
    ],
)
def test_size_and_names_of_the_specification(backbone, classes, total, statistics, layers):
    names = tuple(f"class {i}" for i in range(classes))
    built = network.build(MaskRCNNConfig(classes=names, backbone=backbone, image_size=512))
    assert built.count_params() == total
    moving = [w for w in built.non_trainable_variables if w.name.startswith("moving")]
    assert sum(w.value.size if hasattr(w.value, "size") else np.prod(w.shape) for w in moving) == (
        statistics
    )
    weighted = network.weighted_layers(built)
    assert len(weighted) == layers
    assert len([n for n in weighted if n.startswith("mrcnn_")]) == 16
    assert len([n for n in weighted if n.startswith("rpn_")]) == 3
    assert len([n for n in weighted if n.startswith("fpn_")]) == 8
    backbone_and_pyramid = built.backbone.count_params() + built.fpn.count_params()
    assert backbone_and_pyramid == {"resnet50": 26_932_096, "resnet101": 46_002_560}[backbone]
    assert built.anchors.shape == (65_472, 4)


def test_size_of_the_light_variant():
    light = dict(backbone="mobilenet_v2", image_size=256, pyramid_channels=96, rpn_channels=128)
    light |= dict(box_head_channels=256, mask_head_channels=96, mask_head_convs=2)
    light |= dict(classes=("person",))
    assert network.build(MaskRCNNConfig(**light)).count_params() == 3_813_054


def test_one_layer_owns_one_name(model):
    names = [
        layer.name
        for layer in model._flatten_layers(include_self=False)
        if layer._trainable_variables or layer._non_trainable_variables
    ]
    assert len(names) == len(set(names)) == len(network.weighted_layers(model))


def test_the_network_takes_no_image_meta(model):
    """The original's `image_meta` has 12 + C numbers, 16 for 4 classes. What the network needs of
    it comes under its own name: the image's `window`, and `active_classes` in training."""
    assert 12 + 4 == 16  # id, original shape 3, padded shape 3, window 4, scale; then a flag each
    inputs = batch(1)
    active = {**inputs, "active_classes": np.ones((1, 3), np.float32)}
    one, other = model.compute_loss(inputs, None, model(inputs)), None
    assert np.isfinite(float(one))
    other = model.compute_loss(active, None, model(active))
    assert np.isfinite(float(other))


# ---- groups of layers


@pytest.fixture(scope="module")
def resnet_names():
    config = MaskRCNNConfig(classes=("a", "b", "c"), backbone="resnet50", image_size=64)
    built = network.build(config)
    return {g: network.layer_group(built, g) for g in ("heads", "5+", "4+", "3+", "all")}


def test_heads_are_those_of_the_specification(resnet_names):
    heads = resnet_names["heads"]
    assert {"fpn_p2", "mrcnn_mask_bn1", "rpn_class_raw", "mrcnn_bbox_fc"} <= heads
    assert "bn5c_branch2c" not in heads and "conv1" not in heads
    assert all(name.startswith(("mrcnn_", "rpn_", "fpn_")) for name in heads)
    assert len(heads) == 16 + 3 + 8


def test_groups_of_a_resnet_grow_stage_by_stage(resnet_names):
    groups = resnet_names
    assert groups["heads"] < groups["5+"] < groups["4+"] < groups["3+"] < groups["all"]
    assert "bn5c_branch2c" in groups["5+"] and "res5a_branch1" in groups["5+"]
    assert not any("4" in n for n in groups["5+"] - groups["heads"])
    assert {n[2:4] for n in groups["4+"] - groups["5+"] if n.startswith("bn")} >= {"4a", "4f"}
    left = groups["all"] - groups["3+"]
    assert all(name.startswith(("res2", "bn2", "conv1", "bn_conv1")) for name in left)


def test_groups_of_mobilenet():
    model = make(real_body=True)
    groups = {g: network.layer_group(model, g) for g in ("heads", "5+", "4+", "3+", "all")}
    assert groups["heads"] < groups["5+"] < groups["4+"] < groups["3+"] < groups["all"]
    assert "block_13_expand" in groups["5+"] and "block_12_expand" not in groups["5+"]
    assert "block_6_depthwise" in groups["4+"] and "block_3_project" in groups["3+"]
    assert "Conv1" in groups["all"] - groups["3+"]


def test_an_unknown_group_is_an_error(model):
    with pytest.raises(ConfigError, match="heads, backbone, 3\\+, 4\\+, 5\\+; got 'body'"):
        network.layer_group(model, "body")


# ---- the forward pass


@pytest.mark.both_backends
def test_outputs_in_training(model, call_model):
    outputs = call_model(model, batch(), training=True)
    shapes = {name: tuple(value.shape) for name, value in outputs.items()}
    anchors = len(model.anchors)
    assert shapes == {
        "rpn_logits": (2, anchors, 2),
        "rpn_deltas": (2, anchors, 4),
        "rpn_match": (2, anchors),
        "rpn_targets": (2, anchors, 4),
        "rois": (2, 12, 4),
        "class_logits": (2, 12, 3),
        "box_deltas": (2, 12, 3, 4),
        "mask_logits": (2, 3, 8, 8),
        "class_ids": (2, 12),
        "delta_targets": (2, 3, 4),
        "mask_targets": (2, 3, 8, 8),
        "positive": (2, 3),
        "valid": (2, 12),
    }


@pytest.mark.both_backends
def test_outputs_in_testing(call_model):
    model = make(score_floor=0.0, detection_min_confidence=0.0)
    window = np.float32([[8, 0, 56, 64], [0, 0, 64, 64]])
    outputs = call_model(model, {"image": batch()["image"], "window": window})
    found = ops.convert_to_numpy(outputs["detections"])
    masks = ops.convert_to_numpy(outputs["masks"])
    assert found.shape == (2, 5, 6) and masks.shape == (2, 5, 8, 8)
    assert found.dtype == masks.dtype == np.float32
    for b in range(2):
        real = found[b, :, 4] > 0
        assert real.any()
        assert (np.diff(found[b, real, 5]) <= 0).all()
        low, high = window[b][[0, 1]], window[b][[2, 3]]
        assert (found[b, real, :2] >= low - 1e-3).all() and (
            found[b, real, 2:4] <= high + 1e-3
        ).all()
        assert set(found[b, real, 4]) <= {1.0, 2.0}
        assert not found[b, ~real].any() and not masks[b, ~real].any()
        assert ((masks[b, real] > 0) & (masks[b, real] < 1)).all()


def test_without_window_the_whole_square_counts(model):
    image = batch()["image"]
    whole = model({"image": image, "window": np.float32([[0, 0, 64, 64]] * 2)}, training=False)
    without = model({"image": image}, training=False)
    np.testing.assert_array_equal(
        ops.convert_to_numpy(whole["detections"]), ops.convert_to_numpy(without["detections"])
    )


def test_integers_and_floats_of_an_image_are_the_same(model):
    image = batch()["image"]
    first = ops.convert_to_numpy(model.preprocess(image))
    np.testing.assert_array_equal(first, ops.convert_to_numpy(model.preprocess(image * 1.0)))
    assert first.min() >= -1 and first.max() <= 1


def test_a_resnet_gets_the_mean_subtracted_and_no_division():
    pixel = np.full((1, 64, 64, 3), 200, np.uint8)

    class Body:
        config = MaskRCNNConfig(classes=("a",), image_size=64)
        compute_dtype = "float32"

    ours = ops.convert_to_numpy(network.MaskRCNNNetwork.preprocess(Body(), pixel))
    np.testing.assert_allclose(ours[0, 0, 0], [200 - 123.7, 200 - 116.8, 200 - 103.9], rtol=1e-6)


# ---- training


def generator(steps, **options):
    for step in range(steps):
        yield (batch(seed=step, **options),)


def compiled(model, **options):
    model.compile(optimizer=keras.optimizers.SGD(0.01, clipnorm=5.0), **options)
    return model


def test_stock_fit_reports_each_term_and_runs_the_body_once_a_step(monkeypatch):
    model = compiled(make(), run_eagerly=True)
    calls = []
    original = type(model.backbone).call

    def counted(self, *args, **kwargs):
        if self is model.backbone:
            calls.append(kwargs.get("training"))
        return original(self, *args, **kwargs)

    monkeypatch.setattr(type(model.backbone), "call", counted)
    history = model.fit(generator(3), steps_per_epoch=3, epochs=1, verbose=0)
    assert len(calls) == 3
    model.fit(
        generator(2),
        steps_per_epoch=2,
        verbose=0,
        validation_data=generator(1),
        validation_steps=1,
    )
    assert len(calls) == 3 + 2 + 1
    assert set(history.history) == {"loss", *TERMS, "l2_loss"}


def test_validation_terms_and_an_image_without_objects_in_a_compiled_fit():
    model = compiled(make())
    history = model.fit(
        generator(2, objects=0),
        steps_per_epoch=2,
        epochs=1,
        verbose=0,
        validation_data=generator(1, objects=2),
        validation_steps=1,
    ).history
    names = {"loss", *TERMS, "l2_loss"}
    assert set(history) == names | {f"val_{name}" for name in names}
    assert all(np.isfinite(values).all() for values in history.values())
    for name in ("rpn_bbox_loss", "mrcnn_bbox_loss", "mrcnn_mask_loss"):
        assert history[name] == [0.0]
    assert history["rpn_class_loss"][0] > 0 and history["val_rpn_bbox_loss"][0] > 0
    terms = [history[name][0] for name in (*TERMS, "l2_loss")]
    assert history["loss"][0] == pytest.approx(sum(terms), rel=1e-4)
    # Training goes on: the next steps see objects, and all weights are finite.
    after = model.fit(generator(2), steps_per_epoch=2, verbose=0).history
    assert np.isfinite(after["loss"]).all() and after["rpn_bbox_loss"][0] > 0
    assert all(np.isfinite(w).all() for w in weights_of(model))


def test_the_confidence_changes_no_training_loss():
    histories = []
    for confidence in (0.5, 0.9):
        model = compiled(make(detection_min_confidence=confidence), run_eagerly=True)
        history = model.fit(generator(2), steps_per_epoch=2, epochs=1, verbose=0).history
        histories.append({name: values for name, values in history.items()})
    assert histories[0] == histories[1]


@pytest.mark.slow
def test_overfitting_one_image_makes_every_loss_fall():
    # No norm in these narrow heads: on 1 x 1 features, groups of two channels would leave signs.
    model = make(head_norm="none", add_truth_to_proposals=True, fill_rois=True, weight_decay=0.0)
    model.compile(optimizer=keras.optimizers.Adam(3e-3))

    def endless():
        while True:
            yield (batch(1, seed=5),)

    history = model.fit(endless(), steps_per_epoch=20, epochs=4, verbose=0).history
    assert history["loss"][-1] < 0.5 * history["loss"][0]
    assert history["rpn_class_loss"][-1] < 0.6 * history["rpn_class_loss"][0]


@pytest.mark.slow
@pytest.mark.both_backends
def test_a_jitted_training_step():
    model = make(norm="none", head_norm="none", proposals_train=8, train_rois=6, pre_nms_limit=16)
    model.compile(optimizer=keras.optimizers.SGD(0.01), jit_compile=True)
    before = weights_of(model)
    loss = model.train_on_batch(batch(1), return_dict=True)
    assert np.isfinite(list(loss.values())).all()
    assert any((a != b).any() for a, b in zip(before, weights_of(model)))


def test_frozen_statistics_stay_and_batch_statistics_move():
    for kind in ("frozen", "batch"):
        model = compiled(make(norm=kind), run_eagerly=True)
        moving = [w for w in model.non_trainable_variables if w.name.startswith("moving")]
        assert moving
        before = [ops.convert_to_numpy(w).copy() for w in moving]
        model.train_on_batch(batch())
        changed = [(ops.convert_to_numpy(w) != b).any() for w, b in zip(moving, before)]
        assert all(changed) if kind == "batch" else not any(changed)


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_a_step_in_mixed_precision(precision):
    model = compiled(make(precision=precision), run_eagerly=True)
    assert {keras.backend.standardize_dtype(w.dtype) for w in model.trainable_variables} == {
        "float32"
    }
    loss = model.train_on_batch(batch(), return_dict=True)
    assert np.isfinite(list(loss.values())).all()
    scaled = isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    assert scaled == (precision == "mixed_float16")
    assert keras.backend.standardize_dtype(model.pyramid(batch()["image"])[0].dtype) == (
        precision.removeprefix("mixed_")
    )
    outputs = model({"image": batch()["image"]}, training=False)
    floats = {keras.backend.standardize_dtype(v.dtype) for v in outputs.values()}
    assert floats == {"float32"}


def test_the_squared_rpn_loss_is_never_below_the_smooth_one():
    # With the factor 1/2 left out, d^2 >= smooth L1 everywhere.
    inputs = batch()
    values = {}
    for kind in ("smooth_l1", "l2"):
        model = make(rpn_bbox_loss=kind)
        outputs = model(inputs, training=True)
        model.compute_loss(inputs, None, outputs)
        values[kind] = {t.name: float(t.result()) for t in model.trackers}
    assert values["l2"]["rpn_bbox_loss"] > values["smooth_l1"]["rpn_bbox_loss"] > 0
    assert values["l2"]["rpn_class_loss"] == values["smooth_l1"]["rpn_class_loss"]


def test_truth_among_the_proposals_gives_positives_from_the_first_step():
    model = make(add_truth_to_proposals=True)
    outputs = model(batch(), training=True)
    assert ops.convert_to_numpy(outputs["positive"]).sum(axis=1).min() >= 2


def test_aligned_sampling_changes_the_features_but_no_shape():
    one, other = make(), make(roi_align="aligned")
    first, second = one(batch(), training=True), other(batch(), training=True)
    assert {k: v.shape for k, v in first.items()} == {k: v.shape for k, v in second.items()}
    gap = ops.convert_to_numpy(first["class_logits"]) - ops.convert_to_numpy(second["class_logits"])
    assert np.abs(gap).max() > 1e-6


# ---- saving


def test_the_config_survives_json_and_gives_the_same_network(model):
    model = make(real_body=True)
    config = json.loads(json.dumps(model.get_config()))
    copy = network.MaskRCNNNetwork.from_config(config)
    assert copy.config == model.config
    assert [w.path for w in copy.weights] == [w.path for w in model.weights]


def test_weights_and_whole_models_survive_saving(model, tmp_path):
    inputs = {"image": batch()["image"]}
    expected = ops.convert_to_numpy(model(inputs, training=False)["detections"])
    copy = make()
    for weight in copy.weights:
        weight.assign(np.zeros(weight.shape))
    model.save_weights(tmp_path / "model.weights.h5")
    copy.load_weights(tmp_path / "model.weights.h5")
    ours = ops.convert_to_numpy(copy(inputs, training=False)["detections"])
    np.testing.assert_allclose(ours, expected, atol=1e-5)
    model = make(real_body=True)
    expected = ops.convert_to_numpy(model(inputs, training=False)["detections"])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.config == model.config
    ours = ops.convert_to_numpy(loaded(inputs, training=False)["detections"])
    np.testing.assert_allclose(ours, expected, atol=1e-5)
