"""Opacities that end where the photograph has an edge, by the guided filter.

A network's answer is coarser than a photograph and ends some pixels beside the outline. Around
each pixel the filter fits the answer by a linear function of the photograph's colours, and takes
what the mean of these functions gives: where colours change the answer changes with them, and
where they do not it stays smooth.

Source: He, Sun, Tang, *Guided image filtering* (ECCV 2010), with colours as the guide; functions
are fitted at the network's size and enlarged, as in He and Sun, *Fast guided filter* (2015).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from tfseg.geometry.resize import ResizePlan
from tfseg.opencv import cv2

__all__ = ["RADIUS", "SMOOTHNESS", "SeenPlan", "fitted_lines", "radius_of"]

RADIUS = 0.02
"""Half the side of the windows, as a share of the longer side of what the network saw."""
SMOOTHNESS = 1e-3
"""What is added to the variances of colours from 0 to 1: below it a difference is noise."""
_PAIRS = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))


@dataclasses.dataclass(frozen=True, eq=False)
class SeenPlan(ResizePlan):
    """A plan that knows its image, as it was and as the network saw it.

    Attributes:
        photograph: uint8 or float `(H, W, 3)`, grey values from 0 to 255.
        fitted: `(h, w, 3)`, what `image(photograph)` gave.
    """

    photograph: np.ndarray = None
    fitted: np.ndarray = None

    @classmethod
    def of(cls, plan: ResizePlan, photograph: np.ndarray, fitted: np.ndarray) -> SeenPlan:
        """Returns a plan with its image."""
        return cls(*dataclasses.astuple(plan), photograph=photograph, fitted=fitted)


def radius_of(height: int, width: int) -> int:
    """Returns the pixels from the middle of a window to its side, for an image of this size."""
    return max(1, round(RADIUS * max(height, width)))


def fitted_lines(guide: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Returns the linear functions of colour, float32 `(K, 4, h, w)`: a share is the first three
    times the colour, from 0 to 1, plus the fourth.

    Windows are cut off at the image's sides.

    Args:
        guide: `(h, w, 3)`, colours from 0 to 255.
        shares: `(h, w, K)`.
    """
    # Variances are differences of nearly equal numbers, hence the double precision.
    colours = [np.ascontiguousarray(guide[..., k], np.float64) / 255 for k in range(3)]
    mean = _window_mean(guide.shape[:2])
    centre = [mean(colour) for colour in colours]
    inverse = _inverse(
        [
            mean(colours[i] * colours[j]) - centre[i] * centre[j] + (SMOOTHNESS if i == j else 0)
            for i, j in _PAIRS
        ]
    )
    lines = np.empty((shares.shape[-1], 4, *guide.shape[:2]), np.float32)
    for number, line in enumerate(lines):
        share = np.ascontiguousarray(shares[..., number], np.float64)
        rest = level = mean(share)
        together = [mean(colours[k] * share) - centre[k] * level for k in range(3)]
        for k in range(3):
            slope = sum(inverse[k][j] * together[j] for j in range(3))
            rest = rest - slope * centre[k]
            line[k] = mean(slope)
        line[3] = mean(rest)
    return lines


def _window_mean(shape: tuple[int, int]) -> Callable[[np.ndarray], np.ndarray]:
    """Returns what takes the mean of a map float64 `(h, w)` over the window of each pixel."""
    side = 2 * radius_of(*shape) + 1

    def total(values):
        border = cv2.BORDER_CONSTANT  # zeros, which are not counted
        return cv2.boxFilter(values, -1, (side, side), normalize=False, borderType=border)

    share = 1 / total(np.ones(shape))
    return lambda values: total(values) * share


def _inverse(covariance) -> list[list[np.ndarray]]:
    """Returns the inverses of symmetric 3 x 3 matrices, by cofactors.

    Args:
        covariance: The maps of the upper triangle, as in `_PAIRS`.
    """
    rr, rg, rb, gg, gb, bb = covariance
    first, second, third = gg * bb - gb * gb, gb * rb - rg * bb, rg * gb - gg * rb
    share = 1 / (rr * first + rg * second + rb * third)
    first, second, third = first * share, second * share, third * share
    middle, corner = (rr * bb - rb * rb) * share, (rr * gg - rg * rg) * share
    last = (rg * rb - rr * gb) * share
    return [[first, second, third], [second, middle, last], [third, last, corner]]
