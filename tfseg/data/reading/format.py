"""What one reader says of itself, so that every door to datasets knows it: a `Format`.

A reader's file ends with its record, and `tfseg.data.opening.formats` lists the file:

```python
FORMAT = Format(
    name="leaves",
    marks="leaves.csv",
    reader=LeavesDataset,
    claims=lambda path, split: Claim.CERTAIN * os.path.isfile(os.path.join(path, "leaves.csv")),
)
```
"""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import enum
import inspect
import logging
import os
from collections.abc import Callable

from tfseg.data.reading.part_names import PARTS, MissingPartError, own_name
from tfseg.errors import ConfigError, DataError

__all__ = ["Claim", "Format", "call", "listing", "missing_part", "open_part"]

_LISTED = 12


class Claim(enum.IntEnum):
    """How sure a format is that a path is its own; the surest one is taken."""

    NONE = 0
    GUESS = 1  # nothing speaks against it
    CONTENT = 2  # a file there says so
    LAYOUT = 3  # folders there are named so
    NAMED = 4  # a file has the very name that this part would have
    CERTAIN = 5  # nothing else looks like it


def _no_claim(path: str, split: str) -> int:
    return Claim.NONE


@dataclasses.dataclass(frozen=True)
class Format:
    """One kind of dataset, as `tfseg.data.open_dataset` and the doctor know it.

    Attributes:
        name: What `format=` calls it.
        marks: What it is recognised by, for messages; `{split}` in it stands for the part.
        reader: The dataset's class, called as `reader(path, split, **options)`. Its named
            parameters are the options that the format takes; with `drop_invalid` among them,
            the doctor lists its faults one by one.
        claims: `claims(path, split)` returns how sure it is that a path (folder, file or word) is
            of this format. Left out: the format has to be named.
        open: `open(path, split, options)` returns the dataset, where that is more than a call of
            the reader, such as finding the folder of a part. A part that is not there is a
            `MissingPartError`.
    """

    name: str
    marks: str
    reader: Callable
    claims: Callable[[str, str], int] = _no_claim
    open: Callable[[str, str, dict], object] | None = None

    @property
    def is_recognised(self) -> bool:
        """Whether the format is ever found without its name."""
        return self.claims is not _no_claim

    def options(self, positional: int = 2) -> tuple[str, ...]:
        """Returns the names of the options that its reader has after so many arguments."""
        return _options(self.reader, positional)

    def dataset(self, path: str, split: str, options: dict):
        """Returns the dataset at a path.

        Raises:
            ConfigError: An option that the reader does not have; names the nearest.
            DataError: What the reader raises.
        """
        if self.open is not None:
            return self.open(path, split, options)
        return call(self.reader, (path, split), options)


def _options(reader: Callable, positional: int) -> tuple[str, ...]:
    named = [
        name
        for name, parameter in inspect.signature(reader).parameters.items()
        if parameter.kind in (parameter.KEYWORD_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    ]
    return tuple(named[positional:])


def call(reader: Callable, positional: tuple, options: dict):
    """Calls a reader; an option that it does not have becomes an error with the nearest name."""
    known = _options(reader, len(positional))
    for name in options:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise ConfigError(
                f"{reader.__name__} has no option {name!r}; it has {', '.join(known)}.{hint}"
            )
    return reader(*positional, **options)


def open_part(
    reader: Callable,
    find: Callable[[str, str], tuple[str, dict]],
    path: str,
    split: str,
    options: dict,
):
    """Returns one part of a dataset whose reader is called as `reader(place, **options)`.

    Where nobody names the classes, they are those of all parts together, so that the class ids
    of one part are those of the other.

    Args:
        reader: The dataset's class.
        find: `find(path, split)` returns where a part lies, and the options that lead there.
        path: Folder or annotation file.
        split: The part, where `path` is a folder.
        options: Options of the reader; they outrank what was found.

    Raises:
        DataError: There is no such part, or what the reader raises.
    """
    split = own_name(path, split)
    place, found = find(path, split)
    given = {**found, **options}
    if options.get("classes") is None:
        others = _other_parts(find, path, (place, found))
        told = set()
        for home, more in [(place, found), *others] if others else ():
            with contextlib.suppress(DataError), _quietly():
                lenient = {**more, **options, "drop_invalid": True}
                told.add(call(reader, (home,), lenient).class_names)
        if told:
            every = {name for names in told for name in names}
            given["classes"] = told.pop() if len(told) == 1 else tuple(sorted(every))
    return call(reader, (place,), given)


def _other_parts(find: Callable, path: str, own: tuple[str, dict]) -> list[tuple[str, dict]]:
    found = []
    for part in PARTS:
        with contextlib.suppress(DataError):
            found.append(find(path, own_name(path, part)))
    return [other for other in found if other != own]


@contextlib.contextmanager
def _quietly():
    """Keeps the log free of the faults of parts that are only asked for their classes."""
    log = logging.getLogger("tfseg.data")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(level)


def missing_part(path: str, split: str, wanted: str) -> MissingPartError:
    """Returns the error of a part that a folder does not have, with what was looked for."""
    return MissingPartError(
        f"{path}: there is no part {split!r}; looked for {wanted}. The folder has: {listing(path)}."
    )


def listing(folder: str) -> str:
    """Returns the names in a folder, some of them if there are many, for a message."""
    names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    return ", ".join(names[:_LISTED] + (["..."] if len(names) > _LISTED else [])) or "nothing"
