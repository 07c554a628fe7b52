"""Affine windows out of feature maps, with fixed shapes and gradients to the features.

One convention for everything: pixel centres lie at whole numbers, `(x, y)` in this order, and a
matrix `[[a, b, c], [d, e, f]]` maps a place of the source to `(a x + b y + c, d x + e y + f)` of
the destination. Pixel `(u, v)` of the destination reads the source at the inverse's `(u, v)`,
bilinear, and 0 outside: what `cv2.warpAffine` computes.
Source: AffineAlign of Pose2Seg (Li et al., 2018), section 3.2.
"""

from __future__ import annotations

from keras import ops

__all__ = ["affine_sample", "compose", "invert", "transform"]

# Windows are read in parts of about this many numbers, so that what is needed beside the result
# does not grow with their count; many parts would make a long graph.
_PART_FLOATS = 2**22
_MOST_PARTS = 50


def invert(matrices):
    """Returns the exact inverses of affine matrices.

    Args:
        matrices: float `(..., 2, 3)`.

    Returns:
        `(..., 2, 3)`; values that are not finite where the matrix has no inverse.
    """
    a, b, c, d, e, f = _entries(matrices)
    scale = 1.0 / (a * e - b * d)
    a, b, d, e = e * scale, -b * scale, -d * scale, a * scale
    return _matrix(a, b, -(a * c + b * f), d, e, -(d * c + e * f))


def compose(outer, inner):
    """Returns the matrices, float `(..., 2, 3)`, that map as `inner` does and then as `outer`."""
    linear = ops.matmul(outer[..., :2], inner)
    return ops.concatenate([linear[..., :2], linear[..., 2:] + outer[..., 2:]], axis=-1)


def transform(points, matrices):
    """Returns where matrices map points to.

    Args:
        points: float `(..., K, 2)`, x and y.
        matrices: float `(..., 2, 3)`.

    Returns:
        float `(..., K, 2)`.
    """
    turned = ops.matmul(points, ops.swapaxes(matrices[..., :2], -1, -2))
    return turned + matrices[..., None, :, 2]


def affine_sample(features, matrices, size, owners):
    """Returns the window that each matrix cuts out of its image's features.

    Beside the result, about four million numbers are held at a time, where the sizes are known
    before. Gradients flow to the features alone: matrices are taken as constants.

    Args:
        features: float `(B, h, w, D)`.
        matrices: float32 `(N, 2, 3)`, from the cells of a feature map to the pixels of the window.
            One without an inverse, such as the zeros of padding, gives zeros; so does one that is
            not finite.
        size: `(height, width)` of the windows; int32 scalars of a graph where not known before.
        owners: int32 `(N,)`, the image that each window lies in.

    Returns:
        `(N, height, width, D)` in the dtype of the features; N may be 0.
    """
    height, width = size
    inverse = invert(ops.stop_gradient(ops.cast(matrices, "float32")))
    owners = ops.cast(owners, "int32")
    batch, rows, columns, depth = ops.shape(features)
    flat = ops.reshape(features, (batch * rows * columns, depth))
    bases = owners * (rows * columns)

    def part(inverse, bases):
        return _read(flat, inverse, bases, (rows, columns), (height, width))

    count = inverse.shape[0]
    if not all(isinstance(number, int) for number in (count, height, width, depth)) or not count:
        return part(inverse, bases)
    step = max(-(-count // _MOST_PARTS), _PART_FLOATS // (height * width * depth), 1)
    starts = range(0, count, step)
    parts = [part(inverse[s : s + step], bases[s : s + step]) for s in starts]
    return parts[0] if len(parts) == 1 else ops.concatenate(parts, axis=0)


def _read(flat, inverse, bases, sides, size):
    """Returns the windows `(n, height, width, D)`: the sum over the four cells around each place
    of what the cell holds times its share; a cell outside has none."""
    columns = ops.arange(size[1], dtype="float32")
    rows = ops.arange(size[0], dtype="float32")[:, None]
    a, b, c, d, e, f = (entry[:, None, None] for entry in _entries(inverse))
    x = _near(a * columns + b * rows + c, sides[1])
    y = _near(d * columns + e * rows + f, sides[0])
    low_x, low_y = ops.floor(x), ops.floor(y)
    total = None
    for cell_y in (low_y, low_y + 1):
        for cell_x in (low_x, low_x + 1):
            share = (1 - ops.abs(x - cell_x)) * (1 - ops.abs(y - cell_y))
            share = ops.where(_inside(cell_x, sides[1]) & _inside(cell_y, sides[0]), share, 0.0)
            index = _limited(cell_y, sides[0]) * sides[1] + _limited(cell_x, sides[1])
            value = ops.take(flat, index + bases[:, None, None], axis=0)
            value = value * ops.cast(share, flat.dtype)[..., None]
            total = value if total is None else total + value
    return total


def _near(place, side):
    """Returns places with those far outside, and NaN, brought to where nothing is read."""
    end = ops.cast(side, "float32") + 1.0
    return ops.where(place >= -2.0, ops.minimum(place, end), -2.0)


def _inside(cell, side):
    return (cell >= 0.0) & (cell < ops.cast(side, "float32"))


def _limited(cell, side):
    return ops.clip(ops.cast(cell, "int32"), 0, side - 1)


def _entries(matrices):
    return (matrices[..., row, column] for row in (0, 1) for column in (0, 1, 2))


def _matrix(a, b, c, d, e, f):
    return ops.stack([ops.stack([a, b, c], axis=-1), ops.stack([d, e, f], axis=-1)], axis=-2)
