"""The network against numbers of the original Mask R-CNN, stage by stage, with equal weights.

`data/README.md` tells where the numbers come from. Errors are given as a share of the largest
reference value; float32 implementations differ by a few 1e-6 from each other.
"""

from __future__ import annotations

import math
import zlib
from pathlib import Path

import keras
import numpy as np
import pytest
from foreign_files import matterport_shapes, write_matterport
from keras import ops

from tfseg.models.mask_rcnn import MaskRCNN, losses, network
from tfseg.nn.ops.boxes import normalize
from tfseg.nn.ops.roi_align import roi_align
from tfseg.nn.rcnn.roi_targets import RoITargets, roi_targets
from tfseg.nn.rcnn.rpn_targets import rpn_targets

DATA = Path(__file__).parent / "data"
TRAIN_ROIS, POSITIVES = 64, 21
# Kernels whose spread is not sqrt(2 / inputs): they keep scores, boxes and masks in range.
FACTORS = {
    "conv1": 1 / 64,
    "fpn_c2p2": 0.1,
    "fpn_c3p3": 0.1,
    "fpn_c4p4": 0.1,
    "fpn_c5p5": 0.1,
    "rpn_class_raw": 0.35,
    "rpn_bbox_pred": 0.15,
    "mrcnn_bbox_fc": 0.3,
    "mrcnn_mask": 1.5,
}


def draw(layer: str, weight: str, shape: tuple[int, ...]) -> np.ndarray:
    """Returns the generated value of one weight: a function of its name and shape alone."""
    random = np.random.default_rng([0, zlib.crc32(f"{layer}/{weight}:0".encode())])
    if weight == "kernel":
        # A transposed convolution of stride 2 and size 2 lets each input reach each output once.
        inputs = shape[3] if layer == "mrcnn_mask_deconv" else math.prod(shape[:-1])
        spread = math.sqrt(2.0 / inputs) * FACTORS.get(layer, 1.0)
        return (spread * random.standard_normal(shape)).astype(np.float32)
    if weight in ("gamma", "moving_variance"):
        low, high = 0.8, 1.2
        if weight == "gamma" and layer.endswith("_branch2c"):
            low, high = 0.2, 0.4
        return (low + (high - low) * random.random(shape)).astype(np.float32)
    spread = 0.02 if weight == "bias" else 0.05
    return (spread * random.standard_normal(shape)).astype(np.float32)


@pytest.fixture(scope="module")
def reference():
    with np.load(DATA / "matterport_resnet50_c4.npz") as stored:
        return dict(stored)


def write_drawn(path: Path, backbone: str, classes: int):
    """Writes a weight file of the original program, with generated values."""
    shapes = matterport_shapes(backbone, classes, pyramid=256, box=1024)
    values = {
        layer: {weight: draw(layer, weight, shape) for weight, shape in weights.items()}
        for layer, weights in shapes.items()
    }
    write_matterport(path, shapes, values=values)


@pytest.fixture(scope="module")
def estimator(tmp_path_factory):
    """Weights come out of a file of the original's layout."""
    path = tmp_path_factory.mktemp("weights") / "mask_rcnn_shapes_0001.h5"
    write_drawn(path, "resnet50", 4)
    estimator = MaskRCNN(
        origin="matterport",
        classes=("a", "b", "c"),
        backbone="resnet50",
        image_size=256,
        anchor_scales=(24.0, 48.0, 96.0, 160.0, 256.0),
        detection_min_confidence=0.3,
        score_floor=0.3,
        train_rois=TRAIN_ROIS,
    )
    report = estimator.load_weights(path)
    assert len(report.loaded) == 133
    assert not (report.skipped or report.missing or report.unused)
    path.unlink()
    return estimator


@pytest.fixture(scope="module")
def model(estimator):
    return estimator.keras_model


