"""Named sets of random changes, each `(sample, seed) -> Sample`.

The sets of the clothing study run after the image was resized to the square, which is for the
caller to arrange: `geometry.InSquare(resize, build(name))`. Colours and blur touch the image
alone. What moves the image moves its annotations: mirroring and affine changes, and the
piecewise affine one too, whose masks would lie beside their objects otherwise.
"""

from __future__ import annotations

import difflib
import importlib
from typing import TYPE_CHECKING

from tfseg.errors import ConfigError

if TYPE_CHECKING:
    from tfseg.data.augment.detr_crop import DetrCrop
    from tfseg.data.augment.imgaug_adapter import Augmenter
    from tfseg.data.augment.scale_crop import ScaleCrop
    from tfseg.data.augment.wide_shots import WideShots

__all__ = ["NAMES", "build"]

# The lists of the portrait network's paper.
_PORTRAIT_SCALES = [0.6, 0.8, 1.0, 1.2, 1.5]
_PORTRAIT_TURNS = [-45, -22, 0, 22, 45]
_PORTRAIT_GAMMAS = [0.5, 0.8, 1.0, 1.2, 1.5]

# Parts of each set, in the order in which they run. flip: probability; blur: largest strength.
_SETS: dict[str, dict[str, float]] = {
    "aug_none": {},
    "aug_geo": {"geo": 1},
    "aug_flip": {"flip": 0.2},
    "aug_color": {"col": 1},
    "aug_blur": {"blur": 0.1},
    "aug_flip_blur": {"flip": 0.2, "blur": 0.1},
    "aug_all_a": {"geo": 1, "flip": 0.2, "col": 1, "blur": 0.1},
    "aug_all_b": {"geo": 1, "flip": 0.3, "col": 1, "blur": 0.2},
    "aug_all_c": {"geo": 1, "flip": 0.35, "col": 1, "blur": 0.25},
    "aug_piecewise": {"geo": 1, "piecewise": 1},
    "people_light": {"flip": 0.5, "zoom": 1, "light": 1},
    "portrait": {"pose": 1, "gamma": 1},
    "portrait_flip": {"flip": 0.5, "pose": 1, "gamma": 1},
    "portrait_light": {"flip": 0.5, "sway": 1, "tone": 1},
}
# Sets for networks that label every pixel: what came from outside the image is ignored.
_SEMANTIC = ("portrait", "portrait_flip", "portrait_light")

# Sets that make images of a size of their own.
_CANVASES = {
    "voc": ("tfseg.data.augment.scale_crop", "ScaleCrop"),
    "detr": ("tfseg.data.augment.detr_crop", "DetrCrop"),
    "portrait_wide": ("tfseg.data.augment.wide_shots", "WideShots"),
}

NAMES: tuple[str, ...] = (*_SETS, *_CANVASES)


def build(name: str, **options) -> Augmenter | ScaleCrop | WideShots | DetrCrop:
    """Returns the named set.

    `aug_*` are the sets of the clothing study. `people_light` suits training from scratch on
    images of people: mirrored half of the time, zoomed by 0.8 to 1.25, moved by up to a tenth,
    slightly brighter or darker.

    `portrait` is the portrait network's own: each image is scaled by 0.6, 0.8, 1, 1.2 or 1.5,
    turned about its centre by -45, -22, 0, 22 or 45 degrees, and given a gamma of 0.5, 0.8, 1, 1.2
    or 1.5, three independent draws. `portrait_flip` also mirrors half of the images.
    `portrait_light` suits training from scratch on crops around people: mirrored half of the time,
    scaled by 0.75 to 1.25, turned by up to 20 degrees, moved by up to a tenth, with slightly other
    brightness, gamma and tint. The three hand on a class map with every sample, in which pixels
    from outside the image are 255.

    `portrait_wide` shows people at any distance, place, light and focus, as many cameras would:
    see `tfseg.data.augment.wide_shots`. `voc` is the usual set for PASCAL VOC: see
    `tfseg.data.augment.scale_crop`. These two make images of a size of their own. `detr` is DETR's:
    mirrored half of the time and cut half of the time, before images are resized, for systems that
    resize afterwards; see `tfseg.data.augment.detr_crop`.

    Args:
        name: One of `NAMES`.
        **options: Passed on to `Augmenter`: `keypoint_flip`, `label_map_flips`, `label_map_fill`,
            `with_class_map`; for "voc" to `ScaleCrop`: `size`, `scales`, `flip`; for
            "portrait_wide" to `WideShots`: `size` and those of `Augmenter`; for "detr" to
            `DetrCrop`: `flip`, `crop`, `shorter`, `sides`.

    Raises:
        ConfigError: If the name is unknown; says the nearest one.
    """
    if name not in NAMES:
        near = difflib.get_close_matches(str(name), NAMES, n=1)
        meant = f" Did you mean {near[0]!r}?" if near else ""
        raise ConfigError(f"unknown augmentation {name!r}.{meant} There are: {', '.join(NAMES)}.")
    if name in _CANVASES:
        room, kind = _CANVASES[name]
        return getattr(importlib.import_module(room), kind)(**options)
    from tfseg.data.augment.imgaug_adapter import Augmenter

    if name in _SEMANTIC:
        options = {"with_class_map": True, **options}
    steps = [step for part, value in _SETS[name].items() for step in _part(part, value)]
    return Augmenter(steps, **options)


def _part(part: str, value: float) -> list:
    """Returns the imgaug augmenters of one part of a set."""
    from tfseg.data.augment.imgaug_additions import Contrast128, Gamma, GridWarp
    from tfseg.data.augment.imgaug_compat import iaa

    filled = {"order": 1, "mode": "constant", "cval": 0}
    if part == "geo":
        return [
            iaa.Affine(
                scale={"x": (0.98, 1.02), "y": (0.98, 1.02)},
                translate_percent={"x": (-0.05, 0.05), "y": (-0.05, 0.05)},
                rotate=(-10, 10),
                # A bare range would shear both axes; the study's version knew one.
                shear={"x": (-5, 5)},
                **filled,
            )
        ]
    if part == "zoom":
        shift = {"x": (-0.1, 0.1), "y": (-0.1, 0.1)}
        return [iaa.Affine(scale=(0.8, 1.25), translate_percent=shift, **filled)]
    if part == "pose":
        return [iaa.Affine(scale=_PORTRAIT_SCALES, rotate=_PORTRAIT_TURNS, **filled)]
    if part == "sway":
        shift = {"x": (-0.1, 0.1), "y": (-0.1, 0.1)}
        return [iaa.Affine(scale=(0.75, 1.25), rotate=(-20, 20), translate_percent=shift, **filled)]
    if part == "gamma":
        return [Gamma(_PORTRAIT_GAMMAS)]
    if part == "tone":
        tint = iaa.Multiply((0.94, 1.06), per_channel=True)
        return [Gamma((0.75, 1.33)), iaa.Multiply((0.85, 1.15)), tint, Contrast128((0.85, 1.15))]
    if part == "flip":
        return [iaa.Fliplr(value)]
    if part == "col":
        return [iaa.Multiply((0.8, 1.2)), Contrast128((0.8, 1.2))]
    if part == "light":
        return [iaa.Multiply((0.9, 1.1)), Contrast128((0.9, 1.1))]
    if part == "blur":
        return [iaa.GaussianBlur(sigma=(0, value)), iaa.Sharpen(alpha=(0, value), lightness=1.0)]
    return [GridWarp(scale=(0.01, 0.03), knots=4)]
