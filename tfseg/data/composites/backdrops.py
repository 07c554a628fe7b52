"""Pictures without people to paste people on: photographs whose people are taken away, or drawn."""

from __future__ import annotations

import dataclasses

import numpy as np

from tfseg.data.composites.cutouts import Remembered, people_masks
from tfseg.data.dataset import Dataset
from tfseg.data.synthetic.background import paint_place
from tfseg.data.synthetic.canvas import Canvas
from tfseg.data.synthetic.dice import Dice
from tfseg.errors import DataError
from tfseg.geometry.shrink import resize_image
from tfseg.opencv import cv2
from tfseg.structures.sample import Sample

__all__ = ["DrawnBackdrops", "PhotoBackdrops", "without_people"]

# More of an image than this hidden by people: what would be invented is more than what is seen.
_MOST_HIDDEN = 0.6


class DrawnBackdrops:
    """Drawn places: rooms, streets, parks, beaches, studios. Needs no photographs."""

    def __call__(self, dice: Dice, size: tuple[int, int], standing: bool) -> np.ndarray:
        """Returns a place, uint8 `(H, W, 3)`; `standing` asks for ground in it."""
        canvas = Canvas(*size)
        paint_place(canvas, dice, crowded=standing)
        return canvas.image()


@dataclasses.dataclass(eq=False)
class PhotoBackdrops:
    """Pieces of photographs; people in them are painted over with what surrounds them.

    Images more than 0.6 of which are people are passed over; if there are no others, the place
    is drawn.

    Attributes:
        dataset: Photographs, with or without people.
        longest: Images are kept with at most this many pixels on their longer side.
        memory_limit: Bytes of images that are kept.
    """

    dataset: Dataset
    longest: int = 1024
    memory_limit: int = 1 << 27

    def __post_init__(self):
        self._remembered = Remembered(self._read, self.memory_limit)

    def __call__(self, dice: Dice, size: tuple[int, int], standing: bool) -> np.ndarray:
        """Returns a piece of a photograph, uint8 `(H, W, 3)`; `standing` asks for its lower part,
        where the ground is."""
        for _ in range(8):
            picture = self._remembered(dice.whole(0, len(self.dataset) - 1))
            if picture is not None:
                return _piece(picture, dice, size, standing)
        return DrawnBackdrops()(dice, size, standing)

    def _read(self, index: int) -> tuple[np.ndarray | None, int]:
        sample = self.dataset[index]
        hidden = _people(sample, tuple(self.dataset.class_names))
        if hidden.mean() > _MOST_HIDDEN:
            return None, 64
        image = np.ascontiguousarray(sample.image[..., :3])
        if image.shape[2] != 3:
            image = np.repeat(image[..., :1], 3, axis=2)
        scale = self.longest / max(sample.size)
        if scale < 1:
            wanted = tuple(max(1, round(side * scale)) for side in sample.size)
            image = resize_image(image, wanted)
            people = cv2.resize(hidden.view(np.uint8), wanted[::-1], interpolation=cv2.INTER_AREA)
            hidden = people > 0
        picture = without_people(image, hidden)
        return picture, picture.nbytes


def _people(sample: Sample, class_names: tuple[str, ...]) -> np.ndarray:
    """Returns where people are, crowds and pixels that nobody labelled included, bool `(H, W)`."""
    try:
        hidden = people_masks(sample, class_names).any(axis=0)
    except DataError:
        return np.zeros(sample.size, bool)  # images of something else
    for mask in sample.masks[sample.is_crowd]:
        hidden = hidden | mask
    classes = sample.label_maps.get("classes")
    return hidden if classes is None else hidden | (np.asarray(classes) == 255)


def without_people(image: np.ndarray, people: np.ndarray) -> np.ndarray:
    """Returns an image in which people give way to what lies beside them, uint8 `(H, W, 3)`.

    Streets and rooms go on sideways, so each row is continued into the gap from both of its
    sides, mirrored, and the two continuations are faded into each other; then the gap is softened.
    Rows without anything beside the people take the nearest row that has.

    Args:
        image: uint8 `(H, W, 3)`.
        people: bool `(H, W)`; where all of it is True, the image becomes its own mean colour.
    """
    if not people.any():
        return image
    height, width = people.shape
    reach = max(2, round(0.015 * height))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    gap = cv2.dilate(people.astype(np.uint8), kernel) > 0
    rows = np.flatnonzero(~gap.all(axis=1))
    if not rows.size:
        mean = np.rint(image.reshape(-1, 3).mean(axis=0))
        return np.broadcast_to(mean.astype(np.uint8), image.shape).copy()
    nearest = rows[np.abs(np.arange(height)[:, None] - rows[None]).argmin(axis=1)]
    filled = _continue_rows(image, gap)[nearest]
    soft = cv2.GaussianBlur(filled, (0, 0), max(1.0, 0.006 * height))
    share = cv2.GaussianBlur(gap.astype(np.float32), (0, 0), 0.5 * reach)[..., None]
    share = np.maximum(share, gap[..., None])
    return np.rint(image * (1 - share) + soft * share).astype(np.uint8)


def _continue_rows(image: np.ndarray, gap: np.ndarray) -> np.ndarray:
    """Returns the image, float32, with the gaps of each row filled from its own two sides."""
    width = gap.shape[1]
    columns = np.broadcast_to(np.arange(width), gap.shape)
    left = np.maximum.accumulate(np.where(gap, -1, columns), axis=1)
    right = np.minimum.accumulate(np.where(gap, width, columns)[:, ::-1], axis=1)[:, ::-1]
    y, x = np.nonzero(gap)
    left, right = left[y, x], right[y, x]
    sides = []
    for edge in (left, right):
        mirrored = 2 * edge - x
        # Where the mirror image leaves the image: fold it back. In another gap: stay at the edge.
        mirrored = np.where(mirrored >= width, 2 * width - 2 - mirrored, np.abs(mirrored))
        mirrored = np.clip(mirrored, 0, width - 1)
        place = np.where(gap[y, mirrored], np.clip(edge, 0, width - 1), mirrored)
        sides.append(image[y, place].astype(np.float32))
    share = (x - left) / np.maximum(right - left, 1)
    share = np.where(left < 0, 1.0, np.where(right >= width, 0.0, share))
    share = np.clip(1.6 * (share - 0.5) + 0.5, 0, 1).astype(np.float32)[:, None]
    share = share * share * (3 - 2 * share)
    filled = image.astype(np.float32)
    filled[y, x] = sides[0] * (1 - share) + sides[1] * share
    return filled


def _piece(picture: np.ndarray, dice: Dice, size: tuple[int, int], standing: bool) -> np.ndarray:
    """Returns a random piece at the size wanted, mirrored half of the time."""
    height, width = picture.shape[:2]
    largest = min(height / size[0], width / size[1])
    scale = largest * (dice.between(0.8, 1.0) if standing else dice.between(0.55, 1.0))
    rows = max(1, min(height, round(size[0] * scale)))
    columns = max(1, min(width, round(size[1] * scale)))
    down = dice.between(0.85, 1.0) if standing else dice.between(0.0, 0.7)
    top, left = round((height - rows) * down), dice.whole(0, width - columns)
    piece = picture[top : top + rows, left : left + columns]
    if dice.chance(0.5):
        piece = piece[:, ::-1]
    return resize_image(np.ascontiguousarray(piece), size, enlarge=cv2.INTER_CUBIC)
