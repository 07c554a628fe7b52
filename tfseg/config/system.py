"""What the settings of every system have in common."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import ClassVar

from tfseg.config.base import Config, nearest, setting_error
from tfseg.config.train import TrainConfig

__all__ = ["SystemConfig"]


@dataclasses.dataclass(frozen=True)
class SystemConfig(Config):
    """Base of a system's settings, which have the fields `classes` and `train`.

    Attributes:
        layer_groups: What `train.stages` and `train.rate_factors` can name, and which layers that
            is; the estimator's `_layer_group` finds them. Every system has "all".
        learns_maps: The label maps that the system learns from, where it learns from any.
    """

    layer_groups: ClassVar[Mapping[str, str]] = {"all": "all layers"}
    learns_maps: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self):
        super().__post_init__()
        train = getattr(self, "train", None)
        if not isinstance(train, TrainConfig):
            return
        for index, stage in enumerate(train.stages):
            self._check_group(f"stages[{index}].layers", stage.layers)
        for name in train.rate_factors or {}:
            self._check_group(f"rate_factors.{name}", name)

    def _check_group(self, where: str, name: str):
        if name not in self.layer_groups:
            problem = f"{name!r} is no group of layers of this system."
            problem += nearest(name, self.layer_groups)
            raise setting_error(type(self).__name__, f"train.{where}", problem)
