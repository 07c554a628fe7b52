"""The setting `initial_weights`: a name that the system knows, or the path of a file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tfseg.config.base import nearest

__all__ = ["is_path", "start_fault"]


def is_path(value: str | None) -> bool:
    """True for what looks like a path: it has an ending or a folder before it."""
    return value is not None and (bool(Path(value).suffix) or len(Path(value).parts) > 1)


def start_fault(value: str | None, names: Iterable[str]) -> str | None:
    """Returns what is wrong with `initial_weights`; None if it is a name, a path or None.

    Whether there is such a file is seen when it is read, which a model that was trained never does.
    """
    names = tuple(names)
    if value is None or value in names or is_path(value):
        return None
    return (
        f"expected {', '.join(map(repr, names))}, None, or the path of a weight file such as "
        f"'mobilenet_v2.tflite', got {value!r}.{nearest(value, names)}"
    )
