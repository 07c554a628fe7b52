"""Who gets a node: nearest seeds, ties, boxes without seeds, nodes out of reach."""

from __future__ import annotations

import numpy as np
import pytest

from tfseg.models.portrait.affinity.assign import assign_nodes, seed_nodes
from tfseg.models.portrait.affinity.boxes import check_boxes, choose_boxes


def boxes_of(boxes, scores=None):
    return choose_boxes(*check_boxes(boxes, scores), (100, 100), nms_iou=1.0)


def chain(*lengths):
    ends = np.arange(len(lengths))
    return ends, ends + 1, np.array(lengths, float)


CANDIDATES = np.array([(1, 0), (1, 1), (0, 1)], bool)
PLACES = np.array([(5, 5), (5, 15), (5, 25.0)])
PAIR = [(0, 0, 10, 20), (0, 10, 10, 30)]


@pytest.mark.parametrize(("lengths", "owner"), [((1, 2), 0), ((2, 1), 1), ((1, 1), 0)])
def test_the_nearest_seed_wins_and_of_equal_ones_the_better_box(lengths, owner):
    boxes = boxes_of(PAIR)
    seeds = seed_nodes(CANDIDATES, PLACES, boxes, np.zeros(2, bool))
    assert [s.tolist() for s in seeds] == [[0], [2]]
    found, facts = assign_nodes(CANDIDATES, PLACES, boxes, seeds, chain(*lengths))
    assert found.tolist() == [0, owner, 1]
    assert facts == {"uncertain_nodes": 1, "geodesics": 2, "unreached_nodes": 0}


def test_rounding_does_not_decide_a_tie():
    boxes = boxes_of(PAIR)
    candidates = np.array([(1, 0), (1, 0), (1, 0), (1, 1), (0, 1)], bool)
    places = np.zeros((5, 2))
    lengths = (0.0, 0.1, 0.2, 0.3)  # 0.2 from the first; 0.3 - 0.1 would not be 0.2 exactly
    seeds = [np.array([0]), np.array([4])]
    edges = chain(*lengths)
    found, _ = assign_nodes(candidates, places, boxes, seeds, edges)
    assert found.tolist() == [0, 0, 0, 0, 1]  # 0.1 + 0.2 = 0.30000000000000004 against 0.3


def test_a_node_outside_of_all_boxes_is_a_way_but_nobodys():
    candidates = np.array([(1, 0), (0, 0), (1, 1), (0, 1)], bool)
    boxes = boxes_of(PAIR)
    seeds = [np.array([0]), np.array([3])]
    found, _ = assign_nodes(candidates, np.zeros((4, 2)), boxes, seeds, chain(1, 1, 3))
    assert found.tolist() == [0, -1, 0, 1]


def test_out_of_reach_the_nearer_centre_in_half_sizes_wins():
    boxes = boxes_of([(0, 0, 20, 20), (0, 0, 20, 80)])  # centres at columns 10 and 40
    candidates = np.array([(1, 1)], bool)
    none = [np.zeros(0, int)] * 2
    edges = (np.zeros(0, int), np.zeros(0, int), np.zeros(0))
    for column, owner in ((12, 0), (16, 0), (17, 1)):  # 0.6 half-sizes either way at column 16
        found, facts = assign_nodes(candidates, np.array([(10.0, column)]), boxes, none, edges)
        assert found.tolist() == [owner], column
        assert facts["unreached_nodes"] == 1 and facts["geodesics"] == 0


def test_boxes_without_seeds_take_the_middle_that_no_other_such_box_claims():
    boxes = boxes_of([(0, 0, 40, 40), (10, 10, 30, 30), (10, 16, 30, 36)])
    places = np.array([(20, 16), (20, 24), (20, 30), (11, 11), (2, 2.0)])
    candidates = np.array([(1, 1, 1)] * 3 + [(1, 1, 0), (1, 0, 0)], bool)
    seeds = seed_nodes(candidates, places, boxes, np.array([False, True, True]))
    # Half-size boxes: columns 15 to 25, and 21 to 31; node 1 lies in both.
    assert [s.tolist() for s in seeds] == [[4], [0], [2]]
