"""Pose2Seg against numbers of its public code, step by step, with equal weights.

The numbers are no part of the project: tests look for `pose2seg_cvpr_*.npz` and the names and
shapes of the public weights in the folder that TFSEG_ORACLES names. Errors are given as a share of
the largest reference value.
"""

from __future__ import annotations

import json
import math
import os
import re
import zlib
from pathlib import Path

import numpy as np
import pytest
from foreign_files import write_safetensors
from keras import ops

from tfseg.convert import pose2seg
from tfseg.models.pose2seg import targets
from tfseg.models.pose2seg.config import Pose2SegConfig
from tfseg.models.pose2seg.decode import decode
from tfseg.models.pose2seg.losses import mask_loss
from tfseg.models.pose2seg.network import build
from tfseg.models.pose2seg.skeleton.alignment import align, candidates
from tfseg.models.pose2seg.skeleton.features import LIMBS_CVPR, skeleton_features
from tfseg.models.pose2seg.skeleton.templates import Templates

ROOT = Path(__file__).parents[2]
FRAME, SIZE = (128, 128), 64
NORM = re.compile(r"\.(bn\d|downsample\.1)$")


def folder() -> Path:
    return Path(os.environ.get("TFSEG_ORACLES", ROOT / ".." / "shared" / "oracles")).resolve()


pytestmark = pytest.mark.skipif(
    not (folder() / "pose2seg_cvpr.json").is_file(),
    reason=f"no numbers of the public code at {folder()}; point TFSEG_ORACLES to them",
)


def stored(name):
    with np.load(folder() / f"pose2seg_cvpr_{name}.npz") as arrays:
        return dict(arrays)


def draw(name: str, shape: list[int]) -> np.ndarray:
    """Returns the generated value of one of their tensors: a function of name and shape alone."""
    random = np.random.default_rng([0, zlib.crc32(name.encode())])
    layer, _, leaf = name.rpartition(".")
    norm = NORM.search(layer) is not None
    if leaf == "weight" and not norm:
        spread = math.sqrt(2.0 / math.prod(shape[1:]))
        spread *= 0.2 if layer.startswith("backbone.fpn_c") else 1.0
        return (spread * random.standard_normal(shape)).astype(np.float32)
    if leaf in ("weight", "running_var"):
        low, high = (0.2, 0.4) if layer.endswith("bn3") and leaf == "weight" else (0.8, 1.2)
        return (low + (high - low) * random.random(shape)).astype(np.float32)
    value = ((0.05 if norm else 0.02) * random.standard_normal(shape)).astype(np.float32)
    return value + np.float32([3.5, -3.5]) if name == "segnet.pred_small.bias" else value


def assert_close(ours, reference, share=1e-5):
    ours, reference = np.asarray(ours, np.float64), np.asarray(reference, np.float64)
    assert ours.shape == reference.shape
    worst = np.abs(ours - reference).max() / np.abs(reference).max()
    assert worst <= share, f"off by {worst:.2e} of the largest value"


def channels_first(x):
    return np.moveaxis(ops.convert_to_numpy(x), -1, 1)


def test_matrices_scores_and_choices_of_24_poses():
    told = stored("align")
    templates = Templates(told["templates"][:3])
    np.testing.assert_allclose(templates.swapped.joints, told["templates"][3:])
    found = candidates(told["poses"], templates, SIZE, "swap")
    taken = told["template_scores"] > 0
    np.testing.assert_array_equal(found.accepted, taken)
    np.testing.assert_allclose(found.scores, told["template_scores"], atol=2e-8)
    # The original solves in float32.
    assert_close(found.matrices[taken], told["template_matrices"][taken][:, :2], 1e-4)
    best = align(told["poses"], templates, FRAME, SIZE, rule="score", turning="swap")
    number = np.where(best.templates < 0, -1, best.templates + 3 * best.turned)
    np.testing.assert_array_equal(number, told["best_template"])
    assert_close(best.matrices, told["best_matrix"][:, :2], 1e-4)


def test_skeletons_of_five_poses():
    told = stored("align")
    ours = skeleton_features(
        told["skeleton_keypoints"].astype(np.float64), SIZE, LIMBS_CVPR, hidden=-1.0
    )
    theirs = np.moveaxis(told["skeleton_features"], 1, -1)
    assert np.abs(ours[..., :17] - theirs[..., :17]).max() < 1e-6
    assert (np.abs(ours[..., 17:] - theirs[..., 17:]) > 1e-5).sum() <= 2


@pytest.fixture(scope="module")
def reference():
    return stored("network")


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "pose2seg_release.safetensors"
    shapes = json.loads((folder() / "pose2seg_cvpr.json").read_text())["tensors"]
    write_safetensors(path, {name: draw(name, shape) for name, shape in shapes.items()})
    model = build(Pose2SegConfig(sampling="public"))
    report = pose2seg.load_network(model, path)
    assert not (report.skipped or report.missing or report.unused)
    path.unlink()
    return model


