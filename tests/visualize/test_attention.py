"""Panels of attention and boundaries: colours where the numbers say, and shapes that do not fit."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tfseg.errors import DataError
from tfseg.visualize.attention import attention_bar, attention_panel, boundary_panel
from tfseg.visualize.colors import palette

SIZE = (40, 60)
GAP = 8


def logits_of(classes, count=2) -> np.ndarray:
    """Logits of 3 for the class of each cell and -1 for the others."""
    return np.eye(count)[np.asarray(classes)] * 4 - 1


def warm(value: float) -> np.ndarray:
    grey = np.full((1, 1), round(255 * value), np.uint8)
    return cv2.applyColorMap(grey, cv2.COLORMAP_INFERNO)[0, 0, ::-1].astype(int)


def test_each_cell_has_the_colour_of_its_class():
    before = logits_of([[0, 1], [1, 1]])
    after = logits_of([[0, 0], [0, 1]])
    panel = attention_panel([before], [after], ("person",), SIZE)
    tile = panel[GAP : GAP + 40, GAP : GAP + 60]
    person = palette(1)[0]
    assert (tile[30, 45] == person).all() and (tile[30, 10] == person).all()
    assert (tile[10, 10] != person).any() and tile[10, 10].max() < 60
    lower = panel[len(panel) // 2 :]
    assert 500 < (lower == person).all(axis=2).sum() < 900  # one cell of four, and the key


def test_the_bar_below_a_map_is_its_own_attention():
    logits = np.stack([np.full((3, 3), 2.0), np.full((3, 3), -1.0)], axis=2)
    panel = attention_panel([logits], [logits], ("person",), SIZE)
    bar = panel[GAP + 40 + 3 : GAP + 40 + 3 + 24, GAP : GAP + 60].astype(int)
    for column, value in ((0, 0.880797), (59, 0.268941)):  # sigmoid of 2 and of -1
        assert np.abs(bar[0, column] - warm(value)).max() <= 2


def test_a_bar_has_a_field_for_each_class():
    values = np.linspace(0, 1, 21)
    bar = attention_bar(values, [f"class {i}" for i in range(21)], 300)
    assert bar.shape == (24, 300, 3)
    for number, value in enumerate(values):
        field = bar[0, round((number + 0.5) * 300 / 21)].astype(int)
        assert np.abs(field - warm(value)).max() <= 2
    plain = attention_bar(values, [""] * 21, 21)  # a pixel each: no room for words
    assert plain.shape == (24, 21, 3) and (plain == plain[:1]).all()
    assert attention_bar(values, [""] * 21, 4).shape[1] == 21
    for wrong in (values[:3], values + 0.5, values * np.nan):
        with pytest.raises(DataError, match="attention: expected 21 numbers from 0 to 1"):
            attention_bar(wrong, [f"class {i}" for i in range(21)], 300)


def test_what_was_received_stands_in_a_third_row():
    maps = [logits_of(np.zeros((4, 4), int)), logits_of(np.ones((2, 2), int))]
    without = attention_panel(maps, maps, ("person",), SIZE)
    received = attention_panel(maps, maps, ("person",), SIZE, received=[np.array([1.0, 0.0]), None])
    assert received.shape[1] == without.shape[1] and received.shape[0] > without.shape[0] + 24
    assert (np.abs(received.astype(int) - warm(1)).max(axis=2) <= 2).sum() > 24 * 20
    assert (received == 235).all(axis=2).sum() > 24 * 55  # nothing came into the second


def test_many_layers_and_none():
    maps = [logits_of(np.zeros((n, n), int), 21) for n in (8, 4, 2, 1)]
    panel = attention_panel(maps, maps, [f"class {i}" for i in range(1, 21)], SIZE)
    assert panel.shape[1] == GAP + 4 * (60 + GAP) and panel.dtype == np.uint8
    assert attention_panel([], [], ("person",), SIZE).dtype == np.uint8
    assert boundary_panel([], [], SIZE).dtype == np.uint8


def test_boundaries_are_dark_for_0_and_bright_for_1():
    before = np.array([[-40.0, 0.0], [40.0, -1000.0]])
    panel = boundary_panel([before], [before[..., None] * 0 + 1000], SIZE).astype(int)
    tile = panel[GAP : GAP + 40, GAP : GAP + 60]
    for place, value in (((5, 5), 0), ((5, 50), 0.5), ((35, 5), 1), ((35, 50), 0)):
        assert np.abs(tile[place] - warm(value)).max() <= 3
    assert (np.abs(panel - warm(1)).max(axis=2) <= 2).sum() >= 40 * 60


def test_what_does_not_fit_is_named():
    good = logits_of([[0, 1]])
    with pytest.raises(DataError, match=r"before\[0\]: expected logits \(h, w, 3\)"):
        attention_panel([good], [good], ("person", "dog"), SIZE)
    with pytest.raises(DataError, match="as many layers in each part, got before 1, after 2"):
        attention_panel([good], [good, good], ("person",), SIZE)
    with pytest.raises(DataError, match="received 2"):
        attention_panel([good], [good], ("person",), SIZE, received=[None, None])
    with pytest.raises(DataError, match=r"after\[0\]: the logits hold NaN"):
        boundary_panel([good[..., 0]], [good[..., 0] * np.nan], SIZE)
    with pytest.raises(DataError, match="Take the batch axis off"):
        boundary_panel([good[None]], [good[None]], SIZE)
