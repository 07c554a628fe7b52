"""The format "composites" of `sources`: composites named in a line of a config."""

from __future__ import annotations

import inspect
import os

from tfseg.data.composites.compositor import CompositeDataset
from tfseg.data.images.image_files import is_image_file
from tfseg.data.masks.empty_images import EmptyImageDataset
from tfseg.data.reading.format import Format
from tfseg.errors import ConfigError, DataError

__all__ = ["FORMAT", "open_composites"]

_LENGTH = {"train": 1000}
_OTHER_LENGTH = 200
_WORDS = ("from_people", "drawn")
_OWN = tuple(
    name
    for name, parameter in inspect.signature(CompositeDataset).parameters.items()
    if parameter.kind is parameter.KEYWORD_ONLY
)


def open_composites(path: str, split: str, options: dict) -> CompositeDataset:
    """Returns composites of the people of the dataset at a path.

    Args:
        path: The people's dataset, of any format; of Clothing Co-Parsing whole figures are cut
            out, or with `crop: portrait` those of its portraits.
        split: Its part, which also gives the backgrounds.
        options: Those of `CompositeDataset`; `val_length`, the length of other splits than
            "train"; `people_format`, where the format is not recognised; `backgrounds`, a word, or
            the path of a dataset or of a folder of images without people, relative to `path` or
            beside it. Everything else goes to the people's reader.

    Raises:
        ConfigError: Classes other than ("person",) are asked for.
    """
    from tfseg.data.opening.sources import open_dataset, recognise  # of which this is a part

    given = dict(options)
    if tuple(given.pop("classes", None) or ("person",)) != ("person",):
        raise ConfigError(
            f"composites have one class, 'person', got classes={options['classes']!r}. Leave it "
            "out."
        )
    own = {name: given.pop(name) for name in _OWN if name in given}
    other = given.pop("val_length", own.get("length", _OTHER_LENGTH))
    length = own.pop("length", _LENGTH["train"]) if split == "train" else other
    backgrounds = given.pop("backgrounds", "from_people")
    kind = given.pop("people_format", None) or recognise(path, split)
    if kind == "clothing_co_parsing":
        kind = "portrait_crops"
        given.setdefault("crop", "full")
    elif kind == "coco":
        given["classes"] = ("person",)
    people = open_dataset(path, split=split, format=kind, **given)
    if isinstance(backgrounds, str) and backgrounds not in _WORDS:
        backgrounds = _backgrounds(_place(path, backgrounds), split)
    own.pop("length", None)
    for name in ("people_per_picture", "size", "overlap"):
        if isinstance(own.get(name), list):
            own[name] = tuple(own[name])
    return CompositeDataset(people, backgrounds, length=length, **own)


def _place(path: str, backgrounds: str) -> str:
    """Returns the first of the places that a path may be relative to where there is something."""
    homes = (os.fspath(path), os.path.dirname(os.path.normpath(path)), "")
    places = [os.path.join(home, backgrounds) for home in homes]
    return next(filter(os.path.exists, places), backgrounds)


def _backgrounds(path: str, split: str):
    """Returns the dataset at a path, or its images where it is a folder of nothing else."""
    from tfseg.data.opening.sources import open_dataset

    try:
        return open_dataset(path, split=split)
    except DataError:
        if not os.path.isdir(path) or not any(map(is_image_file, os.listdir(path))):
            raise
    return EmptyImageDataset(path)


FORMAT = Format(
    name="composites",
    marks="people of any other format, pasted together",
    reader=CompositeDataset,
    open=open_composites,
)
