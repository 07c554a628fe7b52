import logging

import keras
import numpy as np
import pytest

from tfseg.engine import runtime


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
