"""Alignment: the facts of the specification, a plain solver, and the same inside a graph."""

from __future__ import annotations

import numpy as np
import pytest
from keras import ops
from posed_people import placed, some_poses

from tfseg.geometry.affine import invert, transform
from tfseg.models.pose2seg.skeleton.alignment import align, candidates, fit_similarity
from tfseg.models.pose2seg.skeleton.templates import default_templates

FRAME, SIZE = (128, 128), 64
RULES = [("error", "reflect", False), ("score", "swap", True)]


def fit(pose, target, reflected=False):
    """The matrix and the root mean square distance of a fit over all points."""
    pose, target = np.float64(pose), np.float64(target)
    matrix, _ = fit_similarity(pose, target, np.ones(len(pose)), reflected)
    gaps = transform(pose, matrix) - target
    return matrix, np.sqrt((gaps**2).sum(axis=1).mean())


def test_an_exact_fit_of_somebody_upside_down():
    template = [(24, 16), (40, 16), (24, 48), (40, 48)]
    matrix, error = fit([(116, 112), (84, 112), (116, 48), (84, 48)], template)
    np.testing.assert_allclose(matrix, [[-0.5, 0, 82], [0, -0.5, 72]], atol=1e-12)
    assert error < 1e-12


def test_an_inexact_fit():
    matrix, error = fit([(10, 10), (30, 10), (20, 40)], [(24, 20), (40, 22), (31, 44)])
    expected = [[0.775, -0.05, 17.166667], [0.05, 0.775, 12.166667]]
    np.testing.assert_allclose(matrix, expected, atol=1e-6)
    assert error == pytest.approx(0.527046, abs=1e-6)
    assert error * np.sqrt(3) == pytest.approx(0.912871, abs=1e-6)
    assert np.hypot(*matrix[:, 0]) == pytest.approx(0.776611, abs=1e-6)
    assert np.degrees(np.arctan2(matrix[1, 0], matrix[0, 0])) == pytest.approx(3.691386, abs=1e-6)


def test_a_fit_that_needs_a_reflection():
    template = [(40, 20), (24, 20), (38, 44), (26, 44)]
    pose = [(60, 40), (92, 40), (64, 88), (88, 88)]
    matrix, error = fit(pose, template)
    expected = [[0.242268, 0, 13.587629], [0, 0.242268, 16.494845]]
    np.testing.assert_allclose(matrix, expected, atol=1e-6)
    assert error == pytest.approx(12.184154, abs=1e-6)
    matrix, error = fit(pose, template, reflected=True)
    np.testing.assert_allclose(matrix, [[-0.5, 0, 70], [0, 0.5, 0]], atol=1e-12)
    assert error < 1e-12
    np.testing.assert_allclose(invert(matrix), [[-2, 0, 140], [0, 2, 0]], atol=1e-9)


@pytest.mark.parametrize("reflected", [False, True])
def test_fits_are_those_of_a_linear_solver(reflected):
    random = np.random.default_rng(0)
    points, targets = random.normal(0, 30, (6, 17, 2)), random.normal(0, 1, (6, 17, 2))
    weights = (random.random((6, 17)) < 0.6).astype(float)
    ours, _ = fit_similarity(points, targets, weights, reflected)
    sign = -1 if reflected else 1
    for matrix, p, t, w in zip(ours, points, targets, weights):
        used = w > 0
        x, y, one, zero = p[used, 0], p[used, 1], np.ones(used.sum()), np.zeros(used.sum())
        # Unknowns a, b, c, d of x' = a x - s b y + c and y' = b x + s a y + d.
        rows = np.concatenate(
            [np.stack([x, -sign * y, one, zero], 1), np.stack([sign * y, x, zero, one], 1)]
        )
        a, b, c, d = np.linalg.lstsq(rows, np.concatenate([t[used, 0], t[used, 1]]))[0]
        np.testing.assert_allclose(matrix, [[a, -sign * b, c], [b, sign * a, d]], atol=1e-9)


def by_rule(poses, rule="score", turning="swap", behind=True, **options):
    templates = default_templates(behind)
    return align(poses, templates, FRAME, SIZE, rule=rule, turning=turning, **options)


