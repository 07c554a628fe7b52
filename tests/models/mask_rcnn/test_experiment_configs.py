"""The clothing paper's experiments: each file is its parent and the stated change, nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tfseg.config import Stage, learning_rate
from tfseg.config.files import build, load_config
from tfseg.data.augment import presets
from tfseg.models.mask_rcnn.config import MaskRCNNConfig
from tfseg.studies.experiment_files import read_experiment

FOLDER = Path(__file__).resolve().parents[3] / "configs" / "mask_rcnn"
SMALL = FOLDER / "cpu"

SIX = {"image_min_size": 512, "image_size": 512}
LONG = (Stage(40, "heads"), Stage(80, "all"))
# Name: what it extends, settings of the model, settings of the training.
TABLES = {
    "t2_dropout_id": ("base", {"dropout": ("identity",), "dropout_rate": 0.5}, {}),
    "t2_dropout_id_conv": ("base", {"dropout": ("identity", "conv"), "dropout_rate": 0.5}, {}),
    "t2_rpn_l2": ("base", {"rpn_bbox_loss": "l2"}, {}),
    "t3_dim_512": ("base", SIX, {}),
    "t3_dim_256": ("base", {"image_min_size": 256, "image_size": 256}, {}),
    "t3_r50": ("t3_dim_512", {"backbone": "resnet50"}, {}),
    "t3_anchor_16": ("t3_dim_512", {"anchor_scales": (16, 32, 64, 128, 256)}, {}),
    "t3_anchor_8": ("t3_dim_512", {"anchor_scales": (8, 16, 32, 64, 128)}, {}),
    "t3_nms_08": ("t3_anchor_16", {"rpn_nms_threshold": 0.8}, {}),
    "t3_nms_09": ("t3_anchor_16", {"rpn_nms_threshold": 0.9}, {}),
    "t3_conf_075": ("t3_nms_08", {"detection_min_confidence": 0.75}, {}),
    "t3_conf_08": ("t3_nms_08", {"detection_min_confidence": 0.8}, {}),
    "t3_aug_geo": ("t3_nms_08", {}, {"augmentation": "aug_geo"}),
    "t3_aug_flip": ("t3_nms_08", {}, {"augmentation": "aug_flip"}),
    "t3_aug_color": ("t3_nms_08", {}, {"augmentation": "aug_color"}),
    "t3_aug_blur": ("t3_nms_08", {}, {"augmentation": "aug_blur"}),
    "t3_aug_flip_blur": ("t3_nms_08", {}, {"augmentation": "aug_flip_blur"}),
    "t4_aug_all_a": ("t3_nms_08", {}, {"augmentation": "aug_all_a"}),
    "t4_aug_all_b": ("t3_nms_08", {}, {"augmentation": "aug_all_b"}),
    "t4_aug_all_c": ("t3_nms_08", {}, {"augmentation": "aug_all_c"}),
    "t6_aug_piecewise": ("t3_nms_08", {}, {"augmentation": "aug_piecewise"}),
    "t5_ep120": ("t4_aug_all_a", {}, {"stages": LONG}),
    "t5_lr_a": ("t5_ep120", {}, {"schedule": "lr_a"}),
    "t5_lr_b": ("t5_ep120", {}, {"schedule": "lr_b"}),
    "t5_lr_c": ("t5_ep120", {}, {"schedule": "lr_c"}),
}
REPORTED = {"t3_dim_512": 5.31, "t3_anchor_16": 3.30, "t3_nms_08": 3.28, "final": 2.24}


def settings(path: Path) -> MaskRCNNConfig:
    return build(MaskRCNNConfig, load_config(path), classes=("suit", "dress", "jeans"))


def by_name(name: str) -> MaskRCNNConfig:
    return settings(FOLDER / f"{name}.yaml")


@pytest.mark.parametrize("name", TABLES)
def test_an_experiment_is_its_parent_and_the_change(name):
    parent, model, train = TABLES[name]
    before = by_name(parent)
    after = before.replace(**model, train=before.train.replace(**train))
    assert by_name(name) == after
    # And the file says so itself, setting by setting.
    one = read_experiment(FOLDER / f"{name}.yaml")
    stated = {f"model.{key}" for key in model} | {f"train.{key}" for key in train}
    assert one.parent == parent and set(one.differs) == stated
    assert one.loaded["description"] and "Yam, Zhao" in one.loaded["source"]
    assert f"{name}.yaml" in one.loaded["command"]
    assert one.paper.table == name[1] and one.paper.says


def test_there_are_no_others():
    files = {path.stem for path in FOLDER.glob("t*.yaml")}
    assert files == set(TABLES)


def test_the_starting_point():
    base = by_name("base")
    train = base.train
    assert (base.class_count, base.backbone) == (4, "resnet101")
    assert (base.resolved_min_size, base.image_size) == (800, 1024)
    assert base.anchor_scales == (32, 64, 128, 256, 512)
    assert (base.rpn_nms_threshold, base.detection_min_confidence) == (0.7, 0.7)
    assert (train.batch_size, train.steps_per_epoch, train.epochs) == (1, 131, 60)
    assert train.stages == (Stage(40, "heads"), Stage(20, "all"))
    assert (train.augmentation, train.schedule, train.optimizer) == ("aug_none", "lr_const", "sgd")
    assert (train.momentum, train.learning_rate) == (0.9, 0.001)
    assert (train.clip_norm, train.clip_mode) == (5.0, "per_variable")


def test_the_last_setting_is_the_chain_of_all_that_was_kept():
    assert by_name("final") == by_name("t5_lr_c")


def test_reported_losses():
    found = {
        path.stem: one.paper.reported["total_loss"]
        for path in FOLDER.glob("*.yaml")
        if "total_loss" in (one := read_experiment(path)).paper.reported
    }
    assert found == REPORTED
    assert read_experiment(FOLDER / "final.yaml").paper.reported["map"] == 0.82


# Divisor of the base rate in the epochs 1-40, 41-60, 61-80, 81-100, 101-120.
DIVISORS = {
    "t5_ep120": (1, 1, 1, 1, 1),
    "t5_lr_a": (1, 10, 50, 100, 500),
    "t5_lr_b": (1, 1, 10, 10, 20),
    "t5_lr_c": (1, 1, 10, 100, 1000),
}


@pytest.mark.parametrize("name", DIVISORS)
def test_learning_rates_of_all_120_epochs(name):
    train = by_name(name).train
    assert train.epochs == 120
    expected = [
        0.001 / divisor
        for divisor, epochs in zip(DIVISORS[name], (40, 20, 20, 20, 20))
        for _ in range(epochs)
    ]
    assert [learning_rate(train, epoch) for epoch in range(1, 121)] == pytest.approx(expected)


def test_every_augmentation_set_is_there():
    names = {by_name(name).train.augmentation for name in TABLES}
    assert names <= set(presets.NAMES)


# ---- the same at small scale


SMALL_FILES = sorted(SMALL.glob("*.yaml"))


@pytest.mark.parametrize("path", SMALL_FILES, ids=lambda path: path.stem)
def test_a_small_experiment_changes_what_the_papers_does(path):
    small = read_experiment(path)
    original = read_experiment(FOLDER / f"{small.paper.repeats}.yaml")
    assert small.paper.replace(repeats=None) == original.paper
    if path.stem == "base":
        return
    own = {"image_min_size": "image_size", "schedule": "stages"}  # said by another setting here
    expected = {own.get(n.split(".")[1], n.split(".")[1]) for n in original.differs}
    assert {n.split(".")[1] for n in small.differs} == expected
    assert small.parent == ("t5_ep120" if path.stem == "t5_lr_c" else "base")


def test_small_changes_are_in_proportion():
    base, large = settings(SMALL / "base.yaml"), by_name("base")
    for name in ("t3_anchor_16", "t3_anchor_8"):
        ours = [
            a / b
            for a, b in zip(settings(SMALL / f"{name}.yaml").anchor_scales, base.anchor_scales)
        ]
        theirs = [a / b for a, b in zip(by_name(name).anchor_scales, large.anchor_scales)]
        assert ours == pytest.approx(theirs)
    for name in ("t3_nms_08", "t3_nms_09", "t2_rpn_l2", "t4_aug_all_a"):
        ours, theirs = (read_experiment(f / f"{name}.yaml").differs for f in (SMALL, FOLDER))
        assert {n: after for n, (_, after) in ours.items()} == {
            n: after for n, (_, after) in theirs.items()
        }
    sizes = [settings(SMALL / f"{n}.yaml").image_size for n in ("base", "t3_dim_512", "t3_dim_256")]
    assert sizes == sorted(sizes, reverse=True) and len(set(sizes)) == 3


@pytest.mark.parametrize("name", ["base", "t5_ep120", "t5_lr_c"])
def test_one_small_epoch_stands_for_twenty(name):
    ours, theirs = settings(SMALL / f"{name}.yaml").train, by_name(name).train
    assert theirs.epochs == 20 * ours.epochs
    for epoch in range(1, ours.epochs + 1):
        last = 20 * epoch
        assert ours.stage_at(epoch).layers == theirs.stage_at(last).layers
        rates = learning_rate(ours, epoch, step=10**6), learning_rate(theirs, last)
        assert rates[0] / ours.learning_rate == pytest.approx(rates[1] / theirs.learning_rate)
