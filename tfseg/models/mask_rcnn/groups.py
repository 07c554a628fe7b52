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
        group: "heads" (names that start with mrcnn_, rpn_ or fpn_), "3+", "4+", "5+" (those and
            the body from that stage on), or "all".
    """
    names = set(weighted_layers(network))
    if group == "all":
        return names
    if group == "heads":
        return {name for name in names if re.fullmatch(_HEADS, name)}
    stages = {"3+": 3, "4+": 4, "5+": 5}
    if group not in stages:
        raise ConfigError(f"layers should be one of heads, 3+, 4+, 5+, all; got {group!r}.")
    heads = {name for name in names if re.fullmatch(_HEADS, name)}
    return heads | body_layers(network.body, network.config, names, stages[group])
