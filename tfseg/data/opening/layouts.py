"""What lies in a folder or file, told by its content, and where the parts of it are.

Here are the formats whose readers go on after faults: those of annotation tools (VIA, labelme, PNG
masks, PASCAL VOC) and those of portraits.
`tfseg.data.opening.sources` is the door.
"""

from __future__ import annotations

import contextlib
import logging
import mmap
import os
import re
from collections.abc import Callable
from pathlib import Path

from tfseg.data.reading.part_names import PARTS, MissingPartError, own_name
from tfseg.data.tools.via_csv import CSV_COLUMNS
from tfseg.errors import DataError

__all__ = ["TOOL_FORMATS", "file_format", "folder_format", "looked_for", "open_tool_format"]

TOOL_FORMATS = (
    *("via", "labelme", "png_masks", "voc", "voc_semantic"),
    *("portrait", "image_masks", "instance_folder"),
)
_COCO_KEYS = (b"info", b"licenses", b"images", b"annotations", b"categories", b"type")


def looked_for(split: str) -> str:
    """Returns what the formats of this file are recognised by, for a message."""
    return (
        "SegmentationObject/ (voc), SegmentationClass/ (voc_semantic), images_data_crop/ and "
        "images_mask/ or Images/ and Labels/ (portrait), images/ and instances/ (instance_folder), "
        "images/ and masks/ (png_masks), or with format='image_masks' (image_masks), JSON files "
        "with shapes and imagePath (labelme), JSON with regions or CSV with "
        f"region_shape_attributes (via), each there or in {split}/"
    )


def file_format(path: str | os.PathLike) -> str | None:
    """Returns "coco", "via" or "labelme" for an annotation file, by its content; None if neither.

    Only the beginning of a COCO file is read; others are searched for the words of a format.
    """
    ending = os.path.splitext(path)[1].lower()
    if not os.path.isfile(path) or os.path.getsize(path) == 0:
        return None
    if ending == ".csv":
        with open(path, encoding="utf-8-sig", errors="replace") as file:
            header = file.readline()
        return "via" if all(name in header for name in CSV_COLUMNS) else None
    if ending != ".json":
        return None
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        first = re.match(rb'\s*(?:\xef\xbb\xbf)?\s*\{\s*"([^"]*)"\s*:', data[:4096])
        if first and first.group(1) in _COCO_KEYS:
            return "coco"
        if data.find(b'"shapes"') >= 0 and data.find(b'"imagePath"') >= 0:
            return "labelme"
        if data.find(b'"_via_img_metadata"') >= 0:
            return "via"
        if data.find(b'"regions"') >= 0 and data.find(b'"filename"') >= 0:
            return "via"
        known = data.find(b'"annotations"') >= 0 or data.find(b'"categories"') >= 0
    return "coco" if known else None


def folder_format(path: str, split: str) -> str | None:
    """Returns the format of what lies in a folder, or None if it is none of `TOOL_FORMATS`."""
    from tfseg.data.published import portrait
    from tfseg.data.voc import voc_files, voc_semantic

    folder, split = Path(path), own_name(path, split)
    parts = [own_name(path, part) for part in PARTS]
    if split != "trainaug" and _voc_has(folder, voc_files.OBJECTS):
        return "voc"
    if any(_voc_has(folder, n) for n in (voc_files.CLASSES, voc_semantic.AUGMENTED)):
        return "voc_semantic"
    if any(all(_is_exact(folder, name) for name in names) for names in portrait.LAYOUTS):
        return "portrait"
    if _instance_place(folder, split) is not None:
        return "instance_folder"
    if _png_places(folder, split) or any(_png_places(folder, part) for part in parts):
        return "png_masks"
    places = (folder, folder / split, folder / "annotations", *(folder / part for part in parts))
    places += (folder / "labels", folder / "json")
    for place in places:
        files = sorted(place.glob("*.json"))[:8] + sorted(place.glob("*.csv"))[:4]
        for kind in map(file_format, files):
            if kind in ("via", "labelme"):
                return kind
    return None


def _voc_has(folder: Path, maps: str) -> bool:
    return any(f.is_dir() for p in ("", "*/", "VOCdevkit/*/") for f in folder.glob(f"{p}{maps}"))


def _is_exact(folder: Path, name: str) -> bool:
    """Returns whether a folder is there in this spelling; other tools have `labels/`."""
    return (folder / name).is_dir() and name in os.listdir(folder)


def _instance_place(folder: Path, split: str) -> Path | None:
    """Returns where maps of instances lie: in the part's folder, else here for all parts."""
    for place in (folder / split, folder):
        if all((place / name).is_dir() for name in ("images", "instances")):
            return place
    return None


