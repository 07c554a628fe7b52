"""A frozen dataclass that checks itself, and says in one sentence what is wrong with a setting."""

from __future__ import annotations

import dataclasses
import difflib
import functools
import hashlib
import json
import typing
from collections.abc import Iterable, Mapping

from tfseg.config import types
from tfseg.errors import ConfigError

__all__ = ["Config", "check_class_names", "nearest", "setting", "setting_error"]


def setting(
    default=dataclasses.MISSING,
    *,
    at_least: float | None = None,
    at_most: float | None = None,
    above: float | None = None,
    below: float | None = None,
    multiple_of: int | None = None,
    choices: Iterable | None = None,
    length: int | None = None,
    min_length: int | None = None,
):
    """Returns a dataclass field whose value is checked when the config is made.

    The limits apply to a number, and to each number of a tuple; None passes where the type
    allows it. `length` and `min_length` count the entries of a tuple or a text.
    """
    rules = dict(at_least=at_least, at_most=at_most, above=above, below=below)
    rules.update(multiple_of=multiple_of, length=length, min_length=min_length)
    rules["choices"] = None if choices is None else tuple(choices)
    metadata = {"rules": {name: rule for name, rule in rules.items() if rule is not None}}
    return dataclasses.field(default=default, metadata=metadata)


def nearest(word: str, known: Iterable[str]) -> str:
    """Returns `" Did you mean 'batch_size'?"`, or the list of what is known if nothing is near."""
    known = sorted(map(str, known))
    found = difflib.get_close_matches(str(word), known, n=1, cutoff=0.6)
    if found:
        return f" Did you mean {found[0]!r}?"
    return f" Known: {', '.join(known)}." if known else ""


def setting_error(owner: str, field: str, problem: str) -> ConfigError:
    """Returns a ConfigError that remembers its `field` (a dotted path) and `problem`, so that
    an outer config can add its own name and a file reader the line."""
    error = ConfigError(f"{owner}: {field}: {problem}" if field else f"{owner}: {problem}")
    error.owner, error.field, error.problem = owner, field, problem
    return error


@dataclasses.dataclass(frozen=True)
class Config:
    """Base of all settings. Subclasses are `@dataclasses.dataclass(frozen=True)` too.

    Values are checked against their annotation and the limits of `setting(...)`. Lists become
    tuples, whole numbers become floats where a float is asked for, mappings become nested
    configs. A value that is already right is stored as the very same object, which
    `sklearn.base.clone` relies on.

    Raises:
        ConfigError: Naming the setting, what was expected and what came.
    """

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        if "__repr__" not in vars(cls):
            # `dataclass` would make one that lists every default.
            cls.__repr__ = Config.__repr__

    def __repr__(self) -> str:
        return self.shown(type(self).__name__)

    def __post_init__(self):
        owner, hints = type(self).__name__, _hints(type(self))
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            try:
                value = _filled(value, field)
                value = types.coerce(value, hints[field.name])
                types.check_rules(value, field.metadata.get("rules", {}))
            except types.Mismatch as mismatch:
                raise setting_error(owner, field.name + mismatch.where, str(mismatch)) from None
            except ConfigError as error:
                raise _nested(owner, field.name, error) from None
            object.__setattr__(self, field.name, value)
        self._check()

    def _check(self):
        """Raises ConfigError where settings contradict each other; subclasses fill it in."""

    def _fail(self, field: str, problem: str):
        """Raises the ConfigError about one setting, for use in `_check`."""
        raise setting_error(type(self).__name__, field, problem)

    @classmethod
    def setting_names(cls) -> tuple[str, ...]:
        """The names of all settings."""
        return tuple(field.name for field in dataclasses.fields(cls))

    @classmethod
    def from_dict(cls, values: Mapping) -> Config:
        """Builds a config from plain values, as `to_dict` or a YAML file gives them."""
        if not isinstance(values, Mapping):
            problem = f"expected settings by name, got {types.describe(values)}."
            raise setting_error(cls.__name__, "", problem)
        for name in values:
            if name not in cls.setting_names():
                known = nearest(name, cls.setting_names())
                raise setting_error(cls.__name__, str(name), f"there is no such setting.{known}")
        for field in dataclasses.fields(cls):
            needed = (
                field.default is dataclasses.MISSING
                and field.default_factory is dataclasses.MISSING
            )
            if needed and field.name not in values:
                raise setting_error(cls.__name__, field.name, "this setting must be given.")
        return cls(**values)

    def to_dict(self) -> dict:
        """Returns plain dicts, lists, numbers and texts, ready for YAML and JSON."""
        return {name: _plain(getattr(self, name)) for name in self.setting_names()}

    def default_of(self, name: str):
        """Returns the value of a setting that is not given, `dataclasses.MISSING` if it must be."""
        field = type(self).__dataclass_fields__[name]
        if field.default_factory is not dataclasses.MISSING:
            return field.default_factory()
        return field.default

    def shown(self, name: str) -> str:
        """Returns `name(...)` with the settings that are not at their default."""
        inside = [
            f"{setting}={getattr(self, setting)!r}"
            for setting in self.setting_names()
            if getattr(self, setting) != self.default_of(setting)
        ]
        return f"{name}({', '.join(inside)})"

    @classmethod
    def defaults(cls) -> dict:
        """Returns the default of every setting that has one, as plain values like `to_dict`'s."""
        found = {}
        for field in dataclasses.fields(cls):
            if field.default is not dataclasses.MISSING:
                found[field.name] = _plain(field.default)
            elif field.default_factory is not dataclasses.MISSING:
                found[field.name] = _plain(field.default_factory())
        return found

    def replace(self, **changes) -> Config:
        """Returns a copy with some settings changed and everything checked again."""
        values = {name: getattr(self, name) for name in self.setting_names()}
        return type(self).from_dict({**values, **changes})

    def digest(self) -> str:
        """Returns a short text that differs when any setting differs."""
        text = json.dumps(self.to_dict(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def check_class_names(names: tuple[str, ...], owner: str, field: str = "classes") -> None:
    """Raises ConfigError unless names are at least one, distinct, not blank and without the
    background, which is never listed."""
    if not names:
        raise setting_error(owner, field, "expected at least one class name, got none.")
    for name in names:
        if not name.strip():
            raise setting_error(owner, field, "a class name is blank.")
        if name.strip().lower() in ("background", "bg", "__background__"):
            problem = f"{name!r} is counted by itself; leave it out of the list."
            raise setting_error(owner, field, problem)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise setting_error(owner, field, f"class names appear twice: {', '.join(twice)}.")


def _filled(value, field: dataclasses.Field):
    """Returns nested settings that are given in part with the owner's default for the others, which
    may be another than that of their own class; anything else as it is."""
    default = field.default
    if field.default_factory is not dataclasses.MISSING and isinstance(value, Mapping):
        default = field.default_factory()
    if isinstance(default, Config) and isinstance(value, Mapping):
        given = {n: getattr(default, n) for n in default.setting_names()}
        return type(default).from_dict({**given, **value})
    return value


@functools.cache
def _hints(cls: type) -> dict:
    return typing.get_type_hints(cls)


def _nested(owner: str, field: str, error: ConfigError) -> ConfigError:
    inner = getattr(error, "field", "")
    path = f"{field}{inner}" if inner.startswith("[") else ".".join(filter(None, [field, inner]))
    return setting_error(owner, path, getattr(error, "problem", str(error)))


def _plain(value):
    if isinstance(value, Config):
        return value.to_dict()
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value
