"""State dicts of torchvision's Mask R-CNN as files, of today and of before, good and broken."""

from __future__ import annotations

import re

import keras
import numpy as np
import pytest
from foreign_files import torchvision_shapes, write_safetensors

from tfseg import MaskRCNN
from tfseg.convert import torchvision
from tfseg.convert.transfer import layers_of
from tfseg.errors import WeightsError

LAST = {"mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_mask"}


def state_dict(**options):
    """Returns zeros but for the tensors whose transposition a test looks at."""
    random = np.random.default_rng(0)
    turned = ("conv1", "fc6", "fc7", "bbox_pred", "cls_score", "conv5_mask", "bn1", "layer2.0")
    return {
        name: random.random(shape, np.float32)
        if any(part in name for part in turned)
        else np.zeros(shape, np.float32)
        for name, shape in torchvision_shapes(**options).items()
    }


@pytest.fixture(scope="module")
def tensors():
    return state_dict()


@pytest.fixture
def clear(torchvision_model):
    for weight in torchvision_model.keras_model.weights:
        weight.assign(np.full(weight.shape, 7, np.float32))
    torchvision_model.fitted = False
    return torchvision_model


def value(model, layer, name="kernel"):
    return keras.ops.convert_to_numpy(layers_of(model.keras_model)[layer][name].value)


def test_each_tensor_lies_where_its_layer_expects_it(clear, tensors, tmp_path):
    path = tmp_path / "any_name.bin"
    counters = {"backbone.body.bn1.num_batches_tracked": np.zeros((), np.int64)}
    write_safetensors(path, {**tensors, **counters})
    report = clear.load_weights(path)
    assert len(report.loaded) == 127 and clear.fitted
    assert not (report.skipped or report.missing or report.unused)
    body = "backbone.body."
    theirs = tensors[f"{body}conv1.weight"]
    assert value(clear, "conv1")[2, 3, 1, 5] == theirs[5, 1, 2, 3]
    theirs = tensors[f"{body}layer2.0.downsample.0.weight"]
    assert value(clear, "res3a_branch1")[0, 0, 7, 9] == theirs[9, 7, 0, 0]
    for ours, leaf in (("gamma", "weight"), ("beta", "bias"), ("moving_mean", "running_mean")):
        np.testing.assert_array_equal(
            value(clear, "bn3a_branch2b", ours), tensors[f"{body}layer2.0.bn2.{leaf}"]
        )
    theirs = tensors[f"{body}layer2.0.bn3.running_var"]
    np.testing.assert_array_equal(value(clear, "bn3a_branch2c", "moving_variance"), theirs)
    # The flat input of the first dense layer runs over channel, row, column.
    theirs = tensors["roi_heads.box_head.fc6.weight"]
    assert value(clear, "mrcnn_class_conv1")[2, 3, 11, 6] == theirs[6, 11 * 49 + 2 * 7 + 3]
    theirs = tensors["roi_heads.box_head.fc7.weight"]
    assert value(clear, "mrcnn_class_conv2")[0, 0, 4, 6] == theirs[6, 4]
    theirs = tensors["roi_heads.mask_predictor.conv5_mask.weight"]
    assert value(clear, "mrcnn_mask_deconv")[1, 0, 3, 8] == theirs[8, 3, 1, 0]
    # (dx, dy, dw, dh) of class 2 become (dy, dx, dh, dw).
    theirs = tensors["roi_heads.box_predictor.bbox_pred.bias"]
    np.testing.assert_array_equal(
        value(clear, "mrcnn_bbox_fc", "bias")[8:12], theirs[[9, 8, 11, 10]]
    )
    theirs = tensors["rpn.head.bbox_pred.weight"]
    assert value(clear, "rpn_bbox_pred")[0, 0, 3, 5] == theirs[4, 3, 0, 0]


