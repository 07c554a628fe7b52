"""Where the people of a composite stand, how tall they are, and who hides whom.

One camera sees all of them: whoever is farther away is smaller, and stands higher in the image
by the same rule for everyone, so that feet meet one ground and heads of equal height lie on lines
that meet at the horizon. Images show whole figures, people down to the knee, or portraits.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from tfseg.data.composites.cutouts import Cutout
from tfseg.data.synthetic.dice import Dice
from tfseg.opencv import cv2

__all__ = ["Camera", "Placement", "arrange", "choose_camera"]

# How often whole figures, knee-length figures and portraits are shown, by the number of people.
_FRAMINGS = {1: (0.3, 0.2, 0.5), 2: (0.3, 0.25, 0.45), 3: (0.4, 0.3, 0.3)}
_MANY = (0.6, 0.3, 0.1)
# Height of the nearest person / height of the image in each framing.
_STATURES = ((0.62, 0.93), (1.0, 1.4), (1.55, 2.3))
# Enlarged more than this, a cut-out looks blurred among sharp ones.
_ENLARGED = 1.6
_TRIES = 25  # places sideways
_GRID = 48  # rows of the small image in which hidden shares are counted


@dataclasses.dataclass(frozen=True)
class Camera:
    """What one image shows.

    Attributes:
        stature: Height of the nearest person in pixels.
        feet: Row of that person's feet; below the image in portraits.
        eye: Height of the camera / height of the nearest person.
        standing: Whether feet and ground are in sight.
    """

    stature: float
    feet: float
    eye: float
    standing: bool

    def foot_row(self, distance: float) -> float:
        """Returns the row of the feet of someone `distance` times as far as the nearest."""
        horizon = self.feet - self.eye * self.stature
        return horizon + self.eye * self.stature / distance


@dataclasses.dataclass(frozen=True, eq=False)
class Placement:
    """A cut-out in its place.

    Attributes:
        cutout: Who.
        top: Row of the upper edge of its window in the image; may lie outside.
        left: Column of the left edge.
        size: `(rows, columns)` of the window.
        mirrored: Whether left and right change places.
        distance: 1 for the nearest person, more for others.
    """

    cutout: Cutout
    top: int
    left: int
    size: tuple[int, int]
    mirrored: bool
    distance: float


def choose_camera(dice: Dice, size: tuple[int, int], count: int, standing: bool = True) -> Camera:
    """Returns how an image of `(H, W)` with a number of people is taken; with `standing=False`
    so that no feet are in sight."""
    height, width = size
    weights = dict(enumerate(_FRAMINGS.get(count, _MANY)))
    if not standing:
        weights[0] = 0.0
    framing = dice.weighted(weights)
    stature = dice.between(*_STATURES[framing]) * min(height, 1.5 * width)
    if framing == 2 and count > 2:
        stature *= 0.8
    if framing == 0:
        return Camera(stature, dice.between(0.94, 1.0) * height, dice.between(0.75, 1.0), True)
    top = dice.between(0.05, 0.22) * height
    return Camera(stature, top + stature, dice.between(0.85, 1.0), False)


def arrange(
    dice: Dice,
    size: tuple[int, int],
    camera: Camera,
    cutouts: list[Cutout],
    overlap: tuple[float, float],
) -> list[Placement]:
    """Returns where people stand, the nearest first.

    Each person after the nearest is hidden by those before them by a share drawn from `overlap`,
    as nearly as 25 places sideways allow. Who finds no place in the image is left out.

    Args:
        dice: Where chance comes from.
        size: `(H, W)` of the image.
        camera: How it is taken.
        cutouts: Who is in it.
        overlap: The least and the largest share of a person that others hide, 0 to 1.
    """
    depth = dice.between(0.05, 0.5)
    distances = sorted(1 + depth * dice.unit() for _ in cutouts)
    if distances:
        distances[0] = 1.0
    scale = _GRID / size[0]
    grid = (_GRID, max(1, round(size[1] * scale)))
    covered = np.zeros(grid, np.float32)
    placed = []
    for cutout, distance in zip(cutouts, distances):
        mirrored = dice.chance(0.5)
        window = _window(dice, size, camera, cutout, distance)
        wanted = dice.between(*overlap)
        small = _small_mask(cutout, window[1], mirrored, scale)
        low, high = _reach(cutout, size, window[1], mirrored)
        tries = [dice.between(low, high) for _ in range(_TRIES)]
        # The nearest person stands anywhere but at the edge, alone more in the middle.
        middle = None if placed else 0.5 + dice.around(0, 0.3 if len(cutouts) > 1 else 0.2)
        left = _best(tries, small, covered, window[0] * scale, scale, wanted, middle)
        if left is None:
            continue
        placed.append(Placement(cutout, window[0], left, window[1], mirrored, distance))
        _cover(covered, small, round(window[0] * scale), round(left * scale))
    return placed


def _window(dice: Dice, size, camera: Camera, cutout: Cutout, distance: float):
    """Returns the first row and the `(rows, columns)` of a person."""
    natural = dice.around(1.0, 0.07)
    stature = min(camera.stature / distance * natural, _ENLARGED * cutout.stature)
    feet = camera.foot_row(distance) + dice.around(0, 0.015) * stature
    scale = stature / cutout.stature
    height, width = cutout.mask.shape
    rows, columns = max(2, round(height * scale)), max(2, round(width * scale))
    top = round(feet - stature)
    if cutout.cut[2]:
        # Cut off below: the cut has to lie at the image's lower edge or beyond it.
        missing = size[0] - (top + rows)
        if missing > 0:
            grown = min(1.35, (size[0] - top) / max(rows, 1))
            rows, columns = max(2, round(rows * grown)), max(2, round(columns * grown))
            top = max(top, size[0] - rows)
    return top, (rows, columns)


def _reach(cutout: Cutout, size, window, mirrored: bool) -> tuple[float, float]:
    """Returns the range of the window's first column."""
    columns = window[1]
    low, high = -0.3 * columns, size[1] - 0.7 * columns
    left, right = cutout.cut[1], cutout.cut[3]
    if mirrored:
        left, right = right, left
    # A side that was cut off has to lie at the image's edge or beyond it.
    if left:
        high = min(high, 0.0)
    if right:
        low = max(low, size[1] - columns)
    if low > high:
        low = high = (
            (low + high) / 2 if not (left or right) else (0.0 if left else size[1] - columns)
        )
    return low, high


