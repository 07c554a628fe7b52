"""What follows from the name of a backbone and the number of channels, before anything is built."""

from __future__ import annotations

import numpy as np

from tfseg.config.base import nearest
from tfseg.config.start import start_fault
from tfseg.errors import ConfigError
from tfseg.nn.backbones.foreign_names import LIBRARIES, find, is_foreign
from tfseg.nn.backbones.offline_architectures import PUBLISHED

__all__ = ["OWN", "LUMA", "backbone_faults", "default_pixels"]

OWN = ("resnet50", "resnet101", "mobilenet_v2")
# Shares of red, green and blue in grey: ITU-R BT.601, as Pillow and OpenCV have them.
LUMA = (0.299, 0.587, 0.114)
_MIDDLE = 127.5
_EXAMPLES = ", ".join(f"keras_cv:{name}_imagenet" for name in PUBLISHED)


def default_pixels(
    backbone, channels: int, mean: tuple[float, ...], std: tuple[float, ...]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Returns `(pixel_mean, pixel_std)` where none are given, one number per channel each; a
    deviation that is the same everywhere is one number.

    A backbone of another library has those that its published weights want. One channel is grey
    and gets the grey of the three numbers; of more than three the first three are red, green and
    blue, and the others get the middle of their range, 127.5, and the mean of the deviations.

    Args:
        backbone: Its name, or a network.
        channels: Channels of the images.
        mean: The origin's for RGB.
        std: The origin's, one number or three.
    """
    pixels = find(backbone).pixels if is_foreign(backbone) else None
    mean, std = pixels or (mean, std)
    std = std * 3 if len(std) == 1 else std
    extra = 0.0 if not any(mean) else _MIDDLE
    mean = _per_channel(mean, channels, extra)
    std = _per_channel(std, channels, float(np.mean(std)))
    return mean, std[:1] if len(set(std)) == 1 else std


def _per_channel(rgb: tuple[float, ...], channels: int, extra: float) -> tuple[float, ...]:
    if channels >= 3:
        return rgb + (extra,) * (channels - 3)
    same = len(set(rgb)) == 1
    grey = rgb[0] if same else float(np.dot(rgb, LUMA))
    return (grey, extra)[:channels]


def backbone_faults(config):
    """Yields `(setting, problem)` for whatever does not go with the backbone.

    Args:
        config: A `RegionSettings`.
    """
    name = config.backbone
    if fault := start_fault(config.initial_weights, ("imagenet", "preset")):
        yield "initial_weights", fault
    if not is_foreign(name):
        if name not in OWN:
            kinds = ", ".join(map(repr, OWN)) + " or " + ", ".join(f"'{x}:...'" for x in LIBRARIES)
            yield "backbone", f"expected one of {kinds}, got {name!r}.{nearest(name, OWN)}"
            return
        if config.dropout and name == "mobilenet_v2":
            yield "dropout", "is a setting of the ResNets; MobileNetV2 has none."
        if config.initial_weights == "preset":
            yield (
                "initial_weights",
                f"'preset' is for backbones of {' and '.join(LIBRARIES)}; {name} has 'imagenet'.",
            )
        if config.backbone_options:
            yield "backbone_options", f"are for backbones of other libraries; {name} takes none."
        return
    try:
        source = find(name)
    except ConfigError as error:
        yield "backbone", str(error)
        return
    if config.norm not in ("frozen", "batch"):
        yield (
            "norm",
            f"{source} comes with its own normalisation, which can be 'frozen' or 'batch'; got "
            f"{config.norm!r}.",
        )
    if config.dropout:
        yield "dropout", f"is a setting of tfseg's ResNets; {source} has its own."
    if source.architecture is not None and config.backbone_options:
        yield "backbone_options", f"are for names; {source} was built already."
    if config.initial_weights == "imagenet":
        yield (
            "initial_weights",
            f"'imagenet' is for {', '.join(OWN)}; the weights of {source} are 'preset'.",
        )
    if config.initial_weights == "preset" and source.published is None:
        if source.architecture is not None:
            yield "initial_weights", f"{source} brings its own weights; leave this setting at None."
        else:
            yield (
                "initial_weights",
                f"nobody publishes weights under the name {name!r}. Name a preset with weights, "
                f"such as {_EXAMPLES}, or the folder of one.",
            )