def open_tool_format(kind: str, path: str, split: str, options: dict, call: Callable):
    """Returns a dataset of one of `TOOL_FORMATS`.

    Where a folder has several parts, the classes are those of all parts together, so that the
    class ids of one part are those of the other.

    Args:
        kind: The format.
        path: Folder or annotation file.
        split: The part, where `path` is a folder.
        options: Options of the reader.
        call: Calls a reader with `(reader, positional, options)`.

    Raises:
        DataError: There is no such part, or what the reader raises.
    """
    from tfseg.data.masks.png_masks import PngMaskDataset
    from tfseg.data.published.portrait import PortraitDataset
    from tfseg.data.tools.labelme import LabelmeDataset
    from tfseg.data.tools.via import ViaDataset
    from tfseg.data.voc.voc import VocDataset
    from tfseg.data.voc.voc_semantic import VocSegmentationDataset

    if kind in ("voc", "voc_semantic", "portrait"):
        readers = {"voc": VocDataset, "portrait": PortraitDataset}
        return call(readers.get(kind, VocSegmentationDataset), (path, split), options)
    split = own_name(path, split)
    if kind in ("image_masks", "instance_folder"):
        return _open_pairs(kind, path, split, options, call)
    find, reader = {
        "via": (_find_via, ViaDataset),
        "labelme": (_find_labelme, LabelmeDataset),
        "png_masks": (_find_png, PngMaskDataset),
    }[kind]
    place, found = find(path, split)
    inside = os.path.join(path, os.fspath(options.get("image_dir") or ""))
    if options.get("image_dir") and kind != "png_masks" and os.path.isdir(inside):
        options = {**options, "image_dir": inside}
    given = {**found, **options}
    if options.get("classes") is None:
        others = _other_parts(find, path, (place, found))
        told = set()
        for home, more in [(place, found), *others] if others else ():
            with contextlib.suppress(DataError), _quietly():
                lenient = {**more, **options, "drop_invalid": True}
                told.add(call(reader, (home,), lenient).class_names)
        if told:
            every = {name for names in told for name in names}
            given["classes"] = told.pop() if len(told) == 1 else tuple(sorted(every))
    return call(reader, (place,), given)


def _open_pairs(kind: str, path: str, split: str, options: dict, call: Callable):
    """Returns a dataset of image_masks or instance_folder."""
    from tfseg.data.masks.instance_folder import InstanceFolderDataset
    from tfseg.data.masks.mask_pairs import ImageMaskDataset

    if kind == "instance_folder":
        place = _instance_place(Path(path), split)
        if place is None:
            raise _no_part(path, split, f"images/ and instances/, or {split}/ with both")
        return call(InstanceFolderDataset, (str(place),), options)
    if options.get("masks") is not None:
        masks = options["masks"]
        inside = os.path.join(path, masks)
        masks = inside if os.path.isdir(inside) else masks
        others = {name: value for name, value in options.items() if name != "masks"}
        return call(ImageMaskDataset, (path, masks), others)
    place, found = _find_png(path, split)
    pair = tuple(os.path.join(place, found.get(f"{n}_dir", f"{n}s")) for n in ("image", "mask"))
    return call(ImageMaskDataset, pair, options)


@contextlib.contextmanager
def _quietly():
    """Keeps the log free of the faults of parts that are only asked for their classes."""
    log = logging.getLogger("tfseg.data")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(level)


def _other_parts(find: Callable, path: str, own: tuple[str, dict]) -> list[tuple[str, dict]]:
    found = []
    for part in PARTS:
        with contextlib.suppress(DataError):
            found.append(find(path, own_name(path, part)))
    return [other for other in found if other != own]


def _find_via(path: str, split: str) -> tuple[str, dict]:
    if not os.path.isdir(path):
        return path, {}
    folder = Path(path)
    here = _via_files(folder)
    named = [f for f in here if re.search(rf"(^|[_.-]){re.escape(split)}($|[_.-])", f.stem)]
    for found in (named, _via_files(folder / split), here if split == "train" else []):
        found = [f for f in found if f.suffix == ".json"] or found
        if len(found) > 1:
            listed = ", ".join(str(f.relative_to(folder)) for f in found)
            raise DataError(
                f"{path}: several files of VIA fit the split {split!r}: {listed}. Name one of them."
            )
        if found:
            images = folder / "images" / split
            return str(found[0]), {"image_dir": str(images)} if images.is_dir() else {}
    raise _no_part(path, split, f"{split}.json and {split}/ with a file of VIA")


def _via_files(folder: Path) -> list[Path]:
    files = sorted([*folder.glob("*.json"), *folder.glob("*.csv")])
    return [file for file in files if file_format(file) == "via"]


def _find_labelme(path: str, split: str) -> tuple[str, dict]:
    if not os.path.isdir(path):
        return path, {}
    place = os.path.join(path, split)
    for home in (place, *(os.path.join(place, name) for name in ("annotations", "labels", "json"))):
        if any(file_format(file) == "labelme" for file in Path(home).glob("*.json")):
            return place, {}
    if split == "train":
        return path, {}
    raise _no_part(path, split, f"{split}/ with files of labelme")


def _find_png(path: str, split: str) -> tuple[str, dict]:
    found = _png_places(Path(path), split)
    if found is None:
        fault = _no_part(path, split, f"{split}/images/, {split}/masks/ or masks/{split}/")
        whole = split != "train" and _png_places(Path(path), "train") == (str(Path(path)), {})
        raise MissingPartError(f"{fault} What lies there is the part 'train'.") if whole else fault
    return found


def _png_places(folder: Path, split: str) -> tuple[str, dict] | None:
    if (folder / "images" / split).is_dir() and (folder / "masks" / split).is_dir():
        return str(folder), {"image_dir": f"images/{split}", "mask_dir": f"masks/{split}"}
    for place in (folder / split, *([folder] if split == "train" else [])):
        if all((place / name).is_dir() for name in ("images", "masks")):
            return str(place), {}
        # An image a folder; a part that lies beside the one asked for has many in its images/.
        if any(_one_file(masks.parent / "images") for masks in place.glob("*/masks")):
            return str(place), {}
    return None


def _one_file(folder: Path) -> bool:
    return folder.is_dir() and sum(1 for _ in folder.iterdir()) == 1


def _no_part(path: str, split: str, wanted: str) -> DataError:
    names = sorted(os.listdir(path)) if os.path.isdir(path) else []
    listed = ", ".join(names[:12] + (["..."] if len(names) > 12 else [])) or "nothing"
    return MissingPartError(
        f"{path}: there is no part {split!r}; looked for {wanted}. The folder has: {listed}."
    )
