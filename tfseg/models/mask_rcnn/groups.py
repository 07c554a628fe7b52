"""The layers of the network by name, and the groups of them that stages of training change."""

from __future__ import annotations

import re

import keras

from tfseg.errors import ConfigError
from tfseg.models.mask_rcnn.body import body_layers

__all__ = ["layer_group", "weighted_layers"]

_HEADS = r"(mrcnn_.*)|(rpn_.*)|(fpn_.*)"


def weighted_layers(network: keras.Model) -> dict[str, keras.layers.Layer]:
    """Returns the layers that own weights, by name; names are unique in the network."""
    return {
        layer.name: layer
        for layer in network._flatten_layers(include_self=False)
        if layer._trainable_variables or layer._non_trainable_variables
    }


def layer_group(network: keras.Model, group: str) -> set[str]:
    """Returns the names of the layers that a training stage changes.

    Args:
        network: The network.
        group: One of `MaskRCNNConfig.layer_groups`; the heads' names start with mrcnn_, rpn_ or
            fpn_.
    """
    names = set(weighted_layers(network))
    heads = {name for name in names if re.fullmatch(_HEADS, name)}
    plain = {"all": names, "heads": heads, "backbone": names - heads}
    if group in plain:
        return plain[group]
    stages = {"3+": 3, "4+": 4, "5+": 5}
    if group not in stages:
        known = ", ".join([*plain, *stages])
        raise ConfigError(f"layers should be one of {known}; got {group!r}.")
    return heads | body_layers(network.body, network.config, names, stages[group])
