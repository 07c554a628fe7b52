"""The migration guide: every name in it exists, and every block of code in it runs."""

from __future__ import annotations

import importlib
import inspect
import re

import keras
import numpy as np
import pytest
from PIL import Image

import tfseg
from tfseg.data.augment import choose
from tfseg.data.coco.coco_writer import write_coco
from tfseg.data.synthetic import SyntheticPeople
from tfseg.models.mask_rcnn import MaskRCNN, MaskRCNNConfig

# The settings of matterport/Mask_RCNN's mrcnn/config.py.
THEIRS = [
    "NAME", "GPU_COUNT", "IMAGES_PER_GPU", "STEPS_PER_EPOCH", "VALIDATION_STEPS", "BACKBONE",
    "COMPUTE_BACKBONE_SHAPE", "BACKBONE_STRIDES", "FPN_CLASSIF_FC_LAYERS_SIZE",
    "TOP_DOWN_PYRAMID_SIZE", "NUM_CLASSES", "RPN_ANCHOR_SCALES", "RPN_ANCHOR_RATIOS",
    "RPN_ANCHOR_STRIDE", "RPN_NMS_THRESHOLD", "RPN_TRAIN_ANCHORS_PER_IMAGE", "PRE_NMS_LIMIT",
    "POST_NMS_ROIS_TRAINING", "POST_NMS_ROIS_INFERENCE", "USE_MINI_MASK", "MINI_MASK_SHAPE",
    "IMAGE_RESIZE_MODE", "IMAGE_MIN_DIM", "IMAGE_MAX_DIM", "IMAGE_MIN_SCALE",
    "IMAGE_CHANNEL_COUNT", "MEAN_PIXEL", "TRAIN_ROIS_PER_IMAGE", "ROI_POSITIVE_RATIO",
    "POOL_SIZE", "MASK_POOL_SIZE", "MASK_SHAPE", "MAX_GT_INSTANCES", "RPN_BBOX_STD_DEV",
    "BBOX_STD_DEV", "DETECTION_MAX_INSTANCES", "DETECTION_MIN_CONFIDENCE",
    "DETECTION_NMS_THRESHOLD", "LEARNING_RATE", "LEARNING_MOMENTUM", "WEIGHT_DECAY",
    "LOSS_WEIGHTS", "USE_RPN_ROIS", "TRAIN_BN", "GRADIENT_CLIP_NORM",
]  # fmt: skip
SMALL = dict(
    backbone="mobilenet_v2", norm="group", image_size=64,
    anchor_scales=(8.0, 16.0, 32.0, 48.0, 64.0), rpn_train_anchors=32, pre_nms_limit=60,
    proposals_train=20, proposals_test=12, train_rois=12, pool_size=3, mask_pool_size=4,
    mini_mask_size=14, max_instances=6, max_detections=5, pyramid_channels=16, rpn_channels=16,
    box_head_channels=16, mask_head_channels=8, mask_head_convs=1, add_truth_to_proposals=True,
)  # fmt: skip


@pytest.fixture(scope="module")
def guide(repo_root):
    return (repo_root / "docs" / "from_matterport.md").read_text("utf-8")


def rows(guide, heading):
    """The cells of the table below a heading."""
    section = guide.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def quoted(text):
    return re.findall(r"`([^`]+)`", text)


def test_every_setting_of_theirs_has_its_row(guide):
    assert [quoted(row[0]) for row in rows(guide, "Settings")] == [[name] for name in THEIRS]


def test_every_setting_of_ours_exists(guide):
    known = set(MaskRCNNConfig.setting_names())
    known |= {f"train.{name}" for name in tfseg.TrainConfig.setting_names()}
    named = [name for row in rows(guide, "Settings") for name in quoted(row[1])]
    assert len(named) > 30
    assert set(named) <= known
    beside = [
        n for row in rows(guide, "Settings") for n in quoted(row[2]) if re.match(r"[a-z_.]+$", n)
    ]
    assert {name for name in beside if name != "predict" and name != "evaluate"} <= known


def test_the_numbers_that_are_said_to_be_theirs_are_our_defaults():
    """Values of their config.py, under our names."""
    ours = MaskRCNNConfig(classes=("a",))
    expected = dict(
        backbone="resnet101", box_head_channels=1024, pyramid_channels=256,
        anchor_scales=(32, 64, 128, 256, 512), anchor_ratios=(0.5, 1, 2), anchor_stride=1,
        rpn_nms_threshold=0.7, rpn_train_anchors=256, pre_nms_limit=6000, proposals_train=2000,
        proposals_test=1000, mini_mask_size=56, image_size=1024, channels=3,
        pixel_mean=(123.7, 116.8, 103.9), train_rois=200, roi_positive_fraction=0.33, pool_size=7,
        mask_pool_size=14, max_instances=100, rpn_std=(0.1, 0.1, 0.2, 0.2), max_detections=100,
        detection_min_confidence=0.7, detection_nms_threshold=0.3, weight_decay=1e-4,
        norm="frozen", image_fit="matterport",
    )  # fmt: skip
    assert {name: getattr(ours, name) for name in expected} == expected
    train = dict(batch_size=1, learning_rate=0.001, momentum=0.9, clip_norm=5.0)
    train.update(clip_mode="per_variable", steps_per_epoch=None, validation_steps=None)
    assert {name: getattr(ours.train, name) for name in train} == train


