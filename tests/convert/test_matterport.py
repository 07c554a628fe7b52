"""Weight files of matterport/Mask_RCNN, written here in its exact layout, good and broken."""

from __future__ import annotations

from types import SimpleNamespace

import h5py
import keras
import numpy as np
import pytest
from foreign_files import matterport_shapes, values_of, write_keras2, write_matterport

from tfseg import MaskRCNN
from tfseg.convert import keras_h5, matterport
from tfseg.convert.source import Source
from tfseg.convert.transfer import fit_first, layers_of
from tfseg.errors import WeightsError

LAST = {"mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_mask"}


def arrays(model):
    return [keras.ops.convert_to_numpy(w.value) for w in model.keras_model.weights]


def filled(model, values, but=()):
    """True where every array of the network is the number that the file had for it."""
    wrong = [
        f"{layer}/{name}"
        for layer, variables in layers_of(model.keras_model).items()
        for name, variable in variables.items()
        if layer not in but
        and not np.all(keras.ops.convert_to_numpy(variable.value) == values[layer][name])
    ]
    assert not wrong, wrong


@pytest.fixture
def clear(matterport_model):
    """The shared model with all weights 7, which no file here holds."""
    for weight in matterport_model.keras_model.weights:
        weight.assign(np.full(weight.shape, 7, np.float32))
    matterport_model.fitted = False
    return matterport_model


@pytest.mark.parametrize("text", [bytes, str])
def test_every_layer_gets_its_own_arrays(clear, tmp_path, text):
    path = tmp_path / "mask_rcnn_shapes_0030.h5"
    values = write_matterport(path, matterport_shapes(), text=text)
    report = clear.load_weights(path)
    assert len(report.loaded) == 133
    assert not (report.skipped or report.missing or report.unused)
    assert clear.fitted
    filled(clear, values)


def test_a_file_of_model_save_is_opened_at_its_weights(clear, tmp_path):
    path = tmp_path / "whole_model.bin"
    values = write_matterport(path, matterport_shapes(), root="model_weights")
    with h5py.File(path, "a") as file:
        file["optimizer_weights/SGD/conv1/kernel:0"] = np.zeros(3)
    assert len(clear.load_weights(path).loaded) == 133
    filled(clear, values)


def test_names_are_those_of_the_specification():
    assert len(matterport.layer_names("resnet101")) == 235
    assert len(matterport.layer_names("resnet50")) == 133
    assert set(matterport.layer_names("resnet101")) == set(matterport_shapes("resnet101"))
    assert "res4w_branch2c" in matterport.layer_names("resnet101")
    assert "res4g_branch2a" not in matterport.layer_names("resnet50")


def test_81_classes_into_4_skips_three_layers_and_says_which(clear, tmp_path):
    path = tmp_path / "coco.h5"
    values = write_matterport(path, matterport_shapes(classes=81))
    before = arrays(clear)
    with pytest.raises(WeightsError) as error:
        clear.load_weights(path)
    for word in (*LAST, "81", "skip_mismatch=True"):
        assert word in str(error.value)
    assert all(np.array_equal(a, b) for a, b in zip(before, arrays(clear))) and not clear.fitted
    report = clear.load_weights(path, skip_mismatch=True)
    assert set(report.skipped) == LAST and len(report.loaded) == 130
    assert "skipped mrcnn_bbox_fc: kernel is (32, 324) in the file" in str(report)
    filled(clear, values, but=LAST)
    kept = layers_of(clear.keras_model)["mrcnn_mask"]["kernel"]
    assert np.all(keras.ops.convert_to_numpy(kept.value) == 7)


def test_a_deeper_file_is_refused_or_taken_with_a_warning(clear, tmp_path, caplog):
    path = tmp_path / "deep.h5"
    values = write_matterport(path, matterport_shapes("resnet101"))
    with pytest.raises(WeightsError, match="backbone='resnet101'.*4g to 4w"):
        clear.load_weights(path)
    report = clear.load_weights(path, skip_mismatch=True)
    assert len(report.loaded) == 133 and len(report.unused) == 6 * 17
    assert "res4w_branch2c" in report.unused
    assert "Train it before you trust it" in caplog.text
    filled(clear, values)


def test_other_bodies_origins_and_norms_are_refused_with_the_remedy(tmp_path):
    path = tmp_path / "a.h5"
    write_matterport(path, matterport_shapes())
    small = dict(classes=("a", "b", "c"), image_size=64)
    for settings, word in (
        (dict(backbone="resnet101"), "backbone='resnet50'"),
        (dict(backbone="mobilenet_v2"), "backbone='resnet50'"),
        (dict(backbone="resnet50", origin="torchvision"), "origin='matterport'"),
        (dict(backbone="resnet50", norm="none"), "norm='frozen'"),
        (dict(backbone="resnet50", head_norm="group"), "head_norm='frozen'"),
    ):
        model = MaskRCNN(**small, **settings)
        for skip in (False, True):
            with pytest.raises(WeightsError, match=word):
                model.load_weights(path, skip_mismatch=skip)
        assert not model.fitted
        # Refused by settings alone, before a network is built.
        assert model._network is None


