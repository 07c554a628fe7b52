"""SLIC superpixels of the foreground alone, in NumPy at the speed of its matrix products.

R. Achanta et al., "SLIC Superpixels Compared to State-of-the-art Superpixel Methods", TPAMI 2012:
k-means on (L, a, b, y, x) in which a pixel looks at the centres nearby. Here "nearby" are those
that started in the pixel's own tile and the eight around it, as in SLIC for graphics processors
(C. Ren, I. Reid, "gSLIC", 2011), so that each round is one batch of small matrix products.
"""

from __future__ import annotations

import numpy as np

__all__ = ["slic", "slic_of_scikit_image"]

_NEAR = tuple((y, x) for y in (0, -1, 1) for x in (0, -1, 1))
_NOWHERE = 15  # in place of one of the nine: a pixel outside the mask
_FAR = np.float32(1e12)
_ONE_THREAD = 4096  # pixels: BLAS shares larger products among threads, which wait more than work
_AT_ONCE = 1 << 14  # pixels whose nine distances stay in a core's cache


def slic(
    lab: np.ndarray,
    mask: np.ndarray,
    count: int,
    *,
    compactness: float = 10.0,
    iterations: int = 10,
    samples: int = 64,
) -> np.ndarray:
    """Returns the superpixel of each pixel, int32 `(H, W)`: 0 outside the mask, else from 1.

    What is not connected of a superpixel is told apart afterwards, by `Runs`. An empty mask gives
    zeros.

    Args:
        lab: uint8 `(H, W, 3)`, CIE Lab as OpenCV stores it in bytes.
        mask: bool `(H, W)`.
        count: About how many superpixels the mask should have.
        compactness: Weight of distance against colour.
        iterations: Rounds.
        samples: About how many pixels of each superpixel take part before the last round.
    """
    area = int(np.count_nonzero(mask))
    if not area:
        return np.zeros(mask.shape, np.int32)
    side = max(1, round((area / count) ** 0.5))
    return _Tiles(lab, mask, side, compactness).labels(iterations, samples)


def slic_of_scikit_image(
    image: np.ndarray, mask: np.ndarray, count: int, *, compactness: float, iterations: int
) -> np.ndarray:
    """Returns the same from scikit-image's masked SLIC, which starts from the RGB image."""
    from skimage.segmentation import slic as masked_slic

    if not mask.any():
        return np.zeros(mask.shape, np.int32)
    return masked_slic(
        image,
        n_segments=count,
        compactness=compactness,
        max_num_iter=iterations,
        mask=mask,
        start_label=1,
    ).astype(np.int32)


