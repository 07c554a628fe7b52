"""A file of which some weights are float32 and the others float16."""

from __future__ import annotations

import keras
import numpy as np

from tfseg.engine.litert import Runner
from tfseg.export.quantize import convert
from tfseg.export.quantize.flatbuffer import facts, widened_weights


def test_what_has_room_is_float32_again():
    keras.utils.set_random_seed(0)
    image = keras.Input((12, 10, 3))
    x = keras.layers.Conv2D(40, 3, activation="relu")(image)
    model = keras.Model(image, keras.layers.Conv2D(30, 3)(x))
    full, half = convert.float_file(model), convert.float_file(model, half=True)
    pixels = np.random.default_rng(0).normal(0, 1, (1, 12, 10, 3)).astype(np.float32)
    exact, rounded = Runner(full)(pixels), Runner(half)(pixels)
    errors, halves = [], []
    for most in (len(half), (len(half) + len(full)) // 2, 2 * len(full)):
        file = widened_weights(half, full, most)
        assert len(file) <= max(most, len(half) + 200)
        errors.append(np.abs(Runner(file)(pixels) - exact).max())
        halves.append(facts(file).tensors.get("FLOAT16", 0))
    assert errors[0] == np.abs(rounded - exact).max() > 1e-4 > 2e-6 > errors[2]
    assert halves[0] > halves[1] >= halves[2]
