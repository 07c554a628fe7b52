"""Moving pictures and all their annotations together: resizing, and random changes."""

from __future__ import annotations

import importlib

__all__ = [
    "Augmentation",
    "Augmenter",
    "InSquare",
    "PaddedResize",
    "ResizePlan",
    "ScaleCrop",
    "SquareResize",
    "choose",
    "iaa",
    "paste_mask",
    "presets",
    "random_scale_crop",
]

# Loaded when asked for: imgaug takes most of a second.
_HOMES = {
    "Augmentation": "choice",
    "Augmenter": "imgaug_adapter",
    "choose": "choice",
    "iaa": "imgaug_compat",
    "InSquare": "geometry",
    "ResizePlan": "geometry",
    "SquareResize": "geometry",
    "PaddedResize": "padded",
    "paste_mask": "geometry",
    "random_scale_crop": "scale_crop",
    "ScaleCrop": "scale_crop",
}


def __getattr__(name: str):
    if name == "presets":
        return importlib.import_module("tfseg.data.augment.presets")
    if name in _HOMES:
        return getattr(importlib.import_module(f"tfseg.data.augment.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
