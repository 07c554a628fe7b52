"""People cut out of images, for `tfseg predict`: what the words mean, and the files."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tfseg.cli import outputs
from tfseg.errors import ConfigError, DataError

__all__ = ["Cutter", "add_arguments", "people_paths", "words"]

_BACKGROUNDS = "expected blur, a colour such as white or '#00aa00', or the file of an image"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what becomes of the background."""
    parser.add_argument(
        "--background",
        metavar="WHAT",
        help="before which people are put: blur, a colour (white, #rrggbb), or an image file",
    )
    parser.add_argument(
        "--alpha", action="store_true", help="write the opacity alone, as a grey image"
    )


def words(args: argparse.Namespace) -> list[str]:
    """Returns those of the words that only a model that cuts out understands."""
    given = {
        "--background": args.background is not None,
        "--alpha": args.alpha,
        "--instances": args.instances,
        "--format cutout": args.format == "cutout",
    }
    return [word for word, is_given in given.items() if is_given]


class Cutter:
    """Makes and writes cut-outs.

    Args:
        args: The words; `background` and `alpha`.

    Raises:
        ConfigError: If the background is none of what is understood, or both are given.
    """

    def __init__(self, args: argparse.Namespace):
        if args.alpha and args.background is not None:
            raise ConfigError(
                "--alpha and --background: the opacity alone has no background; give one of them."
            )
        self.alpha_only = args.alpha
        self.background = _background(args.background)

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


def _background(word: str | None):
    """Returns what `replace_background` takes: None, "blur", a colour, or an image."""
    if word is None:
        return None
    from tfseg.visualize.cutout import check_background

    try:
        check_background(word)
        return word
    except ConfigError:
        if os.path.exists(word):
            return _picture(word)
        raise ConfigError(f"--background {word}: {_BACKGROUNDS}; there is no such file.") from None


def _picture(file: str) -> np.ndarray:
    from tfseg.data.images.images import read_image

    try:
        return read_image(file)
    except DataError:
        raise ConfigError(
            f"--background {file}: {_BACKGROUNDS}; this is no image, or a damaged one."
        ) from None


def people_paths(folder: Path, drawing: str, taken: set[str]) -> Iterator[Path]:
    """Yields the files of one image's people: `photo_person_1.png`, `photo_person_2.png`, ..."""
    number = 0
    while True:
        number += 1
        yield folder / outputs.free_name(f"{Path(drawing).stem}_person_{number}", taken)