@pytest.fixture(scope="module")
def forward(model, reference):
    """All tensors of one forward pass, as NumPy but for the pyramid."""
    stages = model.backbone(model.preprocess(reference["square"][None]))
    levels = model.fpn(stages)
    logits, deltas = model.rpn(levels)
    return {"stages": stages, "levels": levels, "logits": logits, "deltas": deltas}


def assert_close(ours, reference, share=1e-5):
    ours, reference = np.asarray(ours, np.float64), np.asarray(reference, np.float64)
    assert ours.shape == reference.shape
    worst = np.abs(ours - reference).max() / np.abs(reference).max()
    assert worst <= share, f"off by {worst:.2e} of the largest value"


def test_the_drawn_weights_are_those_of_the_reference():
    # First values of three tensors, as the generator of the reference file gave them.
    assert draw("conv1", "kernel", (7, 7, 3, 64)).ravel()[0] == np.float32(0.00043393837404437363)
    assert draw("bn2a_branch2c", "gamma", (256,))[0] == np.float32(0.2901674509048462)
    assert draw("mrcnn_mask_deconv", "kernel", (2, 2, 256, 256)).ravel()[0] == np.float32(
        0.11744896322488785
    )


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


def test_scores_and_deltas_of_the_anchors(forward, reference):
    assert_close(ops.convert_to_numpy(forward["logits"])[0, ::37], reference["rpn_class_logits"])
    assert_close(ops.convert_to_numpy(forward["deltas"])[0, ::37], reference["rpn_bbox"])


def test_proposals(model, forward, reference):
    proposals, valid = model.propose(forward["logits"], forward["deltas"], 1000)
    assert ops.convert_to_numpy(valid).all()
    # Scores that are equal but for rounding may change places: compare as sets.
    gaps = np.abs(ops.convert_to_numpy(proposals)[0][:, None] - reference["rpn_rois"][None])
    nearest = gaps.max(axis=2).min(axis=0)
    assert (nearest > 1e-4).sum() <= 2


@pytest.mark.parametrize("method", ["products", "gather"])
def test_roi_align(model, forward, reference, method):
    boxes = reference["roi_align_boxes"][None]
    settings = dict(units="normalized", points="corners", level_rule="round")
    pooled = roi_align(
        forward["levels"][:4], boxes, model.image_shape, 7, method=method, **settings
    )
    assert_close(ops.convert_to_numpy(pooled)[0, ..., ::16], reference["roi_align_pooled"])


def test_classes_and_deltas_of_the_proposals(model, forward, reference):
    rois = reference["rpn_rois"][None, ::4]
    logits, deltas = model.box_head(model.align(forward["levels"], rois, 7), training=False)
    logits = ops.convert_to_numpy(logits)[0]
    assert_close(ops.convert_to_numpy(deltas)[0, ::2], reference["mrcnn_bbox_every4"])
    # TensorFlow 1.15 drops the last column of a RoI that ends on the border where its position
    # rounds to 31.000002 of 31; ours stays on the border. None of these RoIs is such a one.
    assert_close(logits, reference["mrcnn_class_logits"])


def test_detections_and_masks_end_to_end(model, reference):
    window = reference["window"][None].astype(np.float32)
    outputs = model({"image": reference["square"][None], "window": window}, training=False)
    ours = ops.convert_to_numpy(outputs["detections"])[0]
    theirs = reference["mrcnn_detection"]
    count = int((theirs[:, 4] > 0).sum())
    assert count == 42
    np.testing.assert_array_equal(ours[: len(theirs), 4], theirs[:, 4])
    assert not ours[count:].any()
    np.testing.assert_allclose(
        normalize(ours[:count, :4], model.image_shape), theirs[:count, :4], atol=1e-5
    )
    np.testing.assert_allclose(ours[:count, 5], theirs[:count, 5], atol=1e-5)
    masks = ops.convert_to_numpy(outputs["masks"])[0]
    np.testing.assert_allclose(masks[:3], reference["mrcnn_mask_first3"], atol=3e-5)


