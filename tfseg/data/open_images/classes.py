"""The classes of Open Images: their names, and which lie below which.

A class is known by its MID, such as `/m/01xyhv`, Freebase's machine id. The two files are
`class-descriptions-boxable.csv`, a line `MID,name` each, and `bbox_labels_600_hierarchy.json`.
"""

from __future__ import annotations

import csv
import dataclasses
import difflib
import json
import os
from collections.abc import Iterable, Mapping

from tfseg.data.reading.problem import Problem
from tfseg.errors import ConfigError, DataError

__all__ = ["ClassNames", "Hierarchy", "read_class_names", "read_hierarchy"]

_ID_COLUMNS = ("labelname", "id", "mid")
_NAME_COLUMNS = ("displayname", "name", "description")


@dataclasses.dataclass(frozen=True)
class ClassNames:
    """The name of each class.

    Attributes:
        file: Where the names come from.
        names: MID to name, in the order of the file.
        problems: Lines that could not be used.
    """

    file: str
    names: Mapping[str, str]
    problems: tuple[Problem, ...] = ()

    def mid(self, word: str, beyond: Iterable[str] = ()) -> str:
        """Returns the MID that a name or a MID stands for; capital letters do not matter.

        Args:
            word: What the user wrote.
            beyond: MIDs that are known although they have no name.

        Raises:
            ConfigError: There is none, with the nearest names, or there are several.
        """
        if word in self.names or word in beyond:
            return word
        found = [mid for mid, name in self.names.items() if name == word]
        if not found:
            found = [mid for mid, name in self.names.items() if name.lower() == word.lower()]
        if len(found) == 1:
            return found[0]
        if found:
            raise ConfigError(
                f"{self.file}: {len(found)} classes are called {word!r}; name one by its MID: "
                f"{', '.join(found)}."
            )
        near = difflib.get_close_matches(word.title(), self.names.values(), 3)
        hint = f"Did you mean {' or '.join(map(repr, near))}?" if near else "Look it up there."
        raise ConfigError(f"{self.file}: there is no class {word!r}. {hint}")

    def title(self, mid: str) -> str:
        """Returns a name that no other class has: the MID is added where two are called alike."""
        name = self.names.get(mid, mid)
        alike = name in self.names and mid != name
        alike = alike or sum(other == name for other in self.names.values()) > 1
        return f"{name} ({mid})" if alike else name


def read_class_names(path: str | os.PathLike) -> ClassNames:
    """Returns the names of the classes.

    V5 has no header, `MID,name` from the first line on; later versions have `LabelName,DisplayName`
    or `id,name`. Both are read; a first line is a header if its first field is no MID.

    Raises:
        DataError: No such file, or no line of it is `MID,name`.
    """
    path = os.fspath(path)
    try:
        with open(path, encoding="utf-8-sig", errors="replace", newline="") as file:
            lines = [(number, cells) for number, cells in enumerate(csv.reader(file), 1) if cells]
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from error
    except csv.Error as error:
        raise DataError(f"{path}: expected lines MID,name, got no CSV ({error}).") from error
    mid_at, name_at = 0, 1
    if lines and not _is_mid(lines[0][1][0]):
        header = [cell.strip().lower() for cell in lines[0][1]]
        mid_at = next((header.index(c) for c in _ID_COLUMNS if c in header), 0)
        name_at = next((header.index(c) for c in _NAME_COLUMNS if c in header), 1)
        lines = lines[1:]
    names: dict[str, str] = {}
    problems = []
    for number, cells in lines:
        cells = [cell.strip() for cell in cells]
        fault = None
        if len(cells) <= max(mid_at, name_at) or not cells[name_at] or not _is_mid(cells[mid_at]):
            fault = f"expected MID,name such as /m/01xyhv,Suit, got {','.join(cells)!r}"
        elif names.setdefault(cells[mid_at], cells[name_at]) != cells[name_at]:
            fault = (
                f"{cells[mid_at]} is called {cells[name_at]!r} here and "
                f"{names[cells[mid_at]]!r} before; the first name counts"
            )
        if fault:
            problems.append(
                Problem("warning", "bad_class_line", f"{path}, line {number}", f"{fault}.")
            )
    if not names:
        raise DataError(
            f"{path}: no line is a class, MID,name such as /m/01xyhv,Suit. Download "
            "class-descriptions-boxable.csv again."
        )
    return ClassNames(path, names, tuple(problems))


def _is_mid(text: str) -> bool:
    return text.startswith("/") and text.count("/") >= 2


@dataclasses.dataclass(frozen=True)
class Hierarchy:
    """Which class lies directly below which.

    Attributes:
        file: Where it comes from.
        kinds: MID to the MIDs of its `Subcategory` list: what *is a kind of* it.
        parts: MID to the MIDs of its `Part` list: what *is a part of* it.
    """

    file: str
    kinds: Mapping[str, frozenset[str]]
    parts: Mapping[str, frozenset[str]]

    def __contains__(self, mid: str) -> bool:
        return mid in self.kinds

    def below(self, mid: str, *, parts: bool = False) -> frozenset[str]:
        """Returns a class and all kinds of it, down to the leaves.

        Args:
            mid: The superset; itself if the hierarchy does not know it.
            parts: Also what is a part of any of them: an eye then is below Person.
        """
        found, open_ = {mid}, [mid]
        while open_:
            current = open_.pop()
            children = set(self.kinds.get(current, ()))
            if parts:
                children |= self.parts.get(current, frozenset())
            open_ += children - found
            found |= children
        return frozenset(found)


def read_hierarchy(path: str | os.PathLike) -> Hierarchy:
    """Returns the hierarchy of the classes.

    A class that stands in several places has the children of all of them.

    Raises:
        DataError: No such file, no JSON, or a node that has no `LabelName`.
    """
    path = os.fspath(path)
    try:
        with open(path, encoding="utf-8-sig") as file:
            root = json.load(file)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: expected JSON ({error}). Download the file again.") from error
    kinds: dict[str, set[str]] = {}
    parts: dict[str, set[str]] = {}
    open_ = [root]
    while open_:
        node = open_.pop()
        mid = _label(node, path)
        kinds.setdefault(mid, set())
        for key, edges in (("Subcategory", kinds), ("Part", parts)):
            children = node.get(key, [])
            if not isinstance(children, list):
                raise DataError(f"{path}: {key} of {mid} is no list. Download the file again.")
            edges.setdefault(mid, set()).update(_label(child, path) for child in children)
            open_ += children
    return Hierarchy(
        path,
        {mid: frozenset(children) for mid, children in kinds.items()},
        {mid: frozenset(children) for mid, children in parts.items()},
    )


def _label(node, path: str) -> str:
    mid = node.get("LabelName") if isinstance(node, dict) else None
    if not isinstance(mid, str):
        raise DataError(
            f"{path}: expected nodes with LabelName, Subcategory and Part, got {str(node)[:60]!r}. "
            "bbox_labels_600_hierarchy.json is the file that is meant."
        )
    return mid
