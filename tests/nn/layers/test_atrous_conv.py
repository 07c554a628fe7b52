import keras
import numpy as np
import pytest
from keras import ops

from tfseg.nn.layers.atrous_conv import AtrousConv2D

pytestmark = pytest.mark.both_backends

KINDS = (keras.layers.Conv2D, AtrousConv2D)


def twins(rate, side, bias):
    layers = [kind(5, 3, padding="same", dilation_rate=rate, use_bias=bias) for kind in KINDS]
    x = np.random.default_rng(rate).normal(size=(2, *side, 4)).astype("float32")
    for layer in layers:
        layer.build(x.shape)
    layers[1].set_weights(layers[0].get_weights())
    return layers, x


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("side", [(1, 1), (4, 3), (3, 4), (6, 7), (7, 6), (9, 9), (1, 8)])
def test_it_computes_what_a_convolution_computes(side, bias):
    for rate in (2, 3, 6, 9):
        (plain, ours), x = twins(rate, side, bias)
        if bias:
            ours.bias.assign(np.arange(5.0)), plain.bias.assign(np.arange(5.0))
        expected, got = (ops.convert_to_numpy(layer(x)) for layer in (plain, ours))
        np.testing.assert_allclose(got, expected, atol=2e-5)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="JAX knows every size")
def test_a_graph_for_all_sizes_leaves_the_same_taps_out():
    import tensorflow as tf

    (_, ours), _ = twins(4, (9, 9), True)
    kernel = np.array(ours.kernel)
    kernel[[0, 2]] = np.inf
    ours.bias.assign(np.arange(5.0))
    traced = tf.function(ours, input_signature=[tf.TensorSpec((None, None, None, 4))])
    for tall in (False, True):  # the outer rows are infinite in the second round
        for side in [(1, 1), (4, 5), (4, 9), *([] if tall else [(5, 4), (9, 9)])]:
            x = np.random.default_rng(0).normal(size=(2, *side, 4)).astype("float32")
            np.testing.assert_allclose(traced(x), ours(x), atol=1e-5)
            assert np.isfinite(traced(x)).all()
        ours.kernel.assign(kernel)


def test_taps_outside_are_not_computed():
    """An infinite tap would show: infinity times the padding's 0 is not a number."""
    (_, ours), x = twins(6, (8, 6), False)
    kernel = np.array(ours.kernel)
    kernel[:, [0, 2]] = np.inf
    ours.kernel.assign(kernel)
    assert np.isfinite(ops.convert_to_numpy(ours(x))).all()


def test_the_network_takes_it_for_every_dilated_convolution():
    from tfseg.models.portrait import network
    from tfseg.models.portrait.config import PortraitConfig

    layers = network.build(PortraitConfig(image_size=(64, 64))).graph.layers
    dilated = [x for x in layers if getattr(x, "dilation_rate", (1, 1)) != (1, 1)]
    assert len(dilated) == 3
    assert all(type(layer) is AtrousConv2D for layer in dilated)
