"""A whole portrait network as a SavedModel, beside what predict says."""

from __future__ import annotations

import io
import os

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfseg.export import saved_model, serving
from tfseg.models.portrait import PortraitSegmenter

pytestmark = pytest.mark.slow
SIZES = ((64, 64), (63, 97), (1, 1), (10, 300), (150, 90))


def portrait() -> PortraitSegmenter:
    """A network of random weights that answers something else at every pixel."""
    model = PortraitSegmenter(image_size=(64, 64))
    random = np.random.default_rng(0)
    for variable in model.keras_model.weights:
        if variable.name in ("gamma", "beta", "moving_mean"):
            noise = random.normal(0, 0.2, variable.shape)
            variable.assign(np.asarray(variable.value) + noise.astype(np.float32))
    model.fitted = True
    return model


def picture(height, width):
    coarse = np.random.default_rng(height).integers(0, 256, (6, 6, 3)).astype(np.uint8)
    return np.array(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    model = portrait()
    folder = tmp_path_factory.mktemp("saved") / "cut" / "1"
    return model, model.export(folder, license="Apache-2.0", metrics={"miou": 0.5})


def test_all_signatures_agree_with_predict(exported):
    model, folder = exported
    loaded = tf.saved_model.load(os.fspath(folder))
    assert set(loaded.signatures) == {"serving_default", "images_uint8", "images_float", "describe"}
    for size in SIZES:
        image = picture(*size)
        wanted = model.predict(image)[0].label_maps
        found = loaded.signatures["images_uint8"](images=tf.constant(image[None]))
        assert set(found) == {"classes", "alpha", "class_scores", "error"}
        scores = model.predict(image)[0].scores
        assert float(found["class_scores"][0, 0]) == pytest.approx(
            scores[0] if len(scores) else 0, abs=2e-3
        )
        assert np.mean(found["classes"][0] != wanted["classes"]) <= 0.005
        difference = np.abs(found["alpha"][0].numpy().astype(int) - wanted["alpha"])
        assert difference.max() <= 1 and difference.mean() <= 0.02
        floats = loaded.signatures["images_float"](images=tf.constant(image[None], tf.float32))
        for name, value in floats.items():
            np.testing.assert_array_equal(value, found[name])


def test_a_process_with_tensorflow_alone_cuts_the_same(exported, tmp_path):
    model, folder = exported
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(picture(40, 70)).save(tmp_path / "a.jpg", quality=95, exif=exif)
    Image.fromarray(picture(33, 20)).save(tmp_path / "b.png")
    done = serving.serve_check(folder, tmp_path / "a.jpg", tmp_path / "b.png")
    for row, name in enumerate(("a.jpg", "b.png")):
        wanted = model.predict(tmp_path / name)[0]
        png = np.asarray(Image.open(io.BytesIO(done["alpha_png_bytes"][row])))
        assert png.shape == wanted.size
        assert np.abs(png.astype(int) - wanted.label_maps["alpha"]).mean() < 1.0


def test_what_lies_beside_the_graph(exported):
    _, folder = exported
    saved_model.verify(folder)
    assert (folder / "labels.txt").read_text() == "person\n"
    card = (folder / "model_card.md").read_text()
    for words in (
        "# cut\n",
        "Class id 0 is the background",
        "alpha_png_bytes",
        "| miou | 0.5000 |",
    ):
        assert words in card
    assert "detection_" not in card and "@" not in card.replace("-d @-", "")