def assert_detects(estimator, name: str, scores: float = 2e-5):
    """Compares `predict` with what the original's `detect` returned for an image."""
    with np.load(DATA / name) as stored:
        stored = dict(stored)
    (prediction,) = estimator.predict([stored["image"]])
    results = prediction.as_matterport()
    np.testing.assert_array_equal(results["class_ids"], stored["class_ids"])
    np.testing.assert_array_equal(results["rois"], stored["rois"])
    np.testing.assert_allclose(results["scores"], stored["scores"], atol=scores)
    shape = tuple(stored["masks_shape"])
    masks = np.unpackbits(stored["masks_packed"], count=math.prod(shape)).reshape(shape)
    # A probability of one half but for rounding may fall on the other side.
    assert (results["masks"] != masks).sum() <= 1e-4 * masks.sum()
    return prediction


def test_predict_gives_what_detect_gave_for_a_picture_to_scale(estimator):
    # scikit-image's rounding cut 62 of its 180,480 grey values one lower, or kept them, where they
    # are whole numbers on paper; `test_detections_and_masks_end_to_end` starts behind that.
    detect = "matterport_resnet50_c4_detect.npz"
    assert len(assert_detects(estimator, detect, scores=3e-4)) == 42


@pytest.mark.slow
def test_predict_gives_what_detect_gave_with_the_published_layout(tmp_path):
    path = tmp_path / "mask_rcnn_coco.h5"
    write_drawn(path, "resnet101", 81)
    estimator = MaskRCNN(
        classes=[f"{number}" for number in range(1, 81)],
        image_size=320,
        image_min_size=256,
        proposals_test=300,
        detection_min_confidence=0.5,
        score_floor=0.5,
    )
    assert len(estimator.load_weights(path).loaded) == 235
    assert len(assert_detects(estimator, "matterport_resnet101_coco81_detect.npz")) == 47


def truth(reference):
    """Returns class ids `(1, G)`, boxes `(1, G, 4)` in pixels and masks `(1, G, 56, 56)`."""
    ids = reference["train_gt_class_ids"][None]
    packed = reference["train_gt_masks_mini_packed"]
    masks = np.unpackbits(packed, count=56 * 56 * ids.size).reshape(56, 56, ids.size)
    return ids, reference["train_gt_boxes"][None].astype(np.float32), masks.transpose(2, 0, 1)[None]


def test_matches_and_targets_of_the_anchors(model, reference):
    ids, boxes, _ = truth(reference)
    ours = rpn_targets(model.anchors, boxes, ids, count=2 * len(model.anchors))
    match = ops.convert_to_numpy(ours.match)[0]
    theirs = reference["train_rpn_match_all"]
    assert (theirs == 1).sum() == 27
    np.testing.assert_array_equal(match[theirs == 1], 1)
    # Where anchors tie on paper, float64 rounding chose some of them; ours takes all that tie.
    extra = np.flatnonzero(match != theirs)
    assert (match[extra] == 1).all() and len(extra) < 60
    overlap = exact_iou(model.anchors, boxes[0][ids[0] > 0])
    champion = overlap.max(axis=0)
    np.testing.assert_allclose((overlap[extra] - champion).max(axis=1), 0, atol=2e-6)
    deltas = ops.convert_to_numpy(ours.deltas)[0]
    np.testing.assert_allclose(deltas[theirs == 1], reference["train_rpn_bbox_all"], atol=1e-5)


