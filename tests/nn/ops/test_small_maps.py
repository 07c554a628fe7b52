"""The convolution of small maps against the plain one: same result, same gradients."""

from __future__ import annotations

import keras
import numpy as np
from keras import layers, ops

from tfseg.nn.ops.small_maps import conv3x3


@keras.saving.register_keras_serializable("tests")
class TwoConvolutions(layers.Layer):
    """Two in a row, so that the gradient passes through the second to the first."""

    def __init__(self, convolve, **kwargs):
        super().__init__(**kwargs)
        self.convolve = convolve

    def build(self, shape):
        self.first = self.add_weight(shape=(3, 3, shape[-1], 4), initializer="zeros")
        self.second = self.add_weight(shape=(3, 3, 4, 2), initializer="zeros")

    def call(self, x):
        return self.convolve(ops.tanh(self.convolve(x, self.first)), self.second)


def test_a_step_of_training_changes_every_kernel_as_plain_convolutions_do():
    """In every graph: a kernel read twice was read after the step had changed it in some."""
    random = np.random.default_rng(0)
    x = random.normal(0, 1, (5, 6, 7, 3)).astype(np.float32)
    target = random.normal(0, 1, (5, 6, 7, 2)).astype(np.float32)
    start = [random.normal(0, 0.3, shape) for shape in ((3, 3, 3, 4), (3, 3, 4, 2))]
    # Without a compiler, as trainings on TensorFlow are.
    compiled = keras.backend.backend() != "tensorflow"
    ends, losses = [], []
    for convolve in [lambda x, kernel: ops.conv(x, kernel, 1, "same"), *6 * [conv3x3]]:
        model = keras.Sequential([layers.Input(x.shape[1:]), TwoConvolutions(convolve)])
        model.set_weights(start)
        model.compile(keras.optimizers.SGD(1.0), loss="mse", jit_compile=compiled)
        losses.append(float(model.train_on_batch(x, target)))
        ends.append(model.get_weights())
    assert len(set(losses)) == 1
    for end in ends[1:]:
        for ours, plain, before in zip(end, ends[0], start, strict=True):
            assert np.abs(plain - before).max() > 0.01
            np.testing.assert_allclose(ours, plain, atol=1e-6)
