"""The network against numbers of torchvision's Mask R-CNN, stage by stage, with equal weights.

`data/README.md` tells where the numbers come from. Errors are given as a share of the largest
reference value; float32 implementations differ by a few 1e-6 from each other.
"""

from __future__ import annotations

import math
import re
import zlib
from pathlib import Path

import numpy as np
import pytest
from foreign_files import torchvision_shapes, write_safetensors
from keras import ops

from tfseg.data.images.images import read_image
from tfseg.engine.inputs import Item
from tfseg.models.mask_rcnn import MaskRCNN, network
from tfseg.models.mask_rcnn.losses import loss_terms
from tfseg.models.two_stage.targets import encode
from tfseg.nn.ops.roi_align import roi_align, roi_levels
from tfseg.structures import Sample

DATA = Path(__file__).parent / "data"
CLASSES, RATIOS = 91, 3
INPUT = (320, 416)
# Kernels whose spread is not sqrt(2 / inputs): they keep scores, boxes and masks in range.
FACTORS = {
    r"backbone\.fpn\.inner_blocks\.": 0.2,
    r"rpn\.head\.bbox_pred$": 0.1,
    r"box_predictor\.cls_score$": 1.5,
    r"box_predictor\.bbox_pred$": 0.5,
    r"mask_predictor\.mask_fcn_logits$": 1.5,
}