def test_too_little_is_an_error_with_counts(clear, tmp_path):
    path = tmp_path / "wide.h5"
    write_matterport(path, matterport_shapes(pyramid=24))
    with pytest.raises(WeightsError, match=r"too little of it fits: 122 of 133 .* least 130") as e:
        clear.load_weights(path, skip_mismatch=True)
    assert "fpn_p2: kernel is" in str(e.value) and "pyramid_channels=24" in str(e.value)
    shapes = matterport_shapes()
    for name in ("fpn_p2", "fpn_p3", "mrcnn_mask_bn1", "rpn_class_raw"):
        del shapes[name]
    write_matterport(path, shapes | {"fpn_p2": matterport_shapes()["fpn_p2"]})
    assert set(clear.load_weights(path, skip_mismatch=True).missing) == {
        *("fpn_p3", "mrcnn_mask_bn1", "rpn_class_raw")
    }
    write_matterport(
        path, shapes | {"fpn_p2": matterport_shapes()["fpn_p2"], "own": {"bias": (2,)}}
    )
    with pytest.raises(WeightsError, match="not in the file: .*fpn_p3.*\n.*only in the file: own"):
        clear.load_weights(path)
    write_matterport(
        path,
        {k: v for k, v in shapes.items() if k != "bn_conv1"}
        | {"fpn_p2": matterport_shapes()["fpn_p2"]},
    )
    with pytest.raises(WeightsError, match="too little of it fits: 129 of 133"):
        clear.load_weights(path, skip_mismatch=True)


def test_arrays_that_are_not_finite_are_refused(clear, tmp_path):
    path, shapes = tmp_path / "nan.h5", matterport_shapes()
    values = values_of(shapes)
    values["res3b_branch2b"]["bias"] = np.nan
    write_matterport(path, shapes, values=values)
    for skip in (False, True):
        with pytest.raises(WeightsError, match="res3b_branch2b/bias has values .* not finite"):
            clear.load_weights(path, skip_mismatch=skip)


def test_broken_and_foreign_files_are_named(clear, tmp_path):
    good = tmp_path / "good.h5"
    shapes = matterport_shapes()
    kernel = np.ones(shapes["res5c_branch2b"]["kernel"], np.float32)
    values = values_of(shapes) | {"res5c_branch2b": {"kernel": kernel, "bias": 1.0}}
    write_matterport(good, shapes, values=values)
    (tmp_path / "cut.h5").write_bytes(good.read_bytes()[: -len(kernel.tobytes()) // 2])
    (tmp_path / "start.h5").write_bytes(good.read_bytes()[:40])
    vgg = {"block1_conv1": shapes["conv1"], "fc1": {"kernel": (3, 4), "bias": (4,)}}
    write_keras2(tmp_path / "vgg.h5", vgg)
    with h5py.File(tmp_path / "torch.h5", "w") as file:
        file["backbone.body.conv1.weight"] = np.zeros((2, 3))
    with h5py.File(tmp_path / "pyramid.h5", "w") as file:
        file["fpn_p2/fpn_p2/kernel:0"] = np.zeros((3, 3, 4, 4), np.float32)
    clear.keras_model.save_weights(tmp_path / "keras3.weights.h5")
    for name, word in {
        "cut.h5": "damaged or truncated",
        "start.h5": "damaged or truncated",
        "vgg.h5": "another network in a Keras 2 file .layers.*block1_conv1, fc1.*read too: matter",
        "torch.h5": "it holds backbone.body.conv1.weight.*read too: .*torchvision",
        "pyramid.h5": "expected a whole Mask R-CNN .* found fpn_p2",
        "keras3.weights.h5": "Keras 3",
        "nowhere.h5": "does not exist",
    }.items():
        with pytest.raises(WeightsError, match=word):
            clear.load_weights(tmp_path / name, skip_mismatch=True)


def test_what_a_file_says_of_itself(tmp_path):
    path = tmp_path / "a.h5"
    write_matterport(path, matterport_shapes("resnet101", classes=81, box=48))
    assert matterport.recognises(path)
    source = matterport.describe(path)
    assert (source.origin, source.backbone, source.class_count) == ("matterport", "resnet101", 81)
    assert source.settings == {"channels": 3, "pyramid_channels": 16, "box_head_channels": 48}
    assert source.class_names[0] == "person" and len(source.class_names) == 80
    assert str(source) == "matterport/Mask_RCNN, resnet101, 81 classes with the background"


def test_weights_come_back_from_our_own_file_bit_by_bit(clear, tmp_path):
    random = np.random.default_rng(0)
    for weight in clear.keras_model.weights:
        weight.assign(random.standard_normal(weight.shape, np.float32) if weight.shape else 1)
    before = arrays(clear)
    clear.save_weights(tmp_path / "ours.weights.h5")
    for weight in clear.keras_model.weights:
        weight.assign(np.zeros(weight.shape))
    report = clear.load_weights(tmp_path / "ours.weights.h5")
    assert len(report.loaded) == 133 and not report.missing
    assert all(np.array_equal(a, b) for a, b in zip(before, arrays(clear), strict=True))


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_the_first_layer_is_fitted_to_other_channels(channels):
    kernel = np.random.default_rng(0).random((7, 7, 3, 2), np.float32)
    stored = {"conv1": {"kernel": kernel, "bias": np.zeros(2)}, "bn_conv1": {"gamma": np.ones(2)}}
    source = Source("a.h5", "matterport/Mask_RCNN", "matterport", "resnet50", 4)
    fitted = fit_first(source, SimpleNamespace(channels=channels), stored)
    picture = np.ones((7, 7, channels))
    picture[..., 3:] = 99
    found = np.einsum("hwi,hwio->o", picture, fitted["conv1"]["kernel"])
    np.testing.assert_allclose(found, kernel.sum(axis=(0, 1, 2)), rtol=1e-5)
    assert fitted["bn_conv1"] is stored["bn_conv1"] and stored["conv1"]["kernel"] is kernel


def test_index_of_what_is_no_hdf5(tmp_path):
    (tmp_path / "a").write_text("hello")
    assert keras_h5.index(tmp_path / "a") == {} and keras_h5.index(tmp_path / "no") == {}
    assert not matterport.recognises(tmp_path / "a")
