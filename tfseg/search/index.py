"""What a model said about the images of a folder, kept in an SQLite file and searched."""

from __future__ import annotations

import dataclasses
import json
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tfseg.errors import ConfigError, DataError
from tfseg.search.database import images_below, opened
from tfseg.search.words import Wanted
from tfseg.structures import Prediction, rle

__all__ = ["REMEDY", "Change", "Hit", "ParsingIndex", "vocabulary_of"]

REMEDY = (
    "Train an HPTR, such as tfseg train configs/hptr/light.yaml --data DATA, and name it: --model "
    "runs/light/best; docs/hptr.md says more."
)
"""What to do without a model that says what people wear."""


class Change(NamedTuple):
    """What differs between a folder and its index.

    Attributes:
        missing: Images that are not in the index, or were changed since, in order of their paths.
        gone: Images in the index that the folder no longer has.
    """

    missing: tuple[str, ...]
    gone: tuple[str, ...]


@dataclasses.dataclass(frozen=True, eq=False)
class Hit:
    """A person who wears what was looked for.

    Attributes:
        path: The image, relative to the folder.
        size: `(H, W)` of the image.
        number: Which person of the image, from 1.
        score: From 0 to 1, how sure the least sure thing is.
        box: `(y1, x1, y2, x2)` of the person, pixels.
        sentence: What the person wears, in words.
        found: For each thing that was looked for the name of the part that is it.
        masks: The run-length mask of each.
    """

    path: str
    size: tuple[int, int]
    number: int
    score: float
    box: tuple[float, float, float, float]
    sentence: str
    found: tuple[str, ...]
    masks: tuple[dict, ...]


