import keras
import numpy as np
import pytest
from keras import ops

from tfseg.nn.layers.resize_like import ResizeLike, bilinear


@pytest.mark.parametrize(
    ("before", "after"), [((3, 5), (6, 10)), ((8, 6), (4, 3)), ((4, 7), (9, 2))]
)
def test_our_bilinear_is_that_of_keras(before, after):
    x = np.random.default_rng(0).normal(size=(2, *before, 3)).astype("float32")
    ours = bilinear(bilinear(ops.convert_to_tensor(x), after[0], 1), after[1], 2)
    theirs = ops.image.resize(x, after, interpolation="bilinear", data_format="channels_last")
    np.testing.assert_allclose(ops.convert_to_numpy(ours), ops.convert_to_numpy(theirs), atol=1e-5)


def test_halving_is_the_mean_and_doubling_has_quarters():
    x = ops.reshape(ops.arange(4, dtype="float32"), (1, 1, 4, 1))
    np.testing.assert_allclose(ops.convert_to_numpy(bilinear(x, 2, 2)).ravel(), [0.5, 2.5])
    pair = ops.reshape(ops.convert_to_tensor([0.0, 4.0]), (1, 1, 2, 1))
    np.testing.assert_allclose(ops.convert_to_numpy(bilinear(pair, 4, 2)).ravel(), [0, 1, 3, 4])


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="JAX knows every size")
def test_sizes_that_are_not_known_before():
    import tensorflow as tf

    spec = tf.TensorSpec((None, None, None, 2))
    layer = ResizeLike()
    traced = tf.function(lambda x, like: layer([x, like]), input_signature=[spec, spec])
    random = np.random.default_rng(0)
    for before, after in (((3, 5), (7, 4)), ((4, 4), (4, 4)), ((1, 1), (3, 2))):
        x = random.normal(size=(2, *before, 2)).astype("float32")
        like = np.zeros((1, *after, 2), "float32")
        np.testing.assert_allclose(traced(x, like), layer([x, like]), atol=1e-5)
