"""What a system's `predict` takes besides images, such as the boxes or the poses of people.

A system declares an `Extra` for each in `predict_extras`. Whoever predicts gives its values in any
form that `filler` knows, for a list of images, a dataset or a folder, from Python or from the
command line; the system's hooks then find the value of an image in `item.extras[name]`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfseg.config.base import nearest
from tfseg.engine.inputs import Item
from tfseg.errors import ConfigError, DataError

__all__ = ["TRUTH", "Extra", "Filler", "Named", "filler", "from_file"]

TRUTH = "truth"
"""Given in place of values: those that samples are annotated with."""


class Extra:
    """An input of `predict` besides images: base of those that systems declare.

    Attributes:
        name: Its keyword; on the command line `--name FILE`.
        what: What the value of one image is, for messages: "boxes (K, 4)".
        hint: Ends the message that there are not as many values as images.
        by_image: What a file for several images holds, as an example.
        option_help: Help of the option of `tfseg predict`.
        evaluation_help: Help of the option of `tfseg evaluate`, which takes "truth" or a file.
        required: Whether there is no prediction without it; an evaluation then takes the truth.
    """

    name = ""
    what = ""
    hint = ""
    by_image = ""
    option_help = ""
    evaluation_help = ""
    required = False

    def check(self, value) -> Any:
        """Returns the value of one image in the form that the system's hooks read.

        Raises:
            DataError: If it is none.
        """
        return value

    def is_one(self, values) -> bool:
        """Returns whether this is the value of one image, rather than a list of such."""
        return False

    def read(self, path: str | os.PathLike) -> Any:
        """Returns what a file holds: the value of one image, or a dict of them by file name,
        stem or image id.

        Raises:
            DataError: If it holds something else.
        """
        raise ConfigError(f"{self.name}: {os.fspath(path)!r} cannot be read; give the values.")

    def absent(self, problem: str) -> Any:
        """Returns the value of an image that a mapping or a file of them does not name.

        Args:
            problem: What is missing, as a sentence.

        Raises:
            DataError: Where such an image is a mistake; that is so unless a system says otherwise.
        """
        raise DataError(f"{problem} Write an empty list where there is nobody.")

    def truth(self, sample, config) -> Any:
        """Returns the value that a sample is annotated with, for a model of these settings."""
        raise ConfigError(f"{self.name}: a dataset has none; give the values.")

    def found_by(self, finder, image: np.ndarray, config) -> Any:
        """Returns the value that a model or a function finds in an image, uint8 `(H, W, D)`."""
        return finder(image)


class Named:
    """Values by image: file name, path, stem or image id.

    Args:
        values: Name to the value of that image.
        label: Where they come from, for messages.
    """

    def __init__(self, values: Mapping[str, Any], label: str):
        self.values, self.label = dict(values), label

    def of(self, item: Item, extra: Extra) -> Any:
        """Returns the value of one image, and `extra.absent` where it is not named."""
        path = item.path
        names = [] if path is None else [path, Path(path).name, Path(path).stem]
        for one in (*names, str(item.image_id)):
            if one in self.values:
                return self.values[one]
        return extra.absent(f"{_place(item)}: {self.label} has no {extra.name} for it.")


class Filler:
    """Puts the values into items, one after another.

    Args:
        sources: Name to `(item, index) -> value`.
        listed: Name to the values of all images, where they come as a list.
        extras: Name to what the system declared.
    """

    def __init__(self, sources: Mapping, listed: Mapping[str, Sequence], extras: Mapping):
        self._sources, self._listed, self._extras = sources, listed, extras

    def __call__(self, item: Item, index: int) -> Item:
        """Returns the item with the values of the image at this position.

        Raises:
            DataError: If it has none, or they are not what the system expects.
        """
        values = {name: value(item, index) for name, value in self._sources.items()}
        return item._replace(extras={**item.extras, **values}) if values else item

    def finish(self, count: int) -> None:
        """Raises DataError if there are values for more images than there were."""
        for name, values in self._listed.items():
            if len(values) != count:
                raise _wrong_number(self._extras[name], values, count)


def filler(
    owner: str, declared: Sequence[Extra], given: Mapping, count: int | None, config
) -> Filler:
    """Returns what fills the items of one call.

    Args:
        owner: The class that predicts, for messages.
        declared: What its system takes.
        given: Name to values: for each image one, in a list, an array or anything iterable; for
            one image its value alone; a mapping or a file by image; "truth" for samples; or a
            model or a function that finds the value in an image. None is not given.
        count: Number of images, None if not known.
        config: Settings of the model, for `Extra.truth` and `Extra.found_by`.

    Raises:
        ConfigError: For a name that the system does not declare, or one that is missing.
        DataError: If there are not as many values as images, or they are no values.
    """
    extras = {extra.name: extra for extra in declared}
    for name in given:
        if name not in extras:
            raise _unknown(owner, extras, name)
    sources, listed = {}, {}
    for name, extra in extras.items():
        value = given.get(name)
        if value is None:
            if extra.required:
                raise ConfigError(
                    f"{owner}.predict needs {name}: for each image {extra.what}. Pass {name}=..."
                )
            continue
        sources[name] = _source(extra, value, count, config, listed)
    return Filler(sources, listed, extras)


def from_file(extra: Extra, path: str | os.PathLike, count: int | None, label: str | None = None):
    """Returns the values in a file, in a form that `filler` takes.

    Args:
        extra: Whose they are.
        path: The file.
        count: Number of images, None if not known.
        label: What to call the file in an error; None: its path.

    Raises:
        ConfigError: If the value of one image is to serve several.
        DataError: If the file holds something else.
    """
    path = os.fspath(path)
    found = extra.read(path)
    if isinstance(found, Mapping):
        return Named(found, path)
    if count != 1:
        several = "may be several" if count is None else f"are {count}"
        raise ConfigError(
            f"{label or path}: holds the {extra.name} of one image, and there {several}. Write "
            f"{extra.by_image}."
        )
    return [found]


def _source(extra: Extra, value, count, config, listed: dict) -> Callable[[Item, int], Any]:
    """Returns `(item, index) -> value` of one extra; puts into `listed` what comes as a list."""
    if isinstance(value, str) and value == TRUTH:
        return lambda item, index: _truth(extra, item, config)
    if isinstance(value, (str, os.PathLike)):
        value = from_file(extra, value, count)
    if isinstance(value, Mapping):
        value = Named(value, extra.name)
    if isinstance(value, Named):
        return lambda item, index: _checked(extra, value.of(item, extra), _place(item))
    if hasattr(value, "predict") or callable(value):
        return lambda item, index: extra.check(extra.found_by(value, item.image, config))
    if not (count == 1 and extra.is_one(value)):
        if not isinstance(value, Iterable) or isinstance(value, (bytes, bytearray)):
            raise DataError(
                f"{extra.name}: expected {extra.what} for each image, got {type(value).__name__}."
            )
        value = value if isinstance(value, (np.ndarray, tuple)) else list(value)
    values = [value] if count == 1 and extra.is_one(value) else list(value)
    if count is not None and len(values) != count:
        raise _wrong_number(extra, values, count)
    several = len(values) != 1
    values = [
        _checked(extra, one, f"{extra.name} of image {index}" if several else extra.name)
        for index, one in enumerate(values, 1)
    ]
    listed[extra.name] = values

    def listed_value(item: Item, index: int):
        if index >= len(values):
            raise _wrong_number(extra, values, f"more than {len(values)}")
        return values[index]

    return listed_value


def _checked(extra: Extra, value, where: str):
    try:
        return extra.check(value)
    except DataError as error:
        raise DataError(f"{where}: {error}") from error


def _truth(extra: Extra, item: Item, config):
    if item.sample is None:
        raise DataError(
            f"{extra.name}: 'truth', the annotated ones, is for evaluate and for samples; "
            f"{_place(item)} is no Sample."
        )
    return extra.check(extra.truth(item.sample, config))


def _wrong_number(extra: Extra, values: Sequence, count: int | str) -> DataError:
    return DataError(
        f"{extra.name}: expected them for each of {count} images, got {len(values)}. {extra.hint}"
    )


def _unknown(owner: str, extras: Mapping[str, Extra], name: str) -> ConfigError:
    known = ("batch_size", "score_threshold", "progress", *extras)
    takes = "".join(f" {extra.name}: for each image {extra.what}." for extra in extras.values())
    return ConfigError(
        f"{owner}.predict takes no {name!r}.{nearest(name, known)} Besides images it takes"
        f"{takes or ' nothing: the model finds all by itself.'}"
    )


def _place(item: Item) -> str:
    return item.path or f"image {item.image_id}"
