"""Grey images, images with depth, one mask for all classes: from training to the export."""

from __future__ import annotations

import os

import keras
import numpy as np
import pytest

import tfseg
from tfseg.engine.published_weights import copy_by_meaning
from tfseg.errors import DataError, WeightsError
from tfseg.models.mask_rcnn import network
from tfseg.models.mask_rcnn.config import MaskRCNNConfig
from tfseg.models.mask_rcnn.losses import loss_terms
from tfseg.nn.backbones.resnet import resnet
from tfseg.nn.rcnn.heads import MaskHead

SETTINGS = dict(
    classes=("disc", "bar"),
    backbone="mobilenet_v2",
    backbone_width=0.35,
    norm="group",
    image_size=64,
    anchor_scales=(8.0, 16.0, 32.0, 48.0, 64.0),
    pre_nms_limit=50,
    proposals_train=20,
    proposals_test=10,
    train_rois=8,
    pool_size=3,
    mask_pool_size=4,
    mini_mask_size=14,
    max_instances=3,
    max_detections=5,
    pyramid_channels=8,
    rpn_channels=8,
    box_head_channels=8,
    mask_head_channels=8,
    mask_head_convs=1,
    fill_rois=True,
    add_truth_to_proposals=True,
    detection_min_confidence=0.0,
    detection_rule="every_class",
    score_floor=0.0,
    train=dict(
        batch_size=2,
        steps_per_epoch=1,
        workers=1,
        augmentation="aug_all_a",
        stages=[{"epochs": 1}],
    ),
)


def small_backbone(config, seed):
    """Returns five convolutions with the strides and the outputs of a real backbone."""
    x = image = keras.Input((64, 64, config.channels), name="image")
    stages = {}
    for index in range(1, 6):
        x = keras.layers.Conv2D(4 * index, 3, 2, "same", activation="relu", name=f"conv{index}")(x)
        stages[f"C{index}"] = x
    del stages["C1"]
    return keras.Model(image, stages, name="small_backbone")


class Shapes:
    """Rectangles on noise, in images of any number of channels."""

    class_names = ("disc", "bar")

    def __init__(self, channels):
        self.channels = channels

    def __len__(self):
        return 2

    def __getitem__(self, index):
        random = np.random.default_rng(index)
        image = random.integers(0, 60, (48, 64, self.channels)).astype(np.uint8)
        masks = np.zeros((2, 48, 64), bool)
        masks[0, 5:25, 8:30], masks[1, 20:44, 34:60] = True, True
        image[masks[0]], image[masks[1]] = 200, 130
        return tfseg.Sample(image, index, [1, 2], masks)


def make(**changes):
    """Returns a model with random weights and a small backbone."""
    model = tfseg.MaskRCNN({**SETTINGS, **changes})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tfseg.models.two_stage.network.build_backbone", small_backbone)
        assert model.keras_model.backbone.name == "small_backbone"
    model.fitted = True
    return model


@pytest.fixture(scope="module", params=[1, 4])
def model(request):
    """A model of grey images, or of RGB with depth."""
    return make(channels=request.param)


def losses(model, data):
    """Returns the losses of one forward pass for training, its inputs and its outputs."""
    loader = model._loader(data, training=True)
    batch = next(loader.batches(0, 1))
    outputs = model.keras_model(batch, training=True)
    return {k: float(v) for k, v in loss_terms(outputs).items()}, batch, outputs


def test_a_model_of_other_channels_reads_samples_and_predicts(model):
    channels = model.config.channels
    found, batch, _ = losses(model, Shapes(channels))
    assert batch["image"].shape == (2, 64, 64, channels)
    assert all(np.isfinite(value) for value in found.values())
    sample = Shapes(channels)[0]
    (one,) = model.predict(sample)
    (other,) = model.predict(sample.image)
    assert one.size == (48, 64) and len(one) > 0
    np.testing.assert_array_equal(one.boxes, other.boxes)
    assert tfseg.draw(sample.image, one).shape == (48, 64, 3)
    assert "segm/AP" in model.evaluate(Shapes(channels)).metrics


def test_pictures_of_other_channels_are_turned_or_refused(model):
    colours = Shapes(3)[0].image
    if model.config.channels == 1:
        same = model.predict(tfseg.data.images.channels.grey(colours))[0]
        np.testing.assert_array_equal(model.predict(colours)[0].boxes, same.boxes)
        seen = model.inspect(Shapes(3)[0])  # a sample in colours
        np.testing.assert_array_equal(seen.prediction.boxes, same.boxes)
        return
    with pytest.raises(DataError, match="image 1 of 1.*4 channels.* has 3"):
        model.predict(colours)
    with pytest.raises(DataError, match="image 0.*4 channels.* has 3"):
        model.evaluate(Shapes(3))
    with pytest.raises(DataError, match="image .*4 channels.* has 3"):
        losses(model, Shapes(3))
    with pytest.raises(DataError, match="image .*4 channels.* has 3"):
        model.inspect(Shapes(3)[0])


