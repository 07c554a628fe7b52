"""Backbones of other libraries in saved models: what their names stood for is kept beside them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from importlib import resources

import keras

from tfseg.models.two_stage.backbone import build_backbone
from tfseg.nn.backbones.foreign_names import Foreign, find, is_foreign

__all__ = ["StoredBackbone", "source_in_old_model"]

_OLD_NAMES = "names_in_old_models.json"


class StoredBackbone:
    """For an estimator: keeps the architecture of its backbone, so that a saved model, a copy or
    another process builds it again without a network connection."""

    _source: tuple | None = None

    def _ready_backbone(self) -> keras.Model | None:
        """Returns the backbone of a kept architecture; None where the settings alone say it."""
        key, source = self._source or (None, None)
        if source is None or key != self._named():
            return None
        return build_backbone(self.config, 0, source)

    def _keep_architecture(self, network: keras.Model) -> keras.Model:
        """Returns a network that was built, after taking the architecture of its backbone."""
        source = getattr(network.backbone, "source", None)
        self._source = None if source is None else (self._named(), source)
        return network

    def _architecture(self) -> Mapping:
        """Returns what `model.json` keeps beside the settings."""
        self._keep_architecture(self.keras_model)
        if self._source is None or not isinstance(self.config.backbone, str):
            return {}  # tfseg's own, or part of the settings
        return {"backbone": self._source[1].architecture}

    def _take_architecture(self, kept: Mapping) -> None:
        """Takes what `model.json` has kept; a model that was saved before it did has a name."""
        architecture = kept.get("backbone")
        if not is_foreign(self.config.backbone):
            source = None
        elif architecture is None:
            source = source_in_old_model(self.config.backbone)
        else:
            found = find(self.config.backbone)
            source = dataclasses.replace(found, architecture=architecture)
        self._source = None if source is None else (self._named(), source)

    def _named(self) -> tuple:
        return self.config.backbone, self.config.backbone_options


def source_in_old_model(backbone: str) -> Foreign | None:
    """Returns what a name stood for in models that were saved while tfseg carried the numbers of
    layers and channels of all presets of keras_cv 0.9.0 and keras_hub 0.29.1; None for others.

    Args:
        backbone: `keras_cv:...` or `keras_hub:...`.
    """
    names = json.loads(resources.files(__package__).joinpath(_OLD_NAMES).read_text("utf-8"))
    found = names.get(backbone)
    if isinstance(found, str):  # a class, and the preset whose settings it had
        found = names[f"{backbone.partition(':')[0]}:{found}"]
    if found is None:
        return None
    class_name, options = found
    return dataclasses.replace(find(backbone), class_name=class_name, options=options)
