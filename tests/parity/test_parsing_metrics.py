"""The measures of human parsing against numbers of the public evaluation programs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tfseg.metrics.map_iou import MapIoU
from tfseg.metrics.parsing_ap import PersonParsingAP
from tfseg.metrics.region_ap import RegionAP

PARTS = tuple(f"part {number}" for number in range(1, 7))


@pytest.fixture(scope="module")
def reference():
    with np.load(Path(__file__).parent / "data" / "parsing_metrics.npz") as stored:
        return dict(stored)


@pytest.fixture(scope="module")
def images(reference):
    """For each image: true people, found people, their scores by rising score."""
    found = []
    for number in range(40):
        own = reference["pred_image"] == number
        order = np.argsort(reference["pred_score"][own])
        truth = reference["gt_maps"][reference["gt_image"] == number]
        scores = reference["pred_score"][own][order]
        found.append((truth, reference["pred_maps"][own][order], scores))
    return found


def merged(people):
    """Returns the class map and the region map of people laid over each other, and the class and
    the person of each region."""
    classes, owners = np.zeros((2, 96, 128), int)
    for number, person in enumerate(people):
        classes[person > 0], owners[person > 0] = person[person > 0], number
    codes, regions = np.unique(np.where(classes > 0, owners * 7 + classes, 0), return_inverse=True)
    return classes, regions.reshape(96, 128), codes[1:] % 7, codes[1:] // 7


def test_people_and_their_parts(images, reference):
    measure = PersonParsingAP(PARTS, lowest_score=0)
    for truth, found, scores in images:
        measure.update(truth, found, scores)
    details = measure.compute().details
    np.testing.assert_allclose(details["ap_p_by_threshold"], reference["ap_p"], atol=1e-12)
    np.testing.assert_allclose(details["pcp_by_threshold"], reference["pcp"], atol=1e-12)


def test_regions_as_the_public_script_counts_them(images, reference):
    measures = [RegionAP(PARTS, mode=mode) for mode in ("pgn_compat", "strict")]
    for truth, found, scores in images:
        _, regions, classes, _ = merged(truth)
        _, found_regions, found_classes, owners = merged(found)
        for measure in measures:
            measure.update(regions, classes, found_regions, found_classes, scores[owners])
    compat, strict = (measure.compute() for measure in measures)
    ours = compat.details["ap_r_by_class_and_threshold"]
    np.testing.assert_allclose(ours, reference["ap_r_per_class"], atol=1e-12)
    assert compat["ap_r_vol"] == pytest.approx(reference["ap_r_per_class"].mean(), abs=1e-12)
    assert strict["ap_r_vol"] < compat["ap_r_vol"] - 0.005
    # One measure has both numbers.
    assert measures[1].compute("pgn_compat")["ap_r_vol"] == compat["ap_r_vol"]
    assert measures[0].compute("strict")["ap_r_vol"] == strict["ap_r_vol"]


def test_class_maps(images, reference):
    measure = MapIoU(PARTS)
    for truth, found, _ in images:
        measure.update(merged(truth)[0], merged(found)[0])
    report = measure.compute()
    np.testing.assert_allclose(
        list(report.per_class["iou"].values()), reference["semantic_iou"], atol=1e-12
    )
    for name in ("miou", "mean_accuracy", "pixel_accuracy"):
        assert report[name] == pytest.approx(reference[f"semantic_{name}"], abs=1e-12)
