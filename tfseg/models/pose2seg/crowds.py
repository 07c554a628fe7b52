"""A few people of a crowd at a time through the network, so that memory does not grow with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

__all__ = ["CHUNK", "answer", "padded_people"]

CHUNK = 8
"""People whose windows are in memory at once."""


def padded_people(planned, with_joints: bool) -> dict[str, np.ndarray]:
    """Returns `align` float32 `(M, 2, 3)` and `joints (M, 17, 3)` of a `targets.Plan`, M a multiple
    of `CHUNK` and zeros where nobody is, so that images of few people have inputs of one shape."""
    places = CHUNK * -(-len(planned) // CHUNK)
    people = {"align": planned.align}
    if with_joints:
        people["joints"] = planned.joints
    rows = {
        name: np.zeros((places, *value.shape[1:]), np.float32) for name, value in people.items()
    }
    for name, value in people.items():
        rows[name][: len(planned)] = value
    return rows


def answer(
    run: Callable[[Mapping], dict[str, np.ndarray]],
    rows: Sequence[Mapping[str, np.ndarray]],
    *,
    images: int,
    fixed: bool,
) -> list[dict[str, np.ndarray]]:
    """Returns `logits` float32 `(N, a, a, 2)` of the N people of each row: its features are
    computed once, and then the windows of `CHUNK` people of all rows at a time.

    Args:
        run: The compiled network.
        rows: `image`, and what `padded_people` made.
        images: As many rows at most are computed together.
        fixed: Whether every shape is compiled anew: chunks are then filled up to a power of two,
            and batches of images to `images`.
    """
    found = []
    for start in range(0, len(rows), images):
        some = rows[start : start + images]
        found += _together(run, some, images if fixed else len(some), fixed)
    return found


def _together(run, rows, images: int, fixed: bool) -> list[dict[str, np.ndarray]]:
    there = [row["align"].any(axis=(1, 2)) for row in rows]
    counts = [int(one.sum()) for one in there]
    owners = np.repeat(np.arange(len(rows), dtype=np.int32), counts)
    if not len(owners):
        return [{"logits": np.zeros((0, 1, 1, 2), np.float32)} for _ in rows]
    people = {"matrices": np.concatenate([row["align"][one] for row, one in zip(rows, there)])}
    if "joints" in rows[0]:
        people["poses"] = np.concatenate([row["joints"][one] for row, one in zip(rows, there)])
    pictures = [row["image"] for row in rows]
    pictures += pictures[-1:] * (images - len(pictures))
    features = run({"image": np.stack(pictures)})["features"]
    logits = [
        run({"features": features, **chunk})["logits"][:size]
        for chunk, size in _chunks({"owners": owners, **people}, fixed)
    ]
    parts = np.split(np.concatenate(logits), np.cumsum(counts)[:-1])
    return [{"logits": part} for part in parts]


def _chunks(people: Mapping[str, np.ndarray], fixed: bool) -> Iterator[tuple[dict, int]]:
    """Yields the inputs of some people each, and how many of them are people."""
    count = len(people["owners"])
    for start in range(0, count, CHUNK):
        size = min(CHUNK, count - start)
        # Filled up with copies of the first one.
        places = 2 ** int(np.ceil(np.log2(size))) if fixed else size
        index = np.r_[start : start + size, [start] * (places - size)].astype(int)
        yield {name: value[index] for name, value in people.items()}, size
