"""From the pixels of one class to instances, by a stated rule about connected pieces."""

from __future__ import annotations

import dataclasses

import numpy as np

from tfseg.errors import DataError
from tfseg.opencv import cv2

__all__ = ["PieceRule"]


@dataclasses.dataclass(frozen=True)
class PieceRule:
    """How the pixels of a class become instances where the labels know no instances.

    1. Pixels that touch, also at corners, form a piece.
    2. A piece smaller than `min_piece` is a fragment. It joins the nearest piece that is not
       one if the gap is at most `merge_distance`, else it is left out.
    3. What remains is one instance ("whole"), or each piece is one ("components"), largest
       first.
    4. Instances of fewer than `min_area` pixels are left out.

    Attributes:
        kind: "whole" or "components".
        min_piece: A share of the largest piece if below 1, else pixels.
        merge_distance: A share of the image's longer side if below 1, else pixels.
        min_area: Pixels.
    """

    kind: str = "whole"
    min_piece: float = 0.01
    merge_distance: float = 0.02
    min_area: int = 100

    def __post_init__(self):
        if self.kind not in ("whole", "components"):
            raise DataError(f"expected instances='whole' or 'components', got {self.kind!r}.")
        for name in ("min_piece", "merge_distance", "min_area"):
            value = getattr(self, name)
            if not isinstance(value, (int, float)) or not 0 <= value < float("inf"):
                raise DataError(f"expected {name} as a number from 0, got {value!r}.")

    def instances(self, mask: np.ndarray) -> list[np.ndarray]:
        """Returns the instances in the pixels of one class, bool `(H, W)` each.

        Args:
            mask: bool `(H, W)`; all False gives an empty list.
        """
        mask = np.ascontiguousarray(mask, bool)
        left, top, width, height = cv2.boundingRect(mask.view(np.uint8))
        if width == 0:
            return []
        window = (slice(top, top + height), slice(left, left + width))
        found = []
        for part in self._in_window(mask[window], max(mask.shape)):
            if np.count_nonzero(part) >= max(self.min_area, 1):
                whole = np.zeros(mask.shape, bool)
                whole[window] = part
                found.append(whole)
        return found

    def _in_window(self, mask: np.ndarray, side: int) -> list[np.ndarray]:
        """Returns the instances in the part of an image that holds all pixels of the class."""
        count, labels, stats, _ = cv2.connectedComponentsWithStats(
            mask.astype(np.uint8), connectivity=8
        )
        areas = stats[:, cv2.CC_STAT_AREA].astype(np.int64)
        areas[0] = 0  # label 0 is everything outside the mask
        limit = self.min_piece * areas.max() if self.min_piece < 1 else self.min_piece
        large = areas >= limit
        large[0] = False
        if not large.any():
            return []
        owner = np.where(large, np.arange(count), 0)
        if not large[1:].all():
            reach = self.merge_distance
            self._join_fragments(owner, labels, large, reach * side if reach < 1 else reach)
        if self.kind == "whole":
            return [(owner > 0)[labels]]
        merged = owner[labels]
        largest_first = np.flatnonzero(large)[np.argsort(-areas[large], kind="stable")]
        return [merged == label for label in largest_first]

    @staticmethod
    def _join_fragments(owner: np.ndarray, labels: np.ndarray, large: np.ndarray, reach: float):
        """Writes the nearest large piece within reach into `owner` for each fragment."""
        distance, nearest = cv2.distanceTransformWithLabels(
            (~large[labels]).astype(np.uint8),
            cv2.DIST_L2,
            cv2.DIST_MASK_5,
            labelType=cv2.DIST_LABEL_PIXEL,
        )
        # OpenCV numbers the pixels of the large pieces; this leads from there to the piece.
        inside = large[labels]
        piece_of = np.zeros(int(nearest.max()) + 1, np.int64)
        piece_of[nearest[inside]] = labels[inside]
        for fragment in np.flatnonzero(~large[1:]) + 1:
            rows, columns = np.nonzero(labels == fragment)
            closest = distance[rows, columns].argmin()
            row, column = rows[closest], columns[closest]
            if distance[row, column] <= reach:
                owner[fragment] = piece_of[nearest[row, column]]
