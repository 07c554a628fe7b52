"""Counting of predicted people against a mask of all people."""

from __future__ import annotations

import numpy as np
from hptr_regions import counts


def test_what_is_on_people_and_who_is_found():
    classes = np.zeros((20, 20), np.uint8)
    classes[2:8, 2:8] = classes[12:18, 12:18] = 1  # two people
    classes[0, 0] = 1  # too small to be missed
    classes[8, :] = 255
    owners = np.zeros((20, 20), np.int32)
    owners[2:9, 2:8] = 1  # the first, and a row that does not count
    owners[12:18, 0:14] = 2  # a third of the second, mostly beside
    assert counts(classes, owners).tolist() == [2, 1, 2, 1]
    assert counts(classes, 0 * owners).tolist() == [0, 0, 2, 0]
