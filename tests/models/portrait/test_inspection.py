"""Looking inside the portrait network: its own numbers, as arrays, as images and as a page."""

from __future__ import annotations

import numpy as np
import pytest

from tfseg.engine.inputs import read_items
from tfseg.errors import ConfigError
from tfseg.geometry.proportional import ImageFit
from tfseg.models.portrait.estimator import PortraitSegmenter
from tfseg.models.portrait.inspection import inspect

NAMES = ["input", "attention", "boundary", "foreground", "prediction"]


def segmenter(**settings) -> PortraitSegmenter:
    model = PortraitSegmenter(image_size=(64, 96), **settings)
    assert model.keras_model is not None
    model.fitted = True  # what is tested holds for random weights too
    return model


def item(size=(50, 75)):
    picture = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    return next(read_items(picture, 3)[0])


@pytest.fixture(scope="module")
def model():
    return segmenter()


@pytest.fixture(scope="module")
def seen(model):
    return inspect(model, item())


def test_maps_follow_the_formulas_of_the_modules(seen):
    assert [one.shape for one in seen.semantic] == [
        (16, 24, 2),
        (8, 12, 2),
        (4, 6, 2),
        (2, 3, 2),
    ]
    for i in range(3):
        mean = seen.enhanced[i + 1].mean(axis=(0, 1))
        np.testing.assert_allclose(seen.attention[i], 1 / (1 + np.exp(-mean)), atol=1e-5)
        np.testing.assert_allclose(
            seen.enhanced[i], seen.semantic[i] * (1 + seen.attention[i]), atol=1e-5
        )
        halved = seen.edges[i].reshape(*seen.edges[i + 1].shape[:1], 2, -1, 2).mean(axis=(1, 3))
        np.testing.assert_allclose(seen.edges[i + 1], seen.boundary[i + 1] + halved, atol=1e-5)
    assert seen.attention[3] is None
    np.testing.assert_array_equal(seen.enhanced[3], seen.semantic[3])
    np.testing.assert_array_equal(seen.edges[0], seen.boundary[0])


def test_the_prediction_is_that_of_predict(model, seen):
    predicted = model.predict(seen.image)[0]
    for name, values in predicted.label_maps.items():
        difference = np.abs(values.astype(int) - seen.prediction.label_maps[name])
        assert difference.mean() < 0.01, name
    assert seen.foreground.shape == seen.square.shape[:2]
    assert seen.foreground.min() >= 0 and seen.foreground.max() <= 1


def test_pictures_and_page(seen, tmp_path):
    assert list(seen.pictures) == NAMES
    for picture in seen.pictures.values():
        assert picture.dtype == np.uint8 and picture.shape[2] == 3 and min(picture.shape[:2]) >= 50
    page = seen.save(tmp_path)
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == [*(f"{i:02d}_{name}.png" for i, name in enumerate(NAMES, 1)), "index.html"]
    assert page.read_text().count("<img ") == 5
    assert "four layers of 16 x 24" in repr(seen) and "<img " in seen._repr_html_()


def test_padding_is_cut_off(model, monkeypatch):
    monkeypatch.setattr(model, "_resize", lambda: ImageFit((64, 96), "letterbox"))
    seen = inspect(model, item((96, 48)))  # fills a third of the width
    assert seen.square.shape[:2] == (64, 32)
    assert [one.shape for one in seen.boundary] == [(16, 8), (8, 4), (4, 2), (2, 1)]
    assert seen.prediction.size == (96, 48)


def test_without_the_modules_nothing_changes_and_the_plain_network_is_refused():
    seen = inspect(segmenter(cgca=False, cgbe=False), item())
    assert seen.attention == (None,) * 4
    for before, after in ((seen.semantic, seen.enhanced), (seen.boundary, seen.edges)):
        for one, other in zip(before, after, strict=True):
            np.testing.assert_array_equal(one, other)
    assert list(seen.pictures) == NAMES
    with pytest.raises(ConfigError, match="decoder='aspp' and has neither"):
        inspect(PortraitSegmenter(decoder="aspp"), item())
