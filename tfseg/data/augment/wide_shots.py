"""Random distances, places and cameras, for models that are to work on anybody's photographs.

Each image becomes another one of a fixed size: a window on it, which may show everything or fill
the frame with a face, then other light, focus and camera. Like random crops of PASCAL VOC it
*makes* the canvas, says so by its attribute `canvas`, and nothing is to be resized after it.

The distributions are this project's choice; `tests/data/augment/test_wide_shots.py` holds them
to what they say.
"""

from __future__ import annotations

import numpy as np

from tfseg.data.augment.camera import (
    behind_defocused,
    camera_steps,
    compressed,
    reduced,
    saturated,
    shaded,
)
from tfseg.data.augment.imgaug_adapter import Augmenter
from tfseg.data.augment.window import Window
from tfseg.errors import ConfigError
from tfseg.opencv import cv2
from tfseg.structures.sample import Sample
from tfseg.structures.semantic import class_map

__all__ = ["WideShots"]

# How windows are chosen: on somebody, on as much as fits, or anywhere.
_ON_SOMEBODY, _WHOLE = 0.6, 0.3
# The height of a window on somebody, in heights of the person: a face of a whole figure to a
# figure in the distance.
_HEIGHTS = (0.18, 2.5)
# The smallest window, as a share of the canvas: what is larger than this on the canvas would
# be a blur of few pixels.
_SMALLEST = 0.35
_TURNED, _TURN = 0.4, 20.0


class WideShots(Augmenter):
    """Shows a window on a sample as another camera would: `wide_shots(sample, seed) -> Sample`.

    - Six windows in ten are set on a person (a connected piece of the class map): 0.18 to 2.5
      times as high, the person anywhere in it, cut by the frame's edge too. Three show the whole
      image or most of it; one lies anywhere. Windows stay inside the image where they can, and
      few are larger.
    - Half are mirrored, four in ten turned by up to 20 degrees, sides differ by up to a tenth.
    - The background is out of focus in one of five; a gradient of light in three of ten; then
      gamma, brightness, contrast, tint, saturation, now and then grey.
    - Four in ten are reduced by a factor of 1 to 6 and enlarged again; blur, motion blur, noise
      and JPEG's traces follow at random.

    Samples without a class map get one, made from their masks. Annotations follow as in
    `Augmenter`; pixels from outside the image are 255 in the class map.

    Args:
        size: `(rows, columns)` of the images made, or the side of a square.
        **options: Those of `Augmenter`.

    Raises:
        ConfigError: If the size is no size.
    """

    def __init__(self, size: int | tuple[int, int] = (256, 192), **options):
        sides = size if isinstance(size, (tuple, list)) else (size, size)
        if len(sides) != 2 or any(int(side) != side or side < 8 for side in sides):
            raise ConfigError(
                f"WideShots: size must be whole numbers of pixels from 8, one or two (rows, "
                f"columns), got {size!r}."
            )
        self.canvas = (int(sides[0]), int(sides[1]))
        self._options = options
        super().__init__(camera_steps(), **{"with_class_map": True, **options})

    def __repr__(self) -> str:
        return f"WideShots(size={self.canvas})"

    def on_canvas(self, size: int | tuple[int, int]) -> WideShots:
        """Returns the same with images of another size."""
        return WideShots(size, **self._options)

    def window(self, sample: Sample, seed: int) -> Window:
        """Returns the part of a sample that is shown for a seed."""
        return _choose(class_map(sample), self.canvas, np.random.default_rng((int(seed), 0x57075)))

    def _apply(self, sample: Sample, colours: np.ndarray, seed: int):
        window = self.window(sample, seed)
        source, image = window.source(sample.size), window.image(colours)
        draw = np.random.default_rng((seed, 0xCA3E7A))
        someone = source.label_map(class_map(sample).astype(np.uint8), 255) > 0
        image = saturated(shaded(behind_defocused(image, someone, draw), draw), draw)
        image, _, _ = super()._apply(Sample(image, sample.image_id), image, seed)
        points = np.array([(0.5, 0.5), (0.75, 0.5), (0.5, 0.75)]) * sample.size[::-1]
        if sample.keypoints is not None:
            points = np.concatenate([points, sample.keypoints[..., :2].reshape(-1, 2) + 0.5])
        return compressed(reduced(image, draw), draw), source, window.points(points)


def _choose(classes: np.ndarray, canvas: tuple[int, int], draw: np.random.Generator) -> Window:
    """Returns a window at random."""
    (rows, columns), (height, width) = canvas, classes.shape
    people = _people(classes)
    lot = draw.random()
    stretch = np.exp(draw.uniform(-0.1, 0.1))
    aspect = columns / rows * stretch
    least, whole = _SMALLEST * rows, max(height, width / aspect)
    inner = min(height, width / aspect)
    if people and lot < _ON_SOMEBODY:
        most = inner if draw.random() < 0.7 else whole
        tall, centre = _on_somebody(people, aspect, least, most, draw)
    elif lot < _ON_SOMEBODY + _WHOLE:
        # From the largest window that lies in the image to one around all of it.
        tall = np.exp(draw.uniform(np.log(0.85 * inner), np.log(1.05 * whole)))
        centre = draw.uniform(0.3, 0.7, 2) * (height, width)
    else:
        tall = np.exp(draw.uniform(np.log(min(least, inner)), np.log(inner)))
        centre = draw.uniform(0, 1, 2) * (height, width)
    size = (tall, tall * aspect)
    centre = [_inside(c, extent, side) for c, extent, side in zip(centre, size, classes.shape)]
    turn = draw.uniform(-_TURN, _TURN) if draw.random() < _TURNED else 0.0
    return Window(tuple(centre), size, canvas, turn, bool(draw.random() < 0.5))


def _on_somebody(people, aspect: float, least: float, most: float, draw) -> tuple:
    """Returns the height of a window on a person, and its centre."""
    y1, x1, y2, x2 = people[draw.integers(len(people))]
    tall = (y2 - y1) * np.exp(draw.uniform(*np.log(_HEIGHTS)))
    tall = float(np.clip(tall, min(least, most), most))
    if draw.random() < 0.7:  # the upper end, where faces are
        top = y1 - draw.uniform(-0.15, 0.5) * min(tall, 1.2 * (y2 - y1))
        y = top + tall / 2
    else:
        y = draw.uniform(y1, y2)
    x = (x1 + x2) / 2 + draw.uniform(-0.5, 0.5) * max(tall * aspect, x2 - x1) * 0.8
    return tall, (y, x)


def _people(classes: np.ndarray) -> list[tuple[int, int, int, int]]:
    """Returns the boxes `(y1, x1, y2, x2)` of connected pieces of the classes, without crumbs."""
    seen = ((classes > 0) & (classes != 255)).astype(np.uint8)
    _, _, found, _ = cv2.connectedComponentsWithStats(seen, connectivity=8)
    least = classes.size / 1000
    return [(y, x, y + h, x + w) for x, y, w, h, area in found[1:].tolist() if area >= least]


def _inside(centre: float, extent: float, side: float) -> float:
    """Returns the centre nearest to one for which the window lies in the image, or holds it."""
    low, high = sorted((extent / 2, side - extent / 2))
    return float(np.clip(centre, low, high))
