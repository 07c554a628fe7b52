"""One door to every dataset: a folder, an annotation file, or "synthetic".

What each format is recognised by stands in its record (`tfseg.data.reading.format`); the list of
them is `tfseg.data.opening.formats`.
"""

from __future__ import annotations

import contextlib
import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from tfseg.data.dataset import Dataset
from tfseg.data.opening import formats
from tfseg.data.opening.formats import FORMATS
from tfseg.data.opening.parts import PART_OPTIONS, open_parts
from tfseg.data.reading.foreign import what_folder_is
from tfseg.data.reading.format import Claim, Format, listing
from tfseg.data.reading.part_names import MissingPartError
from tfseg.errors import DataError

__all__ = ["FORMATS", "open_dataset", "recognise"]

_ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".rar", ".7z")


def open_dataset(
    path: str | os.PathLike,
    *,
    split: str = "train",
    format: str | Format = "auto",
    classes: Sequence[str] | None = None,
    **options,
) -> Dataset:
    """Returns the dataset that a path stands for, or several as one.

    With `parts` or `val_parts` among the options, several datasets in a folder become one, as it
    says at the top of `tfseg.data.opening.parts`.

    Annotation files are told apart by their content. Where images of a tool's format lie in
    the folder itself and there are no parts, they are the split "train".

    Drawn people: 1000 images for "train" and 200 for "val" and "test", or `length`; with
    `val_length` another number for "val" and "test". No two splits share an image.

    The images of a COCO file are looked for in `image_dir` if given, else in the usual
    places: `images/train/`, `train/`, `train2017/`, `train_images/`, `images/`, `photos/`, beside
    the file.

    Args:
        path: Folder, file, or "synthetic".
        split: "train", "val", or another part that the dataset has.
        format: One of `FORMATS`, or "auto"; or a `tfseg.data.reading.format.Format` of one's own.
        classes: Names of the classes to use, in the order of their ids. None: the reader's
            default.
        **options: Passed on to the reader, such as `drop_invalid=True` or `image_dir="photos"`.

    Raises:
        DataError: Nothing known is there; the message lists what was looked for and found.
        ConfigError: An unknown format or option.
    """
    text = os.fspath(path)
    if PART_OPTIONS & options.keys():
        given = {**dict.fromkeys(PART_OPTIONS), **options, "classes": classes}
        given["format"] = None if format == "auto" else format
        return open_parts(text, split, open_one=open_dataset, **given)
    if format == "auto":
        format = recognise(text, split)
    if classes is not None:
        options["classes"] = classes
    return formats.named(format).dataset(text, split, options)


def recognise(path: str, split: str = "train") -> str:
    """Returns the name of the format of what lies at a path.

    Raises:
        DataError: Nothing known; the message lists what was looked for and found.
    """
    name, claim = _surest(path, split)
    is_folder = os.path.isdir(path)
    if claim and (not is_folder or claim >= Claim.CERTAIN):
        return name
    if path.lower().endswith(_ARCHIVES) and os.path.isfile(path):
        raise DataError(f"{path}: this is an archive. Unpack it and name its folder.")
    if os.path.isfile(path):
        raise DataError(
            f"{path}: expected a folder or an annotation file (.json of COCO, VIA, labelme or "
            "Label Studio, .csv of VIA, .yaml of YOLO), got another file. Name the folder that "
            "holds the dataset."
        )
    if not is_folder:
        raise DataError(
            f"{path}: there is no such folder or file. Check the path; 'synthetic' draws people."
        )
    if any(Path(path).glob("*-annotations-object-segmentation.csv")):
        raise DataError(
            f"{path}: this is Open Images as it is downloaded. Make a dataset of the masks that "
            f"you want first: tfseg open-images {shlex.quote(path)} --out data/mine"
        )
    if claim > Claim.GUESS:
        return name
    known = what_folder_is(path)
    if known:
        raise DataError(f"{path}: this is {known}")
    if claim:
        return name
    raise _nothing_known(path, split)


def _surest(path: str, split: str) -> tuple[str, int]:
    """Returns the name of the format that is surest of a path, and how sure it is."""
    claims = [(one.name, int(one.claims(path, split))) for one in formats.every()]
    return max(claims, key=lambda claim: claim[1])  # the first of equals


def _nothing_known(path: str, split: str) -> DataError:
    """Returns why nothing in a folder can be opened: another part, another folder, or neither."""
    if split != "train":
        kind = None
        with contextlib.suppress(DataError):
            kind = recognise(path)
        if kind:
            return MissingPartError(
                f"{path}: there is no part {split!r} of it ({kind}). The folder has: "
                f"{listing(path)}."
            )
    inside = []
    for place in sorted(Path(path).glob("*/"))[:20]:
        kind, claim = _surest(str(place), split)
        if claim > Claim.GUESS:
            inside.append(f"{place} is one ({kind})")
    if inside:
        more = f" So are {len(inside) - 1} more: data.parts joins several." if inside[1:] else ""
        return DataError(f"{path}: it holds no dataset itself, but {inside[0]}.{more}")
    every = [one for one in formats.every() if one.name != "synthetic"]
    marks = [f"{o.marks.replace('{split}', split)} ({o.name})" for o in every if o.is_recognised]
    others = [f"{o.marks} ({o.name})" for o in every if not o.is_recognised]
    return DataError(
        f"{path}: no known dataset. Looked for the split {split!r} and {'; '.join(marks)}. With "
        f"their names as the format there are also {'; '.join(others)}. The folder has: "
        f"{listing(path)}."
    )
