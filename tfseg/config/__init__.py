"""Typed settings: every value is checked where it is written, not where it is used."""

from tfseg.config.base import Config, check_class_names, setting
from tfseg.config.files import dump_config, load_config
from tfseg.config.learning_rate import learning_rate
from tfseg.config.system import SystemConfig
from tfseg.config.train import Stage, TrainConfig

__all__ = [
    "Config",
    "Stage",
    "SystemConfig",
    "TrainConfig",
    "check_class_names",
    "dump_config",
    "learning_rate",
    "load_config",
    "setting",
]
