"""DETR's weights as the start of HPTR."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from detr_files import detr_shapes
from foreign_files import write_safetensors

from tfseg import HPTR
from tfseg.convert import source
from tfseg.errors import WeightsError

SETTINGS = dict(
    pyramid_channels=16,
    branch_width=16,
    transformer_channels=128,
    transformer_hidden=16,
    queries=6,
    image_size=64,
)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    random = np.random.default_rng(0)
    shapes = detr_shapes(classes=91, queries=9, width=128, hidden=16)
    arrays = {
        name: np.zeros(shape, np.float32)
        if "backbone" in name and "layer2.0" not in name
        else random.random(shape, np.float32)
        for name, shape in shapes.items()
    }
    path = tmp_path_factory.mktemp("detr") / "detr.safetensors"
    write_safetensors(path, arrays)
    return path, arrays


def of(variable) -> np.ndarray:
    return keras.ops.convert_to_numpy(variable.value)


@pytest.mark.slow
def test_backbone_and_transformer_start_from_the_file(file):
    path, arrays = file
    found = source.describe(path)
    assert (found.system, found.backbone, found.class_count) == ("hptr", "resnet50", None)
    assert found.settings["transformer_channels"] == 128 and found.settings["decoder_layers"] == 6
    model = HPTR(**SETTINGS)
    report = model.load_weights(path)
    detector = model.keras_model.detector
    codes = arrays["query_embed.weight"]
    np.testing.assert_array_equal(of(detector.query_codes), codes[:6])
    head = arrays["class_embed.weight"][[1, 91]]  # COCO's person, and no object
    np.testing.assert_array_equal(of(detector.class_head.kernel), head.T)
    theirs = arrays["backbone.0.body.layer2.0.conv2.weight"]
    kernel = next(w for w in model.keras_model.backbone.weights if "res3a_branch2b" in w.path)
    np.testing.assert_array_equal(of(kernel), theirs.transpose(2, 3, 1, 0))
    assert not model.fitted and any("fpn" in name for name in report.missing)
    assert not any("detector" in name or "res" in name for name in model.random_layers)
    other = HPTR(**{**SETTINGS, "query_kind": "anchors"})
    with pytest.raises(WeightsError, match=r"query_kind='anchors'. Make it with query_kind='codes"):
        other.load_weights(path)
    report = other.load_weights(path, skip_mismatch=True)
    assert any("encoder/layer5" in name for name in report.loaded)


def test_settings_that_differ_are_named(file):
    model = HPTR(**{**SETTINGS, "backbone_form": "keras", "encoder_layers": 3})
    with pytest.raises(WeightsError, match="encoder_layers=3, backbone_form='keras'"):
        model.load_weights(file[0])
