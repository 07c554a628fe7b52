"""The pyramid: shapes, and its arithmetic by hand on weights that are easy to follow."""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from tfseg.nn.layers.fpn import FeaturePyramid

SHAPES = {"C2": (1, 16, 24, 3), "C3": (1, 8, 12, 4), "C4": (1, 4, 6, 5), "C5": (1, 2, 3, 6)}


def test_levels_against_numpy():
    random = np.random.default_rng(0)
    stages = {k: random.normal(0, 1, s).astype(np.float32) for k, s in SHAPES.items()}
    fpn = FeaturePyramid(2)
    fpn.build(SHAPES)
    for index, layer in enumerate(fpn.lateral):
        layer.set_weights([random.normal(0, 1, layer.kernel.shape), np.full(2, index)])
    for layer in fpn.smooth:  # a 3x3 convolution that only looks at its middle: the identity
        kernel = np.zeros(layer.kernel.shape)
        kernel[1, 1] = np.eye(2)
        layer.set_weights([kernel, np.zeros(2)])
    merged, above = {}, None
    for level in (5, 4, 3, 2):
        layer = fpn.lateral[level - 2]
        x = stages[f"C{level}"] @ ops.convert_to_numpy(layer.kernel)[0, 0] + level - 2
        if above is not None:
            x = x + above.repeat(2, axis=1).repeat(2, axis=2)
        merged[level] = above = x
    levels = [ops.convert_to_numpy(x) for x in fpn(stages)]
    assert len(levels) == 5
    for level in (2, 3, 4, 5):
        np.testing.assert_allclose(levels[level - 2], merged[level], atol=1e-4)
    np.testing.assert_allclose(levels[4], merged[5][:, ::2, ::2], atol=1e-4)


def test_names_and_config():
    fpn = FeaturePyramid(8, name="fpn")
    names = {layer.name for layer in (*fpn.lateral, *fpn.smooth)}
    assert names == {f"fpn_c{k}p{k}" for k in range(2, 6)} | {f"fpn_p{k}" for k in range(2, 6)}
    copy = keras.layers.deserialize(keras.layers.serialize(fpn))
    assert (copy.channels, copy.name, copy.interpolation) == (8, "fpn", "nearest")


def test_levels_may_be_enlarged_smoothly():
    fpn = FeaturePyramid(1, interpolation="bilinear")
    fpn.build({name: (*shape[:-1], 1) for name, shape in SHAPES.items()})
    middle = np.zeros((3, 3, 1, 1))
    middle[1, 1] = 1
    for lateral, smooth in zip(fpn.lateral, fpn.smooth):
        lateral.set_weights([np.ones((1, 1, 1, 1)), np.zeros(1)])
        smooth.set_weights([middle, np.zeros(1)])
    stages = {name: np.zeros((*shape[:-1], 1), np.float32) for name, shape in SHAPES.items()}
    stages["C5"][0, :, :, 0] = [[0, 4, 8], [0, 4, 8]]
    level = ops.convert_to_numpy(fpn(stages)[2])[0, :, :, 0]  # P4, twice the size of P5
    np.testing.assert_allclose(level, np.broadcast_to([0, 1, 3, 5, 7, 8], (4, 6)), atol=1e-6)
    copy = keras.layers.deserialize(keras.layers.serialize(fpn))
    assert copy.interpolation == "bilinear"
