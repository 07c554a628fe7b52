"""Work on the first rows alone: the same numbers and gradients as on all of them."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers, ops

from tfseg.nn.ops.first_rows import on_first_rows, row_counts


def test_the_numbers_of_rows_are_few_rise_and_end_at_the_limit():
    for limit in (1, 7, 8, 9, 32, 100, 1000):
        counts = row_counts(limit)
        assert counts[0] == 0 and counts[-1] == limit and len(counts) <= 5
        assert list(counts) == sorted(set(counts))


@keras.saving.register_keras_serializable("tests")
class Squares(layers.Layer):
    """`(x w)^2` of the rows that count."""

    def __init__(self, some, **kwargs):
        super().__init__(**kwargs)
        self.some, self.computed = some, []

    def build(self, shape):
        self.w = self.add_weight(shape=(3, 2), initializer="ones")

    def call(self, inputs):
        rows, count = inputs
        keep = np.arange(rows.shape[1])[None, :, None] < ops.max(count)

        def compute(number):
            self.computed.append(number)
            return ops.square(ops.matmul(rows[:, :number], self.w))

        if self.some:
            y = on_first_rows(ops.max(count), (ops.shape(rows)[0], rows.shape[1], 2), compute)
        else:
            y = compute(rows.shape[1])
        return ops.where(keep, y, ops.zeros_like(y))


@pytest.mark.parametrize("count", [0, 1, 8, 9, 20])
def test_rows_and_gradients_equal_those_of_all_rows(count):
    rows = np.random.default_rng(0).normal(0, 1, (2, 20, 3)).astype(np.float32)
    counts = np.array([[count], [0]], np.int32)
    target = np.ones((2, 20, 2), np.float32)
    answers, weights = [], []
    for some in (True, False):
        inputs = [layers.Input((20, 3)), layers.Input((1,), dtype="int32")]
        model = keras.Model(inputs, Squares(some)(inputs))
        answers.append(model.predict([rows, counts], verbose=0))
        model.compile(keras.optimizers.SGD(0.1), loss="mse")
        model.train_on_batch([rows, counts], target)
        weights.append(model.get_weights()[0])
    np.testing.assert_allclose(*answers, atol=1e-6)
    np.testing.assert_allclose(*weights, atol=1e-6)
    assert count == 0 or np.abs(weights[0] - 1).max() > 1e-3


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="JAX looks at all branches at once")
@pytest.mark.parametrize(("count", "computed"), [(0, []), (1, [8]), (8, [8]), (9, [20])])
def test_only_one_number_of_rows_is_computed(count, computed):
    layer = Squares(True)
    layer([np.zeros((1, 20, 3), np.float32), np.array([[count]], np.int32)])
    assert layer.computed == computed
