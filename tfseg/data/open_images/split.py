"""Which images train and which validate, so that every class has its share in both."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tfseg.errors import ConfigError

__all__ = ["PAPER_TRAIN_IMAGES", "balanced_split", "train_size"]

# 131 steps an epoch with one image a step: the clothing paper's training images.
PAPER_TRAIN_IMAGES = 131
_EXCHANGES, _CANDIDATES = 200, 300


def train_size(images: int, train_images: int | None, val_fraction: float | None) -> int:
    """Returns how many of some images train.

    Args:
        images: All of them.
        train_images: As many as asked for; both parts must get at least one.
        val_fraction: Share for validation instead. Where neither is given: the paper's 131, or
            four fifths where there are not that many.

    Raises:
        ConfigError: The two contradict each other, or a part would be empty.
    """
    if train_images is not None and val_fraction is not None:
        raise ConfigError("name the number of training images or the validation share, not both.")
    if val_fraction is not None:
        number = isinstance(val_fraction, (int, float)) and not isinstance(val_fraction, bool)
        if not number or not 0 < val_fraction < 1:
            raise ConfigError(
                f"val_fraction: expected a share between 0 and 1, got {val_fraction!r}."
            )
        return images - min(max(round(images * val_fraction), 1), max(images - 1, 1))
    if train_images is None:
        if images > PAPER_TRAIN_IMAGES:
            return PAPER_TRAIN_IMAGES
        return train_size(images, None, 0.2) if images > 1 else images
    number = isinstance(train_images, int) and not isinstance(train_images, bool)
    if not number or not 1 <= train_images < images:
        raise ConfigError(
            f"train_images: expected 1 to {images - 1}, so that of {images} images both parts get "
            f"some, got {train_images!r}. A share, val_fraction=0.2, does with any number."
        )
    return train_images


def balanced_split(
    objects: Sequence[Sequence[int]], train_images: int, seed: int = 0
) -> tuple[list[int], list[int]]:
    """Returns `(train, val)`, positions of images in rising order, with equal shares of classes.

    Greedy, the rarest class first: each image that shows it goes, in an order drawn by `seed`, to
    the part that still lacks most of its share of that class (Sechidis, Tsoumakas and Vlahavas,
    "On the stratification of multi-label data", 2011). Then images change places in pairs as long
    as that brings the shares closer. A class that two images or more show is meant to be in both
    parts.

    Args:
        objects: For each image the class ids of its objects.
        train_images: How many images train; the rest validates.
        seed: Seed of the order.
    """
    count = len(objects)
    room = [train_images, count - train_images]
    width = max((max(ids) for ids in objects if len(ids)), default=0) + 1
    table = np.zeros((count, width), np.int64)
    for row, ids in enumerate(objects):
        np.add.at(table[row], np.asarray(ids, np.int64), 1)
    lack = _wishes(table, train_images)
    target = lack[0].copy()
    random = np.random.default_rng(seed)
    order = random.permutation(count)
    parts: list[list[int]] = [[], []]
    waiting = np.ones(count, bool)
    while waiting.any():
        left = (table[waiting] > 0).sum(axis=0)
        rarest = min((n, label) for label, n in enumerate(left) if n) if left.any() else None
        for image in order:
            if not waiting[image] or (rarest and not table[image, rarest[1]]):
                continue
            wish = lack[:, rarest[1]] if rarest else np.zeros(2)
            part = max((0, 1), key=lambda p: (room[p] > 0, wish[p], room[p]))
            parts[part].append(int(image))
            room[part] -= 1
            lack[part] -= table[image]
            waiting[image] = False
    _exchange(table, parts, target, random)
    return sorted(parts[0]), sorted(parts[1])


def _wishes(table: np.ndarray, train_images: int) -> np.ndarray:
    """Returns how many objects of each class the two parts should get, float64 `(2, classes)`."""
    total = table.sum(axis=0).astype(float)
    train = total * train_images / max(len(table), 1)
    shared = (table > 0).sum(axis=0) > 1
    train[shared] = np.clip(train[shared], 1, total[shared] - 1)
    return np.stack([train, total - train])


def _exchange(table: np.ndarray, parts: list[list[int]], target: np.ndarray, random) -> None:
    """Swaps images between the parts, the best pair each time, until none improves the shares.

    A class counts by its relative error, so that a rare one weighs as much as a common one. In
    large sets the pairs are looked for among some hundred images of each part.
    """
    weight = 1 / np.maximum(table.sum(axis=0), 1)
    for _ in range(_EXCHANGES):
        if not all(parts):
            return
        error = table[parts[0]].sum(axis=0) - target
        some = [
            np.sort(random.permutation(len(part))[:_CANDIDATES]) for part in map(np.array, parts)
        ]
        ours, theirs = (table[np.array(part)[at]] for part, at in zip(parts, some))
        moved = error + theirs[None] - ours[:, None]
        gain = error**2 @ weight - moved**2 @ weight
        best = np.unravel_index(gain.argmax(), gain.shape)
        if gain[best] < 1e-9:
            return
        first, second = some[0][best[0]], some[1][best[1]]
        parts[0][first], parts[1][second] = parts[1][second], parts[0][first]
