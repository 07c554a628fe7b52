"""One door to every dataset: a folder, an annotation file, or "synthetic".

| format | recognised by |
|---|---|
| clothing_co_parsing | a folder with `label_list.mat`; the split is a text file in it |
| coco | a JSON file of COCO; or a folder with `train.json`, `annotations/instances_train*.json`, or `train/_annotations.coco.json` (for the split "train") |
| voc | a folder with `SegmentationObject/`, or one above it such as `VOCdevkit` |
| voc_semantic | a folder with `SegmentationClass/` but not `SegmentationObject/`; or the split "trainaug" |
| portrait | a folder with `images_data_crop/` and `images_mask/`, or with `Images/` and `Labels/` |
| instance_folder | a folder with `images/` and `instances/` |
| image_masks | `format: image_masks` alone: a folder as for png_masks, masks hold class numbers |
| png_masks | a folder with `images/` and `masks/`; parts in `train/`, or in `images/train/` and `masks/train/`; or the 2018 Data Science Bowl's |
| labelme | a folder of labelme's JSON files, parts in `train/`, `val/`; or one such file |
| via | a file of VIA (project, JSON or CSV); or a folder with one, parts in `train/`, `val/` or named so |
| portrait_crops | `format: portrait_crops` alone: portraits cut from clothing_co_parsing |
| composites | `format: composites` alone: people of any other format pasted together, see `tfseg.data.composites.compositor` |
| synthetic | the word "synthetic", or "synthetic:length=500,size=256,seed=3,people=0-4" |
"""  # noqa: E501, a table row cannot be broken

from __future__ import annotations

import contextlib
import difflib
import inspect
import os
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path

from tfseg.data.dataset import Dataset
from tfseg.data.opening.coco_places import (
    annotation_files,
    annotation_patterns,
    find_coco,
    has_coco,
)
from tfseg.data.opening.layouts import (
    TOOL_FORMATS,
    file_format,
    folder_format,
    looked_for,
    open_tool_format,
)
from tfseg.data.opening.parts import PART_OPTIONS, open_parts
from tfseg.data.reading.foreign import what_folder_is
from tfseg.data.reading.part_names import MissingPartError
from tfseg.errors import ConfigError, DataError

__all__ = ["FORMATS", "find_coco", "open_dataset", "recognise"]

FORMATS = (
    "coco",
    *TOOL_FORMATS,
    "clothing_co_parsing",
    "portrait_crops",
    "composites",
    "synthetic",
)

# Where the images of each split of drawn people start counting, so that no two splits meet.
_SYNTHETIC_START = {"train": 0, "val": 1_000_000, "test": 2_000_000}
_SYNTHETIC_LENGTH = {"train": 1000, "val": 200, "test": 200}


