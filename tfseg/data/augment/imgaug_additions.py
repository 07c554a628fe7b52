"""Augmenters for imgaug that its own do not do exactly, or not fast enough."""

from __future__ import annotations

import numpy as np

from tfseg.data.augment.imgaug_compat import iaa, imgaug
from tfseg.errors import ConfigError
from tfseg.opencv import cv2

__all__ = ["Contrast128", "Gamma", "GridWarp"]


class Contrast128(iaa.Augmenter):
    """`128 + factor * (value - 128)`, one factor an image, rounded; uint8 images only.

    imgaug's own `LinearContrast` turns about 127 and cuts decimals off.

    Args:
        factor: `(low, high)` of the uniform distribution.
    """

    def __init__(self, factor: tuple[float, float], **kwargs):
        super().__init__(**kwargs)
        self.factor = imgaug.parameters.Uniform(*factor)

    def _augment_batch_(self, batch, random_state, parents, hooks):
        if batch.images is None:
            return batch
        factors = self.factor.draw_samples((len(batch.images),), random_state=random_state)
        for index, factor in enumerate(factors):
            values = 128 + float(factor) * (np.arange(256) - 128.0)
            table = np.clip(np.rint(values), 0, 255).astype(np.uint8)
            image = np.ascontiguousarray(batch.images[index])
            batch.images[index] = cv2.LUT(image, table).reshape(image.shape)
        return batch

    def get_parameters(self) -> list:
        """Returns the distribution of the factor."""
        return [self.factor]


class Gamma(iaa.Augmenter):
    """`255 * (value / 255) ** gamma`, one gamma an image, rounded; uint8 images only.

    imgaug's own `GammaContrast` cuts decimals off.

    Args:
        gamma: `(low, high)` of the uniform distribution, or a list of values, each as likely as
            the others.
    """

    def __init__(self, gamma: tuple[float, float] | list[float], **kwargs):
        super().__init__(**kwargs)
        choice, uniform = imgaug.parameters.Choice, imgaug.parameters.Uniform
        self.gamma = choice(gamma) if isinstance(gamma, list) else uniform(*gamma)

    def _augment_batch_(self, batch, random_state, parents, hooks):
        if batch.images is None:
            return batch
        gammas = self.gamma.draw_samples((len(batch.images),), random_state=random_state)
        for index, gamma in enumerate(gammas):
            values = 255 * (np.arange(256) / 255) ** float(gamma)
            image = np.ascontiguousarray(batch.images[index])
            batch.images[index] = cv2.LUT(image, np.rint(values).astype(np.uint8)).reshape(
                image.shape
            )
        return batch

    def get_parameters(self) -> list:
        """Returns the distribution of gamma."""
        return [self.gamma]


