"""Images computed in batches of equal shape, and handed on in their order."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from tfseg.engine.inputs import Item

__all__ = ["Answer", "in_equal_shapes"]

AHEAD = 4
"""Batches that are read ahead in search of images of equal shape."""
MEMORY = 2**29
"""Bytes of images and inputs that may wait at once; one image always may."""


@dataclasses.dataclass(eq=False)
class Answer:
    """One image on its way through a model.

    Attributes:
        item: The image; None if it could not be read.
        prediction: What was found; None if the image failed.
        error: Why it failed; None if it did not.
        inputs: Of the network, without the batch axis; None once they are computed.
        plan: What leads back to the image's pixels.
        outputs: Of the network, without the batch axis; None until they are computed.
    """

    item: Item | None = None
    prediction: Any = None
    error: Exception | None = None
    inputs: dict[str, np.ndarray] | None = None
    plan: Any = None
    outputs: dict[str, np.ndarray] | None = None

    @property
    def waits(self) -> bool:
        """Whether the network has yet to compute it."""
        return self.error is None and self.outputs is None

    def size(self) -> int:
        """Returns the bytes of image and inputs."""
        image = 0 if self.item is None else self.item.image.nbytes
        return image + sum(np.asarray(value).nbytes for value in (self.inputs or {}).values())


def in_equal_shapes(
    answers: Iterable[Answer],
    run: Callable[[list[dict], int], list[dict[str, np.ndarray]]],
    batch_size: int,
) -> Iterator[Answer]:
    """Yields the answers in their order, with outputs, but for those with an error.

    Images are read ahead until as many as a batch have inputs of one shape; then these are
    computed together. No more than `AHEAD` batches wait: the first image does not wait for the
    last, and a thousand photographs do not fill the memory. With a batch size of 1 nothing is read
    ahead.

    Args:
        answers: With inputs, or with an error.
        run: `(inputs, n)` to the outputs of each: inputs of one shape, to be computed n at once. n
            is `batch_size`, but 1 for a shape that never filled a batch: a network that is compiled
            for so many at once would compute copies to fill it.
        batch_size: Images computed at once.
    """
    waiting: collections.deque[Answer] = collections.deque()
    groups: dict[tuple, list[Answer]] = {}
    filled: set[tuple] = set()

    def compute(shape: tuple) -> None:
        group = groups.pop(shape)
        if len(group) == batch_size:
            filled.add(shape)
        rows = run([one.inputs for one in group], batch_size if shape in filled else 1)
        for answer, outputs in zip(group, rows, strict=True):
            answer.outputs, answer.inputs = outputs, None

    for answer in answers:
        waiting.append(answer)
        if answer.waits:
            shape = _shape(answer)
            groups.setdefault(shape, []).append(answer)
            if len(groups[shape]) == batch_size:
                compute(shape)
        while waiting:
            full = len(waiting) > AHEAD * batch_size or sum(a.size() for a in waiting) > MEMORY
            if waiting[0].waits and not full:
                break
            if waiting[0].waits:
                compute(_shape(waiting[0]))
            yield waiting.popleft()
    while waiting:
        if waiting[0].waits:
            compute(_shape(waiting[0]))
        yield waiting.popleft()


def _shape(answer: Answer) -> tuple:
    return tuple((name, np.shape(value)) for name, value in sorted(answer.inputs.items()))
