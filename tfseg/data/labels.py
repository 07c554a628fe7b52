"""From the labels that people wrote to the class ids of samples."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence

from tfseg.data.problem import Problem
from tfseg.errors import DataError

__all__ = ["choose_classes", "one_class", "only_class"]


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
    synonyms = {name: _members(name, members) for name, members in (synonyms or {}).items()}
    known = list(dict.fromkeys([*(order or ()), *sorted(counts)]))
    if isinstance(classes, str):
        raise DataError(f"expected classes as a tuple of names, got {classes!r}: ({classes!r},).")
    if classes is None:
        merged = {label: name for name, members in synonyms.items() for label in members}
        names = tuple(dict.fromkeys(merged.get(label, label) for label in known))
        names = names if order else tuple(sorted(names))
        if not names:
            raise DataError(
                f"{source}: there is no labelled object, so the classes are unknown. Name them: "
                "classes=('shoe',)."
            )
    else:
        names = tuple(classes)
        if not names or len(set(names)) != len(names):
            raise DataError(f"expected different class names, at least one, got {names}.")
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
    return names, class_of, [*_absent(source, class_of, known), *_passed(source, class_of, counts)]


def only_class(classes: Sequence[str] | None) -> str:
    """Returns the class of objects that nothing labels: the only one of `classes`, or "object"."""
    single = classes is not None and not isinstance(classes, str) and len(tuple(classes)) == 1
    return str(tuple(classes)[0]) if single else "object"


def one_class(classes: Sequence[str] | None) -> tuple[str]:
    """Returns the class of a data set that has one, ("person",) by default.

    Raises:
        DataError: Not one name.
    """
    classes = ("person",) if classes is None else classes
    if isinstance(classes, str) or len(tuple(classes)) != 1:
        raise DataError(f"expected the name of one class, such as ('person',), got {classes!r}.")
    return (str(tuple(classes)[0]),)


def _members(name: str, members) -> tuple[str, ...]:
    members = (members,) if isinstance(members, str) else tuple(members)
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
