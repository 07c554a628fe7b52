"""Street photographs with a clothing tag for every pixel: the Clothing Co-Parsing dataset.

W. Yang, P. Luo, L. Lin, "Clothing Co-Parsing by Joint Image Segmentation and Labeling", CVPR
2014. Layout of a folder: `photos/0001.jpg`, `annotations/pixel-level/0001.mat` (variable
`groundtruth`, one tag number per pixel, 0 nothing), `label_list.mat` (the 59 names), and a text
file of ids per split, such as `train.txt`. The image-level annotations are not needed.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from tfseg.data.images.images import read_image
from tfseg.data.images.mat_files import read_mat
from tfseg.data.published.pieces import PieceRule
from tfseg.data.reading.format import Claim, Format
from tfseg.data.reading.labels import require_names
from tfseg.data.reading.part_names import MissingPartError
from tfseg.errors import DataError
from tfseg.opencv import cv2
from tfseg.structures import Sample
from tfseg.structures.label_maps import LabelMapKind

__all__ = ["FORMAT", "ClothingCoParsingDataset", "read_tags"]


class ClothingCoParsingDataset:
    """Garments of chosen tags as instances; every other tag is background.

    How pixels become instances (`pieces`, beside it): the pixels of a class's tags fall into
    connected pieces; small ones join a large one nearby or are left out; what remains is one
    instance ("whole") or one instance per piece ("components").

    "whole" is the default because these photos label one person each, and where suit, dress or
    jeans lie in several pieces (132 photos, all looked at), the pieces are one garment: an open
    jacket on both sides of a shirt, two legs below a long coat. The exceptions are two photos of
    a denim jacket over jeans, both tagged jeans. Instances with the default
    settings, and with "components" in brackets: train suit 56 (104), dress 184 (224), jeans
    105 (145); val suit 12 (19), dress 32 (38), jeans 19 (24). 385 of the 714 training photos and
    62 of the 120 validation photos show none of the three.

    What the labels cannot teach: clothes of passers-by are not labelled, and "suit" is mostly a
    jacket that looks like "blazer" (66 training photos), which is background unless merged by
    `synonyms={"suit": ("suit", "blazer")}`.

    Args:
        root: The folder.
        split: "train", "val" or another name with a text file in the folder; the path of a text
            file; "all"; or the ids themselves.
        classes: Names of the classes, in the order of their ids: tags, or keys of `synonyms`.
        synonyms: Class name to the tags that it is made of. A class without an entry is its tag.
        instances: "whole" or "components".
        min_piece: A piece smaller than this is a fragment: a share of the largest piece if
            below 1, else pixels.
        merge_distance: A fragment joins the nearest other piece if the gap is at most this, a
            share of the photo's longer side if below 1, else pixels; otherwise it is left out.
        min_area: Instances with fewer pixels are left out.
        keep_empty: Whether photos without instances stay; they teach what is background. False
            reads every map once, 1 ms each.
        label_maps: ("tags",) adds the map of all tags, int32 `(H, W)`, as `Sample.label_maps`.

    Attributes:
        class_names: Name of class id k at position k - 1.
        tags: All tag names; the position is the number in the maps.
        image_ids: Ids of the photos, in the order of the samples.

    Raises:
        DataError: Folder, split, tag or file missing, or files that contradict each other.
    """

    def __init__(
        self,
        root: str | os.PathLike,
        split: str | os.PathLike | Sequence[str] = "train",
        *,
        classes: Sequence[str] = ("suit", "dress", "jeans"),
        synonyms: Mapping[str, Sequence[str]] | None = None,
        instances: str = "whole",
        min_piece: float = 0.01,
        merge_distance: float = 0.02,
        min_area: int = 100,
        keep_empty: bool = True,
        label_maps: Sequence[str] = (),
    ):
        self.root = os.fspath(root)
        if not os.path.isdir(self.root):
            raise DataError(f"{self.root}: there is no such folder. Check the path.")
        self.tags = read_tags(os.path.join(self.root, "label_list.mat"))
        self.class_names, self._class_of_tag = _map_tags(self.tags, classes, synonyms or {})
        self._rule = PieceRule(instances, min_piece, merge_distance, min_area)
        unknown = set(label_maps) - {"tags"}
        if isinstance(label_maps, str) or unknown:
            raise DataError(f"expected label_maps to be () or ('tags',), got {label_maps!r}.")
        self._with_tags = "tags" in label_maps
        self.label_map_kinds = {"tags": LabelMapKind(self.tags[1:])} if self._with_tags else {}
        self.image_ids = self._find(split)
        if not keep_empty:
            filled = [i for i in range(len(self.image_ids)) if self._instances(self.tag_map(i))[1]]
            self.image_ids = tuple(self.image_ids[i] for i in filled)

    def _find(self, split) -> tuple[str, ...]:
        """Returns the ids of a split, each with its files in place."""
        ids, source = _read_split(self.root, split)
        seen: set[str] = set()
        twice = [i for i in ids if i in seen or seen.add(i)]
        if twice:
            raise DataError(f"{source}: the id {twice[0]!r} is listed twice. Remove one.")
        if not ids:
            raise DataError(f"{source}: no ids. One id a line is expected, such as 0001.")
        paths = [(i, path) for i in ids for path in (self._photo(i), self._map(i))]
        missing = [(i, path) for i, path in paths if not os.path.isfile(path)]
        if missing:
            more = f" ({len(missing)} files are missing in all.)" if len(missing) > 1 else ""
            raise DataError(
                f"{source}: id {missing[0][0]!r} is listed, but there is no {missing[0][1]}. "
                f"Fetch the file or take the id off the list.{more}"
            )
        return tuple(ids)

    def image_path(self, index: int) -> str:
        """Returns the file of a photo."""
        return self._photo(self.image_ids[index])

    def map_path(self, index: int) -> str:
        """Returns the file of a photo's tag map."""
        return self._map(self.image_ids[index])

    def _photo(self, identity: str) -> str:
        return os.path.join(self.root, "photos", f"{identity}.jpg")

    def _map(self, identity: str) -> str:
        return os.path.join(self.root, "annotations", "pixel-level", f"{identity}.mat")

    def __len__(self) -> int:
        return len(self.image_ids)

    def __repr__(self) -> str:
        return (
            f"ClothingCoParsingDataset({self.root!r}: {len(self)} photos, "
            f"classes {self.class_names})"
        )

    def tag_map(self, index: int) -> np.ndarray:
        """Returns the tag number of each pixel of a photo, uint8 `(H, W)`."""
        path = self.map_path(index)
        tags = read_mat(path, "groundtruth")
        if tags.dtype.kind == "f" and np.isfinite(tags).all() and (tags == np.rint(tags)).all():
            tags = tags.astype(np.int64)  # MATLAB saves doubles unless told otherwise
        if tags.ndim != 2 or tags.dtype.kind not in "iub" or not tags.size:
            raise DataError(
                f"{path}: expected whole numbers (H, W), got {tags.dtype} {tags.shape}."
            )
        low, high = int(tags.min()), int(tags.max())
        if low < 0 or high >= len(self.tags):
            raise DataError(
                f"{path}: expected tag numbers 0 to {len(self.tags) - 1}, got {low} to {high}. "
                "The map belongs to another label_list.mat."
            )
        return tags.astype(np.uint8)

    def _instances(self, tags: np.ndarray) -> tuple[list[np.ndarray], list[int]]:
        """Returns the masks, bool `(H, W)` each, and the class ids of a photo's tag map."""
        classes = cv2.LUT(tags, self._class_of_tag)
        masks, ids = [], []
        for number in range(1, len(self.class_names) + 1):
            for mask in self._rule.instances(classes == number):
                masks.append(mask)
                ids.append(number)
        return masks, ids

    def read(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns a photo, uint8 `(H, W, 3)`, and the tag number of its pixels, uint8 `(H, W)`."""
        path = self.image_path(index)
        image = read_image(path)
        tags = self.tag_map(index)
        if image.shape[:2] != tags.shape:
            raise DataError(
                f"{path}: the photo has {image.shape[0]} x {image.shape[1]} pixels (height x "
                f"width), its map {self.map_path(index)} has {tags.shape[0]} x "
                f"{tags.shape[1]}. Put the photo back that was annotated."
            )
        return image, tags

    def __getitem__(self, index: int) -> Sample:
        image, tags = self.read(index)
        masks, ids = self._instances(tags)
        return Sample(
            image=image,
            image_id=self.image_ids[index],
            class_ids=np.array(ids, np.int32),
            masks=np.stack(masks) if masks else None,
            label_maps={"tags": tags.astype(np.int32)} if self._with_tags else {},
            path=self.image_path(index),
            label_map_kinds=self.label_map_kinds,
        )


def read_tags(path: str) -> tuple[str, ...]:
    """Returns the tag names of a `label_list.mat`; the position is the number in the maps."""
    cells = read_mat(path, "label_list").reshape(-1)
    names = tuple(str(np.asarray(cell).reshape(-1)[0]) if np.size(cell) else "" for cell in cells)
    if not all(names) or len(set(names)) != len(names):
        raise DataError(f"{path}: expected different tag names, got {names}.")
    if not 2 <= len(names) <= 256:
        raise DataError(f"{path}: expected 2 to 256 tag names, got {len(names)}.")
    return names


def _map_tags(tags, classes, synonyms) -> tuple[tuple[str, ...], np.ndarray]:
    """Returns the class names, and the class id of each tag number, uint8 `(256,)`."""
    require_names(classes)
    names = tuple(classes)
    if not names or len(set(names)) != len(names):
        raise DataError(f"expected different class names, at least one, got {names}.")
    for name in synonyms:
        if name not in names:
            raise DataError(f"synonyms names {name!r}, which is none of the classes {names}.")
    class_of_tag = np.zeros(256, np.uint8)
    for number, name in enumerate(names, 1):
        members = synonyms.get(name, (name,))
        members = (members,) if isinstance(members, str) else members
        for tag in members:
            position = _tag_number(tags, tag)
            if class_of_tag[position]:
                other = names[class_of_tag[position] - 1]
                raise DataError(f"the tag {tag!r} is part of two classes, {other!r} and {name!r}.")
            class_of_tag[position] = number
    return names, class_of_tag


def _tag_number(tags: tuple[str, ...], tag: str) -> int:
    if tag in tags[1:]:
        return tags.index(tag)
    near = difflib.get_close_matches(str(tag), tags[1:], 1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise DataError(f"there is no tag {tag!r}.{hint} The tags are: {', '.join(tags[1:])}.")


def _read_split(root: str, split) -> tuple[list[str], str]:
    """Returns the ids, and what to call their source in a message."""
    if not isinstance(split, (str, os.PathLike)):
        if not isinstance(split, Iterable):
            raise DataError(f"expected a split name, a text file or ids, got {split!r}.")
        return [f"{i:04d}" if isinstance(i, int) else str(i) for i in split], "ids given"
    split = os.fspath(split)
    if split == "all":
        folder = os.path.join(root, "annotations", "pixel-level")
        if not os.path.isdir(folder):
            raise DataError(f"{folder}: there is no such folder. Check the folder's layout.")
        return sorted(n[:-4] for n in os.listdir(folder) if n.endswith(".mat")), folder
    candidates = [split] if split.endswith(".txt") else []
    candidates.append(os.path.join(root, split if split.endswith(".txt") else f"{split}.txt"))
    for path in candidates:
        if os.path.isfile(path):
            with open(path, encoding="utf-8") as file:
                ids = file.read().split()
            stray = next((i for i in ids if os.path.basename(i) != i or i in (".", "..")), None)
            if stray is not None:
                raise DataError(f"{path}: expected the ids of photographs, got the path {stray!r}.")
            return ids, path
    found = sorted(n for n in os.listdir(root) if n.endswith(".txt"))
    raise MissingPartError(
        f"there is no split {split!r}: looked for {' and '.join(candidates)}; the folder has "
        f"{', '.join(found) or 'no text file'}. Name one of them, 'all', or give the ids."
    )


FORMAT = Format(
    name="clothing_co_parsing",
    marks="label_list.mat",
    reader=ClothingCoParsingDataset,
    claims=lambda path, split: Claim.CERTAIN * os.path.isfile(os.path.join(path, "label_list.mat")),
)