def test_names_of_before_and_prefixes_of_training_programs(clear, tensors, tmp_path):
    older = {}
    for name, tensor in tensors.items():
        name = re.sub(r"(inner_blocks|layer_blocks)\.(\d)\.0\.", r"\1.\2.", name)
        name = name.replace("rpn.head.conv.0.0.", "rpn.head.conv.")
        name = re.sub(
            r"mask_head\.(\d)\.0\.", lambda m: f"mask_head.mask_fcn{int(m[1]) + 1}.", name
        )
        older[f"module.{name}"] = tensor
    assert "module.roi_heads.mask_head.mask_fcn4.bias" in older
    write_safetensors(tmp_path / "older.safetensors", older)
    report = clear.load_weights(tmp_path / "older.safetensors")
    assert len(report.loaded) == 127 and not report.unused


def test_91_classes_into_4_skips_three_layers(clear, tmp_path):
    path = tmp_path / "coco.safetensors"
    write_safetensors(path, state_dict(classes=91))
    with pytest.raises(WeightsError, match="91 classes.*(?s:.)*skip_mismatch=True"):
        clear.load_weights(path)
    assert np.all(value(clear, "mrcnn_mask") == 7)
    report = clear.load_weights(path, skip_mismatch=True)
    assert set(report.skipped) == LAST and len(report.loaded) == 124
    source = torchvision.describe(path)
    assert (source.origin, source.backbone, source.class_count) == ("torchvision", "resnet50", 91)
    assert "norm_epsilon=0.0" in source.notes[0]
    names = source.class_names
    assert (names[0], names[11], names[12], names[89]) == (
        *("person", "N/A 12", "stop sign", "toothbrush"),
    )


def test_the_published_file_is_known_by_its_checksum(tmp_path, monkeypatch):
    path = tmp_path / "coco.safetensors"
    write_safetensors(path, state_dict(classes=91))
    import hashlib

    monkeypatch.setattr(
        torchvision, "_PUBLISHED", hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    )
    source = torchvision.describe(path)
    assert source.settings == {"norm_epsilon": 0.0} and not source.notes


def test_another_origin_or_network_is_refused(matterport_model, clear, tensors, tmp_path):
    good = tmp_path / "a.safetensors"
    write_safetensors(good, tensors)
    for skip in (False, True):
        with pytest.raises(WeightsError, match="origin='torchvision', backbone='resnet50'"):
            matterport_model.load_weights(good, skip_mismatch=skip)
    deeper = MaskRCNN(classes=("a",), backbone="resnet101", origin="torchvision")
    with pytest.raises(WeightsError, match="backbone='resnet50'"):
        deeper.load_weights(good)
    others = {
        "fasterrcnn": {n: t for n, t in tensors.items() if "mask" not in n},
        "resnet": {"conv1.weight": np.zeros((64, 3, 7, 7), np.float32)},
        "v2": {**tensors, "backbone.fpn.inner_blocks.0.1.weight": np.zeros(16, np.float32)},
        "nothing": {},
        "flat": {**tensors, "roi_heads.box_head.fc6.weight": np.zeros((32, 10), np.float32)},
        "nan": {**tensors, "rpn.head.cls_logits.bias": np.full(3, np.nan, np.float32)},
    }
    for name, word in {
        "fasterrcnn": "expected torchvision's maskrcnn_resnet50_fpn.* found backbone.body.conv1",
        "resnet": "found conv1.weight",
        "v2": "maskrcnn_resnet50_fpn_v2",
        "nothing": "found nothing",
        "flat": "mrcnn_class_conv1",
        "nan": "rpn_class_raw/bias has values that are not finite",
    }.items():
        path = tmp_path / f"{name}.safetensors"
        write_safetensors(path, others[name])
        with pytest.raises(WeightsError, match=word):
            clear.load_weights(path, skip_mismatch=True)
    assert np.all(value(clear, "conv1") == 7)


def test_a_deeper_body_has_its_own_names():
    names = torchvision.module_names("resnet101")
    assert names["res4w_branch2b"][0] == "backbone.body.layer3.22.conv2"
    assert names["bn2a_branch1"][0] == "backbone.body.layer1.0.downsample.1"
    shapes = {name.rpartition(".")[0] for name in torchvision_shapes("resnet101")}
    assert {module for module, _ in names.values()} == shapes
