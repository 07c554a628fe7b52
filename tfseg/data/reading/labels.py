"""From the labels that people wrote to the class ids of samples."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Mapping, Sequence

from tfseg.data.reading.problem import Problem
from tfseg.errors import DataError

__all__ = [
    "alike_labels",
    "choose_classes",
    "clean_label",
    "one_class",
    "only_class",
    "require_names",
]

_UNSEEN = re.compile("[\u200b\u200c\u200d\u2060\ufeff]")  # of no width


def clean_label(text: str) -> str:
    """Returns a label without what nobody sees: white space around it, other white space than one
    blank inside, characters of no width, and the Unicode form that spells ü as u and two dots."""
    return unicodedata.normalize("NFC", " ".join(_UNSEEN.sub("", text).split())) or text


def alike_labels(names: Sequence[str]) -> list[tuple[str, ...]]:
    """Returns the names that differ in capitals alone, those of a word together."""
    groups = defaultdict(list)
    for name in names:
        groups[clean_label(name).casefold()].append(name)
    return [tuple(group) for group in groups.values() if len(group) > 1]


def choose_classes(
    source: str,
    counts: Mapping[str, int],
    classes: Sequence[str] | None = None,
    synonyms: Mapping[str, Sequence[str]] | None = None,
    order: Sequence[str] | None = None,
) -> tuple[tuple[str, ...], dict[str, int], list[Problem]]:
    """Returns the class names, the class id of each label in use, and what is worth knowing.

    Args:
        source: File or folder, for messages.
        counts: The labels that were found, each with its number of objects.
        classes: Names of the classes, in the order of their ids: labels, or keys of `synonyms`.
            None: every label is a class, except those that `synonyms` merges.
        synonyms: Class name to the labels that it is made of. A class without an entry is its
            label.
        order: Labels in their order, where a file lists them; others that were found follow,
            sorted.

    Raises:
        DataError: No class, a class named twice, a label in two classes, or not one of the
            classes among the labels.
    """
    require_names(classes)
    written = list(dict.fromkeys([*(order or ()), *sorted(counts)]))
    known, counts = list(dict.fromkeys(map(clean_label, written))), _summed(counts)
    synonyms = {
        clean_label(name): _members(name, members) for name, members in (synonyms or {}).items()
    }
    names = _names(source, known, classes, synonyms, bool(order))
    stray = next((name for name in synonyms if name not in names), None)
    if stray is not None:
        raise DataError(f"synonyms names {stray!r}, which is none of the classes {names}.")
    class_of: dict[str, int] = {}
    for number, name in enumerate(names, 1):
        for label in synonyms.get(name, (name,)):
            if class_of.setdefault(label, number) != number:
                other = names[class_of[label] - 1]
                raise DataError(
                    f"the label {label!r} is part of two classes, {other!r} and {name!r}."
                )
    if known and not any(label in class_of for label in known):
        raise DataError(
            f"{source}: there is no label {next(iter(class_of))!r}; the labels are "
            f"{', '.join(known)}.{_hint(next(iter(class_of)), known)}"
        )
    remarks = [*_absent(source, class_of, known), *_passed(source, class_of, counts)]
    remarks += _unified(source, written)
    as_written = {
        label: class_of[clean_label(label)] for label in written if clean_label(label) in class_of
    }
    return names, {**class_of, **as_written}, remarks


def require_names(classes: Sequence[str] | None) -> None:
    """Raises DataError if one name stands where a tuple of names is expected."""
    if isinstance(classes, str):
        raise DataError(
            f"expected classes as a tuple of names, got {classes!r}. One class is written "
            f"({classes!r},), in a command data.classes=[{classes}]."
        )


def _names(source: str, known: list[str], classes, synonyms: Mapping, ordered: bool) -> tuple:
    """Returns the names of the classes, given or found; at least one."""
    if classes is None:
        merged = {label: name for name, members in synonyms.items() for label in members}
        names = tuple(dict.fromkeys(merged.get(label, label) for label in known))
        names = names if ordered else tuple(sorted(names))
        if not names:
            raise DataError(
                f"{source}: there is no labelled object, so the classes are unknown. Name them: "
                "classes=('shoe',)."
            )
    else:
        names = tuple(clean_label(name) for name in classes)
        if not names or len(set(names)) != len(names):
            raise DataError(f"expected different class names, at least one, got {names}.")
    return names


def _summed(counts: Mapping[str, int]) -> dict[str, int]:
    """Returns the counts by clean label."""
    total: dict[str, int] = {}
    for label, count in counts.items():
        total[clean_label(label)] = total.get(clean_label(label), 0) + count
    return total


def _unified(source: str, written: Sequence[str]) -> list[Problem]:
    """Returns a remark on each class whose label is written in several ways, or not clean."""
    groups = defaultdict(list)
    for label in written:
        groups[clean_label(label)].append(label)
    return [
        Problem(
            "info",
            "unified_labels",
            source,
            f"{', '.join(map(ascii, labels))} are one class, {name!r}: they differ in white space "
            "or in the Unicode form alone.",
        )
        for name, labels in groups.items()
        if labels != [name]
    ]


def only_class(classes: Sequence[str] | None) -> str:
    """Returns the class of objects that nothing labels: the only one of `classes`, or "object"."""
    single = classes is not None and not isinstance(classes, str) and len(tuple(classes)) == 1
    return str(tuple(classes)[0]) if single else "object"


def one_class(classes: Sequence[str] | None) -> tuple[str]:
    """Returns the class of a dataset that has one, ("person",) by default.

    Raises:
        DataError: Not one name.
    """
    classes = ("person",) if classes is None else classes
    if isinstance(classes, str) or len(tuple(classes)) != 1:
        raise DataError(f"expected the name of one class, such as ('person',), got {classes!r}.")
    return (str(tuple(classes)[0]),)


def _members(name: str, members) -> tuple[str, ...]:
    members = (members,) if isinstance(members, str) else members
    members = tuple(dict.fromkeys(map(clean_label, members)))
    if not members:
        raise DataError(f"synonyms gives {name!r} no labels. Name at least one.")
    return members


def _hint(label: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(str(label), known, 1)
    return f" Did you mean {near[0]!r}?" if near else ""


def _absent(source: str, class_of: dict[str, int], known: list[str]) -> list[Problem]:
    """Returns a warning for each chosen label that no object has: it may be misspelt."""
    free = [label for label in known if label not in class_of]
    return [
        Problem(
            "warning",
            "absent_label",
            source,
            f"no object is labelled {label!r}; the labels are {', '.join(known) or 'none'}."
            f"{_hint(label, free)}",
        )
        for label in class_of
        if label not in known
    ]


def _passed(source: str, class_of: dict[str, int], counts: Mapping[str, int]) -> list[Problem]:
    return [
        Problem(
            "info",
            "passed_over",
            source,
            f"{count} objects labelled {label!r} are passed over, because classes= does not "
            "name it.",
        )
        for label, count in sorted(counts.items())
        if label not in class_of and count
    ]
