"""Words turned into what to look for in parsings."""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Mapping, Sequence

from tfseg.errors import ConfigError
from tfseg.search.synonyms import FILLERS, JOINING, MEANINGS

__all__ = ["Wanted", "understand"]

_ATTRIBUTES = "attributes"
_TOKEN = re.compile(r"[\w'&+-]+|,", re.UNICODE)
_PLURALS = (("s", ""), ("es", ""), ("ies", "y"), ("ves", "f"))


@dataclasses.dataclass(frozen=True)
class Wanted:
    """One thing that a person should wear.

    Attributes:
        attributes: Names of attributes of which one will do; empty: any.
        traits: Respect ("color", "size", "pattern") to the values of which one will do.
    """

    attributes: tuple[str, ...] = ()
    traits: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)

    def __str__(self) -> str:
        words = ["/".join(values) for values in self.traits.values()]
        return " ".join([*words, "/".join(self.attributes) or "anything"]).replace("_", " ")


def understand(query: str, vocabulary: Mapping[str, Sequence[str]]) -> tuple[Wanted, ...]:
    """Returns what the words ask for: things that one person wears all of.

    What is said of a thing stands before it, "long red skirt", or behind it where no other thing
    follows; "and", "with", "in" and commas part things. "red" alone is anything red. Words are
    understood with their plurals and synonyms ("jeans" are pants, "black" is dark).

    Args:
        query: Such as "red skirt and white shoes".
        vocabulary: What the model can say: "attributes" and each respect ("color", "size",
            "pattern") to its names; a respect may be missing.

    Raises:
        ConfigError: For a word that means nothing to the model, with the nearest that does and
            with what it knows; or if no word is left.
    """
    found: list[Wanted] = []
    for clause in _clauses(query):
        parts = [_meaning(word, vocabulary) for word in clause]
        found += _wanted_of(parts)
    if not found:
        raise ConfigError(
            f"search: {query!r} names nothing to look for. Say what somebody wears, such as "
            f"'red skirt'. {_known(vocabulary)}"
        )
    return tuple(found)


def _clauses(query: str) -> list[list[str]]:
    """Returns the words between joining words, without fillers."""
    clauses: list[list[str]] = [[]]
    for word in _TOKEN.findall(query.lower()):
        if word in JOINING:
            clauses.append([])
        elif word not in FILLERS:
            clauses[-1].append(word)
    return [clause for clause in clauses if clause]


def _wanted_of(parts: list[dict]) -> list[Wanted]:
    """Returns the things of one clause."""
    things: list[dict] = []
    waiting: dict = {}
    for part in parts:
        traits = {name: values for name, values in part.items() if name != _ATTRIBUTES}
        if part.get(_ATTRIBUTES):
            things.append(_joined({_ATTRIBUTES: part[_ATTRIBUTES], **waiting}, traits))
            waiting = {}
        else:
            waiting = _joined(waiting, traits)
    if waiting and things:
        things[-1] = _joined(things[-1], waiting)
    elif waiting:
        things = [waiting]
    return [
        Wanted(thing.get(_ATTRIBUTES, ()), {n: v for n, v in thing.items() if n != _ATTRIBUTES})
        for thing in things
    ]


def _joined(first: dict, second: dict) -> dict:
    """Returns both; of one respect the values of either will do ("red blue shirt")."""
    both = dict(first)
    for name, values in second.items():
        both[name] = tuple(dict.fromkeys((*both.get(name, ()), *values)))
    return both


def _meaning(word: str, vocabulary: Mapping[str, Sequence[str]]) -> dict:
    """Returns what a word stands for, of what the model can say."""
    for form in _forms(word):
        own = {
            respect: tuple(name for name in names if form in (name, name.replace("_", "-")))
            for respect, names in vocabulary.items()
        }
        if any(own.values()):  # the model's own names outrank what they usually stand for
            return {respect: names for respect, names in own.items() if names}
        if form in MEANINGS:
            return _told(word, MEANINGS[form], vocabulary)
    near = difflib.get_close_matches(word, _all_words(vocabulary), n=1, cutoff=0.7)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise ConfigError(
        f"search: {word!r} is nothing that this model says of people.{hint} {_known(vocabulary)}"
    )


def _told(word: str, meaning: dict, vocabulary: Mapping[str, Sequence[str]]) -> dict:
    """Returns a meaning in the model's names.

    Raises:
        ConfigError: If the model has none of those that a part of it needs.
    """
    told = {}
    for respect, names in meaning.items():
        known = tuple(name for name in names if name in vocabulary.get(respect, ()))
        if not known:
            what = "parts of people" if respect == _ATTRIBUTES else f"{respect}s"
            has = ", ".join(vocabulary.get(respect, ())) or f"no {what} at all"
            raise ConfigError(
                f"search: {word!r} means {' or '.join(names)} ({respect}), which this model does "
                f"not tell apart; it has {has}."
            )
        told[respect] = known
    return told


def _forms(word: str) -> list[str]:
    """Returns a word and what it may be the plural of."""
    return [word, *(word[: -len(end)] + put for end, put in _PLURALS if word.endswith(end))]


def _all_words(vocabulary) -> list[str]:
    return [*MEANINGS, *(name for names in vocabulary.values() for name in names)]


def _known(vocabulary: Mapping[str, Sequence[str]]) -> str:
    lists = [f"{respect}: {', '.join(names)}" for respect, names in vocabulary.items() if names]
    return f"It knows {'; '.join(lists)}.".replace("_", " ")
