"""Skeletons as feature maps: where each joint lies, and which way each limb runs.

Source: Li et al. (2018), section 3.3; widths, cuts and the sign of hidden joints of the public code
of the later paper. `lib` is NumPy, or `keras.ops` for the same inside a graph.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["LIMBS_CVPR", "LIMBS_V1", "joint_maps", "limb_fields", "skeleton_features"]

LIMBS_CVPR = (
    *((0, 1), (0, 2), (1, 2), (1, 3), (2, 4), (3, 5), (4, 6), (5, 6), (5, 7), (5, 11), (6, 8)),
    *((6, 12), (7, 9), (8, 10), (11, 12), (11, 13), (12, 14), (13, 15), (14, 16)),
)
"""The limbs of the public code, pairs of COCO's joints: 19, so 55 channels."""

LIMBS_V1 = (
    *((5, 6), (5, 7), (7, 9), (6, 8), (8, 10), (5, 11), (6, 12), (11, 13), (13, 15), (12, 14)),
    (14, 16),
)
"""The eleven limbs of the first paper, without head and hips: 39 channels."""

# The public code keeps a bell where r^2 / (2 sigma^2) is below this: down to about 0.01.
_LOWEST = float(np.exp(-4.6025))


def skeleton_features(
    joints,
    size: int,
    limbs: Sequence[tuple[int, int]],
    *,
    sigma: float = 3.0,
    width: float = 1.0,
    hidden: float = 1.0,
    lib=np,
):
    """Returns a person's skeleton, float32 `(N, size, size, 17 + 2 L)`: the joints, then x and y
    of each limb in turn.

    Args:
        joints: float `(N, 17, 3)`, x, y in pixels of the window and visibility: 0 missing, 1
            hidden, 2 visible. N may be 0.
        size: Side of the window.
        limbs: L pairs of joints.
        sigma: See `joint_maps`.
        width: See `limb_fields`.
        hidden: See `joint_maps`.
        lib: See above.
    """
    maps = joint_maps(joints, size, sigma=sigma, hidden=hidden, lib=lib)
    fields = limb_fields(joints, size, limbs, width=width, lib=lib)
    return lib.concatenate([maps, fields], axis=-1)


def joint_maps(joints, size: int, *, sigma: float = 3.0, hidden: float = 1.0, lib=np):
    """Returns a bell over each joint, float32 `(N, size, size, 17)`, 0 where under about 0.01.

    Args:
        joints: float `(N, 17, 3)`, see `skeleton_features`.
        size: Side of the window.
        sigma: Of the bell, in pixels.
        hidden: What the bells of hidden joints are multiplied by: 1, or -1 as the public code
            does.
        lib: See above.
    """
    x, y, seen = _parts(joints, lib)
    grid = np.arange(size, dtype=np.float32)[:, None]
    columns = lib.exp(-((grid - x[:, None]) ** 2) / (2 * sigma**2))  # (N, size, 17)
    rows = lib.exp(-((grid - y[:, None]) ** 2) / (2 * sigma**2))
    signs = lib.where(seen > 1, 1.0, lib.where(seen > 0, hidden, 0.0))
    bells = (rows * signs[:, None])[:, :, None] * columns[:, None]
    return _float32(lib.where(lib.abs(bells) > _LOWEST, bells, 0.0), lib)


def limb_fields(joints, size: int, limbs: Sequence, *, width: float = 1.0, lib=np):
    """Returns the direction of each limb along it, float32 `(N, size, size, 2 L)`, 0 elsewhere.

    A pixel is on a limb if it is less than `width` away from its line and within its box grown by
    `width`, the box's ends rounded to whole pixels and the upper ones exclusive, as in the public
    code. A limb without one of its joints, or without a length, is nowhere.

    Args:
        joints: float `(N, 17, 3)`, see `skeleton_features`.
        size: Side of the window.
        limbs: L pairs of joints.
        width: In pixels.
        lib: See above.
    """
    first = np.array([limb[0] for limb in limbs], np.int32)
    second = np.array([limb[1] for limb in limbs], np.int32)
    places = [(lib.take(part, first, 1), lib.take(part, second, 1)) for part in _parts(joints, lib)]
    (x1, x2), (y1, y2), (seen1, seen2) = places  # (N, L) each
    length = lib.sqrt((x2 - x1) ** 2 + (y2 - y1) ** 2)
    there = (seen1 > 0) & (seen2 > 0) & (length > 0)
    safe = lib.where(length > 0, length, 1.0)
    ux, uy = (x2 - x1) / safe, (y2 - y1) / safe
    grid = np.arange(size, dtype=np.float32)[:, None]
    across = (grid - x1[:, None]) * uy[:, None]  # (N, size, L), of columns
    along = (grid - y1[:, None]) * ux[:, None]  # of rows
    near = lib.abs(across[:, None] - along[:, :, None]) < width
    inside_x = _between(grid, x1, x2, width, lib) & there[:, None]
    inside_y = _between(grid, y1, y2, width, lib)
    on = near & inside_x[:, None] & inside_y[:, :, None]  # (N, size, size, L)
    directions = lib.reshape(lib.stack([ux, uy], axis=-1), (-1, 1, 1, 2 * len(limbs)))
    return _float32(lib.where(lib.repeat(on, 2, axis=-1), directions, 0.0), lib)


def _between(grid, start, end, width, lib):
    low = lib.round(lib.minimum(start, end) - width)[:, None]
    high = lib.round(lib.maximum(start, end) + width)[:, None]
    return (grid >= low) & (grid < high)


def _parts(joints, lib):
    """Returns x, y and the visibility, `(N, 17)` each; places of missing joints, which may be
    anything, become 0."""
    seen = joints[..., 2]
    places = lib.where((seen > 0)[..., None], joints[..., :2], 0.0)
    return places[..., 0], places[..., 1], seen


def _float32(values, lib):
    return values.astype(np.float32) if lib is np else lib.cast(values, "float32")