class ParsingIndex:
    """The parsings of a folder of images, in one SQLite file. Each image is kept as soon as it is
    parsed: what was stopped goes on where it was.

    Args:
        file: The file; made if it does not exist.
        folder: The images; folders inside are searched too, hidden ones are not.

    Raises:
        DataError: If there is no such folder, or the file is something else.
    """

    def __init__(self, file: str | os.PathLike, folder: str | os.PathLike):
        self.file, self.folder = Path(file), Path(folder)
        if not self.folder.is_dir():
            raise DataError(f"{self.folder}: expected a folder of images; there is none.")
        self._database = opened(self.file)

    def close(self) -> None:
        """Closes the file."""
        self._database.close()

    def __enter__(self) -> ParsingIndex:
        return self

    def __exit__(self, *error) -> None:
        self.close()

    def __len__(self) -> int:
        """The number of images that were parsed or found faulty; `faults` has the latter."""
        return self._database.execute("SELECT count(*) FROM images").fetchone()[0]

    @property
    def vocabulary(self) -> dict[str, tuple[str, ...]] | None:
        """What the model that parsed can say, see `understand`; None before the first image."""
        text = self._fact("vocabulary")
        return None if text is None else {n: tuple(v) for n, v in json.loads(text).items()}

    @property
    def faults(self) -> dict[str, str]:
        """Image to what is wrong with it, for those that could not be parsed."""
        rows = "SELECT path, fault FROM images WHERE fault IS NOT NULL ORDER BY path"
        return dict(self._database.execute(rows))

    def change(self) -> Change:
        """Returns what the folder has that the index has not, and the other way round.

        An image counts as changed if its size in bytes or its time of change is another.
        """
        return self._change(dict(images_below(self.folder)))

    def _change(self, present: Mapping[str, tuple[int, int]]) -> Change:
        rows = self._database.execute("SELECT path, bytes, changed FROM images")
        known = {path: (size, changed) for path, size, changed in rows}
        missing = tuple(path for path, facts in present.items() if known.get(path) != facts)
        return Change(missing, tuple(sorted(known.keys() - present.keys())))

    def belongs_to(self, model: str) -> bool:
        """Returns whether the parsings are a model's; those of none are everybody's.

        Args:
            model: What tells it from others, such as the checksum of its files.
        """
        return self._fact("model") in (None, model)

    def clear(self) -> None:
        """Forgets all parsings and the model."""
        with self._database:
            for table in ("parts", "people", "images"):
                self._database.execute(f"DELETE FROM {table}")
            self._database.execute("DELETE FROM facts WHERE name IN ('model', 'vocabulary')")

    def update(
        self,
        model,
        identity: str,
        *,
        batch_size: int = 1,
        progress: Callable[[int, int | None], None] | None = None,
    ) -> Change:
        """Parses what is new or changed, forgets what is gone, and returns both.

        Args:
            model: Its `predict_each` gives predictions with attributes, as an `HPTR` does.
            identity: What tells the model from others.
            batch_size: Images of equal shape that are computed at once.
            progress: Called with the images done and their number.

        Raises:
            ConfigError: If the parsings are another model's, or this one knows no attributes.
        """
        if not self.belongs_to(identity):
            raise ConfigError(
                f"{self.file}: its parsings are another model's, or those of other weights, and "
                "do not compare with new ones. Choose another file, or make it anew (--rebuild)."
            )
        words = vocabulary_of(model)
        # As they are now: what changes or goes while others are parsed is noticed the next time.
        present = dict(images_below(self.folder))
        change = self._change(present)
        with self._database:
            self._keep_fact("model", identity)
            self._keep_fact("vocabulary", json.dumps(words))
            for path in change.gone:
                self._forget(path)
        paths = [self.folder / path for path in change.missing]
        answers = model.predict_each(paths, batch_size=batch_size) if paths else ()
        for done, (path, answer) in enumerate(zip(change.missing, answers, strict=True), 1):
            self._keep(path, present[path], answer)
            if progress is not None:
                progress(done, len(paths))
        return change

    def search(self, wanted: Sequence[Wanted], *, limit: int | None = None) -> list[Hit]:
        """Returns the people who wear all that is wanted, the surest first; those of equal score
        in order of paths.

        Args:
            wanted: See `understand`.
            limit: At most so many.
        """
        hits = []
        for _, rows in self._people(wanted):
            best = [_best(one, rows) for one in wanted]
            if any(match is None for match in best):
                continue
            first = rows[0]
            hits.append(
                Hit(
                    path=first["path"],
                    size=(first["height"], first["width"]),
                    number=first["number"],
                    score=min(score for score, _ in best),
                    box=tuple(json.loads(first["box"])),
                    sentence=first["sentence"],
                    found=tuple(row["name"] for _, row in best),
                    masks=tuple(_mask(row) for _, row in best),
                )
            )
        hits.sort(key=lambda hit: (-hit.score, hit.path, hit.number))
        return hits[:limit]

    def _people(self, wanted: Sequence[Wanted]) -> Iterator[tuple[int, list[sqlite3.Row]]]:
        """Yields each person with the parts that could be wanted."""
        names = {name for one in wanted for name in one.attributes}
        anything = any(not one.attributes for one in wanted)
        where = "" if anything else f"WHERE parts.name IN ({', '.join('?' * len(names))})"
        rows = self._database.execute(
            "SELECT person, name, parts.score AS sure, mask, traits, number, people.score AS whole,"
            " box, sentence, path, height, width FROM parts JOIN people ON people.id = person"
            f" JOIN images ON images.id = people.image {where} ORDER BY person, parts.id",
            () if anything else sorted(names),
        )
        person, own = None, []
        for row in rows:
            if row["person"] != person and own:
                yield person, own
                own = []
            person = row["person"]
            own.append(row)
        if own:
            yield person, own

    def _keep(self, path: str, state: tuple[int, int], answer) -> None:
        """Keeps one image whole or not at all."""
        prediction: Prediction | None = answer.prediction
        size = (None, None) if prediction is None else prediction.size
        fault = None if answer.error is None else str(answer.error)
        with self._database:
            self._forget(path)
            image = self._database.execute(
                "INSERT INTO images (path, bytes, changed, height, width, fault)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (path, *state, *size, fault),
            ).lastrowid
            if prediction is not None:
                self._keep_people(image, prediction)

    def _keep_people(self, image: int, prediction: Prediction) -> None:
        sentences = prediction.describe()
        for row, attributes in enumerate(prediction.attributes or ()):
            box = json.dumps(prediction.boxes[row].astype(float).round(2).tolist())
            person = self._database.execute(
                "INSERT INTO people (image, number, score, box, sentence) VALUES (?, ?, ?, ?, ?)",
                (image, row + 1, float(prediction.scores[row]), box, sentences[row]),
            ).lastrowid
            self._database.executemany(
                "INSERT INTO parts (person, name, score, mask, traits) VALUES (?, ?, ?, ?, ?)",
                [
                    (person, one.name, one.score, json.dumps(one.rle), json.dumps(one.traits))
                    for one in attributes
                ],
            )

    def _forget(self, path: str) -> None:
        self._database.execute("DELETE FROM images WHERE path = ?", (path,))

    def _fact(self, name: str) -> str | None:
        row = self._database.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return None if row is None else row[0]

    def _keep_fact(self, name: str, value: str) -> None:
        self._database.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))


def vocabulary_of(model) -> dict[str, list[str]]:
    """Returns what a model can say of people: "attributes" and each respect to its names.

    Raises:
        ConfigError: If it says nothing of attributes.
    """
    maps = {"attributes": "attributes", "color": "colors", "size": "sizes", "pattern": "patterns"}
    found = {name: list(getattr(model.config, field, ())) for name, field in maps.items()}
    if not found["attributes"]:
        raise ConfigError(
            f"a {getattr(model, 'system', 'model')!r} model does not say what people wear. {REMEDY}"
        )
    return found


def _best(wanted: Wanted, rows: Iterable[sqlite3.Row]) -> tuple[float, sqlite3.Row] | None:
    """Returns the surest part of one person that is wanted, with its score; None without one.

    Scores of a part and of its traits hold the person's each; it is counted once.
    """
    best = None
    for row in rows:
        if wanted.attributes and row["name"] not in wanted.attributes:
            continue
        score = _score(row, wanted.traits)
        if score is not None and (best is None or score > best[0]):
            best = score, row
    return best


def _score(row: sqlite3.Row, traits: Mapping[str, Sequence[str]]) -> float | None:
    own, score = json.loads(row["traits"]), row["sure"]
    for respect, values in traits.items():
        value, sure = own.get(respect, (None, 0.0))
        if value not in values:
            return None
        score *= sure / max(row["whole"], np.finfo(np.float32).tiny)
    return min(score, 1.0)


def _mask(row: sqlite3.Row) -> dict:
    found = json.loads(row["mask"])
    return rle.encode(np.zeros((row["height"], row["width"]), bool)) if found is None else found
