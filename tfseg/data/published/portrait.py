"""The Portrait dataset: half-length portraits with the mask of the person.

X. Shen et al., "Automatic Portrait Segmentation for Image Stylization", Eurographics 2016. Two
layouts are read:

| layout | images | masks |
|---|---|---|
| as released, downloaded and cropped to 600 x 800 | `images_data_crop/00001.jpg` | `images_mask/00001_mask.mat`, variable `mask` |
| public mirrors (EG1800) | `Images/00001.png` | `Labels/00001.png` |

A mask is 0 or 1 (mirrored masks look black), 0 or 255, or true or false. Copies differ in what is left of
both, so images and masks are paired by name and the rest is passed over with one line in the log.
"""  # noqa: E501, a table row cannot be broken

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from tfseg.data.images.mat_files import read_mat
from tfseg.data.masks.class_maps import ClassMapImages
from tfseg.data.masks.mask_folder import list_files, list_images
from tfseg.data.masks.mask_values import ValueRule, read_values
from tfseg.data.reading.format import Claim, Format
from tfseg.data.reading.labels import one_class
from tfseg.data.reading.outlines import MaskError
from tfseg.data.reading.scan import ImageRecord, Scan, find_file
from tfseg.errors import DataError

__all__ = ["FORMAT", "LAYOUTS", "PortraitDataset"]

LAYOUTS = (("images_data_crop", "images_mask"), ("Images", "Labels"))
"""Folders of the images and of the masks."""

_LISTS = ("{}.txt", "eg1800_{}.txt", "{}list.txt", "{}_list.txt")
# The paper had 1,695 images left and trained on 1,500 of them.
_ALL, _TRAIN = 1695, 1500


class PortraitDataset(ClassMapImages):
    """Portraits with one class; the label map "classes" is 1 on the person.

    The parts are those of the folder's lists: a text file named `train.txt`,
    `eg1800_train.txt`, `trainlist.txt` or `train_list.txt` with an image a line, the same for
    "val" and "test", each standing in for the other. Without lists: the names are sorted and
    shuffled by `numpy.random.default_rng(0).permutation`; the first 1,500 are "train", the
    others "val", which is "test" as well. With fewer than 1,695 pairs the share stays the
    same: `round(pairs * 1500 / 1695)`, at least 1, and at least 1 is left.

    A fault raises unless `drop_invalid`: a mask of another size, damaged, or with other values.

    Args:
        root: The folder.
        split: "train", "val", "test", "all", or the path of a list.
        classes: The name of the class.
        drop_invalid: Leave unusable images out instead of raising.

    Attributes:
        class_names, image_ids, problems, dropped: As in `LabelledImages`.

    Raises:
        DataError: No such folder or part, no pairs, or (unless `drop_invalid`) something is faulty.
    """

    expects_object = True

    def __init__(
        self,
        root: str | os.PathLike,
        split: str | os.PathLike = "train",
        *,
        classes: Sequence[str] | None = ("person",),
        drop_invalid: bool = False,
    ):
        classes = one_class(classes)
        self._settings = dict(split=split, classes=classes)
        self._labels = {1: classes[0]}
        self._rule = ValueRule("auto", 1)
        root = os.fspath(root)
        scan = Scan(root, order=classes)
        pairs = _pairs(scan, root)
        for stem in _choose(scan, root, os.fspath(split), sorted(pairs)):
            image, mask = pairs[stem]
            scan.add(ImageRecord(stem, f"{mask}, image {stem!r}", image, mask))
        super().__init__(
            scan, classes=classes, synonyms=None, drop_invalid=drop_invalid, keep_empty=True
        )

    def _numbers(self, file: str) -> np.ndarray:
        if not file.endswith(".mat"):
            return self._rule.ids(read_values(file), file)
        try:
            stored = read_mat(file, "mask")
        except DataError as error:
            raise MaskError("unreadable_mask", str(error).rstrip(".")) from error
        whole = stored.dtype.kind in "iub"
        if stored.dtype.kind == "f" and np.isfinite(stored).all():
            whole = (stored == np.rint(stored)).all()
        if stored.ndim != 2 or not stored.size or not whole or stored.min() < 0:
            raise MaskError(
                "unknown_value",
                f"{file}: expected 0 and 1 (H, W), got {stored.dtype} {stored.shape}",
            )
        return self._rule.ids(stored.astype(np.int64), file)


