"""Where each pixel of a changed image came from, and what follows for annotations."""

from __future__ import annotations

import numpy as np

from tfseg.opencv import cv2
from tfseg.structures.label_maps import with_room

__all__ = ["PixelSource"]


class PixelSource:
    """For every pixel of the new image, the pixel of the old one that it shows, or none.

    Args:
        field: int `(h, w, 2)`: row + 1 and column + 1 in the old image, 0 where the new image
            shows nothing of it. What `encode` gave, after it was moved with the image.
        original: `(H, W)` of the old image.
    """

    def __init__(self, field: np.ndarray, original: tuple[int, int]):
        self.size: tuple[int, int] = field.shape[:2]
        self.original = original
        width = original[1]
        self._rows = np.subtract(field[..., 0], 1, dtype=np.int32)
        self._columns = np.subtract(field[..., 1], 1, dtype=np.int32)
        self._known = self._rows >= 0
        self._complete = bool(self._known.all())
        self._flat = self._rows.astype(np.intp) * width + self._columns
        if not self._complete:
            self._flat[~self._known] = 0
        self._spans: tuple | None = None

    @staticmethod
    def encode(height: int, width: int) -> np.ndarray:
        """Returns the field of the unchanged image, int32 `(H, W, 2)`."""
        field = np.empty((height, width, 2), np.int32)
        field[..., 0] = np.arange(1, height + 1, dtype=np.int32)[:, None]
        field[..., 1] = np.arange(1, width + 1, dtype=np.int32)
        return field

    def label_map(self, labels: np.ndarray, fill: int = 0) -> np.ndarray:
        """Returns the moved label map, `(h, w)`, `fill` where nothing is known; of the same type,
        unless that is too narrow for the fill."""
        moved = np.take(labels.reshape(-1), self._flat, mode="clip")
        if not self._complete:
            moved = with_room(moved, fill)
            moved[~self._known] = fill
        return moved

    def masks(self, masks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns the moved masks and their tight boxes; zeros for a mask without pixels.

        Only the part of the new image that can show an object is looked at.

        Args:
            masks: bool `(N, H, W)`.

        Returns:
            masks: bool `(N, h, w)`.
            boxes: float32 `(N, 4)`, `(y1, x1, y2, x2)` in pixels, ends exclusive.
        """
        moved = np.zeros((len(masks), *self.size), bool)
        boxes = np.zeros((len(masks), 4), np.float32)
        for index, mask in enumerate(masks):
            mask = np.ascontiguousarray(mask)
            left, top, width, height = cv2.boundingRect(mask.view(np.uint8))
            rows, columns = self._reach(top, left, top + height, left + width)
            if width == 0 or rows.start == rows.stop or columns.start == columns.stop:
                continue
            part = np.take(mask.reshape(-1), self._flat[rows, columns], mode="clip")
            if not self._complete:
                part &= self._known[rows, columns]
            moved[index, rows, columns] = part
            left, top, width, height = cv2.boundingRect(part.view(np.uint8))
            if width:
                top, left = top + rows.start, left + columns.start
                boxes[index] = top, left, top + height, left + width
        return moved, boxes

    def points(self, points: np.ndarray) -> np.ndarray:
        """Returns where points went, to about a pixel: float64 `(M, 2)` of `(x, y)`.

        For changes that are known only through the field. NaN where a point is out of sight.

        Args:
            points: `(M, 2)` of `(x, y)` in the old image, pixel centres at whole numbers.
        """
        height, width = self.original
        target = np.full(height * width, -1, np.int64)
        shown = np.flatnonzero(self._known)
        target[self._flat.reshape(-1)[shown]] = shown
        x, y = np.rint(np.nan_to_num(points, nan=-1.0)).astype(np.int64).T
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        found = np.full(len(points), -1, np.int64)
        # Where the image was squeezed not every old pixel is shown: take a neighbour then.
        steps = range(-3, 4)
        nearby = sorted(
            ((dy, dx) for dy in steps for dx in steps), key=lambda s: s[0] ** 2 + s[1] ** 2
        )
        for dy, dx in nearby:
            open_ = np.flatnonzero(inside & (found < 0))
            if not len(open_):
                break
            rows = np.clip(y[open_] + dy, 0, height - 1)
            columns = np.clip(x[open_] + dx, 0, width - 1)
            found[open_] = target[rows * width + columns]
        rows, columns = np.divmod(found, self.size[1])
        places = np.stack([columns, rows], axis=1).astype(np.float64)
        places[found < 0] = np.nan
        return places

    def is_mirrored(self) -> bool:
        """Returns if left and right changed places: the sign of the area's change, on the whole."""
        height, width = self.size
        dy, dx = max(1, height // 8), max(1, width // 8)
        known = self._known[:-dy, :-dx] & self._known[dy:, :-dx] & self._known[:-dy, dx:]
        rows, columns = self._rows.astype(np.float64), self._columns.astype(np.float64)
        down = [v[dy:, :-dx] - v[:-dy, :-dx] for v in (rows, columns)]
        right = [v[:-dy, dx:] - v[:-dy, :-dx] for v in (rows, columns)]
        return float(((down[0] * right[1] - down[1] * right[0]) * known).sum()) < 0

    def _reach(self, y1: int, x1: int, y2: int, x2: int) -> tuple[slice, slice]:
        """Returns the rows and columns of the new image that may show a part of the old."""
        if self._spans is None:
            self._spans = tuple(
                (self._span(values, axis), axis)
                for axis in (1, 0)
                for values in (self._rows, self._columns)
            )
        reach = []
        for axis in (1, 0):
            (row_low, row_high), (column_low, column_high) = (
                span for span, of in self._spans if of == axis
            )
            meets = (row_low < y2) & (row_high >= y1) & (column_low < x2) & (column_high >= x1)
            where = np.flatnonzero(meets)
            reach.append(slice(int(where[0]), int(where[-1]) + 1) if len(where) else slice(0, 0))
        return reach[0], reach[1]

    @staticmethod
    def _span(values: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
        # Read without sign, the -1 of unknown pixels is the largest number, which `min` ignores.
        low = values.view(np.uint32).min(axis=axis).astype(np.int64)
        return low, values.max(axis=axis)