def open_dataset(
    path: str | os.PathLike,
    *,
    split: str = "train",
    format: str = "auto",
    classes: Sequence[str] | None = None,
    **options,
) -> Dataset:
    """Returns the dataset that a path stands for, or several as one.

    The formats and what they are recognised by are at the top of this file. With `parts` or
    `val_parts` among the options, several datasets in a folder become one, as it says at the
    top of `tfseg.data.opening.parts`.

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
        format: One of `FORMATS`, or "auto".
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
    kind = recognise(text, split) if format == "auto" else format
    if kind not in FORMATS:
        near = difflib.get_close_matches(str(kind), FORMATS, 1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ConfigError(f"there is no data format {kind!r}; known: {', '.join(FORMATS)}.{hint}")
    if classes is not None:
        options["classes"] = classes
    return _open(kind, text, split, options)


def _open(kind: str, text: str, split: str, options: dict) -> Dataset:
    """Returns a dataset of a known format."""
    if kind == "synthetic":
        return _open_synthetic(text, split, options)
    if kind == "clothing_co_parsing":
        from tfseg.data.published.clothing_co_parsing import ClothingCoParsingDataset

        return _call(ClothingCoParsingDataset, (text, split), options)
    if kind == "portrait_crops":
        from tfseg.data.published.portrait_crops import PortraitCropsDataset

        return _call(PortraitCropsDataset, (text, split), options)
    if kind == "composites":
        from tfseg.data.opening.composite_source import open_composites

        return open_composites(text, split, options, open_one=open_dataset, recognise=recognise)
    if kind in TOOL_FORMATS:
        return open_tool_format(kind, text, split, options, _call)
    from tfseg.data.coco.coco import CocoDataset

    image_dir, outside = options.pop("image_dir", None), options.get("allow_outside", False)
    annotation_file, image_dir = find_coco(text, split, image_dir, allow_outside=bool(outside))
    return _call(CocoDataset, (annotation_file, image_dir), options)


def recognise(path: str, split: str = "train") -> str:
    """Returns the format of what lies at a path.

    Raises:
        DataError: Nothing known; the message lists what was looked for and found.
    """
    if path == "synthetic" or path.startswith("synthetic:"):
        return "synthetic"
    if os.path.isfile(path):
        kind = file_format(path)
        if kind is not None or path.lower().endswith(".json"):
            return kind or "coco"
        raise DataError(
            f"{path}: expected a folder or an annotation file (.json of COCO, VIA or labelme, .csv "
            "of VIA), got another file. Name the folder that holds the dataset."
        )
    if not os.path.isdir(path):
        raise DataError(
            f"{path}: there is no such folder or file. Check the path; 'synthetic' draws people."
        )
    if os.path.isfile(os.path.join(path, "label_list.mat")):
        return "clothing_co_parsing"
    if any(Path(path).glob("*-annotations-object-segmentation.csv")):
        raise DataError(
            f"{path}: this is Open Images as it is downloaded. Make a dataset of the masks that "
            f"you want first: tfseg open-images {shlex.quote(path)} --out data/mine"
        )
    named = [file_format(file) for file in annotation_files(Path(path), split)]
    if named and named[0] not in TOOL_FORMATS:
        return "coco"
    kind = folder_format(path, split)
    if kind is not None:
        return kind
    if has_coco(path):
        return "coco"
    known = what_folder_is(path)
    if known:
        raise DataError(f"{path}: this is {known}")
    if any(any(Path(path, place).glob("*.json")) for place in ("", "annotations")):
        return "coco"
    if split != "train":
        kind = None
        with contextlib.suppress(DataError):
            kind = recognise(path)
        if kind:
            raise MissingPartError(
                f"{path}: there is no part {split!r} of it ({kind}). The folder has: "
                f"{_listing(path)}."
            )
    for place in sorted(Path(path).glob("*/"))[:20]:
        kind = folder_format(str(place), split) or ("coco" if has_coco(place) else None)
        if kind:
            raise DataError(f"{path}: it holds no dataset itself, but {place} is one ({kind}).")
    raise DataError(
        f"{path}: no known dataset. Looked for label_list.mat (clothing_co_parsing), or with "
        "their names as the format (portrait_crops) and, of any people, (composites), "
        f"{looked_for(split)}, and, for the split {split!r}, "
        f"{', '.join(annotation_patterns(split))} (coco). The folder has: {_listing(path)}."
    )


def _listing(folder: str) -> str:
    names = sorted(os.listdir(folder))
    return ", ".join(names[:12] + (["..."] if len(names) > 12 else [])) or "nothing"


def _open_synthetic(text: str, split: str, options: dict) -> Dataset:
    from tfseg.data.synthetic import SyntheticPeople
    from tfseg.data.synthetic.spec import parse_spec

    if split not in _SYNTHETIC_START:
        raise DataError(
            f"drawn people have the splits {', '.join(_SYNTHETIC_START)}, got {split!r}."
        )
    given = {**parse_spec(text), **options}
    length = given.pop("length", _SYNTHETIC_LENGTH[split])
    other = given.pop("val_length", length)
    length = length if split == "train" else other
    given["start"] = _SYNTHETIC_START[split] + int(given.get("start", 0))
    return _call(SyntheticPeople, (length,), given)


def _call(reader: Callable, positional: tuple, options: dict) -> Dataset:
    """Calls a reader; an option that it does not have becomes an error with the nearest name."""
    known = [
        name
        for name, parameter in inspect.signature(reader).parameters.items()
        if parameter.kind in (parameter.KEYWORD_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    ][len(positional) :]
    for name in options:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise ConfigError(
                f"{reader.__name__} has no option {name!r}; it has {', '.join(known)}.{hint}"
            )
    return reader(*positional, **options)
