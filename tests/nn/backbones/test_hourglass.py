"""The stacked hourglass: its size, and one of depth 1 computed by hand."""

from __future__ import annotations

import numpy as np
import pytest
from keras import ops

from tfseg.nn.backbones.hourglass import hourglass


def test_parameters_of_the_specification():
    model = hourglass(input_shape=(64, 64, 3))
    assert model.count_params() == 6_589_312
    assert {name: tuple(x.shape) for name, x in model.output.items()} == {"P2": (None, 16, 16, 256)}


def convolve(x, kernel, bias):
    """A convolution of stride 1 with zeros around, one tap after another."""
    margin = kernel.shape[0] // 2
    padded = np.pad(x, [(margin, margin), (margin, margin), (0, 0)])
    height, width = x.shape[:2]
    return bias + sum(
        padded[i : i + height, j : j + width] @ kernel[i, j]
        for i in range(kernel.shape[0])
        for j in range(kernel.shape[1])
    )


def pooled(x):
    return x.reshape(x.shape[0] // 2, 2, x.shape[1] // 2, 2, -1).max(axis=(1, 3))


class ByHand:
    """The same network in NumPy, from the layers' weights by name."""

    def __init__(self, model):
        self.weights = {
            la.name: [ops.convert_to_numpy(w) for w in la.weights] for la in model.layers
        }

    def conv(self, x, name):
        return convolve(x, *self.weights[name])

    def active(self, x, name):
        gamma, beta, mean, variance = self.weights[name]
        return np.maximum(gamma * (x - mean) / np.sqrt(variance + 1e-5) + beta, 0)

    def residual(self, x, prefix):
        y = x
        for index in (1, 2, 3):
            y = self.conv(self.active(y, f"{prefix}_bn{index}"), f"{prefix}_conv{index}")
        return y + (self.conv(x, f"{prefix}_skip") if f"{prefix}_skip" in self.weights else x)

    def hourglass(self, x, prefix):
        y = self.residual(pooled(x), f"{prefix}_down")
        y = self.residual(self.residual(y, f"{prefix}_bottom"), f"{prefix}_up")
        return self.residual(x, f"{prefix}_upper") + y.repeat(2, axis=0).repeat(2, axis=1)

    def __call__(self, image):
        x = self.conv(image, "stem_conv")[::2, ::2]
        x = pooled(self.residual(self.active(x, "stem_bn"), "stem_a"))
        x = self.residual(self.residual(x, "stem_b"), "stem_c")
        for stack in ("stack1", "stack2"):
            y = self.residual(self.hourglass(x, f"{stack}_h1"), f"{stack}_out")
            feature = self.active(self.conv(y, f"{stack}_feature_conv"), f"{stack}_feature_bn")
            if stack == "stack1":
                x = x + self.conv(feature, "stack1_back_conv")
        return feature


def test_a_small_one_against_numpy(call_model):
    random = np.random.default_rng(0)
    model = hourglass(input_shape=(16, 24, 3), depth=1, channels=8)
    for layer in model.layers:
        values = [random.normal(0.1, 0.4, w.shape) for w in layer.weights]
        if len(values) == 4:
            values[3] = np.abs(values[3]) + 0.5
        layer.set_weights(values)
    image = random.normal(0, 1, (16, 24, 3)).astype(np.float32)
    ours = ops.convert_to_numpy(call_model(model, image[None])["P2"])[0]
    theirs = ByHand(model)(image.astype(np.float64))
    assert theirs.any() and ours.shape == (4, 6, 8)
    np.testing.assert_allclose(ours, theirs, atol=1e-4 * np.abs(theirs).max())


@pytest.mark.parametrize("kind", ["frozen", "group", "none"])
def test_other_norms(kind):
    model = hourglass(input_shape=(16, 16, 3), depth=1, channels=8, stacks=1, norm_kind=kind)
    assert bool([x for x in model.layers if x.name.endswith("bn1")]) == (kind != "none")
