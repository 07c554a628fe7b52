"""From the values that mask files hold to class ids, by a stated rule.

| `values` | a pixel is |
|---|---|
| "auto" | as "binary" where there is one class and the file holds 0 and 255 (16 bits: 65535) alone; otherwise as "ids" |
| "ids" | its value: 0 background, class ids from 1, 255 ignored; anything else is a fault |
| "binary" | background if 0, the one class if 1 or the greatest value (255; 16 bits: 65535); anything else is a fault |
| "threshold" | the one class from the middle of the range on (128; 16 bits: 32768): soft or JPEG masks |
| `{0: 0, 38: 1, 75: 255}` | what the table says; a value that is not in it is a fault |

The value is a palette's index, the grey of 1, 8 or 16 bits, or that of a colour image whose colours are
all grey. A file with transparency that is not the same everywhere is a cut-out: inside is what is at
least half opaque, and its colours mean nothing.
"""  # noqa: E501, a table row cannot be broken

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tfseg.data.masks.class_maps import present
from tfseg.data.masks.mask_files import read_stored
from tfseg.data.reading.outlines import MaskError
from tfseg.errors import DataError
from tfseg.structures.semantic import IGNORED

__all__ = ["VALUES", "ValueRule", "read_values"]

VALUES = ("auto", "ids", "binary", "threshold")


class ValueRule:
    """What the values of mask files mean; the rules are at the top of this file.

    Args:
        values: One of `VALUES`, or a table of stored values and class ids.
        count: Number of classes.

    Raises:
        DataError: An unknown rule, or one that does not fit the number of classes.
    """

    def __init__(self, values: str | Mapping[int, int], count: int):
        self._count, self._table = count, None
        if isinstance(values, Mapping):
            self.kind, self._table = "table", _checked(values, count)
        elif values in VALUES:
            self.kind = values
        else:
            raise DataError(
                f"expected values as one of {', '.join(VALUES)}, or a table such as {{0: 0, 38: 1}}"
                f" of stored values and class ids, got {values!r}."
            )
        if self.kind in ("binary", "threshold") and count != 1:
            raise DataError(f"values={values!r} is for one class, there are {count}.")

    def ids(self, stored: np.ndarray, file: str) -> np.ndarray:
        """Returns the class id of each pixel, `(H, W)`: 0 background, 255 ignored.

        Args:
            stored: bool or whole numbers `(H, W)`.
            file: For messages.

        Raises:
            MaskError: The file holds values that mean nothing.
        """
        if stored.dtype == bool:
            stored = stored.astype(np.uint8)
        found = present(stored)
        top = 255 if max(found, default=0) <= 255 else 65535
        if self.kind == "threshold":
            return (stored >= (top + 1) // 2).astype(np.uint8)
        if self._table is not None:
            return self._by_table(stored, found, file)
        plain = self.kind == "auto" and self._count == 1 and set(found) <= {0, top}
        if self.kind == "binary" or plain:
            strange = set(found) - {0, 1, top}
            expected, ids = f"0 and 1 or {top}", (stored != 0).astype(np.uint8)
        else:
            strange = set(found) - {*range(self._count + 1), IGNORED}
            expected, ids = f"0 to {self._count}, and 255 for ignored", stored
        if strange:
            raise MaskError("unknown_value", f"{file}: expected {expected}, {_got(strange)}")
        return ids

    def _by_table(self, stored: np.ndarray, found: list[int], file: str) -> np.ndarray:
        strange = set(found) - set(self._table)
        if strange:
            expected = ", ".join(map(str, sorted(self._table)))
            raise MaskError("unknown_value", f"{file}: expected {expected}, {_got(strange)}")
        ids = np.zeros(stored.shape, np.uint8)
        for value in found:
            if self._table[value]:
                ids[stored == value] = self._table[value]
        return ids


def _got(strange: set[int]) -> str:
    shown = ", ".join(map(str, sorted(strange)[:8])) + (", ..." if len(strange) > 8 else "")
    return (
        f"got {shown} as well. values= says what they mean: 'threshold' for soft masks, or a table "
        "such as {0: 0, 38: 1}"
    )


def _checked(values: Mapping, count: int) -> dict[int, int]:
    for value, number in values.items():
        whole = all(type(n) is int for n in (value, number))
        if not whole or not (0 <= number <= count or number == IGNORED) or value < 0:
            raise DataError(
                f"values: expected a stored value and 0 to {count} or 255 for each, got {value!r}: "
                f"{number!r}."
            )
    if not values:
        raise DataError("values: expected a table of stored values and class ids, got none.")
    return dict(values)


def read_values(path: str) -> np.ndarray:
    """Returns the value of each pixel of a mask file `(H, W)`, as the top of this file says.

    Raises:
        MaskError: The file is missing or damaged, or its colours are no numbers.
    """
    array, mode = read_stored(path)
    if mode in ("LA", "PA", "RGBA"):
        alpha = array[:, :, -1]
        if (alpha != alpha[0, 0]).any():
            return alpha >= 128
        array = array[:, :, 0] if mode != "RGBA" else array[:, :, :3]
    if array.ndim == 3 and mode in ("RGB", "RGBA"):
        if (array != array[:, :, :1]).any():
            raise MaskError(
                "unknown_value",
                f"{path}: expected a number in each pixel (grey or palette), got colours. Save "
                "class numbers",
            )
        array = array[:, :, 0]
    if array.ndim != 2 or array.dtype.kind not in "iub":
        raise MaskError("unreadable_mask", f"{path}: expected grey or a palette, got mode {mode}")
    return array
