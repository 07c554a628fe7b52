"""Where the annotation file of a COCO dataset lies, and the folder of its images."""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import re
from pathlib import Path

from tfseg.data.images.json_file import read_json
from tfseg.data.reading.annotation_kinds import annotation_kind
from tfseg.data.reading.foreign import what_json_is
from tfseg.data.reading.named_files import NamedFiles
from tfseg.data.reading.part_names import (
    MissingPartError,
    own_name,
    part_of,
    parts_in,
    spellings,
)
from tfseg.errors import DataError

__all__ = [
    *("annotation_files", "annotation_patterns", "coco_parts", "find_coco", "has_coco"),
    "other_files",
]

_SAMPLED = 200  # image names that tell one folder from another
_FEW = 20  # JSON files; a folder with more has one for each image


def annotation_patterns(split: str) -> tuple[str, ...]:
    """Returns what the annotation file of a part may be called."""
    return (
        f"{split}.json",
        f"instances_{split}*.json",
        f"person_keypoints_{split}*.json",
        f"annotations/instances_{split}*.json",
        f"annotations/person_keypoints_{split}*.json",
        f"annotations/{split}*.json",
        f"keypoints_{split}*.json",
        f"{split}/_annotations.coco.json",
        f"{split}/annotations.json",
    )


def annotation_files(folder: Path, split: str) -> list[Path]:
    """Returns the annotation files of a split, those of the first pattern that has any."""
    for name in dict.fromkeys((*spellings(split), own_name(folder, split))):
        for pattern in annotation_patterns(name):
            found = sorted(path for path in folder.glob(pattern) if path.is_file())
            if found:
                return found
    return []


def _only_file(folder: Path) -> list[Path]:
    """Returns the one COCO file of a folder, if its name makes it no part.

    It is "train": so do Label Studio (`result.json`) and CVAT (`instances_default.json`) leave it.
    """
    there = [path for path in _coco_files(folder) if part_of(path.stem) is None]
    instances = [path for path in there if path.stem.startswith("instances_")]
    there = instances or there
    return there if len(there) == 1 else []


def _coco_files(folder: Path) -> list[Path]:
    """Returns the files with annotations of COCO, of whichever part, if a folder has few files."""
    there = _json_files(folder)
    return [path for path in there if _is_coco(path)] if len(there) <= _FEW else []


def _is_coco(path: Path) -> bool:
    if annotation_kind(path) != "coco":
        return False
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return data.find(b'"annotations"') >= 0


def other_files(folder: str | os.PathLike, used: str) -> list[Path]:
    """Returns the files of instances in a folder that are of no part, besides the one in use: so
    CVAT leaves its subset "default" beside those of parts."""
    there = [path for path in _json_files(Path(folder)) if path.stem.startswith("instances_")]
    there = [path for path in there if part_of(path.stem) is None and str(path) != used]
    return [path for path in there[:_FEW] if _is_coco(path)]


def has_coco(folder: str | os.PathLike) -> bool:
    """Returns whether a folder has annotations of COCO, of whichever part."""
    return bool(coco_parts(folder) or _coco_files(Path(folder)))


def coco_parts(folder: str | os.PathLike) -> list[str]:
    """Returns the parts that have a COCO file of their own in a folder."""
    found = {part: annotation_files(Path(folder), part) for part in parts_in(folder)}
    return [
        p for p, files in found.items() if files and annotation_kind(files[0]) in (None, "coco")
    ]


def _json_files(folder: Path) -> list[Path]:
    return sorted({*folder.glob("*.json"), *folder.glob("annotations/*.json")})


def find_coco(
    path: str,
    split: str,
    image_dir: str | os.PathLike | None = None,
    *,
    allow_outside: bool = False,
) -> tuple[str, str]:
    """Returns `(annotation_file, image_dir)` of a COCO dataset.

    Args:
        path: The annotation file, or the folder of the dataset.
        split: The part, where `path` is a folder.
        image_dir: The folder of the images, as it is or within `path`. None: the usual places.
        allow_outside: Whether file names may lead out of that folder.

    Raises:
        DataError: There is no such file, there are several, or no image of it is found.
    """
    if os.path.isdir(path):
        folder = Path(path)
        found = annotation_files(folder, split)
        found = found or (_only_file(folder) if split == "train" else [])
        if len(found) != 1:
            raise _no_file(folder, split, found)
        file = found[0]
    else:
        file, folder, split = Path(path), Path(path).parent, None
        folder = folder.parent if folder.name == "annotations" else folder
    if image_dir is not None:
        inside = folder / image_dir
        return str(file), str(inside if inside.is_dir() else image_dir)
    return str(file), str(_find_images(file, folder, split, allow_outside))


