"""From the text files of Open Images to the masks that are wanted, and where their files lie."""

from __future__ import annotations

import dataclasses
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from tfseg.data.open_images.classes import ClassNames, read_class_names, read_hierarchy
from tfseg.data.open_images.files import FileIndex, Metadata, find_metadata
from tfseg.data.open_images.ledger import Ledger
from tfseg.data.open_images.rows import MaskRow, read_rows
from tfseg.data.open_images.rules import Choice, SelectionRules, choose_classes
from tfseg.data.reading.problem import Problem
from tfseg.errors import ConfigError, DataError

__all__ = ["SUBSETS", "Plan", "Progress", "Source", "make_plan"]

SUBSETS = ("train", "validation", "test")

# Called with a stage ("lines", "files", "images"), what is done and what is to be done or None.
Progress = Callable[[str, int, int | None], None]


@dataclasses.dataclass(frozen=True)
class Source:
    """Where Open Images lies.

    Attributes:
        folder: Holds everything, at any depth, or at least what is not named below.
        subset: "train", "validation" or "test".
        annotations: `<subset>-annotations-object-segmentation.csv`; None: in `folder`.
        class_descriptions: `class-descriptions-boxable.csv`; None: in `folder`.
        hierarchy: `bbox_labels_600_hierarchy.json`; None: in `folder`.
        masks: Further folders and archives with masks.
        images: Further folders and archives with images.
    """

    folder: str | os.PathLike
    subset: str = "train"
    annotations: str | os.PathLike | None = None
    class_descriptions: str | os.PathLike | None = None
    hierarchy: str | os.PathLike | None = None
    masks: Sequence[str | os.PathLike] = ()
    images: Sequence[str | os.PathLike] = ()

    def metadata(self) -> Metadata:
        """Returns the text files."""
        if self.subset not in SUBSETS:
            raise ConfigError(f"subset: expected one of {', '.join(SUBSETS)}, got {self.subset!r}.")
        return find_metadata(
            self.folder,
            self.subset,
            annotations=self.annotations,
            class_descriptions=self.class_descriptions,
            hierarchy=self.hierarchy,
        )


@dataclasses.dataclass
class Plan:
    """The masks that the rules keep, before any of them is opened.

    Attributes:
        source: Where everything comes from.
        rules: What was asked for.
        metadata: The text files.
        names: Of all classes.
        choice: The classes kept and dropped.
        class_names: Name of class id k at position k - 1.
        rows: The lines of each image that is there, in the order of the file; images in the order
            of their ids.
        masks: Number of mask files of each class within partition and supersets, by MID.
        lines: Number of sound lines of each, by MID.
        index: Where the files lie.
        ledger: What was dropped so far.
        problems: What was found so far.
    """

    source: Source
    rules: SelectionRules
    metadata: Metadata
    names: ClassNames
    choice: Choice
    class_names: tuple[str, ...]
    rows: Mapping[str, tuple[MaskRow, ...]]
    masks: Counter
    lines: Counter
    index: FileIndex
    ledger: Ledger
    problems: list[Problem]

    def class_id(self, row: MaskRow) -> int:
        """Returns the class id of a line, from 1 on."""
        return self.choice.mids.index(row.label) + 1


def make_plan(
    source: Source,
    rules: SelectionRules,
    progress: Progress | None = None,
    *,
    need_images: bool = True,
) -> Plan:
    """Returns what is to be read of Open Images.

    Args:
        source: The files.
        rules: What is wanted.
        progress: Called now and then.
        need_images: Whether lines whose image is not there are dropped.

    Raises:
        DataError: A text file is missing or unusable, no class is left, or none of the masks or
            images is there.
        ConfigError: The rules name a class that there is not.
    """
    metadata = source.metadata()
    names = read_class_names(metadata.class_descriptions)
    hierarchy = read_hierarchy(metadata.hierarchy) if metadata.hierarchy else None
    labels = rules.labels(names, hierarchy)
    for word in (*rules.exclude, *(rules.classes or ())):
        names.mid(word)  # a misspelt name is found before the long reading
    ledger, problems = Ledger(), list(names.problems)
    rows = read_rows(
        metadata.annotations,
        names.names,
        ledger,
        problems,
        partition=rules.partition,
        labels=labels,
        progress=progress and (lambda done, total: progress("lines", done, total)),
    )
    index = _look_for(source, rows, progress)
    problems += index.problems
    lines = Counter(row.label for row in rows)
    masks = Counter(dict.fromkeys(lines, 0))
    masks.update(row.label for row in rows if row.mask in index.masks)
    choice = choose_classes(rules, names, masks, labels)
    problems += choice.problems
    plan = Plan(
        source=source,
        rules=rules,
        metadata=metadata,
        names=names,
        choice=choice,
        class_names=tuple(names.title(mid) for mid in choice.mids),
        rows={},
        masks=masks,
        lines=lines,
        index=index,
        ledger=ledger,
        problems=problems,
    )
    plan.rows = _by_image(plan, rows, need_images)
    return plan


def _look_for(source: Source, rows: list[MaskRow], progress: Progress | None) -> FileIndex:
    """Returns where the masks and images of some lines lie.

    Raises:
        DataError: None of the masks is anywhere: the wrong folder, or nothing was downloaded yet.
    """
    index = FileIndex(
        dict.fromkeys([os.fspath(p) for p in (source.folder, *source.masks, *source.images)]),
        {row.mask for row in rows},
        {row.image for row in rows},
        progress and (lambda done, total: progress("files", done, total)),
    )
    if rows and not index.masks:
        raise DataError(_nothing(source, index, "masks", rows[0].mask, "train-masks-f.zip"))
    return index


def _nothing(source: Source, index: FileIndex, what: str, example: str, archive: str) -> str:
    looked = [os.fspath(p) for p in (source.folder, *source.masks, *source.images)]
    archives = ", ".join(map(os.path.basename, index.archives)) or "none"
    return (
        f"none of the {what}, such as {example}, is in {', '.join(dict.fromkeys(looked))} (zip "
        f"archives there: {archives}). Download {archive}, or whatever holds your partition, into "
        "that folder; zip archives may stay packed."
    )


def _by_image(plan: Plan, rows: list[MaskRow], need_images: bool):
    """Returns the lines kept, by image; notes in the plan those that are not and why."""
    kept: dict[str, list[MaskRow]] = {}
    without: Counter = Counter()
    csv_name = os.path.basename(plan.metadata.annotations)
    for row in rows:
        rule = plan.choice.dropped.get(row.label)
        if rule is not None:
            plan.ledger.drop(rule, row.label)
        elif row.mask not in plan.index.masks:
            plan.ledger.drop("missing_mask_file", row.label)
            where = f"{csv_name}, line {row.line}, mask {row.mask}"
            text = "there is no such file in the folders and archives. The object is left out."
            plan.problems.append(Problem("error", "missing_mask_file", where, text, row.image))
        elif need_images and row.image not in plan.index.images:
            plan.ledger.drop("missing_image", row.label)
            without[row.image] += 1
        else:
            kept.setdefault(row.image, []).append(row)
    if need_images and without and not kept:
        example = f"{next(iter(without))}.jpg"
        raise DataError(_nothing(plan.source, plan.index, "images", example, "train_f.tar.gz"))
    for image, count in without.items():
        objects = "its mask is" if count == 1 else f"its {count} masks are"
        text = f"there is no {image}.jpg in the folders and archives; {objects} left out."
        plan.problems.append(Problem("error", "missing_image", f"image {image}", text, image))
    return {image: tuple(kept[image]) for image in sorted(kept)}
