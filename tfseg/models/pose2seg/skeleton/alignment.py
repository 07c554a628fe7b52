"""AffineAlign's matrices: which turn, scale and shift makes a pose most like a template.

Least squares over joints that both have, in closed form, for all people and templates at once.
Source: Li et al. (2018), section 3.2; coverage, score and fallback of the public code of the later
paper.

`lib` is NumPy, or `keras.ops` for the same inside a graph.
"""

from __future__ import annotations

import dataclasses
from typing import Literal

import numpy as np

from tfseg.geometry.affine import letterbox
from tfseg.models.pose2seg.skeleton.templates import Templates

__all__ = ["Alignment", "Candidates", "align", "candidates", "fit_similarity", "whole_frame"]

_LEAST_JOINTS = 3
# Joints that lie in one place have no size to fit; squared pixels, against rounding.
_LEAST_SPREAD = 1e-6


@dataclasses.dataclass(frozen=True, eq=False)
class Candidates:
    """Every template against every pose: N people, C candidates (templates, then the same with
    left and right exchanged, or reflected).

    Attributes:
        matrices: float `(N, C, 2, 3)`, from the pose's frame to the window.
        errors: float `(N, C)`, root mean square distance in pixels of the window.
        scores: float `(N, C)` in [0, 1], the public code's; 0 where rejected.
        accepted: bool `(N, C)`.
    """

    matrices: np.ndarray
    errors: np.ndarray
    scores: np.ndarray
    accepted: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class Alignment:
    """The matrix of each pose.

    Attributes:
        matrices: float `(N, 2, 3)`, from the pose's frame to the window.
        templates: int `(N,)`, the template that was chosen, -1 for the whole frame.
        turned: bool `(N,)`: the template was taken reflected, or with left and right exchanged.
        fits: float `(N,)`: the error or the score that decided; infinite or 0 for the whole frame.
    """

    matrices: np.ndarray
    templates: np.ndarray
    turned: np.ndarray
    fits: np.ndarray


def fit_similarity(points, targets, weights, reflected: bool = False, lib=np):
    """Returns the turn, scale and shift that bring points nearest to their targets.

    Args:
        points: float `(..., K, 2)`.
        targets: float `(..., K, 2)`.
        weights: float `(..., K)`, 1 for points that count and 0 for others.
        reflected: Whether the plane is turned over first.
        lib: See above.

    Returns:
        `(matrices, spread)`: float `(..., 2, 3)`, `[[a, -b, c], [b, a, d]]` or, reflected,
        `[[a, b, c], [b, -a, d]]`; and float `(...)`, the sum of squared distances of the points
        to their mean, which must be above 0 for the matrix to have a meaning.
    """
    total = lib.maximum(lib.sum(weights, axis=-1), 1.0)[..., None]
    middle = lib.sum(weights[..., None] * points, axis=-2) / total
    goal = lib.sum(weights[..., None] * targets, axis=-2) / total
    moved, aims = points - middle[..., None, :], targets - goal[..., None, :]
    x, y, u, v = moved[..., 0], moved[..., 1], aims[..., 0], aims[..., 1]
    sign = -1.0 if reflected else 1.0
    spread = lib.sum(weights * (x * x + y * y), axis=-1)
    safe = lib.maximum(spread, 1e-30)
    a = lib.sum(weights * (x * u + sign * y * v), axis=-1) / safe
    b = lib.sum(weights * (x * v - sign * y * u), axis=-1) / safe
    rows = lib.stack([lib.stack([a, -sign * b], axis=-1), lib.stack([b, sign * a], axis=-1)], -2)
    shift = goal - lib.sum(rows * middle[..., None, :], axis=-1)
    return lib.concatenate([rows, shift[..., None]], axis=-1), spread


