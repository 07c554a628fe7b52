"""Probabilities that follow a photograph's edges, against plain least squares."""

from __future__ import annotations

import numpy as np
import pytest

import tfseg
from tfseg.geometry.proportional import ImageFit
from tfseg.models.portrait.decode import decode
from tfseg.models.portrait.edges import SMOOTHNESS, SeenPlan, fitted_lines, radius_of

RNG = np.random.default_rng(0)


def fitted_by_hand(guide, shares, row, column):
    """Ridge regression of the shares on the colours in the window of one pixel: `(K, 4)`."""
    radius = radius_of(*shares.shape[:2])
    window = np.s_[
        max(row - radius, 0) : row + radius + 1, max(column - radius, 0) : column + radius + 1
    ]
    colours, wanted = guide[window].reshape(-1, 3) / 255, shares[window].reshape(-1, 2)
    centre, level = colours.mean(axis=0), wanted.mean(axis=0)
    gap = colours - centre
    matrix = gap.T @ gap / len(gap) + SMOOTHNESS * np.eye(3)
    slope = np.linalg.solve(matrix, gap.T @ (wanted - level) / len(gap)).T
    return np.concatenate([slope, (level - slope @ centre)[:, None]], axis=1)


def test_the_functions_are_those_of_least_squares_in_every_window():
    guide, shares = RNG.uniform(0, 255, (50, 90, 3)), RNG.uniform(size=(50, 90, 2))
    assert radius_of(50, 90) == 2
    found = fitted_lines(guide, shares)
    assert found.shape == (2, 4, 50, 90) and found.dtype == np.float32
    for row, column in ((0, 0), (25, 40), (49, 89), (1, 88)):
        around = [
            fitted_by_hand(guide, shares, r, c)
            for r in range(max(row - 2, 0), min(row + 3, 50))
            for c in range(max(column - 2, 0), min(column + 3, 90))
        ]
        np.testing.assert_allclose(found[:, :, row, column], np.mean(around, axis=0), atol=1e-5)


def person_in_front_of_a_wall(height=240, width=180):
    """A photograph with two sharp areas and noise, and the truth."""
    truth = np.zeros((height, width), bool)
    truth[60:, 50:130] = True
    image = np.where(truth[..., None], (180, 60, 40), (90, 110, 120)).astype(float)
    return np.clip(image + RNG.normal(0, 4, image.shape), 0, 255).astype(np.uint8), truth


def softly(truth, shift, plan):
    """Logits of a network that is sure inside, and whose border lies elsewhere."""
    moved = np.roll(truth, shift, axis=(0, 1)).astype(np.float32)
    small = plan.image(np.repeat(255 * moved[..., None], 3, axis=2).astype(np.uint8))[..., 0] / 255
    logits = np.zeros((*small.shape, 2), np.float32)
    logits[..., 1] = 12 * (small - 0.5)
    return logits


@pytest.mark.parametrize("kind", ["proportional", "letterbox", "stretch"])
def test_a_border_beside_the_outline_moves_onto_it(kind):
    image, truth = person_in_front_of_a_wall()
    plan = ImageFit((128, 128), kind).predict_plan(truth.shape)
    logits = softly(truth, (2, 2), plan)
    wrong = {}
    for name, own in (
        ("plain", plan),
        ("along edges", SeenPlan.of(plan, image, plan.image(image))),
    ):
        found = decode(logits, own, class_names=("person",)).label_maps
        wrong[name] = np.mean((found["classes"] == 1) != truth)
        np.testing.assert_array_equal(found["alpha"] > 127, found["classes"] == 1)
    assert wrong["along edges"] < 0.1 * wrong["plain"]


def test_an_image_of_one_colour_leaves_sure_areas_alone():
    grey = np.full((96, 64, 3), 128, np.uint8)
    plan = ImageFit((96, 64)).predict_plan((96, 64))
    logits = np.zeros((96, 64, 3), np.float32)
    logits[:48, :, 1], logits[48:, :, 2] = 20, 20
    found = decode(logits, SeenPlan.of(plan, grey, plan.image(grey)), class_names=("a", "b"))
    wanted = np.broadcast_to(np.repeat([1, 2], 48)[:, None], (96, 64))
    np.testing.assert_array_equal(found.label_maps["classes"], wanted)
    assert (found.label_maps["alpha"] == 255).all() and (found.scores > 0.9).all()


def test_the_setting_turns_it_on():
    image, _ = person_in_front_of_a_wall(64, 64)
    model = tfseg.PortraitSegmenter(preset="nano", image_size=(64, 64))
    model.fitted = True
    plain = model.predict(image)[0].label_maps["alpha"]
    refined = model.set_params(refine_edges=True).predict(image)[0].label_maps["alpha"]
    assert np.abs(plain.astype(int) - refined).max() > 0
