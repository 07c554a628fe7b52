"""Which box every node of the graph belongs to."""

from __future__ import annotations

import numpy as np

from tfseg.models.portrait.affinity.boxes import Boxes
from tfseg.models.portrait.affinity.paths import geodesics

__all__ = ["assign_nodes", "seed_nodes"]

_SAME = 9  # decimals within which two distances are a tie


def seed_nodes(
    candidates: np.ndarray, centroids: np.ndarray, boxes: Boxes, seedless: np.ndarray
) -> list[np.ndarray]:
    """Returns the nodes from which each box's distances are measured.

    They are the nodes that lie in this box alone. A box that shares all of its foreground has
    none; its seeds are the nodes with their centroid in the middle of it (half as high, half as
    wide), except those that another such box could take as well.

    Args:
        candidates: bool `(n, K)`: which boxes hold each node.
        centroids: float64 `(n, 2)`, `(y, x)` in pixels of the image.
        boxes: The K boxes.
        seedless: bool `(K,)`: boxes without a pixel of their own anywhere in the image.
    """
    alone = candidates.sum(axis=1) == 1
    found = [np.flatnonzero(alone & candidates[:, k]) for k in range(len(boxes))]
    places = np.flatnonzero(seedless)
    if places.size:
        inside = candidates[:, places]
        inside &= _from_centre(centroids, boxes.corners[places], np.max) <= 0.5
        claims = inside.sum(axis=1)
        for column, k in enumerate(places):
            found[k] = np.flatnonzero(inside[:, column] & (claims == 1))
    return found


def assign_nodes(
    candidates: np.ndarray,
    centroids: np.ndarray,
    boxes: Boxes,
    seeds: list[np.ndarray],
    edges: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> tuple[np.ndarray, dict[str, int]]:
    """Returns the box of each node, int64 `(n,)`, -1 for nodes outside of all; and what was done.

    A node takes the one of its boxes whose seeds are nearest along the edges; of equal distances
    the better score, which is the earlier box. A node that none of them reaches takes the nearest
    centre, measured in half-sizes of the box.

    Args:
        candidates: See `seed_nodes`.
        centroids: See `seed_nodes`.
        boxes: The K boxes.
        seeds: From `seed_nodes`.
        edges: First ends, second ends and lengths.
    """
    count = len(candidates)
    sizes = candidates.sum(axis=1)
    uncertain = np.flatnonzero(sizes > 1)
    asked = np.flatnonzero(candidates[uncertain].any(axis=0))
    chosen = np.where(sizes == 1, candidates.argmax(axis=1), -1)
    distances = geodesics(count, *edges, [seeds[k] for k in asked])
    possible = candidates[np.ix_(uncertain, asked)]
    paths = np.where(possible, distances[:, uncertain].T, np.inf)
    chosen[uncertain] = asked[paths.round(_SAME).argmin(axis=1)]
    lost = ~np.isfinite(paths).any(axis=1)
    if lost.any():
        away = _from_centre(centroids[uncertain[lost]], boxes.corners[asked], _length)
        away = np.where(possible[lost], away, np.inf).round(_SAME)
        chosen[uncertain[lost]] = asked[away.argmin(axis=1)]
    facts = {
        "uncertain_nodes": len(uncertain),
        "geodesics": sum(len(seeds[k]) > 0 for k in asked),
        "unreached_nodes": int(lost.sum()),
    }
    return chosen, facts


def _from_centre(points: np.ndarray, corners: np.ndarray, norm) -> np.ndarray:
    """Returns how far each point is from each box's centre in half-sizes of the box."""
    middle = (corners[:, :2] + corners[:, 2:]) / 2
    half = (corners[:, 2:] - corners[:, :2]) / 2
    return norm(np.abs(points[:, None] - middle) / half, axis=2)


def _length(vectors: np.ndarray, axis: int) -> np.ndarray:
    return np.sqrt((vectors**2).sum(axis=axis))
