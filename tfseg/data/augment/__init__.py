"""Moving images and all their annotations together: resizing, and random changes."""

from __future__ import annotations

import importlib

__all__ = [
    "Augmentation",
    "Augmenter",
    "DetrCrop",
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
    "Augmentation": "tfseg.data.augment.choice",
    "Augmenter": "tfseg.data.augment.imgaug_adapter",
    "DetrCrop": "tfseg.data.augment.detr_crop",
    "choose": "tfseg.data.augment.choice",
    "iaa": "tfseg.data.augment.imgaug_compat",
    "InSquare": "tfseg.geometry.resize",
    "ResizePlan": "tfseg.geometry.resize",
    "SquareResize": "tfseg.geometry.resize",
    "PaddedResize": "tfseg.geometry.padded",
    "paste_mask": "tfseg.structures.pasting",
    "random_scale_crop": "tfseg.data.augment.scale_crop",
    "ScaleCrop": "tfseg.data.augment.scale_crop",
}


def __getattr__(name: str):
    if name == "presets":
        return importlib.import_module("tfseg.data.augment.presets")
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
