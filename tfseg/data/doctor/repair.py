"""A repaired copy of a dataset in COCO's format, and a list of what was changed.

The folder that `repair` writes:

| file | holds |
|---|---|
| `train.json`, `val.json`, `test.json` | the parts that there are, masks as run lengths |
| `images/train/`, ... | their images, copied or linked |
| `changes.txt` | what was changed, and what is left to be decided |
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from tfseg import files
from tfseg.data.coco.coco_annotations import KEPT
from tfseg.data.coco.coco_writer import write_coco
from tfseg.data.dataset import Dataset
from tfseg.data.doctor.doctor_checks import check_sample, content_hash
from tfseg.data.masks.empty_images import EmptyImageDataset
from tfseg.data.opening import formats
from tfseg.data.opening.parts import PART_OPTIONS
from tfseg.data.opening.sources import open_dataset, recognise
from tfseg.data.reading.labels import alike_labels
from tfseg.data.reading.part_names import PARTS, MissingPartError
from tfseg.data.reading.problem import IMAGE_LEFT_OUT, Problem
from tfseg.data.reading.units import UnitsError
from tfseg.errors import ConfigError, DataError
from tfseg.structures import Sample

__all__ = ["Repair", "repair"]

# Warnings and infos about what is read in one way and written as it was read.
_READ_SO = frozenset(
    {
        *("text_number", "flat_polygon", "duplicate_category", "unified_labels", "root_category"),
        *("foreign_file_name", "duplicate_image", "bad_image_size", "turned_annotations"),
        *("embedded_image", "file_name_of_url", "box_for_mask", "unannotated", "skeleton"),
        *("several_annotations", "no_area", "soft_mask", "misaligned_box", "passed_over"),
        *("different_keypoints", "skipped_flag"),
    }
)


@dataclasses.dataclass(frozen=True)
class Repair:
    """What `repair` did.

    Attributes:
        folder: The copy.
        parts: Name of each part to its number of images and of objects on them.
        changes: What was changed, one line each.
        left: What somebody has to decide.
    """

    folder: str
    parts: dict[str, tuple[int, int]]
    changes: tuple[str, ...]
    left: tuple[str, ...]

    def text(self) -> str:
        """Returns the list as `changes.txt` has it."""
        lines = [
            f"{part}: {_counted(images, 'image')} with {_counted(count, 'object')}"
            for part, (images, count) in self.parts.items()
        ]
        for title, found in (("Changed", self.changes), ("Left to you", self.left)):
            lines += ["", f"{title} ({len(found)})", *(f"- {one}" for one in found)]
        return "\n".join(lines) + "\n"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


@dataclasses.dataclass
class _Part:
    """A part, the images that stay in it with the rows of the objects that stay on each, and what
    is to be said."""

    dataset: Dataset
    rows: dict[int, np.ndarray] = dataclasses.field(default_factory=dict)
    hashes: dict[int, bytes] = dataclasses.field(default_factory=dict)
    changes: list[str] = dataclasses.field(default_factory=list)
    left: list[str] = dataclasses.field(default_factory=list)

    def objects(self) -> int:
        return sum(map(len, self.rows.values()))


def repair(
    path: str | os.PathLike,
    out: str | os.PathLike,
    *,
    split: str | None = None,
    format: str = "auto",
    link: bool = False,
    progress: Callable[[int, int], None] | None = None,
    **options,
) -> Repair:
    """Writes a repaired copy of a dataset, whole or not at all, and says what it changed.

    What has one meaning is written as it is read: ids, boxes, file names and sizes anew, classes
    numbered from 1, annotations turned with their image. What is faulty is left out, an image with
    any of its objects that has no usable mask, because there it would be learnt as background; so
    are second copies of an object and of an image with the same objects, and images of the
    training part that are in another part as well. What needs a decision stays and is listed.

    Args:
        path: The dataset, as in `tfseg.data.open_dataset`.
        out: The folder to write; it must not exist.
        split: The part. None: all of train, val and test that there are.
        format: The format, as in `tfseg.data.open_dataset`.
        link: Make links to the images in place of copies.
        progress: Called with the images of a part that are read and their number.
        **options: Passed on to the reader.

    Raises:
        DataError: It cannot be opened, `out` is there, or no object would be left.
        ConfigError: Several datasets at once (`parts`).
    """
    path, out = os.fspath(path), Path(out)
    if PART_OPTIONS & options.keys():
        raise ConfigError("a repair is of one dataset at a time: name one without data.parts.")
    if out.exists():
        raise DataError(f"{out}: there is something already. Name a folder that does not exist.")
    every = tuple(PARTS) if os.path.isdir(path) else ("train",)
    parts = _open_parts(path, (split,) if split else every, format, options)
    for part in parts.values():
        _look(part, progress)
    _take_shared(parts)
    if not any(map(_has_use, parts.values())):
        why = next((line for part in parts.values() for line in part.changes), "")
        raise DataError(
            f"{path}: without what is faulty no object would be left. Correct it first"
            f"{': ' if why else '.'}{why}"
        )
    parts = {name: part for name, part in parts.items() if part.rows or _note_empty(name, parts)}
    done = Repair(
        str(out),
        {name: (len(part.rows), part.objects()) for name, part in parts.items()},
        tuple(line for part in parts.values() for line in part.changes),
        tuple(dict.fromkeys(line for part in parts.values() for line in part.left)),
    )
    with files.replacing_folder(out, error=DataError) as partial:
        for name, part in parts.items():
            images = partial / "images" / name
            write_coco(_Sound(part), partial / f"{name}.json", images, link=link)
        (partial / "changes.txt").write_text(done.text(), encoding="utf-8")
    return done


def _has_use(part: _Part) -> bool:
    """Whether something is left to learn from: objects, or images that are to have none."""
    return bool(part.rows if isinstance(part.dataset, EmptyImageDataset) else part.objects())


def _open_parts(path: str, splits: Sequence[str], format, options: dict) -> dict[str, _Part]:
    """Returns the parts that there are.

    Raises:
        DataError: There is none, or one cannot be opened.
    """
    found, missing = {}, None
    for split in splits:
        try:
            dataset, said = _open(path, split, format, dict(options))
        except MissingPartError as error:
            missing = missing or error
            continue
        if any(_files_of(dataset) == _files_of(other.dataset) for other in found.values()):
            continue  # a reader that has no parts
        part = found[split] = _Part(dataset, changes=said)
        for problem in getattr(dataset, "problems", ()):
            _note(part, problem)
        group = [", ".join(map(repr, alike)) for alike in alike_labels(dataset.class_names)]
        part.left += [f"the classes {names} differ in capitals alone." for names in group]
    if not found:
        raise missing or DataError(f"{path}: there is nothing to repair.")
    return found


def _files_of(dataset: Dataset) -> list:
    """Returns the files of a dataset's images, as far as its reader says them."""
    if not hasattr(dataset, "image_path"):
        return [id(dataset)]
    return [dataset.image_path(index) for index in range(len(dataset))]


