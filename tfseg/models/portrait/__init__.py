"""The portrait network: people cut out for phones, and one by one by the affinity step."""

from __future__ import annotations

import importlib

__all__ = ["LightPortrait", "PortraitConfig", "PortraitSegmenter"]

# Loaded when asked for: the network takes Keras, which `LightPortrait` does without.
_HOMES = {"LightPortrait": "light", "PortraitConfig": "config", "PortraitSegmenter": "estimator"}


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
