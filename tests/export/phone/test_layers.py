"""Dilated convolutions without dilation, against dilated ones."""

import keras
import numpy as np
import pytest

from tfseg.errors import ExportError
from tfseg.export.graphs.portrait_network import PhoneBlocks
from tfseg.export.phone.layers import copy_weights, fixed_resize, spread_kernel
from tfseg.models.portrait.graph import GraphOptions
from tfseg.nn.layers.resize_like import ResizeLike

RANDOM = np.random.default_rng(0)


def test_shifted_maps_convolve_like_a_dilated_kernel():
    for rate in (1, 2, 3, 4, 5, 9):
        dilated = keras.layers.Conv2D(6, 3, padding="same", dilation_rate=rate)
        for size in ((7, 5), (1, 1), (4, 9)):
            values = RANDOM.normal(size=(2, *size, 4)).astype("float32")
            expected = dilated(values)
            blocks = PhoneBlocks(keras, GraphOptions(2))
            image = keras.Input((*size, 4))
            model = keras.Model(image, blocks.conv(image, 6, 3, "c", rate=rate))
            arrays = dilated.get_weights()
            changed = blocks.changed["c"](arrays) if rate > 1 else arrays
            model.get_layer("c").set_weights(changed)
            np.testing.assert_allclose(model(values), expected, atol=1e-5)
            rows, columns = (1 + 2 * (rate < side) for side in size)
            if rate > 1:  # whatever shows padding alone is gone
                assert changed[0].shape == (1, 1, rows * columns * 4, 6)


def test_a_spread_depthwise_kernel_convolves_like_a_dilated_one():
    values = RANDOM.normal(size=(2, 9, 6, 4)).astype("float32")
    dilated = keras.layers.DepthwiseConv2D(3, padding="same", dilation_rate=2, use_bias=False)
    expected = dilated(values)
    blocks = PhoneBlocks(keras, GraphOptions(2))
    image = keras.Input((9, 6, 4))
    model = keras.Model(image, blocks.depthwise(image, "d", rate=2))
    model.get_layer("d").set_weights(blocks.changed["d"](dilated.get_weights()))
    np.testing.assert_allclose(model(values), expected, atol=1e-5)
    ones = spread_kernel(np.ones((3, 3, 1, 1)), 2)[..., 0, 0]
    assert ones.sum() == 9 and ones[::2, ::2].all()


def test_a_sum_of_four_is_three_sums_of_two():
    blocks = PhoneBlocks(keras, GraphOptions(2))
    inputs = [keras.Input((2, 2, 1)) for _ in range(4)]
    model = keras.Model(inputs, blocks.add(inputs, "all"))
    values = [RANDOM.normal(size=(1, 2, 2, 1)).astype("float32") for _ in inputs]
    np.testing.assert_allclose(model(values), sum(values), atol=1e-6)
    assert [x.name for x in model.layers if "Input" not in str(x)] == ["all_2", "all_3", "all"]


def test_standard_layers_resize_like_ours():
    for have, want, kind in (
        ((4, 6), (4, 6), None),
        ((1, 1), (4, 6), "UpSampling2D"),
        ((4, 6), (8, 24), "UpSampling2D"),
        ((8, 6), (4, 3), "AveragePooling2D"),
        ((8, 6), (4, 6), "Resizing"),
        ((5, 7), (9, 6), "Resizing"),
    ):
        values = RANDOM.normal(size=(2, *have, 3)).astype("float32")
        like = np.zeros((2, *want, 1), "float32")
        inputs = keras.Input((*have, 3)), keras.Input((*want, 1))
        model = keras.Model(inputs, fixed_resize(keras.layers)(*inputs, "r"))
        expected = ResizeLike()([values, like])
        np.testing.assert_allclose(model([values, like]), expected, atol=1e-6)
        kinds = [type(x).__name__ for x in model.layers if x.name == "r"]
        assert kinds == ([kind] if kind else [])


def test_weights_of_another_network_are_refused_by_name():
    def network(filters, name="a"):
        image = keras.Input((4, 4, 2))
        return keras.Model(image, keras.layers.Conv2D(filters, 1, name=name)(image))

    copy_weights(network(3), network(3))
    for other in (network(4), network(3, "b")):
        with pytest.raises(ExportError, match="layer '[ab]'.*different options"):
            copy_weights(network(3), other)
