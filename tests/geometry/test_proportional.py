"""How images meet the network, and the way back."""

from __future__ import annotations

import numpy as np
import pytest

from tfseg.errors import DataError
from tfseg.geometry.proportional import ImageFit

SIZES = [(48, 64), (400, 300), (1, 1), (10000, 10), (33, 97), (2000, 3000)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", ["proportional", "letterbox", "stretch", "native"])
def test_every_training_picture_has_the_canvas(size, kind):
    plan = ImageFit((96, 64), kind).plan(size)
    assert plan.canvas == (96, 64)
    y1, x1, y2, x2 = plan.window
    assert 0 <= y1 < y2 <= 96 and 0 <= x1 < x2 <= 64


def test_letterboxes_keep_proportions_and_native_never_enlarges():
    assert ImageFit((96, 64), "letterbox").plan((48, 64)).resized == (48, 64)
    assert ImageFit((96, 64), "letterbox").plan((480, 640)).resized == (48, 64)
    assert ImageFit((96, 64), "letterbox").plan((24, 32)).resized == (48, 64)
    assert ImageFit((96, 64), "native").plan((24, 32)).resized == (24, 32)
    assert ImageFit((96, 64), "stretch").plan((24, 32)).resized == (96, 64)


@pytest.mark.parametrize("size", SIZES)
def test_a_proportional_prediction_has_the_area_and_few_shapes(size):
    fit = ImageFit((256, 192))
    rows, columns = fit.predict_plan(size).canvas
    assert rows % 32 == columns % 32 == 0
    if max(size) / min(size) < 4:
        assert rows * columns == pytest.approx(256 * 192, rel=0.25)
        assert rows / columns == pytest.approx(size[0] / size[1], rel=0.2)
    assert rows * columns <= 5 * 256 * 192


def test_the_canvas_of_its_own_proportions_is_itself():
    assert ImageFit((256, 192)).predict_plan((800, 600)).canvas == (256, 192)
    assert ImageFit((256, 192)).predict_plan((600, 800)).canvas == (192, 256)


def test_native_predictions_keep_the_size_up_to_a_limit():
    fit = ImageFit((64, 64), "native", limit=500)
    assert fit.predict_plan((225, 301)).canvas == (225, 301)
    assert fit.predict_plan((2000, 1000)).canvas == (500, 250)
    assert fit.predict_plan((10000, 2)).canvas == (500, 1)


@pytest.mark.parametrize("kind", ["proportional", "letterbox", "stretch", "native"])
def test_a_class_map_comes_back(kind):
    fit = ImageFit((128, 128), kind)
    labels = np.zeros((90, 60), np.uint8)
    labels[20:70, 15:45] = 1
    for plan in (fit.plan((90, 60)), fit.predict_plan((90, 60))):
        back = plan.undo_label_map(plan.label_map(labels, fill=255))
        assert back.shape == labels.shape
        assert np.mean(back != labels) < 0.03


def test_a_picture_without_pixels_is_refused():
    with pytest.raises(DataError, match="at least one pixel"):
        ImageFit((64, 64)).plan((0, 5))