def _small_mask(cutout: Cutout, window, mirrored: bool, scale: float) -> np.ndarray:
    rows, columns = (max(1, round(side * scale)) for side in window)
    small = cv2.resize(cutout.mask, (columns, rows), interpolation=cv2.INTER_AREA)
    small = small.astype(np.float32) / 255
    return small[:, ::-1] if mirrored else small


def _best(tries, small, covered, top, scale, wanted, middle: float | None) -> int | None:
    """Returns the first column at which the hidden share is nearest to the one wanted, or the
    person's middle nearest to a share of the image's width; None if too little would be seen."""
    best, nearest = None, np.inf
    whole = float(small.sum())
    for left in tries:
        part, place = _inside(covered.shape, small.shape, round(top), round(left * scale))
        if part is None:
            continue
        seen = small[part]
        amount = float(seen.sum())
        if amount < 1.0 or amount < 0.25 * whole:
            continue
        if middle is None:
            badness = abs(float((seen * covered[place]).sum()) / amount - wanted)
        else:
            badness = abs((left * scale + small.shape[1] / 2) / covered.shape[1] - middle)
        # Who leaves the image sideways stands worse.
        badness += 0.4 * (1 - amount / max(float(small[part[0]].sum()), 1e-6))
        if badness < nearest:
            best, nearest = round(left), badness
    return best


def _cover(covered: np.ndarray, small: np.ndarray, top: int, left: int) -> None:
    part, place = _inside(covered.shape, small.shape, top, left)
    if part is not None:
        covered[place] = np.maximum(covered[place], small[part])


def _inside(canvas, window, top: int, left: int):
    """Returns the slices of a window, and of the canvas, where they meet; None where nowhere."""
    y1, x1 = max(top, 0), max(left, 0)
    y2, x2 = min(top + window[0], canvas[0]), min(left + window[1], canvas[1])
    if y2 <= y1 or x2 <= x1:
        return None, None
    part = slice(y1 - top, y2 - top), slice(x1 - left, x2 - left)
    return part, (slice(y1, y2), slice(x1, x2))