def _no_file(folder: Path, split: str, found: list[Path]) -> DataError:
    there = _json_files(folder)
    listed = ", ".join(str(p.relative_to(folder)) for p in there[:12])
    parts = coco_parts(folder)
    if found:
        names = ", ".join(str(p.relative_to(folder)) for p in found)
        problem = f"several annotation files fit the split {split!r}: {names}."
    elif parts:
        problem = (
            f"no annotation file for the split {split!r}; there is one for {', '.join(parts)}."
        )
    else:
        known = _what_is_there(there)
        if known:
            return DataError(known)
        names = ", ".join(annotation_patterns(split)[:2])
        problem = f"no annotation file for the split {split!r}; looked for {names} and the like."
    only = _only_file(folder) if not (found or parts) else []
    if only:
        name = only[0].relative_to(folder)
        return MissingPartError(f"{folder}: {problem} {name} is one file without parts.")
    if listed and (found or not parts):
        problem += f" JSON files there: {listed}. Name the annotation file itself."
    return (DataError if found else MissingPartError)(f"{folder}: {problem}")


def _what_is_there(files: list[Path]) -> str | None:
    """Returns what the first of some files is that is known and not read, for a message."""
    for path in files[:3]:
        with contextlib.suppress(DataError):
            known = what_json_is(read_json(path))
            if known:
                return f"{path}: this is {known}"
    return None


def _find_images(file: Path, folder: Path, split: str | None, allow_outside: bool) -> Path:
    names = _file_names(file)
    stem = file.stem.removeprefix("instances_").removeprefix("person_keypoints_")
    # The part's own folders come first, because parts may number their images alike. A file
    # that was named itself is a part by its own name, whatever the split is called.
    part = split or part_of(stem) or stem
    parts = [stem, *spellings(part), own_name(folder, part)]
    own = [name for part in parts for name in (f"images/{part}", part, f"{part}_images")]
    places = dict.fromkeys([*own, "images", "photos", "train", ".", "../images", "../photos"])
    looked = [folder / name for name in places]
    looked += [file.parent, file.parent / "images"]
    looked = list(dict.fromkeys(Path(os.path.normpath(place)) for place in looked))
    there = [place for place in looked if place.is_dir()]
    if not names and there:
        return there[0]
    best = _fullest(there, names, allow_outside)
    if best is not None:
        return best
    listed = ", ".join(map(str, there))
    outside = NamedFiles([str(folder), str(file.parent)]).find(names[0]).outside if names else None
    if outside:
        raise DataError(
            f"{file}: the names of its images lead out of the folder, such as to {outside}. Move "
            "them into it, name their folder with image_dir, or allow it with allow_outside=True "
            "(data.allow_outside=true in a command)."
        )
    raise DataError(
        f"{file}: its first image {names[0] if names else None!r} is in none of {listed}, nor is "
        "any other. Name the folder of the images with image_dir."
    )


def _fullest(places: list[Path], names: list[str], allow_outside: bool) -> Path | None:
    """Returns the folder where images are: the first that has half of them under their names, else
    as names of another system, else the one that has most of them; None if none has any."""
    counts = []
    for place in places:
        files = NamedFiles([str(place)], allow_outside=allow_outside)
        found = [files.find(name) for name in names]
        found = [one for one in found if one.path is not None]
        counts.append((sum(one.literal for one in found), len(found)))
    for which in (0, 1):
        for place, count in zip(places, counts):
            if 2 * count[which] >= len(names):
                return place
    most = max(counts, default=(0, 0), key=lambda count: count[1])
    return places[counts.index(most)] if most[1] else None


def _file_names(file: Path) -> list[str]:
    """Returns up to some 200 names of images in a COCO file, from all of it, without parsing it."""
    if not file.is_file():
        raise DataError(f"{file}: there is no such annotation file. Check the path.")
    if file.stat().st_size == 0:
        raise DataError(f"{file}: the annotation file is empty. Export it again.")
    with open(file, "rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        texts: list[bytes] = []
        for key in (b"file_name", b"coco_url"):
            pattern = rb'"' + key + rb'"\s*:\s*("(?:[^"\\]|\\.)*")'
            texts = texts or [match.group(1) for match in re.finditer(pattern, data)]
    names = []
    for text in texts[:: max(1, len(texts) // _SAMPLED)]:
        try:
            names.append(json.loads(text))
        except ValueError:  # text of another encoding: the reader says so
            continue
    return names