class _Tiles:
    """The image in square tiles; each tile that meets the mask starts one superpixel.

    T tiles, P pixels of each that take part. A tile sees itself and the eight around it, in the
    order of `_NEAR`.
    """

    def __init__(self, lab: np.ndarray, mask: np.ndarray, side: int, compactness: float):
        height, width = mask.shape
        down, across = -(-height // side), -(-width // side)
        padded = np.zeros((down * side, across * side, 4), np.uint8)
        padded[:height, :width, :3] = lab
        padded[:height, :width, 3] = mask
        self.size, self.side = (height, width), side
        # A view: (down, across, channel, row, column).
        self._tiles = padded.reshape(down, side, across, side, 4).transpose(0, 2, 4, 1, 3)
        used = padded[..., 3].reshape(down, side, across, side).any(axis=(1, 3))
        self._corners = np.stack(np.nonzero(used), 1)
        self.count = len(self._corners)
        number = np.full((down + 2, across + 2), self.count)
        number[1:-1, 1:-1][used] = np.arange(self.count)
        y, x = self._corners.T + 1
        near = np.full((self.count, 16), self.count)
        near[:, :9] = np.stack([number[y + dy, x + dx] for dy, dx in _NEAR], 1)
        self._near = near
        # Pixels times this are as far apart as colours.
        self._scale = compactness / side

    def labels(self, iterations: int, samples: int) -> np.ndarray:
        """Returns int32 `(H, W)`, 0 outside the mask, from 1 inside; pieces may be apart."""
        stride = max(1, round(self.side / samples**0.5))
        features, outside = self._features(slice(None), stride)
        values = self._values(features)
        nearest = outside  # every pixel begins with its own tile, the first of the nine
        step = max(1, _AT_ONCE // features.shape[2])
        for _ in range(iterations - 1):
            towards = self._towards(self._centres(values, nearest))
            found = [
                _nearest(towards[part], features[part], outside[part]) for part in self._parts(step)
            ]
            nearest = np.concatenate(found)
        return self._assigned(self._towards(self._centres(values, nearest)))

    def _parts(self, step: int):
        return (slice(k, min(k + step, self.count)) for k in range(0, self.count, step))

    def _features(self, part: slice, stride: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns float32 `(T, 7, P)`: L, a, b, y, x from the tile's middle, the sum of their
        squares, and 1; and int32 `(T, P)`: 15 for pixels outside the mask, else 0."""
        y, x = self._corners[part].T
        first = min(stride // 2, self.side - 1)
        data = self._tiles[..., first::stride, first::stride][y, x]
        places = (np.arange(first, self.side, stride) + 0.5 - self.side / 2) * self._scale
        found = np.empty((len(data), 7, len(places) ** 2), np.float32)
        data = data.reshape(len(data), 4, -1)
        np.multiply(data[:, 0], np.float32(100 / 255), out=found[:, 0])
        found[:, 0] -= 50  # small numbers lose less in the product
        np.subtract(data[:, 1:3], np.float32(128), out=found[:, 1:3])
        found[:, 3] = np.repeat(places, len(places))
        found[:, 4] = np.tile(places, len(places))
        np.einsum("tcp,tcp->tp", found[:, :5], found[:, :5], out=found[:, 5])
        found[:, 6] = 1
        return found, np.where(data[:, 3] > 0, np.int32(0), np.int32(_NOWHERE))

    def _values(self, features: np.ndarray) -> np.ndarray:
        """Returns float64 `(5, T * P)`: L, a, b, y, x, the places from the image's corner."""
        values = features[:, :5].astype(np.float64)
        values[:, 3:] += (self._corners * (self.side * self._scale))[:, :, None]
        return np.ascontiguousarray(values.transpose(1, 0, 2)).reshape(5, -1)

    def _owners(self, nearest: np.ndarray, part: slice = slice(None)) -> np.ndarray:
        """Returns the number of each pixel's superpixel, int64 `(T, P)`; T outside the mask."""
        names = self._near[part].reshape(-1)
        return names[nearest + np.arange(0, names.size, 16)[:, None]]

    def _centres(self, values: np.ndarray, nearest: np.ndarray) -> np.ndarray:
        """Returns the mean of each superpixel, float32 `(T + 1, 6)`: L, a, b, then y and x from
        the middle of the tile that it started in, and a distance that keeps pixels from centres
        that are none: superpixels without pixels, and the last row."""
        owners = self._owners(nearest).reshape(-1)
        pixels = np.bincount(owners, minlength=self.count + 1)
        pixels[self.count] = 0
        found = np.zeros((self.count + 1, 6), np.float32)
        for place, weights in enumerate(values):
            found[:, place] = np.bincount(owners, weights, self.count + 1) / pixels.clip(1)
        found[:-1, 3:5] -= self._corners * (self.side * self._scale)
        found[pixels == 0] = (0, 0, 0, 0, 0, _FAR)
        return found

    def _towards(self, centres: np.ndarray) -> np.ndarray:
        """Returns float32 `(T, 9, 7)` whose product with features is the squared distance."""
        near = centres[self._near[:, :9]]
        penalty = near[..., 5]
        near = near[..., :5]
        near[..., 3:] += np.array(_NEAR, np.float32) * np.float32(self.side * self._scale)
        found = np.empty((self.count, 9, 7), np.float32)
        np.multiply(near, -2, out=found[..., :5])
        found[..., 5] = 1
        np.einsum("tnc,tnc->tn", near, near, out=found[..., 6])
        found[..., 6] += penalty
        return found

    def _assigned(self, towards: np.ndarray) -> np.ndarray:
        """Returns the superpixel of every pixel of the image, int32 `(H, W)`."""
        down, across = self._tiles.shape[:2]
        found = np.zeros((down, across, self.side, self.side), np.int32)
        for part in self._parts(max(1, _AT_ONCE // self.side**2)):
            features, outside = self._features(part, 1)
            nearest = _nearest(towards[part], features, outside)
            owners = (self._owners(nearest, part) + 1) % (self.count + 1)
            y, x = self._corners[part].T
            found[y, x] = owners.reshape(-1, self.side, self.side)
        height, width = self.size
        found = found.transpose(0, 2, 1, 3).reshape(down * self.side, across * self.side)
        return found[:height, :width]


def _nearest(towards: np.ndarray, features: np.ndarray, outside: np.ndarray) -> np.ndarray:
    """Returns which of the nine centres is nearest to each pixel, int32 `(T, P)`; 15 outside."""
    # The bits of floats that are not negative sort as whole numbers do. The last four make room
    # for the number of the centre, so that the minimum brings it along.
    distances = np.empty((len(features), 9, features.shape[2]), np.float32)
    for start in range(0, features.shape[2], _ONE_THREAD):
        part = np.s_[..., start : start + _ONE_THREAD]
        np.matmul(towards, features[part], out=distances[part])
    bits = distances.view(np.int32)
    bits &= ~_NOWHERE
    bits |= np.arange(9, dtype=np.int32)[:, None]
    found = bits.min(axis=1)
    found &= _NOWHERE
    found |= outside
    return found
