"""One door to every data set: a folder, an annotation file, or "synthetic".

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
| composites | `format: composites` alone: people of any other format pasted together, see `tfseg.data.compositor` |
| synthetic | the word "synthetic", or "synthetic:length=500,size=256,seed=3,people=0-4" |
"""  # noqa: E501, a table row cannot be broken

from __future__ import annotations

import difflib
import inspect
import json
import mmap
import os
import re
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path

from tfseg.data.dataset import Dataset
from tfseg.data.layouts import (
    TOOL_FORMATS,
    file_format,
    folder_format,
    looked_for,
    open_tool_format,
)
from tfseg.data.parts import PART_OPTIONS, open_parts
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

# Where the pictures of each split of drawn people start counting, so that no two splits meet.
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
    """Returns the data set that a path stands for, or several as one.

    The formats and what they are recognised by are at the top of this file. With `parts` or
    `val_parts` among the options, several data sets in a folder become one, as it says at the
    top of `tfseg.data.parts`.

    Annotation files are told apart by their content. Where pictures of a tool's format lie in
    the folder itself and there are no parts, they are the split "train".

    Drawn people: 1000 pictures for "train" and 200 for "val" and "test", or `length`; with
    `val_length` another number for "val" and "test". No two splits share a picture.

    The pictures of a COCO file are looked for in `image_dir` if given, else in the usual
    places: `images/train/`, `train/`, `train2017/`, `train_images/`, `images/`, `photos/`, beside
    the file.

    Args:
        path: Folder, file, or "synthetic".
        split: "train", "val", or another part that the data set has.
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
    """Returns a data set of a known format."""
    if kind == "synthetic":
        return _open_synthetic(text, split, options)
    if kind == "clothing_co_parsing":
        from tfseg.data.clothing_co_parsing import ClothingCoParsingDataset

        return _call(ClothingCoParsingDataset, (text, split), options)
    if kind == "portrait_crops":
        from tfseg.data.portrait_crops import PortraitCropsDataset

        return _call(PortraitCropsDataset, (text, split), options)
    if kind == "composites":
        from tfseg.data.composite_source import open_composites

        return open_composites(text, split, options, open_one=open_dataset, recognise=recognise)
    if kind in TOOL_FORMATS:
        return open_tool_format(kind, text, split, options, _call)
    from tfseg.data.coco import CocoDataset

    annotation_file, image_dir = find_coco(text, split, options.pop("image_dir", None))
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
            "of VIA), got another file. Name the folder that holds the data set."
        )
    if not os.path.isdir(path):
        raise DataError(
            f"{path}: there is no such folder or file. Check the path; 'synthetic' draws people."
        )
    if os.path.isfile(os.path.join(path, "label_list.mat")):
        return "clothing_co_parsing"
    if any(Path(path).glob("*-annotations-object-segmentation.csv")):
        raise DataError(
            f"{path}: this is Open Images as it is downloaded. Make a data set of the masks that "
            f"you want first: tfseg open-images {shlex.quote(path)} --out data/mine"
        )
    named = [file_format(file) for file in _annotation_files(Path(path), split)]
    if named and named[0] not in TOOL_FORMATS:
        return "coco"
    kind = folder_format(path, split)
    if kind is not None:
        return kind
    if any(Path(path).glob("*.json")) or any(Path(path, "annotations").glob("*.json")):
        return "coco"
    raise DataError(
        f"{path}: no known data set. Looked for label_list.mat (clothing_co_parsing), or with "
        "their names as the format (portrait_crops) and, of any people, (composites), "
        f"{looked_for(split)}, and, for the split {split!r}, "
        f"{', '.join(_annotation_patterns(split))} (coco). The folder has: {_listing(path)}."
    )


def _annotation_patterns(split: str) -> tuple[str, ...]:
    return (
        f"{split}.json",
        f"instances_{split}*.json",
        f"person_keypoints_{split}*.json",
        f"annotations/instances_{split}*.json",
        f"annotations/person_keypoints_{split}*.json",
        f"annotations/{split}*.json",
        f"{split}/_annotations.coco.json",
        f"{split}/annotations.json",
    )


def _annotation_files(folder: Path, split: str) -> list[Path]:
    """Returns the annotation files of a split, those of the first pattern that has any."""
    for pattern in _annotation_patterns(split):
        found = sorted(path for path in folder.glob(pattern) if path.is_file())
        if found:
            return found
    return []


def find_coco(path: str, split: str, image_dir: str | os.PathLike | None = None):
    """Returns `(annotation_file, image_dir)` of a COCO data set.

    Args:
        path: The annotation file, or the folder of the data set.
        split: The part, where `path` is a folder.
        image_dir: The folder of the pictures, as it is or within `path`. None: the usual places.
    """
    if os.path.isdir(path):
        folder = Path(path)
        found = _annotation_files(folder, split)
        if len(found) != 1:
            there = sorted({*folder.glob("*.json"), *folder.glob("annotations/*.json")})
            listed = ", ".join(str(p.relative_to(folder)) for p in there[:12]) or "none"
            problem = (
                f"several annotation files fit the split {split!r}: "
                f"{', '.join(str(p.relative_to(folder)) for p in found)}"
                if found
                else f"no annotation file for the split {split!r}; looked for "
                f"{', '.join(_annotation_patterns(split))}"
            )
            raise DataError(
                f"{path}: {problem}. JSON files there: {listed}. Name the annotation file itself."
            )
        file = found[0]
    else:
        file, folder, split = Path(path), Path(path).parent, None
        folder = folder.parent if folder.name == "annotations" else folder
    if image_dir is not None:
        inside = folder / image_dir
        return str(file), str(inside if inside.is_dir() else image_dir)
    return str(file), str(_find_images(file, folder, split))


def _find_images(file: Path, folder: Path, split: str | None) -> Path:
    first = _first_file_name(file)
    stem = file.stem.removeprefix("instances_").removeprefix("person_keypoints_")
    # The part's own folders come first, because parts may number their pictures alike. A file
    # that was named itself is a part by its own name, whatever the split is called.
    parts = [stem] if split is None else [stem, split]
    own = [name for part in parts for name in (f"images/{part}", part, f"{part}_images")]
    names = dict.fromkeys([*own, "images", "photos", "train", ".", "../images"])
    looked = [folder / name for name in names]
    looked += [file.parent, file.parent / "images"]
    looked = list(dict.fromkeys(Path(os.path.normpath(place)) for place in looked))
    for place in looked:
        if place.is_dir() and (first is None or (place / first).is_file()):
            return place
    raise DataError(
        f"{file}: its first picture {first!r} is in none of {', '.join(map(str, looked))}. Name "
        "the folder of the pictures with image_dir."
    )


def _first_file_name(file: Path) -> str | None:
    """Returns the first file name in a COCO file without reading all of it, or None."""
    if not file.is_file():
        raise DataError(f"{file}: there is no such annotation file. Check the path.")
    if file.stat().st_size == 0:
        raise DataError(f"{file}: the annotation file is empty. Export it again.")
    with open(file, "rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        match = re.search(rb'"file_name"\s*:\s*("(?:[^"\\]|\\.)*")', data)
        text = match.group(1) if match else None
    try:
        return json.loads(text) if text else None
    except ValueError:
        return None


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
