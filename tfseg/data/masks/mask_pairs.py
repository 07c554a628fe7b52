"""Images with a mask each, in two folders: the plainest form of semantic data.

`images/anna.jpg` goes with `masks/anna.png`, or with `masks/anna_mask.png` (also `-mask`, `_matte`,
`_seg`, `_label`). What the values in a mask mean is at the top of `tfseg.data.masks.mask_values`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import numpy as np

from tfseg.data.masks.class_maps import ClassMapImages
from tfseg.data.masks.mask_folder import list_files, list_images
from tfseg.data.masks.mask_values import ValueRule, read_values
from tfseg.data.reading.labels import require_names
from tfseg.data.reading.scan import DROP, ImageRecord, Scan
from tfseg.errors import DataError

__all__ = ["ImageMaskDataset"]

_SUFFIXES = ("_mask", "-mask", "_matte", "_seg", "_label")
_ENDINGS = (".png", ".bmp", ".tif", ".tiff", ".gif", ".jpg", ".jpeg")


class ImageMaskDataset(ClassMapImages):
    """Images and masks paired by name; the label map "classes" holds the class of each pixel.

    A fault raises unless `drop_invalid`: an image without a mask or a mask without an
    image, a mask of another size, damaged, or with values that mean nothing. A mask that shows
    nothing, or nothing else, is a warning of `tfseg doctor`.

    Args:
        images: The folder of the images; or, without `masks`, the folder with `images/` and
            `masks/`.
        masks: The folder of the masks; that of the images if the masks' names have a suffix,
            or if images with transparency are their own masks.
        classes: Names of the classes, in the order of their ids.
        values: What the values in masks mean: "auto", "ids", "binary", "threshold", or a table
            of stored values and class ids.
        ids: Names of the images to read, with or without their ending; None reads all.
        drop_invalid: Leave unusable pairs out instead of raising.

    Attributes:
        class_names, image_ids, problems, dropped: As in `LabelledImages`.

    Raises:
        DataError: No such folders, no pairs, or (unless `drop_invalid`) something is faulty.
    """

    expects_object = True

    def __init__(
        self,
        images: str | os.PathLike,
        masks: str | os.PathLike | None = None,
        *,
        classes: Sequence[str] | None = ("person",),
        values: str | Mapping[int, int] = "auto",
        ids: Sequence[str] | None = None,
        drop_invalid: bool = False,
    ):
        require_names(classes)
        classes = tuple(classes or ("person",))
        self._settings = dict(masks=masks, classes=classes, values=values, ids=ids)
        self._labels = dict(enumerate(classes, 1))
        self._rule = ValueRule(values, len(classes))
        source = home = os.fspath(images)
        folder = masks
        if masks is None:
            home, folder = (os.path.join(source, name) for name in ("images", "masks"))
        for place in (home, os.fspath(folder)):
            if not os.path.isdir(place):
                raise DataError(
                    f"{place}: there is no such folder. Name the folder with images/ and masks/, "
                    "or both folders."
                )
        scan = Scan(source, order=classes)
        _pair(scan, home, os.fspath(folder), ids)
        super().__init__(
            scan, classes=classes, synonyms=None, drop_invalid=drop_invalid, keep_empty=True
        )

    def _numbers(self, file: str) -> np.ndarray:
        return self._rule.ids(read_values(file), file)


def _pair(scan: Scan, folder: str, masks: str, ids: Sequence[str] | None) -> None:
    """Adds each image with its mask; what has no partner is a fault."""
    images = list_images(scan, folder)
    files = {os.path.splitext(name)[0]: name for name in list_files(masks, _ENDINGS)}
    if ids is not None:
        images, files = _chosen(scan, folder, images, files, ids)
    if os.path.samefile(folder, masks):
        suffixed = [s for s in images if _without_suffix(s) in images]
        for stem in suffixed:
            del images[stem]
    for stem, path in images.items():
        where = f"{masks}, image {stem!r}"
        named = [stem + suffix for suffix in _SUFFIXES if stem + suffix in files]
        named += [stem] if stem in files else []
        if named:
            scan.add(ImageRecord(stem, where, path, os.path.join(masks, files[named[0]])))
            for name in named:
                del files[name]
        else:
            message = f"there is no mask {os.path.join(masks, stem)}.png. Fetch it, {DROP}"
            scan.fault("missing_mask", where, message, path)
    if not os.path.samefile(folder, masks):
        for stem, name in files.items():
            message = f"there is no image of that name in {folder}. Fetch it, {DROP}"
            scan.fault("missing_image", os.path.join(masks, name), message, stem)


def _chosen(scan: Scan, folder: str, images: dict, files: dict, ids: Sequence[str]):
    """Returns the images that are asked for, and their masks; what is not there is a fault."""
    wanted = [name if name in images else os.path.splitext(name)[0] for name in ids]
    for name in dict.fromkeys(wanted):
        if name not in images:
            message = f"the list names it, and there is no such image. Correct the list, {DROP}"
            scan.fault("missing_image", os.path.join(folder, name), message, name)
    keep = set(wanted)
    others = {stem for stem in files if (_without_suffix(stem) or stem) not in keep}
    masks = {stem: name for stem, name in files.items() if stem in keep or stem not in others}
    return {stem: path for stem, path in images.items() if stem in keep}, masks


def _without_suffix(stem: str) -> str | None:
    return next((stem[: -len(s)] for s in _SUFFIXES if stem.endswith(s)), None)
