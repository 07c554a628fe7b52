"""Images on which none of the classes is to be seen: what a model should find nothing on."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from tfseg.data.images.image_files import images_in, is_image_file
from tfseg.data.images.images import read_image
from tfseg.data.reading.format import Format, call, missing_part
from tfseg.data.reading.part_names import PARTS, spellings
from tfseg.data.reading.problem import Problem
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
        problems: Images that lie elsewhere in the folder and are not read.

    Raises:
        DataError: If there are no images, or the classes are no distinct names.
    """

    def __init__(self, folder: str | os.PathLike, classes: Sequence[str] = ()):
        self.class_names = _names(classes)
        self._files = images_in(Path(folder), tell_folders=False)
        self.problems = tuple(_passed_over(Path(folder)))

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, index: int) -> Sample:
        file = self._files[index]
        return Sample(image=read_image(file), image_id=file.stem, path=os.fspath(file))


def _names(classes: Sequence[str]) -> tuple[str, ...]:
    sound = not isinstance(classes, str) and len(set(classes)) == len(classes)
    if not sound or not all(isinstance(name, str) and name.strip() for name in classes):
        raise DataError(f"expected classes as a list of different names, got {classes!r}.")
    return tuple(classes)


def _passed_over(folder: Path) -> Iterator[Problem]:
    """Yields a warning for each folder with images inside a folder whose own are read, but for
    those that are other parts."""
    known = {name for part in PARTS for name in spellings(part)}
    for inside in sorted(folder.iterdir()):
        if inside.is_dir() and inside.name not in known:
            count = sum(is_image_file(file.name) for file in inside.iterdir())
            if count:
                yield _not_read(inside, count, "Move its images up, or name it as a part.")


def _not_read(folder: Path, count: int, remedy: str) -> Problem:
    images = "1 image is" if count == 1 else f"{count} images are"
    return Problem("warning", "passed_over", os.fspath(folder), f"{images} not read. {remedy}")


def _open(path: str, split: str, options: dict) -> EmptyImageDataset:
    if not options.get("classes"):
        raise ConfigError(
            f"{path}: images without objects do not say what the classes are. Name them with "
            "data.classes, as the other parts have them."
        )
    if not os.path.isdir(path):
        raise DataError(f"{path}: there is no such folder. Check the path.")
    named = [os.path.join(path, name) for name in spellings(split)]
    part = next((place for place in named if os.path.isdir(place)), None)
    if part is not None:
        dataset = call(EmptyImageDataset, (part,), options)
        loose = sum(is_image_file(file.name) for file in Path(path).iterdir() if file.is_file())
        if loose:
            remedy = f"The part {split!r} is in {os.path.basename(part)}/; move them there."
            dataset.problems += (_not_read(Path(path), loose, remedy),)
        return dataset
    if split != "train":
        raise missing_part(path, split, f"a folder {split}/ (its own images are for training)")
    return call(EmptyImageDataset, (path,), options)


FORMAT = Format(
    name="empty",
    marks="a folder of images on which none of data.classes is to be seen",
    reader=EmptyImageDataset,
    open=_open,
)
