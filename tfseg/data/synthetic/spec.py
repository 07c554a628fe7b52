"""The words after "synthetic:" in the place of a path."""

from __future__ import annotations

import difflib
from collections.abc import Callable

from tfseg.errors import ConfigError

__all__ = ["parse_spec"]


def parse_spec(text: str) -> dict:
    """Returns the options in "synthetic:size=256x320,people=0-4,classes=clothing"."""
    options: dict = {}
    body = text.partition(":")[2]
    for part in filter(None, (part.strip() for part in body.split(","))):
        name, equals, value = part.partition("=")
        name = name.strip()
        if not equals or name not in _SPEC:
            near = difflib.get_close_matches(name, _SPEC, 1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise ConfigError(
                f"expected name=value with a name of {', '.join(_SPEC)} in {text!r}, got "
                f"{part!r}.{hint}"
            )
        try:
            options[name] = _SPEC[name](value.strip())
        except ValueError:
            raise ConfigError(
                f"cannot read the value of {name!r} in {text!r}: {value!r}."
            ) from None
    return options


def _pair(separator: str) -> Callable[[str], int | tuple[int, ...]]:
    def read(text: str):
        numbers = tuple(int(part) for part in text.split(separator))
        if len(numbers) > 2:
            raise ValueError(text)
        return numbers[0] if len(numbers) == 1 else numbers

    return read


def _people(text: str) -> tuple[int, int]:
    low, _, high = text.partition("-")
    return int(low), int(high or low)


def _names(text: str) -> str | tuple[str, ...]:
    return text if text in ("person", "clothing") else tuple(text.split("+"))


_SPEC = {
    "length": int,
    "val_length": int,
    "size": _pair("x"),
    "seed": int,
    "start": int,
    "people": _people,
    "classes": _names,
}
