"""The record of `image_masks` for `tfseg.data.opening`: masks of class numbers, by name alone."""

from __future__ import annotations

import os

from tfseg.data.masks.mask_pairs import ImageMaskDataset
from tfseg.data.masks.png_format import find_pair
from tfseg.data.reading.format import Format, call
from tfseg.data.reading.part_names import own_name, spellings
from tfseg.errors import DataError

__all__ = ["FORMAT"]


def _open(path: str, split: str, options: dict) -> ImageMaskDataset:
    if options.get("masks") is not None:
        masks = options["masks"]
        inside = os.path.join(path, masks)
        masks = inside if os.path.isdir(inside) else masks
        others = {name: value for name, value in options.items() if name != "masks"}
        return call(ImageMaskDataset, (path, masks), others)
    listed = _list_of(path, split)
    if listed and options.get("ids") is None:
        return call(ImageMaskDataset, (path,), {**options, "ids": _names(listed)})
    place, found = find_pair(path, own_name(path, split))
    pair = tuple(os.path.join(place, found.get(f"{n}_dir", f"{n}s")) for n in ("image", "mask"))
    return call(ImageMaskDataset, pair, options)


def _list_of(path: str, split: str) -> str | None:
    """Returns the list of a part, such as `val.txt`, beside the images and masks of all parts."""
    if not all(os.path.isdir(os.path.join(path, name)) for name in ("images", "masks")):
        return None
    lists = (os.path.join(path, f"{name}.txt") for name in spellings(split))
    return next((file for file in lists if os.path.isfile(file)), None)


def _names(listed: str) -> tuple[str, ...]:
    with open(listed, encoding="utf-8") as file:
        names = tuple(line.strip() for line in file if line.strip())
    if not names:
        raise DataError(f"{listed}: the list is empty. Write an image's name a line, or remove it.")
    return names


FORMAT = Format(
    name="image_masks",
    marks="images/ and masks/ that hold class numbers, whose parts may be listed in {split}.txt",
    reader=ImageMaskDataset,
    open=_open,
)
