"""Categories of a COCO file that are one class together."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence

from tfseg.data.coco.coco_choice import named_category
from tfseg.data.coco.coco_records import CategoryRecord, CocoRecords
from tfseg.data.reading.labels import choose_classes, clean_label
from tfseg.data.reading.problem import Problem

__all__ = ["merge_categories"]


def merge_categories(
    records: CocoRecords, classes: Sequence[str] | None, synonyms: Mapping[str, Sequence[str]]
) -> tuple[CocoRecords, Sequence[str] | None, list[Problem]]:
    """Returns the records with one category for each class, the names of the classes, and what is
    worth knowing of the choice; without synonyms, what was given and nothing.

    A class has the id of the first of its categories in the file, and the keypoints of the first
    that names some.

    Args:
        records: The file.
        classes: Names of the classes, in the order of their ids: categories, or keys of `synonyms`.
            None: all, those that `synonyms` merges as one.
        synonyms: Class name to the categories that it is made of.

    Raises:
        DataError: An unknown category, one in two classes, or classes without different names.
    """
    if not synonyms:
        return records, classes, []
    by_name = {category.name: category for category in records.categories}
    order = [c.name for c in records.categories if not (c.is_root or c.is_skeleton)]
    kinds = {category.id: category.name for category in records.categories}
    every = (one for annotations in records.annotations.values() for one in annotations)
    counts = Counter(kinds[one.category_id] for one in every)
    named = [name for name in by_name if name in _labels(classes, synonyms)]
    order = list(dict.fromkeys([*order, *named]))
    names, class_of, remarks = choose_classes(records.file, counts, classes, synonyms, order)
    merged, same = [], {}
    for number, name in enumerate(names, 1):
        labels = [label for label, own in class_of.items() if own == number]
        members = {named_category(records.file, label, by_name) for label in labels}
        members = sorted(members, key=lambda category: category.id)
        keypoints = next((one.keypoints for one in members if one.keypoints), ())
        merged.append(CategoryRecord(members[0].id, name, keypoints))
        same.update(dict.fromkeys((one.id for one in members), members[0].id))
    annotations = {
        image: tuple(
            dataclasses.replace(one, category_id=same[one.category_id])
            for one in found
            if one.category_id in same
        )
        for image, found in records.annotations.items()
    }
    rest = [c for c in records.categories if c.id not in same and (c.is_root or c.is_skeleton)]
    # Objects of classes that nobody asked for keep their own category, which is none of these.
    lost = {
        image: frozenset(same.get(identity, identity) for identity in found)
        for image, found in records.lost.items()
    }
    changes = dict(categories=(*rest, *merged), annotations=annotations, lost=lost)
    return dataclasses.replace(records, **changes), names, remarks


def _labels(classes: Sequence[str] | None, synonyms: Mapping[str, Sequence[str]]) -> set[str]:
    """Returns all names that a choice mentions."""
    members = ((own,) if isinstance(own, str) else own for own in synonyms.values())
    mentioned = [name for own in members for name in own]
    mentioned += [] if classes is None or isinstance(classes, str) else classes
    return {clean_label(str(name)) for name in mentioned}
