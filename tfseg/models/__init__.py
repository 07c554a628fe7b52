"""The five systems, one folder each."""

from __future__ import annotations

import importlib
import json
import os

from tfseg import backend
from tfseg.config.base import nearest
from tfseg.errors import ConfigError

__all__ = ["SYSTEMS", "load", "system"]

backend.check()  # before Keras is imported, whose own error is long

SYSTEMS = {
    "mask_rcnn": "tfseg.models.mask_rcnn:MaskRCNN",
    "portrait": "tfseg.models.portrait:PortraitSegmenter",
}
"""System name, as in configs and saved models, to where its class lives."""


def system(name: str) -> type:
    """Returns the class of a system; only that system is imported."""
    if name not in SYSTEMS:
        raise ConfigError(f"there is no system {name!r}.{nearest(name, SYSTEMS)}")
    module, _, attribute = SYSTEMS[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


def load(directory: str | os.PathLike):
    """Returns the model saved in a directory, or one of that name, whichever system it is of.

    Args:
        directory: A folder; or the name of a model in the folder `$TFSEG_MODELS`, or of one that
            comes with tfseg, such as "portrait".

    Raises:
        WeightsError: If the directory holds no saved model, or nothing has that name.
    """
    if not os.path.isdir(directory):
        from tfseg.engine.shipped import find_model

        directory = find_model(directory)
    path = os.path.join(os.fspath(directory), "model.json")
    try:
        with open(path, encoding="utf-8") as file:
            name = json.load(file)["system"]
    except (OSError, ValueError, KeyError, TypeError):
        from tfseg.engine.checkpoint import read_model_json

        # Says what is there instead, and takes back a replacement that was cut short.
        name = read_model_json(directory)["system"]
    return system(name).load(directory)