class GridWarp(iaa.Augmenter):
    """Moves the knots of a regular grid and, between them, the image: a piecewise affine change.

    The same change as imgaug's `PiecewiseAffine`, some twenty times as fast: knots move by a normal
    distribution whose width, relative to the image's sides, is drawn for each image. Each
    grid cell is two triangles, each moved by an affine map, so keypoints are exact.

    Args:
        scale: `(low, high)` of the width of the normal distribution.
        knots: Knots along each side.
    """

    def __init__(self, scale: tuple[float, float], knots: int = 4, **kwargs):
        super().__init__(**kwargs)
        self.scale = imgaug.parameters.Uniform(*scale)
        self.knots = int(knots)

    def _augment_batch_(self, batch, random_state, parents, hooks):
        left_out = ("heatmaps", "bounding_boxes", "polygons", "line_strings")
        if any(getattr(batch, name) is not None for name in left_out):
            raise ConfigError(
                "GridWarp moves images, segmentation maps and keypoints only; take "
                "imgaug.augmenters.PiecewiseAffine for others."
            )
        for index in range(batch.nb_rows):
            scale = float(self.scale.draw_sample(random_state=random_state))
            shifts = random_state.normal(0, scale, (self.knots, self.knots, 2))
            sources = None
            if batch.images is not None:
                image = batch.images[index]
                sources = self._sources(shifts, image.shape)
                batch.images[index] = self._image(image, sources)
            if batch.segmentation_maps is not None:
                maps = batch.segmentation_maps[index]
                if sources is None or sources.shape[:2] != maps.arr.shape[:2]:
                    sources = self._sources(shifts, maps.arr.shape)
                maps.arr = _nearest(maps.arr, sources)
            if batch.keypoints is not None:
                self._keypoints(batch.keypoints[index], shifts)
        return batch

    def get_parameters(self) -> list:
        """Returns the distribution of the widths, and the number of knots."""
        return [self.scale, self.knots]

    @staticmethod
    def _image(image: np.ndarray, sources: np.ndarray) -> np.ndarray:
        if image.size == 0:
            return image
        centres = sources - np.float32(0.5)
        return cv2.remap(np.ascontiguousarray(image), centres, None, cv2.INTER_LINEAR)

    def _knots(self, shifts: np.ndarray, shape: tuple) -> np.ndarray:
        """Returns where each knot's place in the new image is taken from, `(k, k, 2)` (x, y)."""
        side = np.linspace(0, 1, self.knots)
        regular = np.stack(np.meshgrid(side, side), axis=-1)
        return np.clip(regular + shifts, 0, 1) * (shape[1], shape[0])

    def _sources(self, shifts: np.ndarray, shape: tuple) -> np.ndarray:
        """Returns where the centre of each new pixel is taken from: float32 `(H, W, 2)` (x, y)."""
        height, width = shape[:2]
        knots = self._knots(shifts, shape)
        sources = np.empty((height, width, 2), np.float32)
        cells = self.knots - 1
        rows = (np.arange(height) + 0.5) * cells / height
        columns = (np.arange(width) + 0.5) * cells / width
        for i in range(cells):
            ys = slice(*np.searchsorted(rows, (i, i + 1)))
            v = (rows[ys] - i).astype(np.float32)[:, None, None]
            for j in range(cells):
                xs = slice(*np.searchsorted(columns, (j, j + 1)))
                u = (columns[xs] - j).astype(np.float32)[None, :, None]
                a, b, c, d = (
                    knots[i + di, j + dj].astype(np.float32)
                    for di, dj in ((0, 0), (0, 1), (1, 0), (1, 1))
                )
                upper = a + u * (b - a) + v * (c - a)
                lower = d + (1 - u) * (c - d) + (1 - v) * (b - d)
                sources[ys, xs] = np.where(u + v <= 1, upper, lower)
        return sources

    def _keypoints(self, keypoints, shifts: np.ndarray):
        """Moves imgaug keypoints in place; outside every triangle they become NaN."""
        height, width = keypoints.shape[:2]
        points = keypoints.to_xy_array().astype(np.float64)
        moved = np.full_like(points, np.nan)
        knots, cells = self._knots(shifts, keypoints.shape), self.knots - 1
        for i in range(cells):
            for j in range(cells):
                for corners in (((0, 0), (0, 1), (1, 0)), ((1, 1), (1, 0), (0, 1))):
                    a, b, c = (knots[i + di, j + dj] for di, dj in corners)
                    basis = np.stack([b - a, c - a], axis=1)
                    if abs(np.linalg.det(basis)) < 1e-9:
                        continue
                    s, t = np.linalg.solve(basis, (points - a).T)
                    here = (s >= -1e-9) & (t >= -1e-9) & (s + t <= 1 + 1e-9)
                    (pi, pj), (qi, qj), (ri, rj) = corners
                    row = i + pi + s * (qi - pi) + t * (ri - pi)
                    column = j + pj + s * (qj - pj) + t * (rj - pj)
                    moved[here, 0] = (column * width / cells)[here]
                    moved[here, 1] = (row * height / cells)[here]
        for keypoint, (x, y) in zip(keypoints.keypoints, moved):
            keypoint.x, keypoint.y = float(x), float(y)


def _nearest(values: np.ndarray, sources: np.ndarray) -> np.ndarray:
    height, width = values.shape[:2]
    # Never negative, so cutting decimals off is rounding down.
    rows = np.minimum(sources[..., 1].astype(np.intp), height - 1)
    columns = np.minimum(sources[..., 0].astype(np.intp), width - 1)
    flat = values.reshape(height * width, *values.shape[2:])
    return np.take(flat, rows * width + columns, axis=0)