def _open(path: str, split: str, format, options: dict) -> tuple[Dataset, list[str]]:
    chosen = formats.named(recognise(path, split) if format == "auto" else format)
    if "drop_invalid" in chosen.options(0):
        options["drop_invalid"] = True
    try:
        return open_dataset(path, split=split, format=chosen, **options), []
    except UnitsError as error:
        if "units" not in chosen.options(0) or "units" in options:
            raise
        options["units"] = "shares"
        said = str(error).partition(" lie between")[0]
        changed = f"{said} were shares of the image's sides and are now pixels."
        return open_dataset(path, split=split, format=chosen, **options), [changed]


def _note(part: _Part, problem: Problem) -> None:
    """Says what a problem of the reader means for the copy."""
    if problem.severity == "error":
        part.changes.append(_what_was_done(problem))
    elif problem.code in _READ_SO:
        part.changes.append(f"Written as it was read: {problem}")
    elif problem.severity == "warning":
        part.left.append(str(problem))


def _what_was_done(problem: Problem) -> str:
    """Returns a fault without the sentence that says how to correct it, and what became of it."""
    text = str(problem)
    advice = text.find("or pass drop_invalid=True")
    if advice >= 0:
        text = text[: text.rfind(". ", 0, advice) + 1]
    if problem.consequence == IMAGE_LEFT_OUT:
        return f"{text} Its image is left out: there it would be learnt as background."
    done = "It is made anew." if problem.consequence == KEPT else "It is left out."
    return f"{text} {done} {problem.consequence}".rstrip()


