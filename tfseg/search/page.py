"""The people that were found, on one HTML page."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tfseg.data.images.images import read_image
from tfseg.errors import DataError
from tfseg.files import write_whole
from tfseg.search.index import Hit
from tfseg.structures import Prediction, rle
from tfseg.structures.descriptions import spoken
from tfseg.visualize.draw import draw
from tfseg.visualize.files import encoded
from tfseg.visualize.page import escape, frame, inline_jpeg
from tfseg.visualize.reduced import reduced

__all__ = ["place_in_words", "save_gallery"]

_LONG_SIDE = 560
_ROWS, _COLUMNS = ("top", "middle", "bottom"), ("left", "centre", "right")


def save_gallery(
    path: str | os.PathLike, query: str, hits: Sequence[Hit], folder: str | os.PathLike
) -> Path:
    """Writes one HTML page that holds all it shows, and returns its path: each person in the image,
    with what was found outlined, the score, and where in the image that is.

    Args:
        path: The file.
        query: What was looked for.
        hits: What was found, best first; there may be none.
        folder: Of the images. One that is gone or broken is named without being shown.
    """
    images = len({hit.path for hit in hits})
    people = "1 person" if len(hits) == 1 else f"{len(hits)} people"
    lead = f"{people} in {images} image{'' if images == 1 else 's'} of {folder}, the surest first."
    cards = "".join(_card(number, hit, Path(folder)) for number, hit in enumerate(hits, 1))
    body = f'<div class="examples">{cards}</div>' if hits else "<p>Nobody was found.</p>"
    page = frame(f"Search: {query}", lead, [("found", "Found", body)])
    return write_whole(path, page.encode("utf-8"), error=DataError)


def place_in_words(box: Sequence[float], size: tuple[int, int]) -> str:
    """Returns which of nine parts of an image the middle of a box lies in: "top left", "centre".

    Args:
        box: `(y1, x1, y2, x2)` in pixels.
        size: `(H, W)` of the image.
    """
    words = []
    for axis, names in ((0, _ROWS), (1, _COLUMNS)):
        middle = (box[axis] + box[axis + 2]) / 2 / size[axis]
        words.append(names[min(2, max(0, int(3 * middle)))])
    return "centre" if words == ["middle", "centre"] else " ".join(words)


def _card(number: int, hit: Hit, folder: Path) -> str:
    y1, x1, y2, x2 = (round(value) for value in hit.box)
    where = f"{place_in_words(hit.box, hit.size)}: rows {y1} to {y2}, columns {x1} to {x2}"
    try:
        picture = _drawn(read_image(folder / hit.path), hit)
        shown = inline_jpeg(encoded(picture, "JPEG", quality=85), hit.path, picture.shape[:2])
    except (DataError, OSError) as error:
        shown = escape(f"cannot be shown: {error}")
    return (
        f'<figure class="example"><figcaption><b>{number}. {escape(hit.path)}</b>'
        f"<span>score {hit.score:.2f}</span></figcaption>"
        f'<div class="pair" style="grid-template-columns: 1fr"><div>{shown}</div></div>'
        f"<p>{escape(hit.sentence)}<br><small>{escape(where)}</small></p></figure>\n"
    )


def _drawn(image: np.ndarray, hit: Hit) -> np.ndarray:
    """Returns the image with the person's box and the parts that were found."""
    if image.shape[:2] != tuple(hit.size):
        raise DataError(f"{hit.path}: it was changed since it was parsed. Search again.")
    names = tuple(dict.fromkeys((*map(spoken, hit.found), "person")))
    ids = [names.index(spoken(name)) + 1 for name in hit.found]
    found = Prediction(
        size=hit.size,
        boxes=[hit.box, *(rle.box(mask) for mask in hit.masks)],
        class_ids=[names.index("person") + 1, *ids],
        scores=[1.0] * (1 + len(ids)),
        # The person is a box alone: what was looked for is to be seen.
        rles=(rle.encode(np.zeros(hit.size, bool)), *hit.masks),
        class_names=names,
        order="given",
    )
    small, found = reduced(image, found, _LONG_SIDE)
    return draw(small, found, scores=False, color_by="class")
