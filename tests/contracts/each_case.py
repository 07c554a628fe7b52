"""Many cases of one question as one test: `@each(names, cases)` in place of `parametrize`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest


def each(names: str | tuple[str, ...], cases: Iterable) -> Callable:
    """Returns a decorator: the test is called with every case, all of them also where some fail.

    A test with `tmp_path`, or with a fixture that is `Fresh`, gets an empty folder for each case,
    and `caplog` is emptied. The first failure is raised, with its case and the number of others in
    its notes.

    Args:
        names: Parameters of the test, as `pytest.mark.parametrize` takes them.
        cases: Their values; tuples where there are several names.
    """
    names = tuple(name.strip() for name in names.split(",")) if isinstance(names, str) else names
    cases = list(cases)
    assert cases, "no case, no test"

    def decorate(test: Callable) -> Callable:
        @functools.wraps(test)
        def run(*args, **fixtures):
            failed = []
            for number, case in enumerate(cases, 1):
                values = dict(zip(names, case if len(names) > 1 else (case,), strict=True))
                given = {n: _fresh(n, one, f"case{number}") for n, one in fixtures.items()}
                try:
                    test(*args, **given, **values)
                except (Exception, pytest.fail.Exception) as error:
                    error.add_note(f"case {number} of {len(cases)}: {values!r}"[:400])
                    failed.append(error)
            if failed:
                failed[0].add_note(f"{len(failed)} of {len(cases)} cases failed")
                raise failed[0]

        parameters = inspect.signature(test).parameters.values()
        run.__signature__ = inspect.Signature([p for p in parameters if p.name not in names])
        del run.__wrapped__
        return run

    return decorate


class Fresh:
    """What a fixture makes of a folder, such as a function that writes files there; `each` makes it
    anew in an empty folder for every case.

    Args:
        make: `make(folder, *others)`.
        folder: An empty folder.
        others: Further fixtures.
    """

    def __init__(self, make: Callable, folder: Path, *others):
        self._parts = make, folder, others
        self._made = make(folder, *others)

    def anew(self, name: str) -> Fresh:
        """Returns the same in a folder of this name."""
        make, folder, others = self._parts
        return Fresh(make, _existing(folder / name), *others)

    def __call__(self, *args, **options):
        return self._made(*args, **options)

    def __getattr__(self, name: str):
        return getattr(self._made, name)

    def __setattr__(self, name: str, value):
        own = name in ("_parts", "_made")
        object.__setattr__(self if own else self._made, name, value)


def _fresh(name: str, fixture, case: str):
    if isinstance(fixture, Fresh):
        return fixture.anew(case)
    if name == "tmp_path":
        return _existing(fixture / case)
    if isinstance(fixture, pytest.LogCaptureFixture):
        fixture.clear()
    return fixture


def _existing(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)  # a test may have both `tmp_path` and what writes into it
    return folder
