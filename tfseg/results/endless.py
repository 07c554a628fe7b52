"""A prediction of any number of images or frames, chunk by chunk, that goes on where it stopped."""

from __future__ import annotations

import collections
import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from tfseg.errors import DataError
from tfseg.files import locked
from tfseg.results.journal import JOURNAL, Journal
from tfseg.results.streams import Stream

__all__ = ["CHUNK", "predict_on"]

CHUNK = 64
"""Images of which an interruption costs at most the work, in batches of up to 64."""


def predict_on(
    sources: Callable[[int], Iterable[tuple]],
    predict: Callable[[Iterable], Iterator],
    stream: Stream,
    task: Mapping,
    *,
    told: Callable[[str, object], None],
    resumed: Callable[[int], None] = lambda done: None,
) -> tuple[int, list[dict], list[Path]]:
    """Predicts on all sources, writes the results, and returns how many images were answered, those
    that failed, and the files. Whatever stops it, the same call goes on behind the last chunk.

    Args:
        sources: `(start)` to `(source, path, name)` of each image from that number on: what is
            predicted on, what messages call it, and the name of its drawing.
        predict: A few sources to their answers, in their order, each with `prediction`, `item` and
            `error`.
        stream: What is written.
        task: What is predicted, by what: plain values. The journal of another one is refused.
        told: Called for each image with its path and its prediction, or the error.
        resumed: Called once with the number of images that an earlier run has done.

    Raises:
        ConfigError: If an unfinished prediction of something else lies there.
        DataError: If results cannot be written, or another process writes there.
    """
    place = stream.out if stream.out.suffix == "" else stream.out.parent
    path = place / (JOURNAL if place == stream.out else f"{JOURNAL}.{stream.out.name}")
    os.makedirs(place, exist_ok=True)
    with locked(f"{path}.lock", "a prediction", error=DataError), Journal(path, task) as journal:
        for record in journal.records():
            stream.restore(record)
        if journal.done:
            resumed(journal.done)
        rest = iter(sources(journal.done))
        while count := _chunk(itertools.islice(rest, CHUNK), predict, stream, journal, told):
            journal.commit(journal.done + count)
        written = stream.finish(journal)
        failed, count = [], 0
        for record in journal.records():
            count += "error" not in record
            if "error" in record:
                failed.append({"file": record["file"], "error": record["error"]})
        journal.remove()
    return count, failed, written


def _chunk(sources: Iterable[tuple], predict, stream: Stream, journal: Journal, told) -> int:
    """Predicts on some images, of which few are in memory at once, and returns their number."""
    names: collections.deque = collections.deque()

    def fed() -> Iterator:
        for source, where, name in sources:
            names.append((where, name))
            yield source

    count = 0
    for answer in predict(fed()):
        journal.add(_record(stream, answer, *names.popleft(), told))
        count += 1
    return count


def _record(stream: Stream, answer, where: str, name: str, told: Callable) -> dict:
    try:
        if answer.error is not None:
            raise answer.error
        path = answer.prediction.path or where
        record = {"file": path, **stream.record(answer.prediction, answer.item, path, name)}
    except (DataError, OSError) as error:
        told(where, error)
        return {"file": where, "error": str(error)}
    told(path, answer.prediction)
    return record
