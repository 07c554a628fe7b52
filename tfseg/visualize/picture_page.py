"""Named images with a few words each: as files, as a page to open, and in a notebook."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tfseg.files import write_whole
from tfseg.visualize.files import encoded, save_png
from tfseg.visualize.page import escape, frame, inline_jpeg

__all__ = ["Plate", "Plated", "plates_html", "save_plates"]


class Plate(NamedTuple):
    """One image of a page.

    Attributes:
        name: A word that fits a file name and an address.
        heading: What is shown.
        words: What to look for, one or two sentences.
        picture: uint8 `(H, W, 3)`.
    """

    name: str
    heading: str
    words: str
    picture: np.ndarray


def save_plates(
    directory: str | os.PathLike, title: str, lead: str, plates: Sequence[Plate]
) -> Path:
    """Writes every image as `NN_name.png`, then `index.html` with all of them inside, and
    returns the page's path. Each file is written whole or not at all, the page last.

    Args:
        directory: Where to; made if need be.
        title: The heading of the page; all text is escaped.
        lead: A sentence below it.
        plates: What to show.
    """
    directory = Path(directory)
    for number, plate in enumerate(plates, 1):
        save_png(directory / f"{number:02d}_{plate.name}.png", plate.picture)
    sections = [(plate.name, plate.heading, _body(plate)) for plate in plates]
    page = frame(title, lead, sections)
    return write_whole(directory / "index.html", page.encode("utf-8"))


class Plated:
    """What is looked at as a row of plates: base of inspections, which have `plates`, `page_title`
    and `_lead()`, a sentence about the whole."""

    page_title = ""

    @property
    def pictures(self) -> dict[str, np.ndarray]:
        """Name to image, uint8 `(H, W, 3)`, in the order of the steps."""
        return {plate.name: plate.picture for plate in self.plates}

    def save(self, directory: str | os.PathLike) -> Path:
        """Writes each image as PNG and `index.html` with all of them; returns the page's path."""
        return save_plates(directory, self.page_title, self._lead(), self.plates)

    def __repr__(self) -> str:
        return f"Inspection({self._lead()} images: {', '.join(self.pictures)})"

    def _repr_html_(self) -> str:
        return plates_html(self._lead(), self.plates)


def plates_html(lead: str, plates: Sequence[Plate]) -> str:
    """Returns the images with their words as a piece of HTML, for a notebook."""
    parts = [f"<h4>{escape(plate.heading)}</h4>{_body(plate)}" for plate in plates]
    return f"<div><p>{escape(lead)}</p>{''.join(parts)}</div>"


def _body(plate: Plate) -> str:
    content = encoded(plate.picture, "JPEG", quality=88, subsampling=0)
    picture = inline_jpeg(content, plate.heading, plate.picture.shape[:2])
    picture = picture.replace("<img ", '<img style="max-width: 100%; height: auto" ', 1)
    return f"<p>{escape(plate.words)}</p>{picture}"
