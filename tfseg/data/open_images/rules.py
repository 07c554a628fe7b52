"""Which masks of Open Images are wanted: partition, supersets, classes with enough masks."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from tfseg.data.open_images.classes import ClassNames, Hierarchy
from tfseg.data.reading.problem import Problem
from tfseg.errors import ConfigError, DataError

__all__ = ["Choice", "SelectionRules", "choose_classes"]

_HEX = "0123456789abcdef"


@dataclasses.dataclass(frozen=True)
class SelectionRules:
    """The rules of the clothing paper, section 4, as defaults. They apply in this order.

    Attributes:
        partition: First hexadecimal digits of the image ids, "f" or several, "0f"; None: all.
        supersets: Names or MIDs; classes outside of them are dropped. (): no such rule.
        parts: Whether what is a part of a superset (`Part` in the hierarchy: an eye of a
            person) belongs to it, beside what is a kind of it.
        min_masks: Classes with fewer masks in the partition are dropped. A mask counts if its
            line in the CSV is sound and its file is there.
        exclude: Names or MIDs of classes to drop ("removed for unsuitability").
        classes: Names or MIDs of the classes to keep, in the order of their ids from 1 on; None:
            all that are left, the one with most masks first.
        keep: Of those, only the first so many. None: all.
    """

    partition: str | None = "f"
    supersets: tuple[str, ...] = ("Person", "Vehicle", "Clothing")
    parts: bool = False
    min_masks: int = 200
    exclude: tuple[str, ...] = ()
    classes: tuple[str, ...] | None = ("Suit", "Dress", "Jeans")
    keep: int | None = None

    def __post_init__(self):
        digits = self.partition
        if digits is not None:
            digits = str(digits).lower()
            if not digits or set(digits) - set(_HEX):
                raise ConfigError(
                    "partition: expected hexadecimal digits that image ids begin with, such as "
                    f"'f' or '0f', or None for all, got {self.partition!r}."
                )
            object.__setattr__(self, "partition", "".join(sorted(set(digits))))
        for name in ("supersets", "exclude", "classes"):
            value = getattr(self, name)
            if value is None and name == "classes":
                continue
            if isinstance(value, str) or not all(isinstance(word, str) for word in value):
                raise ConfigError(f"{name}: expected a tuple of names, got {value!r}.")
            object.__setattr__(self, name, tuple(value))
        if self.classes is not None and not self.classes:
            raise ConfigError("classes: expected at least one name, or None for all.")
        for name, least in (("min_masks", 0), ("keep", 1)):
            value = getattr(self, name)
            if value is None and name == "keep":
                continue
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ConfigError(f"{name}: expected a number of at least {least}, got {value!r}.")

    def labels(self, names: ClassNames, hierarchy: Hierarchy | None) -> frozenset[str] | None:
        """Returns the MIDs within the supersets, or None where there is no such rule.

        Raises:
            ConfigError: A superset that there is not.
        """
        if not self.supersets:
            return None
        if hierarchy is None:
            raise DataError(
                f"the supersets {', '.join(self.supersets)} need the hierarchy of the classes, "
                "bbox_labels_600_hierarchy.json. Put it into the source folder, or ask for no "
                "supersets."
            )
        found: set[str] = set()
        for word in self.supersets:
            mid = names.mid(word, hierarchy.kinds)
            if mid not in hierarchy:
                raise ConfigError(
                    f"supersets: {word!r} ({mid}) does not occur in {hierarchy.file}. Name one "
                    "that does."
                )
            found |= hierarchy.below(mid, parts=self.parts)
        return frozenset(found)


@dataclasses.dataclass(frozen=True)
class Choice:
    """Which classes are kept.

    Attributes:
        mids: The classes kept; class id k is at position k - 1.
        dropped: MID of each class dropped to its rule: "min_masks", "excluded" or "not_chosen".
        problems: A warning for each class that was asked for and is not kept.
    """

    mids: tuple[str, ...]
    dropped: Mapping[str, str]
    problems: tuple[Problem, ...]


def choose_classes(
    rules: SelectionRules,
    names: ClassNames,
    counts: Mapping[str, int],
    labels: frozenset[str] | None,
) -> Choice:
    """Returns the classes that the rules keep.

    Args:
        rules: The rules.
        names: Of the classes.
        counts: Masks of each class within partition and supersets.
        labels: MIDs within the supersets, or None for all.

    Raises:
        ConfigError: A name that there is not, or one that is named twice.
        DataError: No class is left; the message has the counts.
    """
    excluded = {names.mid(word) for word in rules.exclude}
    named = None if rules.classes is None else [names.mid(word) for word in rules.classes]
    if named is not None and len(set(named)) != len(named):
        raise ConfigError(f"classes: name each class once, got {', '.join(rules.classes)}.")
    ranked = sorted(counts, key=lambda mid: (-counts[mid], names.names.get(mid, mid)))
    dropped: dict[str, str] = {}
    for mid in ranked:
        if counts[mid] < rules.min_masks:
            dropped[mid] = "min_masks"
        elif mid in excluded:
            dropped[mid] = "excluded"
        elif named is not None and mid not in named:
            dropped[mid] = "not_chosen"
    left = [mid for mid in (ranked if named is None else named) if counts.get(mid)]
    left = [mid for mid in left if mid not in dropped]
    if rules.keep is not None:
        dropped.update(dict.fromkeys(left[rules.keep :], "not_chosen"))
        left = left[: rules.keep]
    lost = {
        mid: _reason(mid, rules, counts, dropped, labels) for mid in named or () if mid not in left
    }
    if not left:
        told = [f"{names.title(mid)}: {why}" for mid, why in lost.items()]
        told += [f"{names.title(mid)} has {counts[mid]}" for mid in ranked[:8] if mid not in lost]
        raise DataError(
            f"no class is left. {'; '.join(told) or 'There is no mask at all'}. Lower the least "
            f"number of masks ({rules.min_masks}), or name other classes, supersets or partitions."
        )
    problems = [
        Problem("warning", "class_dropped", f"class {names.title(mid)} ({mid})", f"{why}.")
        for mid, why in lost.items()
    ]
    return Choice(tuple(left), dropped, tuple(problems))


def _reason(mid: str, rules: SelectionRules, counts, dropped, labels) -> str:
    """Returns why a class that was asked for is not kept."""
    if labels is not None and mid not in labels:
        return f"it lies in none of the supersets {', '.join(rules.supersets)}"
    if mid not in counts:
        return "the partition has no mask of it"
    if dropped.get(mid) == "min_masks":
        return f"it has {counts[mid]} masks, fewer than the {rules.min_masks} asked for"
    if dropped.get(mid) == "excluded":
        return "it is excluded"
    if counts[mid] == 0:
        return "none of its mask files is there"
    return f"only {rules.keep} classes are to be kept"
