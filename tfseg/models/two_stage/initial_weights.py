"""The weights that a backbone starts from: ImageNet's, or those that its library publishes."""

from __future__ import annotations

import logging
from collections.abc import Iterable

import keras
import numpy as np

from tfseg.engine.published_weights import copy_by_name, load_imagenet
from tfseg.errors import WeightsError
from tfseg.nn.backbones.foreign import published_backbone, published_pixels
from tfseg.nn.backbones.foreign_names import find
from tfseg.nn.backbones.imagenet import weighted_layers
from tfseg.nn.backbones.resnet import BLOCKS
from tfseg.structures import LoadReport

__all__ = ["has_statistics", "load_initial", "misses_backbone"]

_LOG = logging.getLogger(__name__)


def load_initial(network: keras.Model) -> LoadReport | None:
    """Gives the backbone the weights that `config.initial_weights` names, if it names any.

    Raises:
        WeightsError: Where they cannot be had, naming the way without them, or where the backbone
            computes in another way than theirs.
    """
    config = network.config
    if config.initial_weights == "imagenet":
        _check_computes_alike(config)
        return load_imagenet(network.backbone, config.backbone, width=config.backbone_width)
    return _load_preset(network) if config.initial_weights == "preset" else None


def has_statistics(network: keras.Model) -> bool:
    """True if a normalisation of the backbone has statistics that somebody gave it: not all are
    those of a new layer, mean 0 and variance 1."""
    new = {"moving_mean": 0, "moving_variance": 1}
    return any(
        np.any(keras.ops.convert_to_numpy(weight.value) != new[weight.name])
        for weight in network.backbone.weights
        if weight.name in new
    )


def misses_backbone(network: keras.Model, random_layers: Iterable[str]) -> bool:
    """True if a layer of the backbone is among those that a weight file had nothing for. A file
    may hold a backbone whose normalisations are folded: it is whole, and has no statistics."""
    names = weighted_layers(network.backbone)
    return any(layer.rpartition("/")[2] in names for layer in random_layers)


def _check_computes_alike(config) -> None:
    if config.backbone in BLOCKS and (config.stride_on_3x3 or not config.conv_bias):
        raise WeightsError(
            f"Keras Applications' {config.backbone} has biases, and the strides on its 1x1 "
            "convolutions; a backbone with stride_on_3x3=True or conv_bias=False, as origin="
            "'torchvision' has, would compute something else from its ImageNet weights. Use "
            "origin='matterport', or start from torchvision's weights by load_weights(...)."
        )


def _load_preset(network: keras.Model) -> LoadReport:
    source = find(network.config.backbone)
    published = published_backbone(source, (*network.backbone.input_shape[1:3], 3))
    told = f"{source.library}:{source.published}"
    report = copy_by_name(published, network.backbone, told)
    _compare_pixels(network.config, published_pixels(source))
    _LOG.info("%s", report)
    return report


def _compare_pixels(config, published: tuple | None) -> None:
    """Warns where a preset's own preprocessing is another than the settings'."""
    if published is None or config.channels != 3:
        return
    mean, std = (np.broadcast_to(value, 3) for value in (config.pixel_mean, config.pixel_std))
    if not np.allclose(mean, published[0], atol=1) or not np.allclose(std, published[1], atol=1):
        _LOG.warning(
            "%s was trained with pixel_mean=%s and pixel_std=%s; the settings say %s and %s",
            config.backbone,
            *(np.round(value, 3).tolist() for value in published),
            config.pixel_mean,
            config.pixel_std,
        )
