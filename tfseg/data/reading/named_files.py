"""The files that annotation files name: found inside a folder, opened outside it only when allowed.

A name is taken as it stands first. Where no file is called so, it may come from another system:
backslashes, a drive, an absolute path or `..` before it, an address, percent signs for other
characters, accents as characters of their own, other letter case. Then its last parts are looked up
in the folder, as many of them as fit. A name that leads out of the folder is never followed unless
`allow_outside`; links inside the folder are the user's own and are.
"""

from __future__ import annotations

import dataclasses
import os
import re
import unicodedata
from collections.abc import Sequence
from urllib.parse import unquote

__all__ = ["Found", "NamedFiles", "is_inside", "outside_message"]


@dataclasses.dataclass(frozen=True)
class Found:
    """Where a name leads.

    Attributes:
        path: The file; None if there is none that may be opened.
        literal: Whether it is called exactly so; False where its last parts were looked up.
        outside: A file outside the folders that the name would open and that was not allowed.
        several: Files that differ from the name in letter case alone, where there are several.
    """

    path: str | None
    literal: bool = True
    outside: str | None = None
    several: tuple[str, ...] = ()


def is_inside(path: str, folder: str) -> bool:
    """Returns whether a path, its `..` resolved, names something in a folder; links stay links."""
    path, folder = (os.path.abspath(os.fspath(place)) for place in (path, folder))
    return path.startswith(folder.rstrip(os.sep) + os.sep)


def outside_message(folder: str, outside: str) -> str:
    """Returns what to say of a name that leads out of a folder, to a file that is there."""
    return (
        f"its name leads out of the folder {folder}, to {outside}. Move the file into the folder, "
        "name its folder with image_dir, or allow it with allow_outside=True "
        "(data.allow_outside=true in a command), or pass drop_invalid=True to go on without it."
    )


class NamedFiles:
    """Finds files by the names in an annotation file.

    Args:
        folders: Where names are relative to, the likeliest first.
        allow_outside: Whether a name may lead out of them.
        within: Further folders that names may lead into.
    """

    def __init__(
        self, folders: Sequence[str], *, allow_outside: bool = False, within: Sequence[str] = ()
    ):
        self.folders = tuple(dict.fromkeys(folders))
        self._within = (*self.folders, *within)
        self._allow_outside = bool(allow_outside)
        self._listed: dict[str, dict[str, list[str]]] = {}

    def find(self, *names: str) -> Found:
        """Returns where the first of some names leads that leads anywhere."""
        outside = None
        for folder in self.folders:
            for name in names:
                path = _joined(folder, name)
                if not os.path.isfile(path):
                    continue
                if self._allow_outside or any(is_inside(path, home) for home in self._within):
                    return Found(path)
                outside = outside or path
        several: tuple[str, ...] = ()
        for folder in self.folders:
            for name in names:
                for parts in _endings(name):
                    found = self._look_up(folder, parts)
                    if len(found) == 1:
                        return Found(found[0], literal=False)
                    several = several or found
        return Found(None, literal=False, outside=outside, several=several)

    def _look_up(self, folder: str, parts: Sequence[str]) -> tuple[str, ...]:
        """Returns the files below a folder whose path is `parts`, letter case aside; an exact
        match excludes the others."""
        places = [folder]
        for part in parts:
            places = [os.path.join(place, n) for place in places for n in self._names(place, part)]
        return tuple(place for place in places if os.path.isfile(place))

    def _names(self, folder: str, name: str) -> list[str]:
        listed = self._listed.get(folder)
        if listed is None:
            listed = self._listed[folder] = {}
            try:
                for entry in sorted(os.listdir(folder or os.curdir)):
                    listed.setdefault(_folded(entry), []).append(entry)
            except OSError:  # no folder, or none that may be read: nothing is in it
                pass
        alike = listed.get(_folded(name), [])
        return [name] if name in alike else alike


def _joined(folder: str, name: str) -> str:
    """Returns a name's path; its `..` are resolved as text, so that no link leads them astray."""
    path = os.path.join(folder, name)
    return os.path.normpath(path) if ".." in re.split(r"[/\\]", name) else path


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _endings(name: str) -> list[tuple[str, ...]]:
    """Returns the last parts of a name that may be a path inside a folder, the longest first."""
    found: dict[tuple[str, ...], None] = {}
    for text in dict.fromkeys((name, unquote(name))):
        text = text.replace("\\", "/")
        if "?d=" in text:  # the address that Label Studio gives local files
            text = text.partition("?d=")[2]
        elif "://" in text:
            text = re.split("[?#]", text.partition("://")[2])[0]
        text = re.sub(r"^[A-Za-z]:", "", text)
        parts = [part for part in text.split("/") if part not in ("", ".", "..")]
        found.update(dict.fromkeys(tuple(parts[start:]) for start in range(len(parts))))
    return sorted(found, key=len, reverse=True)
