"""State dicts of the public code of Pose2Seg as files, good and broken."""

from __future__ import annotations

import numpy as np
import pytest
from foreign_files import write_safetensors

from tfseg.convert import pose2seg
from tfseg.convert.source import describe
from tfseg.convert.transfer import layers_of
from tfseg.errors import WeightsError
from tfseg.models.pose2seg.config import Pose2SegConfig
from tfseg.models.pose2seg.network import build

BATCH_NORM = ("weight", "bias", "running_mean", "running_var")


def state_dict(channels=311):
    """Returns the public network's arrays, each of one number of its own, built as its code
    builds the modules."""
    shapes = {}

    def conv(name, outputs, inputs, size, bias=True):
        shapes[f"{name}.weight"] = (outputs, inputs, size, size)
        if bias:
            shapes[f"{name}.bias"] = (outputs,)

    def norm(name, width):
        shapes.update({f"{name}.{leaf}": (width,) for leaf in BATCH_NORM})
        shapes[f"{name}.num_batches_tracked"] = ()

    def bottleneck(name, inputs, width, skip, bias):
        rows = ((1, width, inputs, 1), (2, width, width, 3), (3, 4 * width, width, 1))
        for number, outputs, reads, size in rows:
            conv(f"{name}.conv{number}", outputs, reads, size, bias)
            norm(f"{name}.bn{number}", outputs)
        if skip:
            conv(f"{name}.{skip[0]}", 4 * width, inputs, 1, bias)
            norm(f"{name}.{skip[1]}", 4 * width)

    conv("backbone.conv1", 64, 3, 7, bias=False)
    norm("backbone.bn1", 64)
    inputs = 64
    for stage, (blocks, width) in enumerate(zip((3, 4, 6, 3), (64, 128, 256, 512)), start=1):
        for index in range(blocks):
            skip = ("conv4", "bn4") if index == 0 else None
            bottleneck(f"backbone.layer{stage}.{index}", inputs, width, skip, bias=False)
            inputs = 4 * width
        conv(f"backbone.fpn_c{stage}p{stage}", 256, inputs, 1)
        conv(f"backbone.fpn_p{stage}", 256, 256, 3)
    conv("segnet.conv1", 256, channels, 7)
    norm("segnet.bn1", 256)
    skip = ("downsample.0", "downsample.1")
    for index in range(10):
        inputs = 256 if index == 0 else 1024
        bottleneck(f"segnet.layer1.{index}", inputs, 256, skip if index == 0 else None, True)
    bottleneck("segnet.decoder1.0", 1024, 128, skip, True)
    conv("segnet.pred_small", 2, 512, 1)
    numbers = np.linspace(0.1, 2, len(shapes), dtype=np.float32)
    return {
        name: np.full(shape, number, np.float32) if shape else np.zeros(shape, np.int64)
        for (name, shape), number in zip(shapes.items(), numbers)
    }


@pytest.fixture(scope="module")
def network():
    return build(Pose2SegConfig(image_size=64, window_size=16, sampling="public"))


def values(network, layer):
    return {name: np.asarray(v.value) for name, v in layers_of(network)[layer].items()}


def test_each_tensor_lies_where_its_layer_expects_it(network, tmp_path):
    arrays, random = state_dict(), np.random.default_rng(0)
    turned = "backbone.layer2.0.conv4.weight"
    arrays[turned] = random.random(arrays[turned].shape, np.float32)
    write_safetensors(tmp_path / "release.bin", arrays)
    source = pose2seg.describe(tmp_path / "release.bin")
    assert source.system == "pose2seg" and source.settings["use_skeleton"]
    assert describe(tmp_path / "release.bin") == source and source.class_names == ("person",)
    report = pose2seg.load_network(network, tmp_path / "release.bin")
    assert len(report.loaded) == 106 + 8 + 73
    assert not (report.skipped or report.missing or report.unused)
    kernel = values(network, "res3a_branch1")["kernel"]
    assert kernel[0, 0, 7, 9] == arrays[turned][9, 7, 0, 0]
    for ours, theirs in (
        ("bn_conv1", "backbone.bn1"),
        ("bn4f_branch2b", "backbone.layer3.5.bn2"),
        ("fpn_p2", "backbone.fpn_p1"),
        ("fpn_c5p5", "backbone.fpn_c4p4"),
        ("seg_conv1", "segnet.conv1"),
        ("seg_unit9_conv3", "segnet.layer1.9.conv3"),
        ("seg_unit0_bn_skip", "segnet.layer1.0.downsample.1"),
        ("seg_decoder_conv_skip", "segnet.decoder1.0.downsample.0"),
        ("seg_logits", "segnet.pred_small"),
    ):
        names = pose2seg.module_names()[ours][1]
        for leaf, name in names.items():
            expected = arrays[f"{theirs}.{leaf}"].flat[0]
            assert (values(network, ours)[name] == expected).all(), (ours, name)


def test_files_without_a_skeleton_say_so(network, tmp_path):
    write_safetensors(tmp_path / "plain.bin", state_dict(channels=256))
    before = values(network, "seg_conv1")["kernel"]
    with pytest.raises(WeightsError, match="Make it with use_skeleton=False"):
        pose2seg.load_network(network, tmp_path / "plain.bin")
    report = pose2seg.load_network(network, tmp_path / "plain.bin", skip_mismatch=True)
    assert list(report.skipped) == ["seg_conv1"] and not report.missing
    np.testing.assert_array_equal(values(network, "seg_conv1")["kernel"], before)


def test_names_of_before_the_release_are_known(tmp_path):
    arrays = {n.replace("segnet.", "pose2seg.seg_branch."): v for n, v in state_dict().items()}
    write_safetensors(tmp_path / "old.bin", arrays)
    assert pose2seg.recognises(tmp_path / "old.bin")


def test_files_that_do_not_fit(network, tmp_path):
    arrays = state_dict()
    lacking = {name: value for name, value in arrays.items() if "layer1.3.bn2" not in name}
    write_safetensors(tmp_path / "lacking.bin", lacking)
    before = [np.asarray(w.value) for w in network.weights[:4]]
    with pytest.raises(WeightsError, match="not in the file: .*seg_unit3_bn2"):
        pose2seg.load_network(network, tmp_path / "lacking.bin")
    broken = {**arrays, "segnet.bn1.weight": np.full(256, np.nan, np.float32)}
    write_safetensors(tmp_path / "nan.bin", broken)
    with pytest.raises(WeightsError, match="not finite"):
        pose2seg.load_network(network, tmp_path / "nan.bin")
    write_safetensors(tmp_path / "other.bin", {"detr.weight": np.zeros(3, np.float32)})
    assert not pose2seg.recognises(tmp_path / "other.bin")
    with pytest.raises(WeightsError, match="expected the public weights of Pose2Seg.*detr"):
        pose2seg.load_network(network, tmp_path / "other.bin")
    (tmp_path / "cut.bin").write_bytes((tmp_path / "nan.bin").read_bytes()[:5000])
    with pytest.raises(WeightsError, match="damaged or truncated"):
        pose2seg.load_network(network, tmp_path / "cut.bin")
    for weight, value in zip(network.weights, before):
        np.testing.assert_array_equal(np.asarray(weight.value), value)


def test_models_of_other_settings_are_told_which_to_take(tmp_path):
    write_safetensors(tmp_path / "release.bin", state_dict())
    light = build(Pose2SegConfig(variant="light", image_size=64, window_size=16))
    needed = "Make it with variant='cvpr', sampling='public', head_norm='batch'"
    with pytest.raises(WeightsError, match=needed):
        pose2seg.load_network(light, tmp_path / "release.bin")
