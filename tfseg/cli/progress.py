"""How far a verb is, on a terminal only."""

from __future__ import annotations

import sys

__all__ = ["show_progress"]


def show_progress(done: int, count: int | None) -> None:
    """Rewrites one line of stderr, "12 of 80 images"; nothing where stderr is no terminal."""
    if sys.stderr.isatty():
        end = "\n" if done == count else ""
        total = "" if count is None else f" of {count}"
        print(f"\r{done}{total} images", end=end, file=sys.stderr, flush=True)
