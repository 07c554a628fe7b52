"""HPTR: people, and what each pixel of them is, in which size, pattern and colour, in one pass."""

from __future__ import annotations

import importlib

__all__ = ["HPTR", "HPTRConfig"]

# Loaded when asked for: settings are checked without Keras.
_HOMES = {"HPTR": "estimator", "HPTRConfig": "config"}


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
