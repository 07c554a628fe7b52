"""The SQLite file that parsings are kept in, and the images of a folder."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from tfseg.data.images.image_files import SUFFIXES, is_image_file, passed_over
from tfseg.errors import DataError

__all__ = ["check_images", "images_below", "opened"]

_FORM = 1
_KIND = "tfseg parsings"
_TABLES = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE images (
  id INTEGER PRIMARY KEY, path TEXT UNIQUE NOT NULL, bytes INTEGER NOT NULL,
  changed INTEGER NOT NULL, height INTEGER, width INTEGER, fault TEXT);
CREATE TABLE people (
  id INTEGER PRIMARY KEY, image INTEGER NOT NULL REFERENCES images ON DELETE CASCADE,
  number INTEGER NOT NULL, score REAL NOT NULL, box TEXT NOT NULL, sentence TEXT NOT NULL);
CREATE TABLE parts (
  id INTEGER PRIMARY KEY, person INTEGER NOT NULL REFERENCES people ON DELETE CASCADE,
  name TEXT NOT NULL, score REAL NOT NULL, mask TEXT NOT NULL, traits TEXT NOT NULL);
CREATE INDEX people_of_image ON people (image);
CREATE INDEX parts_of_person ON parts (person);
CREATE INDEX parts_by_name ON parts (name);
"""


def opened(file: Path) -> sqlite3.Connection:
    """Returns the open database with its tables.

    Raises:
        DataError: If the file is something else, or cannot be written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        database = sqlite3.connect(file, timeout=30)
    except (OSError, sqlite3.Error) as error:
        raise DataError(
            f"{file}: parsings cannot be kept there ({error}). Name another file."
        ) from None
    database.row_factory = sqlite3.Row
    try:
        database.execute("PRAGMA foreign_keys = ON")
        empty = not database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if empty:
            database.executescript(f"BEGIN;{_TABLES}COMMIT;")
            with database:
                database.execute("INSERT INTO facts VALUES ('kind', ?)", (f"{_KIND} {_FORM}",))
        kind = database.execute("SELECT value FROM facts WHERE name = 'kind'").fetchone()
    except sqlite3.Error as error:
        database.close()
        raise DataError(
            f"{file}: expected a file of parsings that tfseg made, or none ({error}). Name another "
            "one."
        ) from None
    if kind is None or kind[0] != f"{_KIND} {_FORM}":
        database.close()
        raise DataError(
            f"{file}: these parsings are of another form ({kind and kind[0]}). Remove the file, or "
            "name another one."
        )
    return database


def check_images(folder: str | os.PathLike) -> None:
    """Raises DataError if there is no such folder, or no image in it and in those inside."""
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f"{folder}: expected a folder of images; there is none.")
    if next(images_below(folder), None) is None:
        others = passed_over(path.name for path in folder.iterdir() if path.is_file())
        raise DataError(
            f"{folder}: no images in this folder or in those inside (looked for "
            f"{', '.join(SUFFIXES)}).{f' {others}' if others else ''}"
        )


def images_below(folder: Path) -> Iterator[tuple[str, tuple[int, int]]]:
    """Yields the images of a folder and of those inside, by path, with bytes and time of change."""
    for place, inner, names in os.walk(folder):
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        for name in sorted(filter(is_image_file, names)):
            path = Path(place, name)
            with contextlib.suppress(OSError):  # removed meanwhile
                found = path.stat()
                yield path.relative_to(folder).as_posix(), (found.st_size, found.st_mtime_ns)
