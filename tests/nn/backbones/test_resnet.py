"""The ResNets: sizes, names, where strides and dropout sit. Weights stay unused but counted."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from keras import ops

from tfseg.nn.backbones.resnet import BLOCKS, resnet


@functools.lru_cache(maxsize=2)
def backbone(name, **options):
    return resnet(name, input_shape=(64, 64, 3), **options)


def parts(model):
    """The layers of a model with those inside other layers."""
    return list(model._flatten_layers(include_self=False))


@pytest.mark.parametrize(("name", "count"), [("resnet50", 23_587_712), ("resnet101", 42_658_176)])
def test_parameters_of_the_specification(name, count):
    assert backbone(name).count_params() == count


@pytest.mark.parametrize("name", ["resnet50", "resnet101"])
def test_names_of_the_published_weights(name):
    expected = {"conv1", "bn_conv1"}
    for stage, blocks in enumerate(BLOCKS[name], start=2):
        for index in range(blocks):
            label = f"{stage}{'abcdefghijklmnopqrstuvw'[index]}"
            for branch in ("2a", "2b", "2c", *(["1"] if index == 0 else [])):
                expected |= {f"res{label}_branch{branch}", f"bn{label}_branch{branch}"}
    assert {weight.path.split("/")[0] for weight in backbone(name).weights} == expected
    assert len(expected) == {"resnet50": 106, "resnet101": 208}[name]


def test_shapes_of_the_stages():
    shapes = {name: tuple(x.shape) for name, x in backbone("resnet50").output.items()}
    assert shapes == {
        "C2": (None, 16, 16, 256),
        "C3": (None, 8, 8, 512),
        "C4": (None, 4, 4, 1024),
        "C5": (None, 2, 2, 2048),
    }


def test_the_stride_sits_on_the_first_convolution_of_a_stage():
    strides = {
        layer.name: layer.strides
        for layer in parts(backbone("resnet50"))
        if layer.name.startswith("res") and hasattr(layer, "strides")
    }
    halving = {name for name, stride in strides.items() if stride == (2, 2)}
    assert halving == {f"res{s}a_branch{b}" for s in (3, 4, 5) for b in ("2a", "1")}


def test_every_normalisation_has_the_epsilon_of_the_published_weights():
    norms = [layer for layer in parts(backbone("resnet50")) if "bn" in layer.name]
    assert {layer.epsilon for layer in norms} == {1e-3}


def dropped(**options):
    return {
        layer.name.removeprefix("drop")
        for layer in parts(backbone("resnet50", **options))
        if layer.name.startswith("drop")
    }


def test_dropout_of_identity_blocks():
    assert dropped() == set()
    expected = {"2b", "2c", "3b", "3c", "3d", "4b", "4c", "4d", "4e", "4f", "5b", "5c"}
    assert dropped(dropout=("identity",)) == expected


def test_dropout_of_the_last_stages_and_both_kinds():
    expected = {"4a", "4b", "4c", "4d", "4e", "4f", "5a", "5b", "5c"}
    assert dropped(dropout=("identity", "conv"), dropout_stages=(5, 4)) == expected
    assert dropped(dropout=("conv",), dropout_stages=(3,)) == {"3a"}


def test_dropout_comes_before_the_last_convolution_and_off_the_skip_path():
    model = backbone("resnet50", dropout=("identity", "conv"), dropout_stages=(5, 4))
    for layer in model.layers:
        if layer.name.startswith("drop"):
            label = layer.name.removeprefix("drop")
            assert layer.input is model.get_layer(f"res{label}_branch2b_unit").output
            assert model.get_layer(f"res{label}_branch2c_unit").input is layer.output


def test_dropout_adds_no_weights_and_differs_between_blocks():
    model = backbone("resnet50", dropout=("identity",), dropout_rate=0.5)
    assert model.count_params() == 23_587_712
    ones = np.ones((1, 4, 4, 64), np.float32)
    masks = []
    for name in ("drop4b", "drop4c", "drop4d"):
        layer = model.get_layer(name)
        assert layer.rate == 0.5
        masks.append(ops.convert_to_numpy(layer(ones, training=True)) > 0)
    assert (masks[0] != masks[1]).any() and (masks[1] != masks[2]).any()


TORCHVISION = dict(epsilon=1e-5, stride_on_3x3=True, conv_bias=False, symmetric_padding=True)


def test_torchvisions_resnet_has_its_size_strides_and_epsilon():
    model = backbone("resnet50", **TORCHVISION)
    # torchvision's 25,557,032 without the last layer, and 53,120 stored statistics.
    assert model.count_params() == 25_557_032 - (2048 * 1000 + 1000) + 53_120
    strides = {
        layer.name: layer.strides
        for layer in parts(model)
        if layer.name.startswith("res") and hasattr(layer, "strides")
    }
    halving = {name for name, stride in strides.items() if stride == (2, 2)}
    assert halving == {f"res{s}a_branch{b}" for s in (3, 4, 5) for b in ("2b", "1")}
    assert {layer.epsilon for layer in parts(model) if "bn" in layer.name} == {1e-5}
    assert {w.path.split("/")[0] for w in model.weights} == {
        w.path.split("/")[0] for w in backbone("resnet50").weights
    }


def test_symmetric_padding_comes_before_the_window():
    shapes = {name: x.shape for name, x in backbone("resnet50", **TORCHVISION).output.items()}
    assert shapes == {name: x.shape for name, x in backbone("resnet50").output.items()}
    pool = backbone("resnet50", **TORCHVISION).get_layer("pool1")
    assert pool.padding == "valid" and pool.input.shape[1:3] == (34, 34)
    conv = backbone("resnet50", **TORCHVISION).get_layer("res3a_branch2b_unit")
    assert conv.input.shape[1:3] == (18, 18)
