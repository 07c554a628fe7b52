"""Where the images and labels of a YOLO dataset lie, and what names its class numbers.

| left by | layout |
|---|---|
| Roboflow | `data.yaml`; `train/images/`, `train/labels/`, `valid/`, `test/` alike |
| Ultralytics, CVAT's "Ultralytics YOLO" | `data.yaml`; `images/train/`, `labels/train/`; perhaps `train.txt` with the images' names |
| Label Studio, labelImg | `classes.txt`; `images/`, `labels/` |
| CVAT's "YOLO 1.1", darknet | `obj.data`, `obj.names`, `train.txt`; texts beside the images in `obj_train_data/` |
"""  # noqa: E501, a table row cannot be broken

from __future__ import annotations

import dataclasses
import itertools
import os
import re
from collections.abc import Iterator
from pathlib import Path

from tfseg.config import yaml_text
from tfseg.data.images.image_files import is_image_file
from tfseg.data.images.json_file import read_json, read_text
from tfseg.data.reading.format import Claim, missing_part
from tfseg.data.reading.named_files import NamedFiles
from tfseg.data.reading.part_names import PARTS, own_name, part_of, spellings
from tfseg.errors import ConfigError, DataError

__all__ = ["YoloPlaces", "names_of", "read_yaml", "yolo_claim"]

_YAMLS = ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml")
_LINE = re.compile(r"\s*\d+(?:\.0*)?(?:\s+[-+]?[\d.]+(?:[eE][-+]?\d+)?){4,}\s*$")
_NO_LABELS = ("classes.txt", "labels.txt", "train.txt", "val.txt", "valid.txt", "test.txt")
_TRIED = 20  # files that are looked into before a folder is said to be no YOLO dataset


def _own_yaml(path: Path) -> Path | None:
    """Returns the YAML file of a dataset; `path` is its folder or that file."""
    if path.is_file():
        return path if path.suffix in (".yaml", ".yml") else None
    return next((path / name for name in _YAMLS if (path / name).is_file()), None)


def read_yaml(path: Path) -> tuple[Path, dict]:
    """Returns the folder of a dataset, and what its YAML file says; {} where it has none.

    Raises:
        DataError: The file is no YAML, or not of a dataset.
    """
    file, folder = _own_yaml(path), path if path.is_dir() else path.parent
    if file is None:
        return folder, {}
    try:
        content, _ = yaml_text.parse(read_text(file), str(file))
    except ConfigError as error:
        raise DataError(str(error)) from None
    if not isinstance(content, dict):
        raise DataError(f"{file}: expected YOLO's settings, such as names: [shoe, hat].")
    return folder, content


def names_of(folder: Path, settings: dict) -> dict[int, str]:
    """Returns the name of each class number, {} where nothing names them."""
    names = settings.get("names")
    if isinstance(names, list):
        return {number: str(name) for number, name in enumerate(names)}
    if isinstance(names, dict):
        return {int(k): str(v) for k, v in names.items() if str(k).isdigit()}
    for place in (folder, folder / "labels", *sorted(folder.glob("*/labels"))[:4]):
        for name in ("classes.txt", "obj.names", "labels.txt"):
            if (place / name).is_file():
                lines = [line.strip() for line in read_text(place / name).splitlines()]
                return dict(enumerate(filter(None, lines)))
    if (folder / "notes.json").is_file():
        notes = read_json(folder / "notes.json", "file of classes")
        listed = notes.get("categories", ()) if isinstance(notes, dict) else ()
        return {c["id"]: str(c["name"]) for c in listed if isinstance(c, dict) and "name" in c}
    return {}


def yolo_claim(path: str | os.PathLike) -> Claim:
    """Returns how sure it is that a folder or YAML file is a dataset with YOLO's labels: very,
    where some text beside the images, or where labels lie, has lines of a class number and
    coordinates; where only a YAML file names classes, other tools may have left it."""
    path = Path(path)
    settings = _own_yaml(path)
    if path.is_file():
        return Claim.CONTENT if settings and _names_classes(settings) else Claim.NONE
    patterns = ("labels/*.txt", "labels/*/*.txt", "*/labels/*.txt", "obj_*/*.txt", "*.txt")
    texts = itertools.chain.from_iterable(path.glob(pattern) for pattern in patterns)
    filled = (file for file in texts if file.name not in _NO_LABELS and file.stat().st_size)
    if any(map(_has_labels, itertools.islice(filled, _TRIED))):
        return Claim.LAYOUT
    return Claim.GUESS if settings and _names_classes(settings) else Claim.NONE


