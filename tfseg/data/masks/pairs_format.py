"""The record of `image_masks` for `tfseg.data.opening`: masks of class numbers, by name alone."""

from __future__ import annotations

import os

from tfseg.data.masks.mask_pairs import ImageMaskDataset
from tfseg.data.masks.png_format import find_pair
from tfseg.data.reading.format import Format, call
from tfseg.data.reading.part_names import own_name

__all__ = ["FORMAT"]


def _open(path: str, split: str, options: dict) -> ImageMaskDataset:
    if options.get("masks") is not None:
        masks = options["masks"]
        inside = os.path.join(path, masks)
        masks = inside if os.path.isdir(inside) else masks
        others = {name: value for name, value in options.items() if name != "masks"}
        return call(ImageMaskDataset, (path, masks), others)
    place, found = find_pair(path, own_name(path, split))
    pair = tuple(os.path.join(place, found.get(f"{n}_dir", f"{n}s")) for n in ("image", "mask"))
    return call(ImageMaskDataset, pair, options)


FORMAT = Format(
    name="image_masks",
    marks="images/ and masks/ that hold class numbers",
    reader=ImageMaskDataset,
    open=_open,
)
