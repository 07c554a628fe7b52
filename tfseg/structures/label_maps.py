"""What the numbers of a label map mean, and what becomes of them when its image is moved."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from tfseg.errors import DataError

__all__ = ["IGNORED", "LabelMapKind", "checked_kinds", "with_room"]

IGNORED = 255
"""The number of a pixel that is neither learnt from nor measured, where a map names no other."""


@dataclasses.dataclass(frozen=True)
class LabelMapKind:
    """How one label map of a dataset is to be read, and moved.

    A dataset declares its maps by name, `label_map_kinds = {"parts": LabelMapKind(...)}`, and its
    samples carry the same. A map that nobody declares is read as `LabelMapKind()`.

    Attributes:
        class_names: Name of number k at position k - 1, as `Prediction.label_names`; empty where
            numbers are no classes, such as those of persons.
        ignore: The number of pixels that are neither learnt from nor measured; None: no number is.
        fill: The number of pixels from outside the image. None: that of `ignore`, else 0.
        swaps: Pairs of numbers that change places in a mirrored image: the left and right of a
            person.

    Raises:
        DataError: Numbers below 0, or one that would change places twice.

    Example:
        >>> import numpy as np
        >>> arms = LabelMapKind(("left_arm", "right_arm"), swaps=((1, 2),))
        >>> arms.fill, arms.mirrored(np.array([[0, 1, 2, 255]])).tolist()
        (255, [[0, 2, 1, 255]])
    """

    class_names: tuple[str, ...] = ()
    ignore: int | None = IGNORED
    fill: int | None = None
    swaps: tuple[tuple[int, int], ...] = ()

    def __post_init__(self):
        if isinstance(self.class_names, str):
            raise DataError(
                f"LabelMapKind: expected class_names as a tuple, got {self.class_names!r}."
            )
        fill = self.fill
        if fill is None:
            fill = 0 if self.ignore is None else self.ignore
        swaps = tuple((int(first), int(second)) for first, second in self.swaps)
        numbers = [number for pair in swaps for number in pair]
        if len(set(numbers)) != len(numbers):
            raise DataError(
                f"LabelMapKind: each number changes places with one other, got swaps={swaps}."
            )
        if min([fill, self.ignore or 0, *numbers]) < 0:
            raise DataError(
                f"LabelMapKind: expected numbers from 0, got ignore={self.ignore}, fill={fill}, "
                f"swaps={swaps}."
            )
        object.__setattr__(self, "class_names", tuple(self.class_names))
        object.__setattr__(self, "fill", int(fill))
        object.__setattr__(self, "swaps", swaps)

    def mirrored(self, labels: np.ndarray) -> np.ndarray:
        """Returns the numbers, int `(H, W)`, that the pixels of a mirrored image have: left ones
        become right ones. The pixels stay where they are; an array is never changed in place."""
        flipped = labels.copy() if self.swaps else labels
        for first, second in self.swaps:
            flipped[labels == first] = second
            flipped[labels == second] = first
        return flipped

    def renumbered(self, ids: np.ndarray, class_names: Sequence[str]) -> LabelMapKind:
        """Returns the kind of a map whose class ids became others.

        Args:
            ids: int `(C + 1,)`: the new number of each old one; entry 0 is 0. Numbers above C, and
                the ignored one, stay.
            class_names: The new names.
        """

        def new(number: int) -> int:
            return int(ids[number]) if number < len(ids) and number != self.ignore else number

        return LabelMapKind(
            tuple(class_names),
            self.ignore,
            new(self.fill),
            tuple((new(first), new(second)) for first, second in self.swaps),
        )


def checked_kinds(kinds: Mapping[str, LabelMapKind], where: str) -> dict[str, LabelMapKind]:
    """Returns a copy of declared kinds; raises DataError, naming `where`, for anything else."""
    if not isinstance(kinds, Mapping) or any(
        not isinstance(kind, LabelMapKind) for kind in kinds.values()
    ):
        raise DataError(
            f"{where}: expected label_map_kinds as {{name: LabelMapKind(...)}}, got {kinds!r}."
        )
    return dict(kinds)


def with_room(labels: np.ndarray, number: int) -> np.ndarray:
    """Returns a label map in an integer type that can hold a number: its own if that can."""
    if labels.dtype.kind == "f" or (labels.dtype.kind == "b" and number < 2):
        return labels
    if labels.dtype.kind in "iu" and number <= np.iinfo(labels.dtype).max:
        return labels
    wide = np.promote_types(labels.dtype, np.min_scalar_type(number))
    return labels.astype(wide if wide.kind in "iu" else np.int64)
