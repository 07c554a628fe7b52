"""Reading the next images while the present ones are computed, in their order, a few at a time."""

from __future__ import annotations

import collections
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

__all__ = ["prefetched", "read_ahead"]

Found = TypeVar("Found")


def read_ahead(reads: Iterable[Callable[[], Found]], workers: int) -> Iterator[Found]:
    """Yields what each function returns, in their order, at most twice as many of them ahead as
    there are threads; with none nothing is read before it is asked for. What one raises is raised
    here, in its turn."""
    if not workers:
        for read in reads:
            yield read()
        return
    waiting: collections.deque = collections.deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="tfseg-read")
    try:
        for read in reads:
            waiting.append(pool.submit(read))
            if len(waiting) > 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def prefetched(values: Iterable[Found], depth: int = 4) -> Iterator[Found]:
    """Yields the values of an iterable that a thread goes through, at most `depth` ahead: for what
    can only be had one after another, such as the frames of a video. What it raises is raised
    here, in its turn."""
    found: queue.Queue = queue.Queue(depth)
    stopped, end = threading.Event(), object()

    def put(value) -> bool:
        while not stopped.is_set():
            try:
                found.put(value, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def run() -> None:
        try:
            for value in values:
                if not put((value, None)):
                    return
            put((end, None))
        except Exception as error:  # whatever it is, who asked is to have it
            put((end, error))

    thread = threading.Thread(target=run, name="tfseg-prefetch", daemon=True)
    thread.start()
    try:
        while True:
            value, error = found.get()
            if error is not None:
                raise error
            if value is end:
                return
            yield value
    finally:
        stopped.set()
        thread.join()
