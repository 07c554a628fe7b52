"""YAML text as plain values, with the line of each; what would run for ever is refused.

Nesting and aliases are bounded before anything is built: a few lines of aliases can stand for
more values than a machine can hold.
"""

from __future__ import annotations

import re

import yaml

from tfseg.errors import ConfigError

__all__ = ["parse"]

_LONGEST = 200_000  # characters
_DEEPEST = 30
_MOST_VALUES = 20_000
_TEXT, _MERGE = "tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"


class _Loader(yaml.SafeLoader):
    """YAML's safe values, where `1e-3` is a number as well (YAML 1.1 wants `1.0e-3`)."""

    def construct_object(self, node, deep=False):
        """Returns the value of a node; a text that is no such value is an error with a line."""
        try:
            return super().construct_object(node, deep)
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
            problem = f"this is no value of its kind ({error})"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark) from None


_Loader.yaml_implicit_resolvers = {
    letter: list(pairs) for letter, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
)


def parse(text: str, file: str, sections: bool = False) -> tuple[object, dict[str, str]]:
    """Returns the value of a YAML text, and dotted path to `"file, line n"` for what is in it.

    Args:
        text: One document; None is the value of an empty one.
        file: Where it stands, for errors.
        sections: Whether the outermost keys must be texts.

    Raises:
        ConfigError: If it is no YAML, a key is given twice or is none, or it is too long, too
            deep, or by its aliases too large; with the line.
    """
    if len(text) > _LONGEST:
        raise ConfigError(f"{file}: {len(text)} characters; expected at most {_LONGEST}.")
    loader = _Loader("")
    try:
        _check_depth(text, file)
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return None, {}
        places = _Places(file, sections)
        places.note(node, "", ())
        return _unshared(loader.construct_document(node)), places.found
    except (yaml.YAMLError, ValueError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(f"{file}: this is not valid YAML: {error}") from None
    finally:
        loader.dispose()


def _check_depth(text: str, file: str):
    """Raises ConfigError for deep nesting, before anything walks into it."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            line = event.start_mark.line + 1
            raise ConfigError(f"{file}, line {line}: nested more than {_DEEPEST} deep.")


class _Places:
    """Where each value stands; aliases are followed, and counted."""

    def __init__(self, file: str, sections: bool):
        self.file, self.sections = file, sections
        self.found: dict[str, str] = {}
        self._count = 0

    def note(self, node: yaml.Node, path: str, around: tuple[int, ...]):
        """Adds a node and what is in it; a key given twice is an error, YAML would hide it."""
        line = self._line(node)
        self._count += 1
        if id(node) in around:
            raise ConfigError(f"{line}: the value that begins here contains itself (by an alias).")
        if self._count > _MOST_VALUES or len(around) > _DEEPEST:
            raise ConfigError(
                f"{line}: by its aliases this stands for more than {_MOST_VALUES} values, or more "
                f"than {_DEEPEST} levels. Write out what is meant."
            )
        inside = (*around, id(node))
        if isinstance(node, yaml.MappingNode):
            self._note_mapping(node, path, inside)
        elif isinstance(node, yaml.SequenceNode):
            for index, value in enumerate(node.value):
                self.found[f"{path}.{index}"] = self._line(value)
                self.note(value, f"{path}.{index}", inside)

    def _note_mapping(self, node: yaml.MappingNode, path: str, inside: tuple[int, ...]):
        seen = set()
        for key, value in node.value:
            line = self._line(key)
            if not isinstance(key, yaml.ScalarNode):
                raise ConfigError(f"{line}: expected a name, got a list or settings in its place.")
            if self.sections and not path and key.tag not in (_TEXT, _MERGE):
                raise ConfigError(f"{line}: there is no section {key.value!r}: not a text.")
            if key.value in seen:
                raise ConfigError(f"{line}: {key.value!r} is given twice.")
            seen.add(key.value)
            inner = f"{path}.{key.value}" if path else str(key.value)
            self.found[inner] = line
            self.note(value, inner, inside)

    def _line(self, node: yaml.Node) -> str:
        return f"{self.file}, line {node.start_mark.line + 1}"


def _unshared(value):
    """Returns the value without aliases, so that a change in one place is none in another."""
    if isinstance(value, dict):
        return {key: _unshared(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_unshared(item) for item in value]
    return value
