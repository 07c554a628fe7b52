"""The splitter's steps 3 to 9 once more: dictionaries, loops and heapq, nothing shared."""

from __future__ import annotations

import heapq
import math

import numpy as np


def region_of(y: int, x: int, boxes: np.ndarray) -> frozenset:
    return frozenset(
        k for k, (y1, x1, y2, x2) in enumerate(boxes) if y1 <= y + 0.5 < y2 and x1 <= x + 0.5 < x2
    )


def flood(pixels: dict, steps) -> list[list]:
    """Connected groups of pixels of equal value."""
    left, found = set(pixels), []
    for start in sorted(pixels):
        if start not in left:
            continue
        group, queue = [], [start]
        left.discard(start)
        while queue:
            y, x = queue.pop()
            group.append((y, x))
            for dy, dx in steps:
                other = (y + dy, x + dx)
                if other in left and pixels[other] == pixels[(y, x)]:
                    left.discard(other)
                    queue.append(other)
        found.append(group)
    return found


FOUR = ((0, 1), (1, 0), (0, -1), (-1, 0))
EIGHT = (*FOUR, (1, 1), (1, -1), (-1, 1), (-1, -1))


def histogram(group: list, lab: np.ndarray) -> list[float]:
    height, width = lab.shape[:2]
    blocks = [[0.0] * 16 for _ in range(5)]
    for y, x in group:
        lightness, a, b = (int(v) for v in lab[y, x])
        places = (
            lightness * 100 / 255 / 100,
            (a - 128 + 128) / 255,
            (b - 128 + 128) / 255,
            (x + 0.5) / width,
            (y + 0.5) / height,
        )
        for block, place in zip(blocks, places, strict=True):
            block[min(15, math.floor(place * 16))] += 1
    shares = (0.8 / 3, 0.8 / 3, 0.8 / 3, 0.1, 0.1)
    return [share * n / len(group) for share, block in zip(shares, blocks) for n in block]


def chi_square(first, second) -> float:
    return 0.5 * sum((a - b) ** 2 / (a + b) for a, b in zip(first, second) if a + b > 0)


def distances(neighbours: list[dict], sources: list[int]) -> list[float]:
    best = [math.inf] * len(neighbours)
    queue = [(0.0, s) for s in sources]
    while queue:
        length, node = heapq.heappop(queue)
        if length >= best[node]:
            continue
        best[node] = length
        for other, step in neighbours[node].items():
            if length + step < best[other]:
                heapq.heappush(queue, (length + step, other))
    return best


def split(lab, mask, boxes, scores, superpixels) -> np.ndarray:
    """`superpixels` int (H, W): any partition of the foreground."""
    pixels = {(int(y), int(x)): 1 for y, x in np.argwhere(mask)}
    regions = {p: region_of(*p, boxes) for p in pixels}
    labels = np.zeros(mask.shape, int)
    for p, region in regions.items():
        if len(region) == 1:
            labels[p] = min(region) + 1
    if any(len(r) > 1 for r in regions.values()):
        nodes = flood({p: (int(superpixels[p]), regions[p]) for p in pixels}, FOUR)
        for group, owner in zip(nodes, owners(nodes, regions, lab, boxes, scores), strict=True):
            for p in group:
                labels[p] = owner + 1
    for group in flood(pixels, EIGHT):
        votes = [sum(labels[p] == k + 1 for p in group) for k in range(len(boxes))]
        if votes and max(votes):
            winner = max(range(len(boxes)), key=lambda k: (votes[k], scores[k], -k))
            for p in group:
                labels[p] = labels[p] or winner + 1
    return labels


def owners(nodes, regions, lab, boxes, scores) -> list[int]:
    node_of = {p: n for n, group in enumerate(nodes) for p in group}
    histograms = [histogram(group, lab) for group in nodes]
    neighbours: list[dict] = [{} for _ in nodes]
    for (y, x), n in node_of.items():
        for dy, dx in FOUR:
            m = node_of.get((y + dy, x + dx), n)
            if m != n:
                neighbours[n][m] = chi_square(histograms[n], histograms[m]) + 1e-4
    sets = [regions[group[0]] for group in nodes]
    middles = [(np.mean([p[0] for p in g]) + 0.5, np.mean([p[1] for p in g]) + 0.5) for g in nodes]

    def away(n, k):
        y1, x1, y2, x2 = boxes[k]
        return (
            abs(middles[n][0] - (y1 + y2) / 2) / ((y2 - y1) / 2),
            abs(middles[n][1] - (x1 + x2) / 2) / ((x2 - x1) / 2),
        )

    kinds = range(len(boxes))
    seeds = [[n for n, s in enumerate(sets) if s == {k}] for k in kinds]
    bare = [k for k in kinds if not seeds[k]]
    inside = {k: [n for n, s in enumerate(sets) if k in s and max(away(n, k)) <= 0.5] for k in bare}
    for k in bare:
        seeds[k] = [n for n in inside[k] if all(n not in inside[j] for j in bare if j != k)]
    reach = [distances(neighbours, seeds[k]) for k in kinds]
    found = []
    for n, members in enumerate(sets):
        if not members:
            found.append(-1)
            continue
        if min(reach[k][n] for k in members) < math.inf:
            key = {k: (round(reach[k][n], 9), -scores[k], k) for k in members}
        else:
            key = {k: (round(math.hypot(*away(n, k)), 9), -scores[k], k) for k in members}
        found.append(min(members, key=key.get))
    return found