@pytest.mark.parametrize(("rule", "turning", "behind"), RULES)
def test_a_visible_ankle_rejects_the_half_body(rule, turning, behind):
    pose = placed(1)  # a perfect half body ...
    half = 2 if behind else 1
    assert by_rule(pose[None], rule, turning, behind).templates.tolist() == [half]
    pose[15] = 60, 110, 1  # ... with an ankle that is hidden, yet known
    found = candidates(pose[None], default_templates(behind), SIZE, turning)
    assert not found.accepted[0, half] and found.accepted[0, 0]
    assert found.errors[0, half] < found.errors[0, 0]
    assert by_rule(pose[None], rule, turning, behind).templates.tolist() == [0]


@pytest.mark.parametrize(("rule", "turning", "behind"), RULES)
def test_who_cannot_be_aligned_sees_the_whole_frame(rule, turning, behind):
    two, same, huge = placed(), placed(), placed(scale=140.0)
    two[2:, 2] = 0
    same[:, :2] = 50, 60
    nan = placed()
    nan[:, 2] = 0
    nan[:, :2] = np.nan
    poses = np.stack([two, same, huge, np.zeros((17, 3)), nan])
    found = by_rule(poses, rule, turning, behind)
    assert found.templates.tolist() == [-1] * 5 and not found.turned.any()
    whole = np.broadcast_to([[0.5, 0, 0], [0, 0.5, 0]], (5, 2, 3))
    np.testing.assert_array_equal(found.matrices, whole)
    assert (found.fits == (np.inf if rule == "error" else 0)).all()
    assert by_rule(poses[:0], rule, turning, behind).matrices.shape == (0, 2, 3)


def test_the_score_of_perfect_and_of_partial_fits():
    pose = placed(angle=0.4)
    assert by_rule(pose[None]).fits[0] == pytest.approx(1)
    pose[[1, 2, 3, 4, 7, 9, 13], 2] = 0
    found = candidates(pose[None], default_templates().first(1), SIZE, "swap")
    assert found.scores[0, 0] == pytest.approx(10 / 17)
    pose[:, :2] += np.random.default_rng(0).normal(0, 3, (17, 2))
    found = candidates(pose[None], default_templates().first(1), SIZE, "swap")
    assert found.scores[0, 0] < 10 / 17


def test_missing_joints_have_no_part_in_the_fit():
    pose = placed(angle=1.0)
    pose[[3, 9, 16]] = 0, 0, 0
    found = by_rule(pose[None], "error", "reflect", False)
    assert found.fits[0] < 1e-9
    template = default_templates().joints[0]
    seen = pose[:, 2] > 0
    moved = transform(pose, found.matrices[0])[seen, :2]
    np.testing.assert_allclose(moved, SIZE * template[seen, :2], atol=1e-9)


def test_somebody_from_behind_is_turned_over_or_exchanged():
    pose = placed(angle=0.3)
    behind = pose[[0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15]]
    reflected = by_rule(behind[None], "error", "reflect", False)
    assert reflected.turned[0] and reflected.fits[0] < 1e-9
    assert np.linalg.det(reflected.matrices[0, :, :2]) < 0
    swapped = by_rule(behind[None])
    assert swapped.turned[0] and swapped.fits[0] == pytest.approx(1)
    assert np.linalg.det(swapped.matrices[0, :, :2]) > 0


@pytest.mark.both_backends
@pytest.mark.parametrize(("rule", "turning", "behind"), RULES)
def test_the_same_inside_a_graph(rule, turning, behind):
    poses = some_poses()
    exact = by_rule(poses, rule, turning, behind)
    ours = by_rule(ops.convert_to_tensor(poses.astype("float32")), rule, turning, behind, lib=ops)
    np.testing.assert_array_equal(ops.convert_to_numpy(ours.templates), exact.templates)
    np.testing.assert_array_equal(ops.convert_to_numpy(ours.turned), exact.turned)
    np.testing.assert_allclose(ops.convert_to_numpy(ours.matrices), exact.matrices, atol=2e-3)
    np.testing.assert_allclose(ops.convert_to_numpy(ours.fits), exact.fits, atol=1e-4)