def candidates(
    poses, templates: Templates, size: int, turning: Literal["reflect", "swap"], lib=np
) -> Candidates:
    """Returns what each template would do with each pose.

    A candidate is rejected where fewer than three joints are common to both, where they all lie in
    one place, or where the pose has a joint that the template lacks (so that a half body is never
    fitted to a whole one).

    Args:
        poses: float `(N, 17, 3)`, x, y and a visibility, 0 for missing joints. N may be 0.
        templates: What to align with.
        size: Side of the window in pixels, which the unit square becomes.
        turning: "reflect" tries each template reflected too, "swap" with left and right exchanged.
        lib: See above.
    """
    poses = np.asarray(poses, np.float64) if lib is np else lib.cast(poses, "float32")
    plain, swapped = templates, templates.swapped
    kinds = [(plain, False), (plain, True)] if turning == "reflect" else [(plain, False)]
    kinds += [(swapped, False)] if turning == "swap" else []
    parts = [_against(poses, kind, reflected, lib) for kind, reflected in kinds]
    matrices, errors, scores, accepted = (lib.concatenate(part, axis=1) for part in zip(*parts))
    return Candidates(size * matrices, size * errors, scores, accepted)


def _against(poses, templates: Templates, reflected: bool, lib):
    """Returns matrices, errors, scores and acceptance in units of the square, `(N, T, ...)`."""
    places = np.asarray(templates.joints[..., :2], _kind(lib))
    seen = (poses[..., 2] > 0)[:, None]
    common = lib.where(seen & templates.valid, 1.0, 0.0)
    either = lib.sum(lib.where(seen | templates.valid, 1.0, 0.0), axis=-1)
    # A missing joint may be stored as anything, NaN included.
    points = lib.where(seen[..., None], poses[:, None, :, :2], 0.0)
    count = lib.sum(common, axis=-1)
    matrices, spread = fit_similarity(points, places, common, reflected, lib)
    moved = lib.sum(matrices[..., None, :, :2] * points[..., None, :], axis=-1)
    squares = lib.sum((moved + matrices[..., None, :, 2] - places) ** 2, axis=-1)
    errors = lib.sqrt(lib.sum(common * squares, axis=-1) / lib.maximum(count, 1.0))
    covered = count == lib.sum(lib.where(seen, 1.0, 0.0), axis=-1)
    accepted = covered & (count >= _LEAST_JOINTS) & (spread > _LEAST_SPREAD)
    scores = lib.sum(common * lib.exp(-squares / 2), axis=-1) / lib.maximum(either, 1.0)
    return matrices, errors, lib.where(accepted, scores, 0.0), accepted


def _kind(lib):
    return np.float64 if lib is np else np.float32


def whole_frame(frame: tuple[int, int], size: int) -> np.ndarray:
    """Returns the matrix, float64 `(2, 3)`, that shows a whole frame `(h, w)` in the window."""
    return letterbox(frame, (size, size))


def align(
    poses,
    templates: Templates,
    frame: tuple[int, int],
    size: int,
    *,
    rule: Literal["error", "score"],
    turning: Literal["reflect", "swap"],
    lib=np,
) -> Alignment:
    """Returns the matrix from the frame to the window for each pose.

    The whole frame is shown where no template is accepted, and where the best one would show the
    person smaller than the whole frame does.

    Args:
        poses: float `(N, 17, 3)`, x, y in pixels of the frame and a visibility, 0 for missing
            joints. N may be 0.
        templates: What to align with.
        frame: `(h, w)` of the frame, such as the feature map.
        size: Side of the window in pixels.
        rule: Take the template with the smallest error (the first paper) or with the highest score
            (the later one). Of equal ones the first is taken.
        turning: See `candidates`.
        lib: See above.
    """
    found = candidates(poses, templates, size, turning, lib)
    if rule == "error":
        values, worst = -found.errors, -np.inf
    else:
        values, worst = found.scores, 0.0
    values = lib.where(found.accepted, values, worst)
    best = lib.argmax(values, axis=1)[:, None]
    matrices = lib.take_along_axis(found.matrices, best[..., None, None], axis=1)[:, 0]
    fits = lib.take_along_axis(values, best, axis=1)[:, 0]
    chosen = lib.take_along_axis(found.accepted, best, axis=1)[:, 0]
    whole = whole_frame(frame, size)
    lengths = lib.sqrt(matrices[:, 0, 0] ** 2 + matrices[:, 1, 0] ** 2)
    chosen = chosen & (lengths >= whole[0, 0])
    matrices = lib.where(chosen[:, None, None], matrices, np.asarray(whole, _kind(lib)))
    best = best[:, 0]
    templates_chosen = lib.where(chosen, best % len(templates), -1)
    fits = lib.where(chosen, -fits if rule == "error" else fits, -worst)
    return Alignment(matrices, templates_chosen, chosen & (best >= len(templates)), fits)
