"""Random draws that depend on nothing but their seed.

Only `random.Random.random` is used: Python promises that its stream never changes, which it does
not promise for `choice` or `shuffle`, nor NumPy for its distributions.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

__all__ = ["Dice"]


class Dice:
    """A private stream of random numbers.

    Args:
        *keys: Non-negative integers below 2**64; equal keys give equal streams.
    """

    def __init__(self, *keys: int):
        seed = 1
        for key in keys:
            seed = (seed << 64) | int(key)
        self._random = random.Random(seed)
        self.unit = self._random.random

    def between(self, low: float, high: float) -> float:
        """Returns a float, even between `low` and `high`."""
        return low + (high - low) * self.unit()

    def whole(self, low: int, high: int) -> int:
        """Returns an integer from `low` to `high`, both included."""
        return low + int((high - low + 1) * self.unit())

    def chance(self, probability: float) -> bool:
        """Returns True with the given probability."""
        return self.unit() < probability

    def one(self, options: Sequence) -> Any:
        """Returns one of the options, each as likely as the other."""
        return options[int(len(options) * self.unit())]

    def weighted(self, options: dict) -> Any:
        """Returns one key of `options`, as likely as its value says."""
        point = self.unit() * sum(options.values())
        for option, weight in options.items():
            point -= weight
            if point < 0:
                return option
        return option

    def sign(self) -> int:
        """Returns -1 or 1."""
        return 1 if self.unit() < 0.5 else -1

    def around(self, middle: float, spread: float) -> float:
        """Returns a float near `middle`, at most `spread` away, the middle more likely."""
        return middle + spread * (self.unit() + self.unit() - 1.0)

    def octets(self, count: int) -> bytes:
        """Returns `count` even random bytes."""
        return self._random.getrandbits(8 * count).to_bytes(count, "little") if count else b""