def _has_labels(file: Path) -> bool:
    with open(file, encoding="utf-8", errors="replace") as text:
        line = text.readline(4000)
    return bool(_LINE.match(line)) or (len(line) > 3900 and line[:1].isdigit())


def _names_classes(file: Path) -> bool:
    with open(file, encoding="utf-8", errors="replace") as text:
        return re.search(r"(?m)^[\"']?names[\"']?\s*:", text.read(100_000)) is not None


@dataclasses.dataclass
class YoloPlaces:
    """The images of one part, and where their labels may be.

    Attributes:
        folder: The dataset.
        settings: What its YAML file says.
        split: The part.
    """

    folder: Path
    settings: dict
    split: str

    def images(self) -> list[Path]:
        """Returns the images of the part, by name.

        Raises:
            MissingPartError: There is no such part.
        """
        said = [_listed(p, self.folder) if p.is_file() else _below(p) for p in self._said()]
        if any(said):
            return list(dict.fromkeys(image for images in said for image in images))
        own = own_name(self.folder, self.split)
        for name in dict.fromkeys((own, *spellings(self.split))):
            if (self.folder / f"{name}.txt").is_file():
                return _listed(self.folder / f"{name}.txt", self.folder)
            for place in (f"images/{name}", f"{name}/images", name, f"obj_{name}_data"):
                found = _below(self.folder / place)
                if found:
                    return found
        if self.split == "train" and not self._has_parts():
            for place in (self.folder / "images", self.folder):
                found = _below(place)
                if found:
                    return found
        wanted = f"images/{self.split}/, {self.split}/images/ or {self.split}.txt"
        raise missing_part(str(self.folder), self.split, wanted)

    def labels(self, image: Path) -> list[Path]:
        """Returns where the labels of an image may be, the likeliest first."""
        parts, name = list(image.parts), f"{image.stem}.txt"
        found = []
        if "images" in parts[:-1]:
            last = len(parts) - 2 - parts[:-1][::-1].index("images")
            found.append(Path(*parts[:last], "labels", *parts[last + 1 : -1], name))
        home = image.parent
        return [*found, home.parent / "labels" / name, home / "labels" / name, home / name]

    def _has_parts(self) -> bool:
        homes = (*self.folder.glob("*/"), *self.folder.glob("images/*/"))
        return any(part_of(home.name) for home in homes)

    def _said(self) -> Iterator[Path]:
        """Yields the folders and lists that the YAML file names for the part, as far as they are
        there: its paths may be those of another machine, or begin with needless dots."""
        keys = dict.fromkeys((self.split, *PARTS.get(self.split, ())))
        said = next((self.settings[key] for key in keys if self.settings.get(key)), ())
        base = str(self.settings.get("path") or "")
        for text in [said] if isinstance(said, str) else said:
            words = re.split(r"[/\\]+", f"{base}/{text}")
            words = [word for word in words if word not in ("", ".", "..")]
            named = [place for place, word in enumerate(words) if part_of(word)]
            for start in range(named[-1] + 1 if named else len(words)):
                place = self.folder.joinpath(*words[start:])
                if place.exists():
                    yield place
                    break


def _below(folder: Path) -> list[Path]:
    """Returns the images in a folder and in those below it."""
    if not folder.is_dir():
        return []
    every = (path for path in folder.rglob("*") if is_image_file(path.name))
    return sorted(path for path in every if path.is_file())


def _listed(file: Path, folder: Path) -> list[Path]:
    """Returns the images that a text lists; those that are not there, where they would be."""
    files, found = NamedFiles((str(folder),)), []
    for line in filter(None, map(str.strip, read_text(file).splitlines())):
        place = files.find(line).path
        found.append(Path(place) if place else folder / line.replace("\\", "/"))
    return list(dict.fromkeys(found))