def exact_iou(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Returns the IoU of all pairs in float64."""
    a, b = first[:, None].astype(np.float64), second[None].astype(np.float64)
    size = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    overlap = np.maximum(size, 0).prod(axis=-1)
    areas = [(box[..., 2:] - box[..., :2]).prod(axis=-1) for box in (a, b)]
    return overlap / (areas[0] + areas[1] - overlap)


def test_targets_of_the_heads_from_given_proposals(model, reference):
    ids, boxes, masks = truth(reference)
    proposals = reference["train_proposals"][None]
    ours = roi_targets(
        proposals,
        proposals.any(axis=-1),
        ids,
        normalize(boxes, model.image_shape),
        masks,
        count=TRAIN_ROIS,
        fraction=0.33,
        mask_size=28,
    )
    ours = RoITargets(*[ops.convert_to_numpy(value)[0] for value in ours])
    count = int(ours.valid.sum())
    assert ours.positive.sum() == 11 and count == 11 + 22
    np.testing.assert_array_equal(ours.rois[ours.valid], reference["train_rois"][:count])
    assert not reference["train_rois"][count:].any()
    np.testing.assert_array_equal(
        ours.class_ids[ours.valid], reference["train_target_class_ids"][:count]
    )
    np.testing.assert_allclose(ours.deltas[:11], reference["train_target_bbox"][:11], atol=1e-5)
    expected = np.unpackbits(reference["train_target_mask_packed"]).reshape(11, 28, 28)
    np.testing.assert_array_equal(ours.masks[:11], expected)


def training_outputs(model, reference) -> dict:
    """Returns the network's training outputs for the reference's anchors and RoIs."""
    levels = model.pyramid(reference["square"][None], training=True)
    logits, deltas = model.rpn(levels)
    match = reference["train_rpn_match"].astype(np.int32)
    targets = np.zeros((1, len(match), 4), np.float32)
    targets[0, match == 1] = reference["train_rpn_bbox_all"]
    ids = reference["train_target_class_ids"]
    rois = reference["train_rois"]
    masks = np.zeros((POSITIVES, 28, 28), np.float32)
    packed = reference["train_target_mask_packed"]
    masks[:11] = np.unpackbits(packed).reshape(11, 28, 28)
    fields = RoITargets(
        rois=rois,
        valid=rois.any(axis=1),
        class_ids=ids,
        deltas=reference["train_target_bbox"][:POSITIVES],
        masks=masks,
        positive=ids[:POSITIVES] > 0,
    )
    fields = RoITargets(*[value[None] for value in fields])
    return {
        "rpn_logits": logits,
        "rpn_deltas": deltas,
        "rpn_match": match[None],
        "rpn_targets": targets,
        **model.heads(levels, fields, training=True),
    }


def test_losses_decay_and_gradients_of_a_training_step(model, reference):
    tf = pytest.importorskip("tensorflow")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("the gradient is taken with TensorFlow's tape")
    with tf.GradientTape() as tape:
        outputs = training_outputs(model, reference)
        terms = losses.loss_terms(outputs)
        decay = losses.l2_penalty(model, 1e-4)
        total = sum(terms.values()) + decay
    for name, value in zip(reference["train_loss_names"], reference["train_losses"]):
        assert float(terms[str(name)]) == pytest.approx(float(value), rel=1e-5), name
    assert float(decay) == pytest.approx(float(reference["train_loss_l2"]), rel=1e-5)

    active = np.ones((1, 4), np.float32)
    active[0, reference["train_inactive_class"]] = 0
    without = losses.loss_terms(outputs, active_classes=active)
    for name, value in zip(reference["train_loss_names"], reference["train_losses_inactive"]):
        assert float(without[str(name)]) == pytest.approx(float(value), rel=1e-5), name

    names, variables = [], []
    for layer in network.weighted_layers(model).values():
        for weight in layer.trainable_variables:
            names.append(f"{layer.name}/{weight.name}:0")
            variables.append(weight.value)
    gradients = tape.gradient(total, variables)
    ours = {name: float(tf.norm(g)) for name, g in zip(names, gradients)}
    theirs = dict(
        zip(map(str, reference["train_gradient_names"]), reference["train_gradient_norms"])
    )
    assert set(ours) == set(theirs)
    assert len(ours) == 266
    for name, value in theirs.items():
        assert ours[name] == pytest.approx(value, rel=5e-4, abs=1e-6), name
