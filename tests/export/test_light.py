"""The file from which LiteRT predicts is written beside a model, tied to its weights."""

import numpy as np
import pytest
from networks import images, shaken
from toy_estimator import ToyEstimator

import tfseg
from tfseg.errors import ExportError
from tfseg.export.light import LIGHT_FILE, add_light_file, light_file


def test_a_system_without_such_a_file_is_refused():
    with pytest.raises(ExportError, match="'toy' model cannot become a TFLite model"):
        light_file(ToyEstimator(classes=["square"]))


@pytest.mark.slow
def test_litert_answers_as_the_model_that_the_file_was_made_of(tmp_path):
    model = tfseg.PortraitSegmenter(classes=("person", "dog"), image_size=(64, 64))
    shaken(model.keras_model.graph)
    model.fitted = True
    folder = model.save(tmp_path / "model")
    assert add_light_file(folder) == folder / LIGHT_FILE
    light = tfseg.load(folder, engine="litert")
    for size in ((64, 64), (70, 150)):
        image = images(1, size)[0]
        (expected,), (found,) = model.predict(image), light.predict(image)
        alpha = expected.label_maps["alpha"].astype(int)
        assert np.ptp(alpha) > 20
        np.testing.assert_allclose(found.label_maps["alpha"], alpha, atol=1)
