"""The files of a folder of human parsing: parts, lists, a folder for each kind of map."""

from __future__ import annotations

import dataclasses
import difflib
import os
from collections.abc import Mapping

from tfseg.data.masks.mask_folder import list_files
from tfseg.data.reading.format import listing, missing_part
from tfseg.data.reading.part_names import own_name
from tfseg.data.reading.scan import DROP, ImageRecord, Scan, find_file
from tfseg.errors import DataError

__all__ = ["IMAGES", "PEOPLE", "ParsingFiles", "chosen_folders", "find_part", "scan_parsing"]

IMAGES, PEOPLE, PARTS = "images", "people", "parts"
_ENDINGS = (".jpg", ".jpeg", ".png")


@dataclasses.dataclass(frozen=True)
class ParsingFiles:
    """The maps of an image.

    Attributes:
        maps: File of each map by its name; PEOPLE numbers the persons.
        listed: The numbers of the persons that a text file lists; None without one.
        list_file: That file.
    """

    maps: Mapping[str, str]
    listed: tuple[int, ...] | None = None
    list_file: str | None = None


def chosen_folders(folders: Mapping | None, usual: Mapping[str, str]) -> dict[str, str]:
    """Returns the folder of each kind of file: the usual ones with those that were given.

    Args:
        folders: Kind to folder; None in the place of a folder leaves a kind out.
        usual: Kind to folder.

    Raises:
        DataError: An unknown kind, or no folder for images or people.
    """
    given = dict(folders or {})
    for name in given:
        if name not in usual:
            near = difflib.get_close_matches(str(name), usual, 1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise DataError(f"folders: there is no {name!r}; known: {', '.join(usual)}.{hint}")
    found = {name: place for name, place in {**usual, **given}.items() if place is not None}
    missing = [name for name in (IMAGES, PEOPLE) if name not in found]
    if missing:
        raise DataError(f"folders: {missing[0]!r} cannot be left out; give its folder.")
    return found


def find_part(root: str, split: str, images: str) -> str:
    """Returns the folder of a part: `root/Training` for "train", or `root` itself if the images lie
    there; `root` may also be the folder above.

    Raises:
        DataError: There is none; says what is there.
    """
    if not os.path.isdir(root):
        raise DataError(f"{root}: there is no such folder. Check the path.")
    below = sorted(entry.path for entry in os.scandir(root) if entry.is_dir())
    for home in (root, *below):
        place = os.path.join(home, own_name(home, split))
        if os.path.isdir(os.path.join(place, images)):
            return place
    raise missing_part(root, split, f"{split}/{images} (or Training/, Validation/ of that kind)")


def scan_parsing(part: str, folders: Mapping[str, str], label: str) -> Scan:
    """Returns the images of a part, each with its `ParsingFiles`.

    Images are those of the part's list (`train_id.txt`), else all in the folder.

    Args:
        part: The folder of the part.
        folders: Folder of each kind of file in it, see `chosen_folders`.
        label: The class of persons.

    Raises:
        DataError: A folder is not there; says which there are.
    """
    for kind, name in folders.items():
        # Where parts are listed is a help, not a need.
        if kind != PARTS and not os.path.isdir(os.path.join(part, name)):
            raise DataError(
                f"{part}: there is no folder {name!r} for {kind!r}. Found: {listing(part)}. Name "
                f"the right one with folders={{{kind!r}: ...}}, or give None to do without it."
            )
    scan = Scan(part, order=(label,))
    images = os.path.join(part, folders[IMAGES])
    names, source = _names(part, images)
    for name in names:
        _add(scan, part, folders, name, source, label)
    return scan


def _names(part: str, images: str) -> tuple[list[str], str]:
    """Returns the images' names, and where they are listed."""
    lists = [name for name in list_files(part, ".txt") if name.endswith("_id.txt")]
    if len(lists) == 1:
        path = os.path.join(part, lists[0])
        with open(path, encoding="utf-8-sig", errors="replace") as file:
            names = [line.strip() for line in file if line.strip()]
        if not names:
            raise DataError(f"{path}: the list is empty. One name a line is expected.")
        stray = next((name for name in names if os.path.basename(name) != name), None)
        if stray is not None:
            raise DataError(f"{path}: expected names of images, got the path {stray!r}.")
        return names, path
    return [os.path.splitext(name)[0] for name in list_files(images, _ENDINGS)], images


def _add(scan: Scan, part: str, folders: Mapping, name: str, source: str, label: str) -> None:
    where = f"{source}, image {name!r}"
    looked = [os.path.join(part, folders[IMAGES], name + ending) for ending in _ENDINGS]
    path = find_file(looked)
    if path is None:
        scan.missing_image(where, name, looked[:1])
        return
    maps = {
        kind: os.path.join(part, folder, f"{name}.png")
        for kind, folder in folders.items()
        if kind not in (IMAGES, PARTS)
    }
    for kind, file in maps.items():
        if not os.path.isfile(file):
            message = (
                f"there is no {file}, the map of {kind}. Fetch it or take the image off the list, "
                f"{DROP}"
            )
            scan.fault("missing_mask", where, message, path)
            return
    listed, file = None, None
    if PARTS in folders:
        file = find_file([os.path.join(part, folders[PARTS], f"{name}.txt")])
        listed = None if file is None else _listed(scan, file, path)
    labels = None if listed is None else (label,) * len(listed)
    scan.add(ImageRecord(name, where, path, ParsingFiles(maps, listed, file), labels))


def _listed(scan: Scan, file: str, image: str) -> tuple[int, ...] | None:
    """Returns the persons that a text file lists: a line is `part class person`."""
    people = set()
    with open(file, encoding="utf-8-sig", errors="replace") as lines:
        for number, line in enumerate(lines, 1):
            words = line.split()
            if words and (len(words) != 3 or not all(word.isdigit() for word in words)):
                message = (
                    f"line {number}: expected the numbers of a part, of its class and of its "
                    f"person, got {line.strip()[:60]!r}. Correct it, {DROP}"
                )
                scan.fault("malformed", file, message, image)
                return None
            people.update(int(word) for word in words[2:])
    return tuple(sorted(people - {0}))
