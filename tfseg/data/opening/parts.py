"""One training set from several sources, as an experiment file lists them.

```yaml
data:
  parts:                                  # paths are relative to --data, or to data.path
    - {path: clothing_co_parsing, format: portrait_crops, repeat: 2}
    - {path: clothing_co_parsing, format: portrait_crops, crop: full}
    - {path: coco_person, classes: [person]}
  val_parts: {path: clothing_co_parsing, format: portrait_crops}
```

A part is `path` (left out: the folder itself), `split`, `format`, `classes` and options of its reader,
all as in `tfseg.data.opening.sources.open_dataset`; with `repeat: 2`, the training set has it twice. What is not
the split "train" is made of `val_parts`, one part or a list; without them, of the same parts, each asked
for that split and none repeated.
"""  # noqa: E501, an example cannot be broken

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence

from tfseg.data.dataset import Concat, Dataset
from tfseg.errors import ConfigError
from tfseg.structures import Sample

__all__ = ["PART_OPTIONS", "Parts", "open_parts"]

PART_OPTIONS = frozenset({"parts", "val_parts"})
"""The options that make a union of a dataset."""


class Parts(Concat):
    """Several datasets as one, whose images are told apart by the name of their part.

    Args:
        datasets: The parts, of the same classes.
        names: A name for each; an image's id becomes `name/id`.

    Attributes:
        class_names: Name of class id k at position k - 1.
        problems: Those that the readers of the parts found.
    """

    def __init__(self, datasets: Sequence[Dataset], names: Sequence[str]):
        super().__init__(datasets)
        self.names = tuple(names)
        different = {id(dataset): dataset for dataset in self.datasets}.values()
        self.problems = tuple(p for one in different for p in getattr(one, "problems", ()))

    def __repr__(self) -> str:
        listed = ", ".join(f"{n} {len(d)}" for n, d in zip(self.names, self.datasets))
        return f"Parts({listed}, classes {self.class_names})"

    def __getitem__(self, index: int) -> Sample:
        which, place = self.locate(index)
        sample = self.datasets[which][place]
        return sample.replace(image_id=f"{self.names[which]}/{sample.image_id}")


def open_parts(
    folder: str,
    split: str,
    parts: Mapping | Sequence[Mapping] | None,
    val_parts: Mapping | Sequence[Mapping] | None,
    open_one: Callable[..., Dataset],
    *,
    repeat: bool = True,
    **options,
) -> Parts:
    """Returns one split of a union; what a part is, is at the top of this file.

    Args:
        folder: What paths are relative to; may be empty.
        split: "train", or another one.
        parts: The parts of the training set.
        val_parts: The parts of every other split.
        open_one: Opens a part: `open_one(path, split=..., **options)`.
        repeat: Whether parts are repeated as they say.
        options: For all parts: `classes`, where a part does not name its own.

    Raises:
        ConfigError: Parts that are no parts, or options beside them.
        DataError: A part cannot be opened, or its classes are others than the first one's.
    """
    training = split == "train"
    own = training or val_parts is None
    key = "parts" if own else "val_parts"
    wanted = _listed(parts if own else val_parts, key)
    options = {name: value for name, value in options.items() if value is not None}
    stray = [name for name in options if name != "classes"]
    if stray:
        raise ConfigError(
            f"data.{stray[0]}: with data.parts, options belong to a part: "
            f"--set data.{key}.0.{stray[0]}=..."
        )
    datasets, names = [], []
    for number, part in enumerate(wanted):
        given = {**options, **part}
        times = _repeats(given.pop("repeat", 1), f"data.{key}.{number}")
        path = _path(folder, given.pop("path", ""), f"data.{key}.{number}")
        if not training and own and "split" in given:
            raise ConfigError(
                f"data.parts.{number} is always the split {given['split']!r}, so it cannot serve "
                f"for {split!r}. Name the images for validation with data.val_parts."
            )
        dataset = open_one(path, **{"split": split, **given})
        name = _name(path, names)
        times = times if training and repeat else 1
        datasets += [dataset] * times
        names += [name] * times
    return Parts(datasets, names)


def _listed(parts, key: str) -> list[Mapping]:
    parts = [parts] if isinstance(parts, Mapping) else parts
    if isinstance(parts, str) or not isinstance(parts, Sequence) or not parts:
        raise ConfigError(f"data.{key}: expected a list of parts, {{path: ...}}, got {parts!r}.")
    for number, part in enumerate(parts):
        if not isinstance(part, Mapping):
            raise ConfigError(f"data.{key}.{number}: expected {{path: ...}}, got {part!r}.")
    return list(parts)


def _repeats(value, where: str) -> int:
    if type(value) is not int or value < 1:
        raise ConfigError(f"{where}.repeat: expected a whole number from 1, got {value!r}.")
    return value


def _path(folder: str, path, where: str) -> str:
    if not isinstance(path, (str, os.PathLike)):
        raise ConfigError(f"{where}.path: expected a path, got {path!r}.")
    path = os.fspath(path)
    if path == "synthetic" or path.startswith("synthetic:"):
        return path
    if not (folder or path):
        raise ConfigError(f"{where}: no path, and no --data PATH or data.path that it could be in.")
    return os.path.join(folder, path) if path else folder


def _name(path: str, names: list[str]) -> str:
    """Returns a name for a part that no earlier one has."""
    name = os.path.basename(os.path.normpath(path)).partition(":")[0]
    count = sum(other.partition("#")[0] == name for other in dict.fromkeys(names))
    return f"{name}#{count + 1}" if count else name
