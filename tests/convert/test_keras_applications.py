"""ImageNet weights of Keras Applications, in the layout of the published files."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from foreign_files import matterport_shapes, norm, write_keras2

from tfseg import MaskRCNN, PortraitSegmenter
from tfseg.convert import keras_applications, matterport
from tfseg.convert.transfer import layers_of
from tfseg.errors import WeightsError
from tfseg.nn.backbones.resnet import resnet

TOP = {"predictions": {"kernel": (2048, 10), "bias": (10,)}}


def contents(network):
    """Returns shapes and values of a Keras model, as a file of its weights holds them."""
    arrays = {
        layer.name: {weight.name: np.asarray(weight) for weight in layer.weights}
        for layer in network.layers
        if layer.weights
    }
    shapes = {layer: {n: v.shape for n, v in values.items()} for layer, values in arrays.items()}
    return shapes, arrays


def shaken(network):
    """Gives the norms statistics that tell one epsilon from another, and keeps values in range."""
    random = np.random.default_rng(0)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            gamma, beta, mean, variance = layer.get_weights()
            variance = random.choice([1e-3, 0.5, 2.0], variance.shape)
            gamma = random.uniform(0.5, 1.0, gamma.shape) * np.sqrt(variance)
            layer.set_weights([gamma, beta + random.normal(0, 0.1, beta.shape), mean, variance])
    return network


@pytest.fixture(scope="module")
def theirs():
    shape = (64, 64, 3)
    make = keras.applications.ResNet50
    return shaken(make(include_top=False, weights=None, input_shape=shape))


def close(found, expected):
    found, expected = (keras.ops.convert_to_numpy(x) for x in (found, expected))
    assert expected.std() > 0.1 * np.abs(expected).mean()  # or anything would be close
    np.testing.assert_allclose(found, expected, atol=2e-5 * np.abs(expected).max())


def test_a_resnet_gives_their_features(theirs, matterport_model, tmp_path):
    path = tmp_path / "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5"
    write_keras2(path, contents(theirs)[0], values=contents(theirs)[1])
    matterport_model.keras_model.get_layer("fpn").lateral[0].bias.assign(np.full(16, 3.0))
    report = matterport_model.load_weights(path)
    assert len(report.loaded) == 106 and not report.skipped and not report.unused
    # All that is no backbone stays as it was, and is listed.
    assert len(report.missing) == 27
    assert {"fpn_p2", "rpn_class_raw", "mrcnn_mask", "mrcnn_class_bn1"} <= set(report.missing)
    kept = layers_of(matterport_model.keras_model)["fpn_c2p2"]["bias"]
    assert np.all(keras.ops.convert_to_numpy(kept.value) == 3)
    # Padded on both sides as theirs, so that features can be compared.
    same = resnet("resnet50", input_shape=(64, 64, 3), symmetric_padding=True)
    backbone = matterport_model.keras_model.backbone
    for ours, loaded in zip(same.weights, backbone.weights, strict=True):
        ours.assign(loaded)
    image = np.random.default_rng(1).normal(0, 60, (1, 64, 64, 3)).astype(np.float32)
    expected = theirs(image[..., ::-1], training=False)
    close(same(image, training=False)["C5"], expected)


def test_a_file_with_top_and_a_file_of_2015(matterport_model, tmp_path):
    shapes = {
        name: variables
        for name, variables in matterport_shapes().items()
        if name == "conv1" or name.startswith(("bn_conv1", "res", "bn"))
    }
    old = {"W": "kernel", "b": "bias", "running_mean": "moving_mean"}
    old = {new: before for before, new in old.items()} | {"moving_variance": "running_std"}
    path = tmp_path / "a.h5"
    full = {**shapes, "fc1000": TOP["predictions"]}
    values = write_keras2(path, full, rename=lambda name: old.get(name, name))
    assert not matterport.recognises(path) and keras_applications.recognises(path)
    report = matterport_model.load_weights(path)
    assert len(report.loaded) == 106 and report.unused == ("fc1000",)
    layers = layers_of(matterport_model.keras_model)
    for name in ("gamma", "moving_variance"):  # the file's epsilon is ours
        found = keras.ops.convert_to_numpy(layers["bn4c_branch2a"][name].value)
        np.testing.assert_allclose(found, values["bn4c_branch2a"][name], rtol=1e-6)


def test_names_of_the_first_keras(tmp_path):
    import h5py

    from tfseg.convert import keras_h5

    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["conv1/conv1_W_1:0"] = np.zeros((7, 7, 3, 64))
        file["conv1/conv1_b_1:0"] = np.zeros(64)
        file["bn_conv1/bn_conv1_running_std_1:0"] = np.zeros(64)
    found = keras_h5.index(tmp_path / "a.h5")
    assert set(found["conv1"]) == {"kernel", "bias"}
    assert set(found["bn_conv1"]) == {"moving_variance"}
    assert found["conv1"]["kernel"].shape == (7, 7, 3, 64)


@pytest.mark.slow
def test_mobilenet_gives_their_features(tmp_path):
    options = dict(input_shape=(64, 64, 3), alpha=0.35, weights=None, include_top=False)
    theirs = shaken(keras.applications.MobileNetV2(**options))
    shapes, values = contents(theirs)
    path = tmp_path / "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_224_no_top.h5"
    depthwise = {name for name in shapes if name.endswith("depthwise")}
    assert len(depthwise) == 17
    for name in depthwise:  # as Keras 2 named it
        assert set(shapes[name]) == {"kernel"}
    write_keras2(path, shapes, values=values, rename=lambda n: n)
    source = keras_applications.describe(path)
    assert source.backbone == "mobilenet_v2" and source.settings == {"backbone_width": 0.35}
    model = MaskRCNN(
        classes=("a",),
        backbone="mobilenet_v2",
        backbone_width=0.35,
        image_size=64,
        pyramid_channels=8,
        rpn_channels=8,
        box_head_channels=8,
        mask_head_channels=8,
    )
    report = model.load_weights(path)
    assert set(report.unused) == {"Conv_1", "Conv_1_bn"} and not report.skipped
    image = np.random.default_rng(1).uniform(-1, 1, (1, 64, 64, 3)).astype(np.float32)
    stage = theirs.get_layer("block_16_project_BN").output
    expected = keras.Model(theirs.input, stage)(image, training=False)
    close(model.keras_model.backbone(image, training=False)["C5"], expected)
    wide = MaskRCNN(classes=("a",), backbone="mobilenet_v2", image_size=64)
    with pytest.raises(WeightsError, match="Make it with backbone_width=0.35"):
        wide.load_weights(path)


@pytest.mark.slow
def test_mobilenet_fills_the_portrait_networks_encoder(tmp_path):
    options = dict(input_shape=(64, 64, 3), weights=None, include_top=False)
    theirs = shaken(keras.applications.MobileNetV2(**options))
    shapes, values = contents(theirs)
    path = tmp_path / "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5"
    write_keras2(path, shapes, values=values, rename=lambda n: n)
    model = PortraitSegmenter(preset="paper")
    report = model.load_weights(path)
    assert len(report.loaded) == 102 and not report.skipped and not model.fitted
    image = np.random.default_rng(1).uniform(-1, 1, (1, 64, 64, 3)).astype(np.float32)
    expected = keras.Model(theirs.input, theirs.get_layer("block_5_add").output)(image)
    close(model.keras_model.backbone(image, training=False)["C3"], expected)


def test_what_does_not_fit_is_refused_with_the_remedy(theirs, matterport_model, tmp_path):
    path = tmp_path / "a.h5"
    shapes = contents(theirs)[0]
    write_keras2(path, shapes)
    small = dict(classes=("a",), image_size=64)
    for settings, word in (
        (dict(backbone="resnet101"), "backbone='resnet50'"),
        (dict(backbone="mobilenet_v2"), "backbone='resnet50'"),
        (dict(backbone="resnet50", origin="torchvision"), "stride_on_3x3=False, conv_bias=True"),
        (dict(backbone="resnet50", norm="group"), "norm='frozen'"),
    ):
        with pytest.raises(WeightsError, match=word):
            MaskRCNN(**small, **settings).load_weights(path, skip_mismatch=True)
    deeper = {f"conv4_block{n}_1_conv": shapes["conv4_block2_1_conv"] for n in range(7, 37)}
    write_keras2(path, {**shapes, **deeper})
    with pytest.raises(WeightsError, match=r"ResNet with \(3, 4, 36, 3\) blocks"):
        matterport_model.load_weights(path)
    cut = {name: variables for name, variables in shapes.items() if name != "conv3_block2_2_bn"}
    write_keras2(path, cut)
    with pytest.raises(WeightsError, match="1 of 106 layers of the backbone .*\n.*bn3b_branch2b"):
        matterport_model.load_weights(path)
    write_keras2(path, {**shapes, "conv1_bn": norm(32)})
    with pytest.raises(WeightsError, match=r"bn_conv1: gamma is \(32,\)"):
        matterport_model.load_weights(path, skip_mismatch=True)
