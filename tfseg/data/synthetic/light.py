"""Light: relief, folds, shadows, colour cast and noise, laid over the flat colours.

Light changes colours only; which pixel belongs to what was settled before.
"""

from __future__ import annotations

import cv2
import numpy as np

from tfseg.data.synthetic.dice import Dice

__all__ = ["illuminate"]


def _relief(surface: np.ndarray, reach: float, direction: tuple[float, float]) -> np.ndarray:
    """Returns how much the light gains or loses on surfaces that bulge away from their edges.

    Args:
        surface: int32 `(H, W)`, the surface each pixel lies on.
        reach: Width of the rounded rim in pixels.
        direction: Where the light comes from, `(x, y)`.

    Returns:
        float32 `(H, W)`, about -0.3 to 0.3.
    """
    inside = np.ones(surface.shape, np.uint8)
    inside[:, 1:] &= surface[:, 1:] == surface[:, :-1]
    inside[1:] &= surface[1:] == surface[:-1]
    height = cv2.distanceTransform(inside, cv2.DIST_L2, 3)
    cv2.min(height, reach, dst=height)
    cv2.sqrt(height, dst=height)
    height = cv2.blur(height, (3, 3))
    kernel = np.zeros((3, 3), np.float32)
    kernel[1, 0], kernel[1, 2] = direction[0], -direction[0]
    kernel[0, 1], kernel[2, 1] = direction[1], -direction[1]
    # Lit where the surface rises away from the light, and a little darker along every edge.
    lit = cv2.filter2D(height, -1, -kernel)
    return cv2.addWeighted(lit, -0.16, height, 0.11 / max(reach**0.5, 1.0), -0.08)


def illuminate(
    colours: np.ndarray, surface: np.ndarray, weave: np.ndarray, dice: Dice
) -> np.ndarray:
    """Returns the image as lit, uint8 `(H, W, 3)`.

    Args:
        colours: Flat colours, uint8 `(H, W, 3)`.
        surface: Surface number of each pixel.
        weave: How cloth takes the light there, see `canvas.Part`; uint8 `(H, W)`.
        dice: Where chance comes from.
    """
    height, width = surface.shape
    short = min(height, width)
    side = dice.sign()
    direction = (side * dice.between(0.5, 1.0), -dice.between(0.4, 0.9))
    gain = _relief(surface, max(2.0, 0.022 * short), direction)
    # Folds: upright waves of light on cloth, from a coarse random grid.
    grid = np.frombuffer(dice.octets(14 * 30), np.uint8).reshape(14, 30).astype(np.float32)
    folds = cv2.resize((grid - 127.5) / 1000, (width, height), interpolation=cv2.INTER_CUBIC)
    noise = np.frombuffer(dice.octets(height * width), np.uint8).reshape(height, width)
    # Denim and knitwear are rough.
    rough = np.array((0.0, 0.008, 0.04, 0.045), np.float32).take(weave)
    gain += folds * (weave > 0) + (noise - np.float32(127.5)) * (rough / 128)
    # A wide slope of light, and darker corners.
    left, right = 1 + 0.12 * side * dice.unit(), 1 - 0.12 * side * dice.unit()
    slope = np.linspace(left, right, width, dtype=np.float32) * dice.between(0.92, 1.06)
    fall = np.linspace(-1, 1, height, dtype=np.float32) ** 2 * dice.between(0.0, 0.12)
    gain += slope - fall[:, None]
    cast = dice.one(((1, 1, 1), (1.04, 1, 0.94), (0.95, 1, 1.05), (1.02, 0.99, 0.97)))
    bright = dice.between(0.94, 1.12)
    levels = np.arange(256)[None, :, None] * (np.array(cast) * bright)
    tinted = cv2.LUT(colours, np.clip(np.rint(levels), 0, 255).astype(np.uint8))
    fixed = cv2.convertScaleAbs(np.maximum(gain, 0), alpha=128)
    lit = cv2.multiply(tinted, cv2.cvtColor(fixed, cv2.COLOR_GRAY2RGB), scale=1 / 128)
    amount = dice.between(0.01, 0.036)
    grain = cv2.cvtColor(noise, cv2.COLOR_GRAY2RGB)
    return cv2.addWeighted(lit, 1, grain, amount, -127.5 * amount)