def test_a_file_of_three_channels_leaves_the_first_layer_out(model, tmp_path):
    path = make().save_weights(tmp_path / "rgb.weights.h5")
    channels = model.config.channels
    model = make(channels=channels)
    with pytest.raises(WeightsError, match="(?s)conv1: .*skip_mismatch"):
        model.load_weights(path)
    report = model.load_weights(path, skip_mismatch=True)
    assert list(report.skipped) == ["conv1"]
    assert f"(3, 3, {channels}, 4)" in report.skipped["conv1"]


@pytest.mark.slow
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow exports")
def test_an_exported_model_reads_the_same_channels(model, tmp_path):
    import tensorflow as tf
    from PIL import Image

    channels = model.config.channels
    folder = model.export(tmp_path / "shapes" / "1")
    signatures = tf.saved_model.load(os.fspath(folder)).signatures
    image = Shapes(channels)[0].image
    (expected,) = model.predict(image)
    found = signatures["images_uint8"](images=tf.constant(image[None]))
    np.testing.assert_allclose(
        np.sort(found["detection_scores"][0])[::-1][: len(expected)], expected.scores, atol=1e-3
    )
    card = (folder / "model_card.md").read_text()
    if channels == 4:
        assert "encoded" not in signatures["serving_default"].structured_input_signature[1]
        assert "encoded" not in card
        assert "4 channels, which JPEG and PNG files cannot hold" in card
        return
    colours = Shapes(3)[1].image
    Image.fromarray(colours).save(tmp_path / "a.png")
    encoded = tf.constant([(tmp_path / "a.png").read_bytes()])
    one = signatures["serving_default"](encoded=encoded)["detection_boxes"]
    grey = tfseg.data.images.channels.grey(colours)
    other = signatures["images_uint8"](images=tf.constant(grey[None]))["detection_boxes"]
    np.testing.assert_allclose(one, other, atol=1e-4)


@pytest.mark.parametrize("channels", [1, 5])
def test_published_weights_fit_other_channels(channels):
    theirs = keras.applications.ResNet50(include_top=False, weights=None, input_shape=(64, 64, 3))
    ours = resnet("resnet50", input_shape=(64, 64, channels))
    report = copy_by_meaning(theirs, ours, flip_channels=True)
    assert len(report.loaded) == 106
    kernel = np.asarray(theirs.get_layer("conv1_conv").kernel)[:, :, ::-1]
    layers = {layer.name: layer for layer in ours._flatten_layers()}
    found = np.asarray(layers["conv1"].kernel)
    if channels == 1:
        np.testing.assert_allclose(found, kernel.sum(axis=2, keepdims=True), atol=1e-6)
    else:
        np.testing.assert_array_equal(found[:, :, :3], kernel)
        assert not found[:, :, 3:].any()


# ---- one mask for all classes


@pytest.mark.parametrize("classes", [3, 80])
def test_one_mask_for_all_classes_needs_the_weights_of_one(classes):
    """The specification's 2,647,633 and 2,627,844 hold (256 + 1) weights for each class."""
    names = tuple(f"class {i}" for i in range(classes))
    config = MaskRCNNConfig(
        classes=names, class_agnostic_masks=True, **{"backbone": "mobilenet_v2"}
    )
    many = {3: 2_627_844, 80: 2_647_633}[classes]
    assert network.build(config).mask_head.count_params() == many - classes * 257


@pytest.mark.both_backends
def test_the_one_mask_is_the_same_for_whatever_class():
    head = MaskHead(1, 8, 1, name="mask_head")
    features = np.random.default_rng(0).normal(size=(1, 3, 4, 4, 8)).astype("float32")
    head.build(features.shape)
    masks = [np.asarray(head(features, np.full((1, 3), i, np.int32))) for i in (0, 7)]
    hidden = np.asarray(head.enlarge(head.hidden(features[0])))
    expected = hidden @ np.asarray(head.score.kernel)[0, 0, :, 0] + np.asarray(head.score.bias)[0]
    for mask in masks:
        np.testing.assert_allclose(mask[0], expected, atol=1e-5)


def test_one_mask_for_all_classes_learns_and_survives_a_file(tmp_path):
    model = make(class_agnostic_masks=True)
    found, _, outputs = losses(model, Shapes(3))
    assert found["mrcnn_mask_loss"] > 0 and np.asarray(outputs["positive"]).any()
    loaded = make(class_agnostic_masks=True)
    loaded.load_weights(model.save(tmp_path / "model"))
    image = Shapes(3)[0].image
    one, other = model.predict(image)[0], loaded.predict(image)[0]
    assert len(one) > 0
    np.testing.assert_array_equal(one.masks, other.masks)
    report = make().load_weights(tmp_path / "model", skip_mismatch=True)
    assert list(report.skipped) == ["mask_head/mrcnn_mask"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes", [{"channels": 4}, {"channels": 1}, {"class_agnostic_masks": True}]
)
def test_training(changes):
    model = make(**changes)
    data = Shapes(model.config.channels)
    before = np.asarray(model.keras_model.mask_head.score.kernel).copy()
    model.fit(data, data, epochs=3)
    assert all(np.isfinite(row["loss"]) for row in model.history)
    assert (np.asarray(model.keras_model.mask_head.score.kernel) != before).any()
    assert "segm/AP" in model.evaluate(data).metrics
