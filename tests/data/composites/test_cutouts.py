"""Cut-outs of rectangles: what the frame cuts, how tall the whole person is, which are usable."""

from __future__ import annotations

import numpy as np
import pytest
from each_case import each

from tfseg.data.composites.cutouts import Cutouts, Remembered, Tones, cut_out
from tfseg.data.dataset import ListDataset
from tfseg.structures import Sample

SCENE = Tones((128.0, 128.0, 128.0), (10.0, 10.0, 10.0))


def rectangle(y1, x1, y2, x2, size=(100, 80)):
    mask = np.zeros(size, bool)
    mask[y1:y2, x1:x2] = True
    return mask


def cut(mask):
    return cut_out(np.full((*mask.shape, 3), 50, np.uint8), mask, SCENE, (0, 0))


@each(
    ("box", "expected", "stature"),
    [
        ((10, 20, 90, 45), (False, False, False, False), 80),
        ((40, 20, 100, 45), (False, False, True, False), 25 / 0.33),
        ((0, 20, 90, 45), (True, False, False, False), 90),
        ((10, 0, 90, 30), (False, True, False, False), 80),
        ((10, 50, 90, 80), (False, False, False, True), 80),
        # Less tall than 1.7 widths: the legs are hidden. Never more than 7.5 / 3.1 times as tall.
        ((10, 20, 60, 70), (False, False, True, False), 50 * 7.5 / 3.1),
    ],
)
def test_what_the_frame_cuts_off(box, expected, stature):
    found = cut(rectangle(*box))
    assert found.cut == expected and found.stature == pytest.approx(stature)
    np.testing.assert_array_equal(found.mask, 255)


def test_specks_are_nobody():
    assert cut(rectangle(1, 1, 3, 3)) is None and cut(np.zeros((9, 9), bool)) is None


@each(
    ("mask", "usable"),
    [
        (rectangle(10, 20, 90, 45), True),
        (rectangle(10, 20, 40, 35), False),  # 30 pixels tall
        (rectangle(0, 20, 90, 45), False),  # without a head
        (rectangle(10, 0, 100, 80), False),  # cut on both sides
        (rectangle(10, 20, 90, 45) & np.eye(100, 80, dtype=bool), False),  # a thin line
    ],
)
def test_who_is_usable(mask, usable):
    sample = Sample(np.zeros((100, 80, 3), np.uint8), 0, [1], mask[None])
    found = Cutouts(ListDataset([sample], ("person",)))(0)
    assert len(found) == usable


def test_crowds_and_other_classes_are_left_alone():
    masks = np.stack([rectangle(10, 20, 90, 45)] * 3)
    sample = Sample(np.zeros((100, 80, 3), np.uint8), 0, [1, 2, 2], masks, is_crowd=[0, 0, 1])
    found = Cutouts(ListDataset([sample], ("dog", "person")))(0)
    assert [c.source for c in found] == [(0, 0)]


def test_the_latest_results_are_remembered_up_to_the_limit():
    made = []
    remembered = Remembered(lambda key: (made.append(key) or key, 10), 25)
    assert [remembered(k) for k in (1, 2, 1, 3, 1, 2)] == [1, 2, 1, 3, 1, 2]
    assert made == [1, 2, 3, 2] and remembered.memory_used == 20
