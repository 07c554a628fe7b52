"""The layers of the network by name, and the groups of them that stages of training change."""

from __future__ import annotations

import keras

from tfseg.errors import ConfigError
from tfseg.models.two_stage.backbone import backbone_layers
from tfseg.nn.backbones.imagenet import weighted_layers

__all__ = ["layer_group"]


def layer_group(network: keras.Model, group: str) -> set[str]:
    """Returns the names of the layers that a training stage changes.

    Args:
        network: The network, with `backbone` and `config`.
        group: One of `BackboneSettings.layer_groups`.
    """
    names = set(weighted_layers(network))
    backbone = set(weighted_layers(network.backbone))
    plain = {"all": names, "heads": names - backbone, "backbone": backbone}
    if group in plain:
        return plain[group]
    stages = {"3+": 3, "4+": 4, "5+": 5}
    if group not in stages:
        known = ", ".join([*plain, *stages])
        raise ConfigError(f"layers should be one of {known}; got {group!r}.")
    later = backbone_layers(network.backbone, network.config, names, stages[group])
    return plain["heads"] | later
