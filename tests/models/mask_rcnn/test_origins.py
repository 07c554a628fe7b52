"""The two presets: what they set, how they are changed, and a network that pads its images."""

from __future__ import annotations

import dataclasses

import keras
import numpy as np
import pytest
from keras import ops

from tfseg.errors import ConfigError
from tfseg.geometry.padded import PaddedResize
from tfseg.models.mask_rcnn import MaskRCNN, MaskRCNNConfig
from tfseg.models.mask_rcnn.losses import TERMS
from tfseg.models.mask_rcnn.origins import ORIGINS, Origin
from tfseg.models.two_stage.targets import encode
from tfseg.nn.layers.norm import norm
from tfseg.structures import Sample

SMALL = dict(
    classes=("disc", "bar"),
    origin="torchvision",
    norm="group",
    image_size=128,
    image_min_size=64,
    anchor_scales=(8.0, 16.0, 32.0, 48.0, 64.0),
    rpn_train_anchors=32,
    pre_nms_limit=20,
    pre_nms_train=40,
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
    x = image = keras.Input((None, None, 3), name="image")
    stages = {}
    for index in range(5):
        x = keras.layers.Conv2D(8 + 4 * index, 3, 2, "same", name=f"res{index + 1}a")(x)
        x = norm(config.norm, f"bn{index + 1}a")(x)
        x = stages[f"C{index + 1}"] = keras.layers.ReLU()(x)
    del stages["C1"]
    return keras.Model(image, stages, name="small_backbone")


def estimator(**changes):
    keras.utils.set_random_seed(0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tfseg.models.two_stage.network.build_backbone", small_backbone)
        model = MaskRCNN(**{**SMALL, **changes})
        assert model.keras_model.built
    model.fitted = True
    return eager(model)


def eager(model):
    """Lets a model compute without compiling, which here takes longer than the computing."""

    def infer(inputs):
        outputs = model.keras_model(inputs, training=False)
        return {name: ops.convert_to_numpy(value) for name, value in outputs.items()}

    model._infer = infer
    return model


@pytest.fixture(scope="module")
def model():
    return estimator()


def picture(height, width, objects=2, seed=0):
    random = np.random.default_rng(seed)
    image = random.integers(0, 60, (height, width, 3)).astype(np.uint8)
    masks = np.zeros((objects, height, width), bool)
    for k, mask in enumerate(masks):
        y, x = random.integers(0, min(height, width) // 2, 2)
        mask[y : y + height // 3, x : x + width // 3] = True
        image[mask] = 220, 40 * k, 90
    return Sample(image=image, class_ids=1 + np.arange(objects) % 2, masks=masks)


# ---- settings


def test_the_numbers_of_torchvision():
    config = MaskRCNNConfig(classes=("a",), origin="torchvision")
    expected = dict(
        image_size=1333,
        resolved_min_size=800,
        rpn_channels=256,
        rpn_train_anchors=256,
        rpn_nms_threshold=0.7,
        pre_nms_limit=1000,
        resolved_pre_nms_train=2000,
        proposals_train=2000,
        proposals_test=1000,
        train_rois=512,
        roi_positive_fraction=0.25,
        detection_min_confidence=0.05,
        score_floor=0.05,
        detection_nms_threshold=0.5,
        max_detections=100,
        norm_epsilon=1e-5,
        canvas=(1344, 1344),
        resolved_head_norm="none",
        anchor_scales=(32, 64, 128, 256, 512),
    )
    assert {name: getattr(config, name) for name in expected} == expected
    np.testing.assert_allclose(np.divide(config.pixel_mean, 255), [0.485, 0.456, 0.406])
    np.testing.assert_allclose(np.divide(config.pixel_std, 255), [0.229, 0.224, 0.225])


@pytest.mark.parametrize("origin", ORIGINS)
def test_every_entry_of_a_preset_is_a_setting_and_fills_it(origin):
    names = {field.name for field in dataclasses.fields(Origin)}
    assert names <= set(MaskRCNNConfig.setting_names())
    config = MaskRCNNConfig(classes=("a",), origin=origin, backbone="resnet50")
    for name in vars(ORIGINS[origin]).keys() - {"image_min_size"}:
        assert getattr(config, name) == getattr(ORIGINS[origin], name), name


@pytest.mark.parametrize("origin", ORIGINS)
def test_a_given_setting_outranks_the_preset_and_survives_a_dict(origin):
    config = MaskRCNNConfig(
        classes=("a",), origin=origin, rpn_channels=99, fill_rois=False, conv_bias=True
    )
    assert (config.rpn_channels, config.fill_rois, config.conv_bias) == (99, False, True)
    assert MaskRCNNConfig.from_dict(config.to_dict()) == config


def test_another_origin_brings_its_values_but_for_what_was_given():
    config = MaskRCNNConfig(classes=("a",), backbone="resnet50", rpn_channels=99, image_size=256)
    changed = config.replace(origin="torchvision")
    assert changed == MaskRCNNConfig(
        classes=("a",), backbone="resnet50", rpn_channels=99, image_size=256, origin="torchvision"
    )
    assert changed.replace(origin="matterport") == config
    # A dict of a finished config is as good as the config itself.
    again = MaskRCNNConfig.from_dict(config.to_dict()).replace(origin="torchvision")
    assert again == changed
    assert config.replace(origin="torchvision", train_rois=7).train_rois == 7


def test_an_estimator_shows_and_copies_what_differs():
    model = MaskRCNN(classes=("a",), origin="torchvision", train_rois=64)
    assert repr(model) == "MaskRCNN(classes=('a',), train_rois=64, origin='torchvision')"
    copy = MaskRCNN(**model.get_params(deep=False))
    assert copy.config == model.config
    assert copy.set_params(origin="matterport").config.image_size == 1024


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"origin": "detectron2"}, "matterport"),
        ({"image_size": 1333}, "multiple of 64"),
        ({"origin": "torchvision", "image_size": 32}, "image_size"),
        ({"pixel_std": (1.0, 2.0)}, "pixel_std"),
        ({"pixel_std": (0.0,)}, "pixel_std"),
        ({"rpn_std": (1.0, 1.0)}, "rpn_std"),
        ({"norm_epsilon": -1.0}, "norm_epsilon"),
        ({"roi_align": "detectron"}, "roi_align"),
    ],
)
def test_contradictions_name_the_setting(changes, message):
    with pytest.raises(ConfigError, match=message):
        MaskRCNNConfig(**{"classes": ("a",), **changes})


