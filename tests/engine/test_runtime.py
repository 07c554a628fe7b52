import logging

import keras
import numpy as np
import pytest

from tfseg.engine import runtime


def pooling(traces):
    """A network that counts how often it is traced, where images may have any size."""

    class Pooling(keras.Model):
        def call(self, inputs, training=None):
            traces.append(tuple(inputs["image"].shape))
            return {"out": keras.ops.average_pool(inputs["image"], 2, strides=2)}

    network = Pooling()
    network.built = True
    return network


def batches(sides):
    return [np.full((1, side, side + 1, 3), side, np.float32) for side in sides]


@pytest.mark.both_backends
def test_the_last_shapes_are_kept_and_no_more(monkeypatch):
    monkeypatch.setattr(runtime, "KEPT_SHAPES", 3)
    traces = []
    infer = runtime.compile_inference(pooling(traces))
    for image in batches([2, 3, 4, 4, 3, 2, 5, 2, 3, 5]):
        assert infer({"image": image})["out"].max() == image.max()
    assert [shape[1] for shape in traces] == [2, 3, 4, 5]
    for image in batches([4, 5, 3, 2]):  # 4 had gone for 5, and 2 goes for 4
        assert infer({"image": image})["out"].max() == image.max()
    assert [shape[1] for shape in traces[4:]] == [4, 2]


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="JAX knows every size")
def test_axes_that_are_left_open_are_traced_once():
    traces = []
    network = pooling(traces)
    network.open_axes = {"image": (0, 1, 2)}
    infer = runtime.compile_inference(network)
    for image in [*batches(range(2, 9)), np.zeros((3, 5, 2, 3), np.float32)]:
        rows, columns = image.shape[1] // 2, image.shape[2] // 2
        assert infer({"image": image})["out"].shape == (len(image), rows, columns, 3)
    assert traces == [(None, None, None, 3)]
    network.open_axes = {"image": (1, 2)}
    infer = runtime.compile_inference(network)
    for image in (*batches([4, 6]), np.zeros((2, 4, 4, 3), np.float32)):
        infer({"image": image})
    assert traces[1:] == [(1, None, None, 3), (2, None, None, 3)]


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow's own warning")
def test_pictures_of_many_sizes_bring_no_warning(caplog):
    image = keras.Input((None, None, 3), name="image")
    network = keras.Model({"image": image}, {"out": keras.layers.AveragePooling2D(2)(image)})
    infer = runtime.compile_inference(network)
    with caplog.at_level(logging.WARNING, logger="tensorflow"):
        for side in range(2, 14):
            batch = np.ones((1, side, side, 3), np.float32)
            assert infer({"image": batch})["out"].shape == (1, side // 2, side // 2, 3)
    assert "retracing" not in caplog.text
