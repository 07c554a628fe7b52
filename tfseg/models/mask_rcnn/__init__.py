"""Mask R-CNN: boxes, classes and masks of a user's own objects."""

from __future__ import annotations

import importlib

__all__ = ["MaskRCNN", "MaskRCNNConfig"]

# Loaded when asked for: settings are checked without Keras.
_HOMES = {"MaskRCNN": "estimator", "MaskRCNNConfig": "config"}


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