# ---- images


def test_training_arrays_share_one_canvas_and_know_where_the_picture_is():
    config = MaskRCNNConfig(**SMALL)
    seen = []
    arrays = [
        encode(picture(*size), config, augment=lambda s: seen.append(s.size) or s)
        for size in ((60, 90), (90, 60))
    ]
    assert seen == [(64, 96), (96, 64)]  # augmented without the padding
    for array, (height, width) in zip(arrays, seen):
        assert array["image"].shape == (128, 128, 3) and array["image"].dtype == np.uint8
        np.testing.assert_array_equal(array["window"], [0, 0, height, width])
        padding = array["image"].copy()
        padding[:height, :width] = np.rint(config.pixel_mean)
        assert (padding == np.rint(config.pixel_mean)).all()
        boxes = array["gt_boxes"][array["gt_class_ids"] > 0]
        assert len(boxes) == 2 and (boxes[:, 2:] <= [height, width]).all()


def test_a_batch_of_several_shapes_gives_what_single_pictures_give(model):
    sizes = [(60, 90), (90, 60), (61, 90)]
    images = [picture(*size, seed=k).image for k, size in enumerate(sizes)]
    together = model.predict(images, batch_size=3, score_threshold=0.0)
    for image, ours in zip(images, together):
        alone = model.predict(image, score_threshold=0.0)[0]
        assert ours.size == image.shape[:2] and len(ours) == len(alone) > 0
        np.testing.assert_allclose(ours.boxes, alone.boxes, atol=1e-3)
        np.testing.assert_allclose(ours.scores, alone.scores, atol=1e-5)
        assert (ours.boxes[:, 2:] <= np.float32(ours.size) + 1e-3).all()


