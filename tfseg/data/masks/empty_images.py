"""Images on which none of the classes is to be seen: what a model should find nothing on."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from tfseg.data.images.image_files import images_in
from tfseg.data.images.images import read_image
from tfseg.data.reading.format import Format, call, missing_part
from tfseg.data.reading.part_names import own_name
from tfseg.errors import ConfigError, DataError
from tfseg.structures.sample import Sample

__all__ = ["FORMAT", "EmptyImageDataset"]


class EmptyImageDataset:
    """The images of a folder, without any object: backgrounds, animals, empty rooms.

    A model that has learnt from photographs of its classes alone takes much else for them; as one
    part of a training set these say what is none.

    Args:
        folder: Its images are read, those of folders inside it are not.
        classes: Names of the classes of which nothing is to be seen, as the other parts of a
            training set have them; class id k stands at position k - 1.

    Attributes:
        class_names: `classes`.

    Raises:
        DataError: If there are no images.
    """

    def __init__(self, folder: str | os.PathLike, classes: Sequence[str] = ()):
        self.class_names = tuple(classes)
        self._files = images_in(Path(folder))

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, index: int) -> Sample:
        file = self._files[index]
        return Sample(image=read_image(file), image_id=file.stem, path=os.fspath(file))


def _open(path: str, split: str, options: dict) -> EmptyImageDataset:
    if not options.get("classes"):
        raise ConfigError(
            f"{path}: images without objects do not say what the classes are. Name them with "
            "data.classes, as the other parts have them."
        )
    if not os.path.isdir(path):
        raise DataError(f"{path}: there is no such folder. Check the path.")
    part = os.path.join(path, own_name(path, split))
    if os.path.isdir(part):
        return call(EmptyImageDataset, (part,), options)
    if split != "train":
        raise missing_part(path, split, f"a folder {split}/ (its own images are for training)")
    return call(EmptyImageDataset, (path,), options)


FORMAT = Format(
    name="empty",
    marks="a folder of images on which none of data.classes is to be seen",
    reader=EmptyImageDataset,
    open=_open,
)
