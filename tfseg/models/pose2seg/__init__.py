"""Pose2Seg: a mask for each pose, however much people overlap."""

from __future__ import annotations

import importlib

__all__ = ["Pose2Seg", "Pose2SegConfig"]

# Loaded when asked for: settings are checked without Keras.
_HOMES = {"Pose2Seg": "estimator", "Pose2SegConfig": "config"}


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
