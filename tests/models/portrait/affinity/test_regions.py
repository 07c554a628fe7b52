"""Region codes against a look into every box at every pixel."""

from __future__ import annotations

import numpy as np
import pytest

from tfseg.models.portrait.affinity.boxes import check_boxes, choose_boxes
from tfseg.models.portrait.affinity.regions import Regions


@pytest.mark.parametrize("count", [0, 1, 3, 12, 50])
def test_codes_name_the_set_of_boxes(count):
    rng = np.random.default_rng(count)
    height, width = 37, 53
    ends = np.sort(rng.uniform(-10, 60, (count, 2, 2)), axis=1)
    boxes = check_boxes(ends.reshape(count, 4), rng.uniform(0.5, 1, count))
    chosen = choose_boxes(*boxes, (height, width), nms_iou=1.0)
    regions = Regions(chosen, (height, width))
    y, x = np.mgrid[:height, :width] + 0.5
    inside = np.array(
        [(y1 <= y) & (y < y2) & (x1 <= x) & (x < x2) for y1, x1, y2, x2 in boxes[0][chosen.places]]
    ).reshape(-1, height, width)
    np.testing.assert_array_equal(
        regions.members[regions.codes()], np.moveaxis(inside, 0, -1).reshape(height, width, -1)
    )
    assert not regions.members[0].any()
    assert len(np.unique(regions.members, axis=0)) == len(regions.members)
    np.testing.assert_array_equal(regions.codes(np.s_[3:9], np.s_[5:6]), regions.codes()[3:9, 5:6])
    alone = regions.sizes == 1
    assert (regions.owners[~alone] == -1).all()
    assert regions.members[alone, regions.owners[alone]].all()
