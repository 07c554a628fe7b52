"""Fits a plain value to a type annotation: the part of a config that knows no names."""

from __future__ import annotations

import difflib
import math
import numbers
import sys
import types
import typing
from collections.abc import Mapping

from tfseg.errors import ConfigError

__all__ = ["Mismatch", "check_rules", "coerce", "describe", "expected"]

# What memory and every library can count to.
_LARGEST = 2**31 - 1
_WORDS = {bool: "true or false", int: "an integer", float: "a number", str: "a text"}


class Mismatch(Exception):
    """A value that does not fit; `where` is the position inside the setting, such as `[2]`."""

    def __init__(self, problem: str, where: str = ""):
        super().__init__(problem)
        self.where = where


def describe(value) -> str:
    """Returns a value and its type for a message: `'ten' (str)`, shortened where it is long."""
    try:
        text = repr(value)
    except ValueError:  # Python writes no integer of thousands of digits
        text = "an endless number"
    text = text if len(text) <= 60 else text[:57] + "..."
    return "None" if value is None else f"{text} ({type(value).__name__})"


def expected(hint) -> str:
    """Returns an annotation in words: `an integer or None`."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is type(None):
        return "None"
    if _is_union(origin):
        return " or ".join(expected(part) for part in arguments)
    if origin is typing.Literal:
        return "one of " + ", ".join(map(repr, arguments))
    if origin is tuple:
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return f"a list of {_plural(arguments[0])}"
        return f"a list of {len(arguments)} ({', '.join(map(expected, arguments))})"
    if origin is not None and issubclass(origin, Mapping):
        return "settings by name"
    if hasattr(hint, "from_dict"):
        return f"the settings of {hint.__name__}"
    return _WORDS.get(hint, getattr(hint, "__name__", str(hint)))


def coerce(value, hint):
    """Returns `value` as the annotation wants it; the same object if it already fits.

    Raises:
        Mismatch: If it cannot be read that way without guessing.
        ConfigError: From a nested config.
    """
    if hint is typing.Any:
        return value
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if _is_union(origin):
        return _coerce_union(value, hint, arguments)
    if origin is typing.Literal:
        if any(value == item and type(value) is type(item) for item in arguments):
            return value
        raise Mismatch(_not_a_choice(value, arguments))
    if origin is tuple:
        return _coerce_tuple(value, hint, arguments)
    if origin is not None and issubclass(origin, Mapping):
        return _coerce_mapping(value, hint, arguments)
    if hasattr(hint, "from_dict"):
        if isinstance(value, hint):
            return value
        if isinstance(value, Mapping):
            return hint.from_dict(value)
        raise Mismatch(_wrong(value, hint))
    return _coerce_scalar(value, hint)


def _coerce_scalar(value, hint):
    kind = hint if isinstance(hint, type) else object
    if kind is bool:
        if isinstance(value, bool):
            return value
        if type(value).__name__ in ("bool_", "bool"):
            return bool(value)
    elif kind is int:
        if isinstance(value, numbers.Integral) and not isinstance(value, bool):
            if not -_LARGEST <= value <= _LARGEST:
                raise Mismatch(f"expected an integer of at most {_LARGEST}, got {describe(value)}.")
            return value if type(value) is int else int(value)
    elif kind is float:
        if isinstance(value, numbers.Real) and not isinstance(value, bool):
            if abs(value) > sys.float_info.max or not math.isfinite(value):
                raise Mismatch(f"expected a finite number, got {describe(value)}.")
            return value if type(value) is float else float(value)
    elif isinstance(value, kind):
        return value
    raise Mismatch(_wrong(value, hint))


def _coerce_union(value, hint, arguments):
    if value is None and type(None) in arguments:
        return None
    problems = []
    for part in arguments:
        if part is type(None):
            continue
        try:
            return coerce(value, part)
        except Mismatch as mismatch:
            problems.append(mismatch)
        except ConfigError:
            if isinstance(value, Mapping):
                raise
    if len(problems) == 1 and (problems[0].where or not str(problems[0]).startswith("expected")):
        raise problems[0]
    raise Mismatch(_wrong(value, hint))


def _coerce_tuple(value, hint, arguments):
    if hasattr(value, "tolist"):
        value = value.tolist()
    if not isinstance(value, (list, tuple)):
        raise Mismatch(_wrong(value, hint))
    endless = len(arguments) == 2 and arguments[1] is Ellipsis
    if not endless and len(value) != len(arguments):
        raise Mismatch(f"expected {expected(hint)}, got {len(value)} values: {describe(value)}.")
    inner = [arguments[0]] * len(value) if endless else arguments
    items = []
    for index, (item, part) in enumerate(zip(value, inner, strict=True)):
        try:
            items.append(coerce(item, part))
        except Mismatch as mismatch:
            raise Mismatch(str(mismatch), f"[{index}]{mismatch.where}") from None
        except ConfigError as error:
            error.field = f"[{index}]." + getattr(error, "field", "")
            raise
    same = isinstance(value, tuple) and all(a is b for a, b in zip(items, value, strict=True))
    return value if same else tuple(items)


def _coerce_mapping(value, hint, arguments):
    if not isinstance(value, Mapping):
        raise Mismatch(_wrong(value, hint))
    if not arguments:
        return value
    items = {}
    for key, item in value.items():
        try:
            items[coerce(key, arguments[0])] = coerce(item, arguments[1])
        except Mismatch as mismatch:
            raise Mismatch(str(mismatch), f"[{key!r}]{mismatch.where}") from None
    same = all(key in value and items[key] is value[key] for key in items)
    return value if same else items


def check_rules(value, rules: Mapping, where: str = ""):
    """Raises Mismatch if `value`, or a number inside it, is out of the limits of `setting`."""
    if value is None or not rules:
        return
    size = len(value) if isinstance(value, (tuple, str, Mapping)) else None
    if "length" in rules and size is not None and size != rules["length"]:
        raise Mismatch(f"expected {rules['length']} values, got {size}: {describe(value)}.", where)
    if "min_length" in rules and size is not None and size < rules["min_length"]:
        problem = f"expected at least {rules['min_length']} value(s), got {describe(value)}."
        raise Mismatch(problem, where)
    if isinstance(value, tuple):
        for index, item in enumerate(value):
            check_rules(item, _without_lengths(rules), f"{where}[{index}]")
        return
    if "choices" in rules and value not in rules["choices"]:
        raise Mismatch(_not_a_choice(value, rules["choices"]), where)
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        _check_number(value, rules, where)


def _check_number(value, rules: Mapping, where: str):
    limits = [
        ("at_least", lambda v, r: v >= r, "at least"),
        ("at_most", lambda v, r: v <= r, "at most"),
        ("above", lambda v, r: v > r, "more than"),
        ("below", lambda v, r: v < r, "less than"),
        ("multiple_of", lambda v, r: v % r == 0, "a multiple of"),
    ]
    broken = [name for name, holds, _ in limits if name in rules and not holds(value, rules[name])]
    if broken:
        words = [f"{text} {rules[name]}" for name, _, text in limits if name in rules]
        raise Mismatch(f"expected {' and '.join(words)}, got {value}.", where)


def _without_lengths(rules: Mapping) -> dict:
    return {name: rule for name, rule in rules.items() if name not in ("length", "min_length")}


def _is_union(origin) -> bool:
    return origin is typing.Union or origin is types.UnionType


def _plural(hint) -> str:
    words = {int: "integers", float: "numbers", str: "texts", bool: "true/false values"}
    return words.get(hint) or f"{getattr(hint, '__name__', hint)} entries"


def _wrong(value, hint) -> str:
    return f"expected {expected(hint)}, got {describe(value)}."


def _not_a_choice(value, choices) -> str:
    text = f"expected one of {', '.join(map(repr, choices))}, got {describe(value)}."
    near = difflib.get_close_matches(str(value), [str(c) for c in choices], n=1, cutoff=0.5)
    return text + (f" Did you mean {near[0]!r}?" if near else "")
