"""CoMask: multi-scale features, and boxes that listen to masks."""

from __future__ import annotations

import importlib

__all__ = ["CoMask", "CoMaskConfig"]

# Loaded when asked for: settings are checked without Keras.
_HOMES = {"CoMask": "estimator", "CoMaskConfig": "config"}


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
