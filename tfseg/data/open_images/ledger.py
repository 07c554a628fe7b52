"""The account of a conversion: every line of the CSV is kept or dropped by exactly one rule."""

from __future__ import annotations

from collections import Counter

__all__ = ["RULES", "Ledger"]

# The rules in the order in which they apply, with what each drops.
RULES = {
    "broken_row": "broken lines: missing columns, NaN, a box outside [0, 1], no image id",
    "partition": "images of other partitions",
    "unknown_class": "a MID that is not in the class descriptions",
    "superset": "classes outside of the supersets",
    "duplicate_row": "a mask that an earlier line names already",
    "missing_mask_file": "the mask file is in none of the folders and archives",
    "min_masks": "classes with too few masks",
    "excluded": "classes that were excluded",
    "not_chosen": "classes that were not chosen",
    "missing_image": "the image is in none of the folders and archives",
    "unreadable_image": "the image cannot be read",
    "unreadable_mask": "the mask cannot be read",
    "empty_mask": "the mask covers nothing",
    "sideways_mask": "the mask lies across its image, and nothing says which way to turn it",
    "box_mismatch": "the box of the CSV disagrees with the mask",
}


class Ledger:
    """Counts of lines, by rule and class.

    Attributes:
        rows: Lines of the CSV that hold anything, the header not counted.
    """

    def __init__(self):
        self.rows = 0
        self._dropped = {rule: Counter() for rule in RULES}

    def drop(self, rule: str, label: str = "", count: int = 1) -> None:
        """Notes that a rule dropped lines of a class ("" where the class cannot be told)."""
        self._dropped[rule][label] += count

    def dropped(self, rule: str, label: str | None = None) -> int:
        """Returns how many lines a rule dropped, of one class or of all."""
        counter = self._dropped[rule]
        return counter.total() if label is None else counter[label]

    @property
    def kept(self) -> int:
        """The lines that no rule dropped."""
        return self.rows - sum(counter.total() for counter in self._dropped.values())

    def entries(self) -> tuple[dict, ...]:
        """Returns `{"rule", "what", "dropped", "left"}` for each rule, in their order."""
        left, found = self.rows, []
        for rule, counter in self._dropped.items():
            left -= counter.total()
            found.append(dict(rule=rule, what=RULES[rule], dropped=counter.total(), left=left))
        return tuple(found)

    def labels(self, rule: str) -> Counter:
        """Returns how many lines of each class a rule dropped."""
        return Counter(self._dropped[rule])

    def of_class(self, label: str) -> dict[str, int]:
        """Returns how many lines of a class each rule dropped, without those that dropped none."""
        return {rule: counter[label] for rule, counter in self._dropped.items() if counter[label]}