@pytest.fixture(scope="module")
def people(reference):
    """The three people from the image to the window, by our own arithmetic."""
    rows = stored("align")["templates"][:3].reshape(3, -1)
    config = Pose2SegConfig(sampling="public", templates=tuple(map(tuple, rows.tolist())))
    made = targets.plan(reference["keypoints"], reference["image_bgr"].shape[:2], config)
    return made, config


def test_the_chain_from_the_image_to_the_windows(people, reference):
    made, config = people
    assert_close(made.image, reference["input_matrix"][:2], 1e-7)
    assert_close(made.align, reference["feat_align_matrix"][:, :2], 1e-4)
    assert_close(made.windows, reference["mask_align_matrix"][:, :2], 1e-4)
    image = np.ascontiguousarray(reference["image_bgr"][..., ::-1])
    ours = targets.network_image(image, made, config)
    difference = np.abs(ours.astype(int) - reference["net_input_rgb"])
    assert difference.max() <= 2 and (difference > 0).mean() < 0.05


@pytest.fixture(scope="module")
def forward(network, reference):
    """Stages and pyramid of the stored input."""
    image = network.preprocess(reference["net_input_rgb"][None])
    stages = network.backbone(image, training=False)
    return stages, network.fpn(stages)


def test_stages_and_levels(forward, reference):
    stages, levels = ({**forward[0]}, forward[1])
    assert_close(channels_first(stages["C2"])[0, ::8, ::4, ::4], reference["c1_sample"])
    assert_close(channels_first(stages["C5"])[0, ::16], reference["c4_sample"])
    for index, part in enumerate(
        (np.s_[::4, ::4, ::4], np.s_[::4, ::2, ::2], np.s_[::4], np.s_[::2])
    ):
        ours = channels_first(levels[index])[0][part]
        assert_close(ours, reference[f"p{index + 1}_sample"])


def test_aligned_features(network, forward, reference):
    matrices = reference["feat_align_matrix"][:, :2]
    network_features = forward[1][0]
    aligned = network.windows(
        network_features, np.zeros(3, np.int32), matrices, np.zeros((3, 17, 3), np.float32)
    )
    ours = channels_first(aligned)[:, :256:8, ::2, ::2]
    assert_close(ours, reference["aligned_sample"], 2e-5)
    # Another convention of corners would be seen.
    other = reference["aligned_corners_false_sample"]
    assert np.abs(ours - other).max() > 0.01 * np.abs(other).max()


def test_logits_loss_and_masks_end_to_end(network, forward, people, reference):
    made, config = people
    matrices, joints = made.align.astype(np.float32), made.joints.astype(np.float32)
    windows = network.windows(forward[1][0], np.zeros(3, np.int32), matrices, joints)
    drawn = channels_first(windows)[:, 256:]
    assert (np.abs(drawn - reference["skeleton_features"]) > 1e-3).sum() <= 4
    logits = ops.convert_to_numpy(network.logits(windows, training=False))
    # The original's matrices are solved in float32, and few edges of limbs fall otherwise.
    theirs = np.moveaxis(reference["mask_logits"], 1, -1)
    assert_close(logits, theirs, 1e-2)
    assert np.abs(logits - theirs).mean() < 1e-4 * np.abs(theirs).max()
    shape = reference["masks_shape"]
    truth, masks = (
        np.unpackbits(reference[name], count=math.prod(shape)).reshape(shape).astype(bool)
        for name in ("target_masks_packed", "masks_packed")
    )
    aligned = targets.window_masks(truth, made, config)
    assert (aligned != reference["target_aligned"]).mean() < 0.002
    loss = float(mask_loss(logits, reference["target_aligned"], np.ones(3, bool)))
    assert loss == pytest.approx(float(reference["loss"]), rel=1e-4)
    found = decode(logits, made, reference["keypoints"], np.ones(3))
    assert masks.any(axis=(1, 2)).all() and (found.masks != masks).mean() <= 0.001


def test_the_head_on_the_stored_input(network, forward, reference):
    import keras

    matrices = reference["feat_align_matrix"][:, :2]
    nobody = np.zeros((3, 17, 3), np.float32)
    windows = network.windows(forward[1][0], np.zeros(3, np.int32), matrices, nobody)
    skeleton = np.moveaxis(reference["skeleton_features"], 1, -1)
    windows = ops.concatenate([windows[..., :256], skeleton], axis=-1)
    units = keras.Model(network.head.input, network.head.get_layer("seg_unit9_out").output)
    ours = channels_first(units(windows, training=False))[:, ::16]
    assert_close(ours, reference["seg_layer1_sample"])
    logits = network.logits(windows, training=False)
    assert_close(channels_first(logits), reference["mask_logits"])
