"""Measures of human parsing: the specification's examples, nobody there, bad input."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tfseg.errors import ConfigError, DataError
from tfseg.metrics.map_iou import MapIoU
from tfseg.metrics.parsing_ap import PersonParsingAP
from tfseg.metrics.region_ap import THRESHOLDS, RegionAP

PARTS = ("hat", "hair", "glove")


def strip(text):
    """Returns a map of one row from its digits."""
    return np.array([[int(letter) for letter in text]])


def test_the_specifications_people_on_strips():
    truth = np.stack([strip("111222000000"), strip("000000113330")])
    found = np.stack([strip("112222000000"), strip("111000000000"), strip("000000111300")])
    measure = PersonParsingAP(PARTS)
    measure.update(truth, found, [0.9, 0.8, 0.7])
    report = measure.compute()
    expected = [0.833333] * 6 + [0.5, 0.5, 0]
    assert report.details["ap_p_by_threshold"] == pytest.approx(expected, abs=1e-6)
    assert report["ap_p_vol"] == pytest.approx(0.666667, abs=1e-6)
    # Parts: hat 2/3 and hair 3/4 of A; hat 2/3 and glove 1/3 of B.
    assert report["pcp_50"] == pytest.approx((2 / 2 + 1 / 2) / 2)
    shares = report.details["pcp_by_threshold"]
    assert shares[THRESHOLDS.index(0.7)] == pytest.approx(0.25)  # B is not found any more


def test_people_who_do_not_count_and_images_without_any():
    measure = PersonParsingAP(PARTS)
    assert math.isnan(measure.compute()["ap_p_vol"]) and math.isnan(measure.compute()["pcp_vol"])
    nobody = np.zeros((0, 1, 4), int)
    person = strip("1100")[None]
    measure.update(person, person, [0.0005])
    assert measure.compute()["ap_p_vol"] == 0
    measure.update(person, person, [0.5])
    assert measure.compute()["ap_p_vol"] == pytest.approx(0.5)
    measure.update(nobody, person, [0.9])  # a false alarm ahead of it
    assert measure.compute()["ap_p_vol"] == pytest.approx(0.25)
    measure.update(person, nobody, [])
    assert measure.compute()["ap_p_vol"] == pytest.approx(1 / 6)
    assert measure.compute()["pcp_vol"] == pytest.approx(1 / 3)
    assert measure.compute().details["people"] == 3


def test_the_specifications_regions_strict_and_as_the_public_script():
    iou = [[0.75, 0], [0.55, 0.1], [0, 0.42]]
    for mode, expected, low in (("strict", 0.537037, 0.833333), ("pgn_compat", 0.888889, 1.5)):
        measure = RegionAP(("hat",), mode=mode)
        measure.update_ious(iou, [1, 1], [1, 1, 1], [0.9, 0.8, 0.7])
        report = measure.compute()
        assert report["ap_r_vol"] == pytest.approx(expected, abs=1e-6)
        assert report.details["ap_r_by_threshold"][:4] == pytest.approx([low] * 4, abs=1e-6)


def test_regions_of_maps_meet_those_of_their_class_and_image():
    measure = RegionAP(PARTS, name="ap_cr_color")
    #                hat  hair  hat
    truth = strip("1111223333")
    found = strip("1110222003")
    measure.update(truth, [1, 2, 1], found, [1, 1, 1], [0.9, 0.8, 0.7])
    report = measure.compute()
    # IoU 3/4 with the first hat; the second region lies on hair and 1/6 of a hat; 1/4.
    values = np.array(report.details["ap_cr_color_by_class_and_threshold"])
    by_class = dict(zip(PARTS, values))
    # The second hat goes to the second region at .1, to the third, behind it, at .2.
    assert by_class["hat"][[0, 1, 2]] == pytest.approx([1, 0.5 + 0.5 * 2 / 3, 0.5])
    assert by_class["hat"][[6, 7]] == pytest.approx([0.5, 0])
    assert not by_class["hair"].any() and np.isnan(by_class["glove"]).all()
    assert report["ap_cr_color_50"] == pytest.approx((0.5 + 0) / 2)
    assert math.isnan(report.per_class["ap_cr_color"]["glove"])


def test_images_without_regions_and_regions_without_pixels():
    measure = RegionAP(("hat",))
    assert math.isnan(measure.compute()["ap_r_vol"])
    empty, one = strip("0000"), strip("0011")
    measure.update(empty, [], one, [1], [0.9])  # a false alarm
    assert math.isnan(measure.compute()["ap_r_vol"])
    measure.update(one, [1, 1], one, [1, 1], [0.5, 0.99])  # the second regions have no pixel
    assert measure.compute()["ap_r_vol"] == pytest.approx(0.5)
    measure.update(one, [1], empty, [], [])
    assert measure.compute()["ap_r_vol"] == pytest.approx(0.25)


def test_both_mean_ious_and_pixels_that_do_not_count():
    measure = MapIoU(("a", "b"), name="size_")
    assert math.isnan(measure.compute()["size_miou"])
    measure.update([[0, 0, 1, 1]], [[0, 0, 1, 0]])  # 2/3, 1/2
    measure.update([[2, 2, 255, 255]], [[2, 0, 1, 1]])  # 0, 1/2
    measure.update([[255, 255]], [[1, 2]])
    report = measure.compute()
    assert report["size_miou_image"] == pytest.approx(((2 / 3 + 1 / 2) / 2 + (0 + 1 / 2) / 2) / 2)
    assert list(report.per_class["size_iou"].values()) == pytest.approx([2 / 4, 1 / 2, 1 / 2])
    assert report["size_miou"] == pytest.approx(0.5)
    assert report["size_pixel_accuracy"] == pytest.approx(4 / 6)
    assert report["size_mean_accuracy"] == pytest.approx((1 + 1 / 2 + 1 / 2) / 3)
    assert report.details["images"] == 2


def test_bad_input_is_named():
    with pytest.raises(ConfigError, match="'strict' or 'pgn_compat'; got 'loose'"):
        RegionAP(PARTS, mode="loose")
    regions, people, maps = RegionAP(PARTS), PersonParsingAP(PARTS), MapIoU(PARTS)
    one = strip("0112")
    with pytest.raises(DataError, match="truth's map has regions 0 to 2, and 1 classes"):
        regions.update(one, [1], one, [1, 1], [0.5, 0.5])
    with pytest.raises(DataError, match="prediction has a region of class 4, expected 1 to 3"):
        regions.update(one, [1, 2], one, [1, 4], [0.5, 0.5])
    with pytest.raises(DataError, match=r"one size.*\(1, 4\), \(1, 3\) and 1 scores"):
        regions.update(one, [1, 2], strip("011"), [1], [0.5])
    with pytest.raises(DataError, match="prediction has a part of class 7, expected 0 for none"):
        people.update(one[None], strip("0170")[None], [0.5])
    with pytest.raises(DataError, match=r"truth should be maps \(people, H, W\), got \(1, 4\)"):
        people.update(one, one, [0.5])
    with pytest.raises(DataError, match="a score for each person found.* and 2 scores"):
        people.update(one[None], one[None], [0.5, 0.5])
    with pytest.raises(DataError, match="found map has a pixel of class 9"):
        maps.update(one, strip("0009"))
    with pytest.raises(DataError, match="at its original size"):
        maps.update(one, one.T)