def test_an_image_that_cannot_be_halved_five_times_is_refused(model):
    for shape in ((1, 100, 96, 3), (1, 96, 70, 3)):
        with pytest.raises(ConfigError, match="multiples of 32"):
            model.keras_model({"image": np.zeros(shape, np.float32)}, training=False)


def test_one_logit_per_anchor_and_anchors_of_each_shape(model):
    net = model.keras_model
    for shape in ((64, 96), (128, 64)):
        levels = net.pyramid(np.zeros((1, *shape, 3), np.uint8))
        logits, deltas = net.rpn(levels)
        count = len(net.anchors_of(shape))
        assert logits.shape == (1, count, 1) and deltas.shape == (1, count, 4)
    assert net.anchors_of((64, 96)) is net.anchors_of((64, 96))
    assert len(net.anchors) == len(net.anchors_of((128, 128)))


def test_a_model_comes_back_from_its_folder(model, tmp_path):
    image = picture(60, 90).image
    before = model.predict(image, score_threshold=0.0)[0]
    model.save(tmp_path / "saved")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tfseg.models.two_stage.network.build_backbone", small_backbone)
        loaded = MaskRCNN.load(tmp_path / "saved")
        assert loaded.config == model.config
        after = eager(loaded).predict(image, score_threshold=0.0)[0]
    np.testing.assert_allclose(after.boxes, before.boxes, atol=1e-4)
    np.testing.assert_allclose(after.scores, before.scores, atol=1e-6)


# ---- training


def test_a_step_of_training_has_finite_losses_and_moves_every_head():
    model = estimator(train=dict(batch_size=2))
    net = model.keras_model
    pictures = [picture(60, 90), picture(90, 60, objects=0)]
    rows = [encode(sample, model.config) for sample in pictures]
    inputs = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
    outputs = net(inputs, training=True)
    assert outputs["rpn_logits"].shape[-1] == 1
    window = inputs["window"]
    assert window[0].tolist() == [0, 0, 64, 96] and window[1].tolist() == [0, 0, 96, 64]
    before = {w.path: ops.convert_to_numpy(w).copy() for w in net.trainable_variables}
    net.compile(optimizer=keras.optimizers.SGD(0.05), run_eagerly=True)
    if keras.backend.backend() != "tensorflow":
        pytest.skip("an eager step is TensorFlow's; the compiled one is tested with the network")
    history = net.fit(((inputs,) for _ in range(2)), steps_per_epoch=2, verbose=0).history
    assert set(history) == {"loss", *TERMS, "l2_loss"}
    assert np.isfinite(list(history.values())).all()
    # The truth is among the proposals: every head had something to learn.
    assert all(history[name][0] > 0 for name in TERMS)
    moved = [p for p, value in before.items() if not np.array_equal(value, _now(net, p))]
    for head in ("rpn_class_raw", "rpn_bbox_pred", "mrcnn_bbox_fc", "mrcnn_mask/", "fpn_c2p2"):
        assert any(head in path for path in moved), head


def _now(net, path):
    return next(ops.convert_to_numpy(w) for w in net.trainable_variables if w.path == path)


def test_the_resize_of_the_preset_pads_with_the_mean():
    ours = MaskRCNN(classes=("a",), origin="torchvision")._resize()
    assert isinstance(ours, PaddedResize)
    assert (ours.min_side, ours.max_side, ours.multiple) == (800, 1333, 32)
    assert ours.plan((480, 640)).canvas == (800, 1088)
