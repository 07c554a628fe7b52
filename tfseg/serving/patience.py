"""How long a client waits, and how often it asks again."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from tfseg.errors import ConfigError, ServingError

__all__ = ["Again", "Patience"]

_FIRST_WAIT, _LONGEST_WAIT = 0.2, 10.0
Found = TypeVar("Found")


class Again(Exception):
    """What failed may succeed if it is asked again: nobody answered, or the server had no time."""


class Patience:
    """Repeats what may succeed later.

    Args:
        timeout: Seconds to wait for one answer.
        retries: How often to ask again.
    """

    def __init__(self, timeout: float, retries: int):
        if not isinstance(timeout, (int, float)) or not timeout > 0:
            raise ConfigError(f"timeout: expected seconds above 0, got {timeout!r}.")
        if not isinstance(retries, int) or retries < 0:
            raise ConfigError(f"retries: expected an integer from 0, got {retries!r}.")
        self.timeout, self.retries = timeout, retries

    def __call__(self, ask: Callable[[], Found]) -> Found:
        """Returns what `ask()` returns, repeated as long as it raises `Again`.

        Raises:
            ServingError: With what it said last.
        """
        asked, wait = 1, _FIRST_WAIT
        while True:
            try:
                return ask()
            except Again as error:
                if asked > self.retries:
                    times = f" (asked {asked} times)" if self.retries else ""
                    raise ServingError(f"{error}{times}") from error.__cause__
            time.sleep(wait)
            asked, wait = asked + 1, min(2 * wait, _LONGEST_WAIT)