def draw(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Returns the generated value of one of their tensors: a function of name and shape alone."""
    random = np.random.default_rng([0, zlib.crc32(name.encode())])
    layer, _, leaf = name.rpartition(".")
    norm = re.search(r"\.(bn\d|downsample\.1)$", layer) is not None
    if leaf == "weight" and not norm:
        # A transposed convolution of stride 2 and size 2 lets each input reach each output once.
        inputs = shape[0] if layer.endswith("conv5_mask") else math.prod(shape[1:])
        factor = next((f for pattern, f in FACTORS.items() if re.search(pattern, layer)), 1.0)
        return (math.sqrt(2.0 / inputs) * factor * random.standard_normal(shape)).astype(np.float32)
    if leaf in ("weight", "running_var"):
        low, high = (0.2, 0.4) if layer.endswith("bn3") and leaf == "weight" else (0.8, 1.2)
        return (low + (high - low) * random.random(shape)).astype(np.float32)
    spread = 0.05 if norm else 0.02
    return (spread * random.standard_normal(shape)).astype(np.float32)


@pytest.fixture(scope="module")
def reference():
    with np.load(DATA / "torchvision_maskrcnn_resnet50.npz") as stored:
        return dict(stored)


@pytest.fixture(scope="module")
def image(reference):
    return read_image(reference["image_png"].tobytes())


@pytest.fixture(scope="module")
def estimator(tmp_path_factory):
    """The preset as it is, but for the size of the image, which keeps the test short. Weights
    come out of a file of the original's names."""
    path = tmp_path_factory.mktemp("weights") / "maskrcnn_resnet50_fpn.safetensors"
    shapes = torchvision_shapes(classes=CLASSES, pyramid=256, box=1024)
    write_safetensors(path, {name: draw(name, shape) for name, shape in shapes.items()})
    model = MaskRCNN(
        classes=[f"{index}" for index in range(1, CLASSES)],
        backbone="resnet50",
        origin="torchvision",
        image_min_size=320,
        image_size=400,
    )
    report = model.load_weights(path)
    assert len(report.loaded) == 127
    assert not (report.skipped or report.missing or report.unused)
    path.unlink()
    return model


@pytest.fixture(scope="module")
def model(estimator):
    return estimator.keras_model


@pytest.fixture(scope="module")
def inputs(estimator, image):
    return {name: value[None] for name, value in estimator._predict_inputs(Item(image))[0].items()}


@pytest.fixture(scope="module")
def forward(model, inputs):
    """All tensors of one forward pass up to the proposals."""
    stages = model.backbone(model.preprocess(inputs["image"]))
    levels = model.fpn(stages)
    logits, deltas = model.rpn(levels)
    return {"stages": stages, "levels": levels, "logits": logits, "deltas": deltas}


def swapped(boxes: np.ndarray) -> np.ndarray:
    """Returns boxes or regressions in the other order of x and y."""
    return boxes[..., [1, 0, 3, 2]]


def assert_close(ours, reference, share=1e-5):
    ours, reference = np.asarray(ours, np.float64), np.asarray(reference, np.float64)
    assert ours.shape == reference.shape
    worst = np.abs(ours - reference).max() / np.abs(reference).max()
    assert worst <= share, f"off by {worst:.2e} of the largest value"


def test_the_drawn_weights_are_those_of_the_reference():
    # First values of three tensors, as the generator of the reference file gave them.
    name = "backbone.body.layer1.0.conv1.weight"
    assert draw(name, (64, 64, 1, 1)).ravel()[0] == np.float32(0.057071927934885025)
    name = "backbone.body.layer1.0.bn3.weight"
    assert draw(name, (256,))[0] == np.float32(0.39692574739456177)
    name = "roi_heads.mask_predictor.conv5_mask.weight"
    assert draw(name, (256, 256, 2, 2)).ravel()[0] == np.float32(-0.021000439301133156)


def test_the_picture_as_the_body_gets_it(model, inputs, reference):
    assert inputs["image"].shape == (1, *INPUT, 3)
    np.testing.assert_array_equal(inputs["window"], [[0, 0, *reference["image_size"]]])
    ours = ops.convert_to_numpy(model.preprocess(inputs["image"]))[0]
    assert not ours[:, 400:].any()
    assert_close(ours[::8, 5::8], reference["input"])


@pytest.mark.parametrize(
    ("stage", "part"),
    [
        ("C2", np.s_[::16, ::16, ::64]),
        ("C3", np.s_[::8, ::8, ::128]),
        ("C4", np.s_[::4, ::4, ::256]),
        ("C5", np.s_[::2, ::2, ::256]),
    ],
)
def test_stages_of_the_body(forward, reference, stage, part):
    assert_close(ops.convert_to_numpy(forward["stages"][stage])[0][part], reference[stage])


def test_another_epsilon_gives_the_other_reference(model, inputs, reference):
    norms = [la for n, la in network.weighted_layers(model).items() if n.startswith("bn")]
    try:
        for layer in norms:
            layer.epsilon = 0.0
        stages = model.backbone(model.preprocess(inputs["image"]))
    finally:
        for layer in norms:
            layer.epsilon = 1e-5
    ours = ops.convert_to_numpy(stages["C5"])[0, ::2, ::2, ::256]
    assert_close(ours, reference["C5_eps0"])
    assert np.abs(ours - reference["C5"]).max() > 2e-5 * np.abs(ours).max()


@pytest.mark.parametrize(
    ("level", "part"),
    [
        (2, np.s_[::16, ::16, ::32]),
        (3, np.s_[::8, ::8, ::32]),
        (4, np.s_[::4, ::4, ::32]),
        (5, np.s_[::2, ::2, ::16]),
        (6, np.s_[:, :, ::16]),
    ],
)
def test_levels_of_the_pyramid(forward, reference, level, part):
    ours = ops.convert_to_numpy(forward["levels"][level - 2])[0]
    assert_close(ours[part], reference[f"P{level}"])


def test_anchors(model, reference):
    ours = model.anchors_of(INPUT)
    assert len(ours) == 33255
    np.testing.assert_array_equal(ours[reference["anchor_index"]], swapped(reference["anchors"]))


def test_scores_and_deltas_of_the_anchors(forward, reference):
    assert forward["logits"].shape == (1, 33255, 1)
    assert_close(ops.convert_to_numpy(forward["logits"])[0, ::37, 0], reference["objectness"])
    ours = ops.convert_to_numpy(forward["deltas"])[0, ::37]
    assert_close(swapped(ours), reference["deltas"])


def test_proposals(model, forward, inputs, reference):
    ours, valid = model.propose(
        forward["logits"], forward["deltas"], 1000, shape=INPUT, window=inputs["window"]
    )
    assert ops.convert_to_numpy(valid).all()
    # Scores that are equal but for rounding may change places: compare as sets.
    theirs = swapped(reference["proposals"])
    gaps = np.abs(ops.convert_to_numpy(ours)[0][:, None] - theirs[None])
    assert (gaps.max(axis=2).min(axis=0) > 1e-2).sum() <= 2


def test_levels_of_given_boxes(reference):
    boxes = swapped(reference["given_boxes"])
    ours = roi_levels(boxes, INPUT, units="pixels", rule="floor")
    np.testing.assert_array_equal(ours, reference["given_level"])


@pytest.mark.parametrize("method", ["products", "gather"])
@pytest.mark.parametrize(("size", "step"), [(7, 32), (14, 64)])
def test_features_of_given_boxes(forward, reference, method, size, step):
    boxes = swapped(reference["given_boxes"])[None, : 12 if size == 7 else 6]
    ours = roi_align(forward["levels"][:4], boxes, INPUT, size, half_pixel=False, method=method)
    ours = ops.convert_to_numpy(ours)[0, ..., ::step].transpose(0, 3, 1, 2)
    assert_close(ours, reference[f"given_pool{size}"])


@pytest.mark.parametrize("method", ["products", "gather"])
@pytest.mark.parametrize(("half_pixel", "name"), [(True, "aligned"), (False, "unaligned")])
def test_roi_align_alone(method, half_pixel, name):
    with np.load(DATA / "torchvision_roi_align.npz") as stored:
        feature, boxes, expected = stored["feature"], stored["boxes"], stored[name]
    boxes = swapped(boxes)[None]
    settings = dict(half_pixel=half_pixel, method=method)
    ours = roi_align([feature[None]], boxes, INPUT, 7, **settings)
    ours = ops.convert_to_numpy(ours)[0].transpose(0, 3, 1, 2)
    assert_close(ours, expected)


def test_both_heads_on_given_boxes(model, forward, reference):
    boxes = swapped(reference["given_boxes"])[None]
    logits, deltas = model.box_head(model.align(forward["levels"], boxes, 7), training=False)
    assert_close(ops.convert_to_numpy(logits)[0], reference["given_class_logits"])
    deltas = swapped(ops.convert_to_numpy(deltas)[0])
    assert_close(deltas[:, ::9], reference["given_box_regression"])
    features = model.align(forward["levels"], boxes[:, :3], 14)
    for place, class_id in enumerate((0, 32, 64)):
        ids = np.full((1, 3), class_id, np.int32)
        ours = ops.convert_to_numpy(model.mask_head(features, ids, training=False))[0]
        assert_close(ours, reference["given_mask_logits_first3"][:, place])


def test_classes_and_deltas_of_the_proposals(model, forward, reference):
    rois = swapped(reference["proposals"])[None, ::40]
    logits, deltas = model.box_head(model.align(forward["levels"], rois, 7), training=False)
    assert_close(ops.convert_to_numpy(logits)[0], reference["class_logits"])
    deltas = swapped(ops.convert_to_numpy(deltas)[0])
    assert_close(deltas[:, ::9], reference["box_regression_every40"])


@pytest.fixture(scope="module")
def answer(estimator, image):
    """`predict`'s answer and the network's outputs behind it."""
    seen, run = {}, estimator._run
    estimator._run = lambda inputs: seen.setdefault("outputs", run(inputs))
    prediction = estimator.predict(image)[0]
    return prediction, {name: value[0] for name, value in seen["outputs"].items()}


def test_detections_and_mask_probabilities_end_to_end(answer, reference):
    detections, masks = answer[1]["detections"], answer[1]["masks"]
    np.testing.assert_array_equal(detections[:, 4], reference["labels"])
    np.testing.assert_allclose(detections[:, 5], reference["scores"], atol=1e-5)
    theirs = swapped(reference["detection_boxes_resized"])
    np.testing.assert_allclose(detections[:, :4], theirs, atol=5e-4)
    chances = 1 / (1 + np.exp(-reference["mask_logits_selected"].astype(np.float64)))
    np.testing.assert_allclose(masks[:6], chances, atol=3e-5)


def test_predict_gives_the_final_boxes_scores_labels_and_masks(answer, image, reference):
    ours = answer[0]
    assert ours.size == image.shape[:2] == (240, 300)
    np.testing.assert_array_equal(ours.class_ids, reference["labels"])
    np.testing.assert_allclose(ours.scores, reference["scores"], atol=1e-5)
    np.testing.assert_allclose(ours.boxes, swapped(reference["boxes"]), atol=5e-4)
    shape = reference["masks_shape"]
    theirs = np.unpackbits(reference["masks_packed"], count=math.prod(shape)).reshape(shape)
    # A probability of one half but for rounding may fall on either side.
    assert (ours.masks != theirs.astype(bool)).sum() <= 10


# What torchvision 0.28.0 makes of these objects in training, with all anchors and all proposals
# sampled, so that nothing is left to chance: 400 anchors a level, 300 proposals, 306 RoIs.
TRUTH = np.float32(  # x1, y1, x2, y2, in pixels of the image; every second mask is an ellipse
    [
        [20, 30, 120, 150],
        [60, 40, 110, 90],
        [150, 100, 290, 230],
        [200, 20, 260, 80],
        [100, 150, 140, 210],
        [5, 160, 95, 235],
    ]
)
LABELS = np.int32([2, 55, 83, 2, 18, 44])
LOSSES = {
    "rpn_class_loss": 1.7331547737121582,
    "rpn_bbox_loss": 0.000746831065043807,
    "mrcnn_class_loss": 0.6486539840698242,
    "mrcnn_bbox_loss": 0.2979106903076172,
    "mrcnn_mask_loss": 2.7663917541503906,
}


def true_masks() -> np.ndarray:
    """Returns the masks of the objects, bool `(6, 240, 300)`."""
    y, x = np.mgrid[:240, :300] + 0.5
    masks = np.zeros((6, 240, 300), bool)
    for index, (x1, y1, x2, y2) in enumerate(TRUTH.astype(int)):
        if index % 2:
            v, u = (y - (y1 + y2) / 2) / ((y2 - y1) / 2), (x - (x1 + x2) / 2) / ((x2 - x1) / 2)
            masks[index] = v * v + u * u <= 1
        else:
            masks[index, y1:y2, x1:x2] = True
            masks[index, y1 : y1 + (y2 - y1) // 2, x1 : x1 + (x2 - x1) // 3] = False
    return masks


def test_losses_of_a_training_step(estimator, model, inputs, image, monkeypatch):
    config = model.config.replace(
        pre_nms_train=400,
        proposals_train=300,
        rpn_train_anchors=2_000_000,
        train_rois=330,
        roi_positive_fraction=0.1,
        max_instances=6,
    )
    monkeypatch.setattr(model, "config", config)
    sample = Sample(image=image, masks=true_masks(), class_ids=LABELS)
    plan = estimator._resize().plan(image.shape[:2])
    # Ours takes boxes from the resized masks, and so to whole pixels.
    boxes = plan.boxes(swapped(TRUTH))
    encoded = encode(sample, config)
    np.testing.assert_allclose(encoded["gt_boxes"], boxes, atol=0.5)
    truth = {"gt_class_ids": LABELS[None], "gt_boxes": boxes[None]}
    truth["gt_masks"] = encoded["gt_masks"][None]
    outputs = model({**inputs, **truth}, training=True)
    assert ops.convert_to_numpy(outputs["valid"]).sum() == 306
    ours = loss_terms(outputs, count_padding=False, box_loss=config.box_loss)
    for name, expected in LOSSES.items():
        # Ours samples the target of a mask from 56 x 56 cells, the original from the image.
        share = 5e-3 if name == "mrcnn_mask_loss" else 1e-5
        assert float(ours[name]) == pytest.approx(expected, rel=share), name
