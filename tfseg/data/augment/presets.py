"""Named sets of random changes, each `(sample, seed) -> Sample`.

The sets of the clothing study run after the picture was resized to the square, which is for the
caller to arrange: `geometry.InSquare(resize, build(name))`. Colours and blur touch the image
alone. What moves the image moves its annotations: mirroring and affine changes, and the
piecewise affine one too, whose masks would lie beside their objects otherwise.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from tfseg.errors import ConfigError

if TYPE_CHECKING:
    from tfseg.data.augment.imgaug_adapter import Augmenter

__all__ = ["NAMES", "build"]

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
}

NAMES: tuple[str, ...] = tuple(_SETS)


def build(name: str, **options) -> Augmenter:
    """Returns the named set.

    `aug_*` are the sets of the clothing study. `people_light` suits training from scratch on
    pictures of people: mirrored half of the time, zoomed by 0.8 to 1.25, moved by up to a tenth,
    slightly brighter or darker.

    Args:
        name: One of `NAMES`.
        **options: Passed on to `Augmenter`: `keypoint_flip`, `label_map_flips`.

    Raises:
        ConfigError: If the name is unknown; says the nearest one.
    """
    if name not in _SETS:
        near = difflib.get_close_matches(str(name), NAMES, n=1)
        meant = f" Did you mean {near[0]!r}?" if near else ""
        raise ConfigError(f"unknown augmentation {name!r}.{meant} There are: {', '.join(NAMES)}.")
    from tfseg.data.augment.imgaug_adapter import Augmenter

    steps = [step for part, value in _SETS[name].items() for step in _part(part, value)]
    return Augmenter(steps, **options)


def _part(part: str, value: float) -> list:
    """Returns the imgaug augmenters of one part of a set."""
    from tfseg.data.augment.imgaug_additions import Contrast128, GridWarp
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
    if part == "flip":
        return [iaa.Fliplr(value)]
    if part == "col":
        return [iaa.Multiply((0.8, 1.2)), Contrast128((0.8, 1.2))]
    if part == "light":
        return [iaa.Multiply((0.9, 1.1)), Contrast128((0.9, 1.1))]
    if part == "blur":
        return [iaa.GaussianBlur(sigma=(0, value)), iaa.Sharpen(alpha=(0, value), lightness=1.0)]
    return [GridWarp(scale=(0.01, 0.03), knots=4)]