def test_every_call_of_ours_exists(guide):
    """`tfseg.a.b(...)` and `model.verb(...)` in the table of calls and in the text."""
    names = set(re.findall(r"`tfseg((?:\.\w+)+)", guide))
    assert len(names) > 10
    for name in names:
        found = tfseg
        for part in name[1:].split("."):
            if not hasattr(found, part):
                found = importlib.import_module(f"{found.__name__}.{part}")
            else:
                found = getattr(found, part)
    for verb in set(re.findall(r"`model\.(\w+)", " ".join(r[1] for r in rows(guide, "Calls")))):
        assert hasattr(MaskRCNN, verb), verb
    verbs = set(re.findall(r"`tfseg (\w+)", guide))
    from tfseg.cli.main import VERBS

    assert verbs and verbs <= set(VERBS)


def small_backbone(config, seed):
    """Returns five convolutions with the strides of a real body."""
    x = image = keras.Input((config.image_size, config.image_size, 3), name="image")
    stages = {}
    for index in range(1, 6):
        x = keras.layers.Conv2D(8, 3, 2, "same", activation="relu", name=f"block_{index}")(x)
        stages[f"C{index}"] = x
    del stages["C1"]
    return keras.Model(image, stages, name="small_backbone")


class Quick(MaskRCNN):
    """The settings of the guide, made small: one step of one image for each stage, or none."""

    trains = False

    def __init__(self, config=None, /, **settings):
        if "train" in settings:
            stages = tuple(stage.replace(epochs=1) for stage in settings["train"].stages)
            quick = dict(stages=stages, steps_per_epoch=1, batch_size=1, evaluate_limit=1)
            settings["train"] = settings["train"].replace(workers=1, **quick)
            settings.update(SMALL)
        super().__init__(config, **settings)

    def fit(self, train, val=None, **options):
        if self.trains:
            return super().fit(train, val, **options)
        inspect.signature(super().fit).bind(train, val, **options)
        choose(options["augmentation"]).check(train[0])
        self.fitted = True
        self.save(f"{options['run_dir']}/best")
        return self


@pytest.fixture
def day(tmp_path, monkeypatch):
    """The folder that the guide's blocks are run in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tfseg.models.two_stage.network.build_backbone", small_backbone)
    monkeypatch.setattr(tfseg, "MaskRCNN", Quick, raising=False)
    people = SyntheticPeople(2, size=64, people=(1, 2))
    for name in ("train", "val"):
        write_coco(people, f"{name}.json", "images")
    Image.fromarray(people[0].image).save("photo.jpg")
    Image.fromarray(people[0].image).save("balloon.jpg")
    Image.fromarray(people[0].masks[0].astype(np.uint8) * 255).save("balloon_mask.png")
    # What the reader of Matterport's own file does is tested with it; here a file of three
    # classes stands for it.
    other = MaskRCNN(classes=("a", "b", "c"), **SMALL)
    other.save_weights("weights.h5").rename("mask_rcnn_coco.h5")
    return tmp_path


@pytest.mark.parametrize("trains", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_every_block_of_code_runs(guide, day, capsys, monkeypatch, trains):
    monkeypatch.setattr(Quick, "trains", trains)
    blocks = re.findall(r"```python\n(.*?)```", guide, re.S)
    assert len(blocks) == 6
    names: dict = {}
    for number, block in enumerate(blocks, 1):
        exec(compile(block, f"docs/from_matterport.md, block {number}", "exec"), names)
    said = capsys.readouterr().out
    assert "int32 (" in said and "bool (64, 64, " in said
    assert names["drawn"].shape == (64, 64, 3)
    assert (day / "inside" / "index.html").is_file() and (
        day / "coco_files" / "truth.json"
    ).is_file()
    assert len(names["balloons"]) == 1
    # `exclude` of theirs by shape: the layers that depend on the number of classes.
    assert "mrcnn_class_logits" in said and "skipped" in said


def test_the_readme_leads_here(repo_root):
    assert "docs/from_matterport.md" in (repo_root / "README.md").read_text("utf-8")
