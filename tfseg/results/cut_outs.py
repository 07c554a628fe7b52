"""People cut out of their images: the opacity, the background, and the files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tfseg.errors import ConfigError, DataError
from tfseg.results import places
from tfseg.results.recorded import Recorded, pixels
from tfseg.results.records import counted

__all__ = ["CutOuts", "Cutter", "background_of", "people_paths"]

_BACKGROUNDS = "expected blur, a colour such as white or '#00aa00', or the file of an image"


class Cutter:
    """Makes and writes cut-outs.

    Args:
        background: What `replace_background` takes, see `background_of`; None: transparent.
        alpha_only: Write the opacity alone, as a grey image.
    """

    def __init__(self, background=None, alpha_only: bool = False):
        self.background, self.alpha_only = background, alpha_only

    @property
    def transparent(self) -> bool:
        """Whether the files must hold an opacity."""
        return self.background is None and not self.alpha_only

    def write(self, image: np.ndarray, prediction, path: Path) -> None:
        """Writes the foreground of one image, whole or not at all."""
        self._write(image, prediction.label_maps["alpha"], path)

    def write_people(self, image: np.ndarray, prediction, paths: Iterator[Path]) -> list[Path]:
        """Writes each person of an image into the next of the paths, and returns those used."""
        from tfseg.visualize.people import person_alphas

        written = []
        for alpha, path in zip(person_alphas(prediction), paths):
            self._write(image, alpha, path)
            written.append(path)
        return written

    def _write(self, image: np.ndarray, alpha: np.ndarray, path: Path) -> None:
        from tfseg.visualize.cutout import firm_alpha, replace_background, save_picture

        alpha = firm_alpha(alpha)
        if self.alpha_only:
            save_picture(path, alpha)
        else:
            save_picture(path, replace_background(image, alpha, self.background))


class CutOuts(Recorded):
    """The foreground of each image, or each of its people.

    Args:
        out: A folder or a file.
        model_dir: Of the model.
        cutter: Cuts out.
        file: `out`, if it is a file, else None.
        people: Whether each person gets a file of its own, in the folder.
        names: Of all images.
    """

    def __init__(self, out, model_dir: str, cutter: Cutter, file: Path | None, people: bool, names):
        super().__init__(out, model_dir)
        self.cutter, self.file, self.people = cutter, file, people
        self.taken, self.count = set(names), 0

    def add(self, prediction, item, path: str, name: str) -> None:
        """Cuts out of one image."""
        image = pixels(item)
        if self.people:
            paths = people_paths(self.out, name, self.taken)
            cut = self.cutter.write_people(image, prediction, paths)
            self._record(prediction, path, None, cut_outs=[one.name for one in cut])
            self.count += len(cut)
            return
        target = self.file or self.out / name
        self.cutter.write(image, prediction, target)
        self._record(prediction, path, target)
        self.count += 1

    def finish(self, failed: list[dict]) -> tuple[int, str, str]:
        """Nothing is left to write."""
        made = counted(self.count, "cut-out")
        place = f"{made} to {self.out}" if self.file is None else f"{self.file}"
        return len(self.records), self._text(failed), f"wrote {place}" if self.count else ""


def background_of(word: str | None, option: str = "background"):
    """Returns what `replace_background` takes: None, "blur", a colour, or an image.

    Args:
        word: "blur", a colour, the file of an image, or None.
        option: Who named it, for messages.

    Raises:
        ConfigError: If it is none of these.
    """
    if word is None:
        return None
    from tfseg.visualize.cutout import check_background

    try:
        check_background(word)
        return word
    except ConfigError:
        if os.path.exists(word):
            return _picture(word, option)
        raise ConfigError(f"{option} {word}: {_BACKGROUNDS}; there is no such file.") from None


def _picture(file: str, option: str) -> np.ndarray:
    from tfseg.data.images.images import read_image

    try:
        return read_image(file)
    except DataError:
        raise ConfigError(
            f"{option} {file}: {_BACKGROUNDS}; this is no image, or a damaged one."
        ) from None


def people_paths(folder: Path, drawing: str, taken: set[str]) -> Iterator[Path]:
    """Yields the files of one image's people: `photo_person_1.png`, `photo_person_2.png`, ..."""
    number = 0
    while True:
        number += 1
        yield folder / places.free_name(f"{Path(drawing).stem}_person_{number}", taken)