def _look(part: _Part, progress) -> None:
    """Reads every image of a part, and settles what of it stays."""
    first: dict[bytes, tuple[int, tuple]] = {}
    for index in range(len(part.dataset)):
        sample = _sound(part, index)
        if sample is not None:
            rows = _different(part, sample)
            key, own = content_hash(sample.image), _annotations(sample.take(rows))
            earlier, known = first.setdefault(key, (index, own))
            if earlier != index and known == own:
                part.changes.append(f"{_name(sample)}: the same image with the same objects again.")
            else:
                if earlier != index:
                    part.left.append(f"{_name(sample)}: an image twice, with different objects.")
                part.rows[index], part.hashes[index] = rows, key
        if progress is not None:
            progress(index + 1, len(part.dataset))


def _sound(part: _Part, index: int) -> Sample | None:
    """Returns an image that can be used, or None; says why."""
    dataset = part.dataset
    try:
        if hasattr(dataset, "examine"):
            sample, problems = dataset.examine(index)
        else:
            sample, problems = dataset[index], []
    except DataError as error:
        part.changes.append(f"{error} Its image is left out.")
        return None
    for problem in problems:
        _note(part, problem)
    sized = not hasattr(dataset, "size_is_stated") or dataset.size_is_stated(index)
    checked = list(check_sample(sample, dataset.class_names, size_is_stated=sized))
    faults = [p for p in problems if p.severity == "error" and p.code != "empty_mask"]
    worse = [p for p in checked if p.severity == "error" and p.code != "duplicate_annotation_id"]
    part.changes += [f"{problem} Its image is left out." for problem in worse]
    decide = ("rotated_image", "small_image", "stretched_image", "blank_image", "keypoint_outside")
    part.left += [str(p) for p in checked if p.severity == "warning" and p.code in decide]
    return None if faults or worse else sample


def _different(part: _Part, sample: Sample) -> np.ndarray:
    """Returns the rows of the objects without those that are there twice."""
    seen, rows = {}, []
    for row, key in enumerate(_annotations(sample)):
        if seen.setdefault(key, row) == row:
            rows.append(row)
        else:
            first = sample.annotation_ids[seen[key]]
            own = sample.annotation_ids[row]
            part.changes.append(f"{_name(sample)}: annotation {own} was {first} again.")
    return np.array(rows, np.int64)


def _annotations(sample: Sample) -> tuple:
    """Returns what tells a sample's objects apart: class, crowd mark, and a hash of the mask."""
    return tuple(
        (int(kind), bool(crowd), hashlib.blake2b(np.packbits(mask), digest_size=16).digest())
        for kind, crowd, mask in zip(sample.class_ids, sample.is_crowd, sample.masks, strict=True)
    )


def _name(sample: Sample) -> str:
    return sample.path or sample.where


def _take_shared(parts: dict[str, _Part]) -> None:
    """Takes images out of the training part that another part has as well."""
    if "train" not in parts:
        return
    train = parts["train"]
    for name, part in parts.items():
        for key in set(part.hashes.values()) if name != "train" else ():
            for index in [i for i, own in train.hashes.items() if own == key]:
                del train.rows[index], train.hashes[index]
                image = _name(train.dataset[index])
                train.changes.append(f"{image}: it is in {name} too, and is left out of train.")


def _note_empty(name: str, parts: dict[str, _Part]) -> bool:
    """Says of a part without images that it is not written; returns False."""
    other = next(part for part in parts.values() if part.rows)
    other.changes += parts[name].changes
    other.changes.append(f"{name}: no image of it is left, so it is not written.")
    return False


class _Sound:
    """The images and objects of a part that stay."""

    def __init__(self, part: _Part):
        self._dataset, self._rows = part.dataset, list(part.rows.items())
        self.class_names = part.dataset.class_names
        if hasattr(part.dataset, "keypoint_names"):
            self.keypoint_names = part.dataset.keypoint_names

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, position: int) -> Sample:
        index, rows = self._rows[position]
        sample = self._dataset[index]
        sample = sample if len(rows) == len(sample) else sample.take(rows)
        return sample.replace(annotation_ids=None)