def _pairs(scan: Scan, root: str) -> dict[str, tuple[str, str]]:
    """Returns image and mask of each name that has both."""
    homes = [[os.path.join(root, name) for name in names] for names in LAYOUTS]
    home = next((both for both in homes if all(map(os.path.isdir, both))), None)
    if home is None:
        raise DataError(
            f"{root}: expected {' or '.join(f'{a}/ and {b}/' for a, b in LAYOUTS)}. Check the path."
        )
    images = list_images(scan, home[0])
    masks = {}
    for name in list_files(home[1], (".mat", ".png")):
        masks.setdefault(_stem(name), os.path.join(home[1], name))
    both = images.keys() & masks.keys()
    if not both:
        raise DataError(
            f"{root}: none of {len(images)} images in {home[0]} has one of {len(masks)} masks "
            f"in {home[1]}. Masks are named as their images, or 00001_mask.mat."
        )
    lone = len(images) - len(both), len(masks) - len(both)
    if any(lone):
        message = f"passed over {lone[0]} images without a mask and {lone[1]} masks without an"
        message += f" image; {len(both)} pairs are left."
        scan.fault("unpaired", root, message, severity="warning")
    return {stem: (images[stem], masks[stem]) for stem in both}


def _stem(name: str) -> str:
    return os.path.splitext(os.path.basename(name))[0].removesuffix("_mask")


def _choose(scan: Scan, root: str, split: str, stems: list[str]) -> list[str]:
    """Returns the names of a part, of those that have image and mask."""
    if split == "all":
        return stems
    if split.endswith(".txt"):
        named = find_file([split, os.path.join(root, split)])
        if named is None:
            raise DataError(f"{split}: there is no such list. Check the path.")
        return _listed(scan, named, stems)
    parts = ("train", "val", "test")
    if split not in parts:
        raise DataError(f"{root}: there is no split {split!r}; there are {', '.join(parts)}, all.")
    lists = {part: _list(root, part) for part in parts}
    path = lists[split] or (
        lists["test" if split == "val" else "val"] if split != "train" else None
    )
    if path is not None:
        return _listed(scan, path, stems)
    if any(lists.values()):
        there = ", ".join(filter(None, lists.values()))
        raise DataError(f"{root}: no list names the part {split!r}; there is {there}. Add one.")
    if len(stems) < 2:
        raise DataError(f"{root}: {len(stems)} pairs make no two parts. Name the split 'all'.")
    order = [stems[place] for place in np.random.default_rng(0).permutation(len(stems))]
    count = _TRAIN if len(stems) >= _ALL else round(len(stems) * _TRAIN / _ALL)
    count = min(max(count, 1), len(stems) - 1)
    return order[:count] if split == "train" else order[count:]


def _list(root: str, part: str) -> str | None:
    return find_file([os.path.join(root, name.format(part)) for name in _LISTS])


def _listed(scan: Scan, path: str, stems: list[str]) -> list[str]:
    with open(path, encoding="utf-8-sig", errors="replace") as file:
        names = [_stem(line.split()[0]) for line in file if line.strip()]
    known = set(stems)
    kept = [name for name in dict.fromkeys(names) if name in known]
    if not kept:
        raise DataError(f"{path}: none of its {len(names)} names has an image and a mask.")
    if len(kept) < len(names):
        lost = [name for name in names if name not in known]
        message = f"passed over {len(names) - len(kept)} of {len(names)} names, "
        message += f"without image or mask: {', '.join(lost[:3])}." if lost else "listed twice."
        scan.fault("unpaired", path, message, severity="warning")
    return kept


def _claims(path: str, split: str) -> int:
    # In this spelling alone: other tools have `labels/`, and some disks do not tell them apart.
    names = set(os.listdir(path)) if os.path.isdir(path) else set()
    fits = any(names.issuperset(layout) for layout in LAYOUTS)
    return Claim.LAYOUT * fits


FORMAT = Format(
    name="portrait",
    marks=" or ".join(f"{images}/ and {masks}/" for images, masks in LAYOUTS),
    reader=PortraitDataset,
    claims=_claims,
)
