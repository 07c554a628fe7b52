"""What a long prediction has done so far, in one file, so that it goes on where it stopped.

Lines of JSON: first what is predicted, then a record an image, and behind each chunk of images
`{"done": n}`. A chunk counts when that line is on the disk; what stands behind the last one is cut
off. Images of a chunk are computed together whether or not something stopped before them, so that
an interrupted prediction and an uninterrupted one are equal to the last bit.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from tfseg.errors import ConfigError, DataError

__all__ = ["JOURNAL", "Journal"]

JOURNAL = ".predictions.journal"
"""Name of the file, beside what is written."""


class Journal:
    """The journal of one prediction; a context that closes it.

    Args:
        path: The file.
        task: What is predicted: plain values. A journal of something else is refused.

    Attributes:
        done: Images whose chunks are on the disk.

    Raises:
        ConfigError: If the file is of another task.
        DataError: If it cannot be written.
    """

    def __init__(self, path: str | os.PathLike, task: Mapping):
        self.path, self.done = Path(path), 0
        first = json.dumps({"task": task}, sort_keys=True).encode() + b"\n"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            end = self._end(first, task)
            self._file = open(self.path, "ab")  # noqa: SIM115, closed by the context
            self._file.truncate(end)
            if not end:
                self._file.write(first)
                self._flush()
        except OSError as error:
            raise DataError(f"{self.path}: cannot be written ({error.strerror}).") from error

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_) -> None:
        self._file.close()

    def _end(self, first: bytes, task: Mapping) -> int:
        """Returns how many bytes of the file count, and sets `done`."""
        if not self.path.exists():
            return 0
        with open(self.path, "rb") as file:
            line = file.readline()
            if not line.endswith(b"\n"):
                return 0  # stopped before anything was done
            if line != first:
                raise ConfigError(_other_task(self.path, line, task))
            end = file.tell()
            for line in file:
                if line.startswith(b'{"done": ') and line.endswith(b"}\n"):
                    self.done, end = json.loads(line)["done"], file.tell()
            return end

    def add(self, record: Mapping) -> None:
        """Appends the record of one image."""
        self._file.write(json.dumps(record).encode() + b"\n")

    def commit(self, done: int) -> None:
        """Says that so many images are done, and waits until the disk has it.

        Raises:
            DataError: If the disk is full.
        """
        self._file.write(b'{"done": %d}\n' % done)
        try:
            self._flush()
        except OSError as error:
            raise DataError(
                f"{self.path}: cannot be written ({error.strerror}). Make room; the same command "
                "then goes on."
            ) from error
        self.done = done

    def records(self) -> Iterator[dict]:
        """Yields the records of all images that are done, in their order, one at a time."""
        self._file.flush()
        with open(self.path, "rb") as file:
            next(file)
            for line in file:
                if not line.startswith(b'{"done": '):
                    yield json.loads(line)

    def remove(self) -> None:
        """Removes the file: all is written."""
        self._file.close()
        self.path.unlink(missing_ok=True)

    def _flush(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())


_MEANT = {"inputs": "inputs, or one that was changed since", "extras": "poses, boxes or such"}


def _other_task(path: Path, line: bytes, task: Mapping) -> str:
    try:
        before = json.loads(line)["task"]
        differs = [_MEANT.get(name, name) for name in task if before.get(name) != task[name]]
    except (ValueError, KeyError, AttributeError):
        differs = []
    what = f" (other {', '.join(differs)})" if differs else ""
    return (
        f"{path}: an unfinished prediction of something else{what} lies there. Finish it with its "
        "own command, name another place, or remove that file to give it up."
    )
