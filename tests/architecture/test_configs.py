"""Every experiment file that comes with tfseg loads, and says where it comes from."""

from __future__ import annotations

from pathlib import Path

from tfseg import models
from tfseg.config import files

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = sorted((ROOT / "configs").rglob("*.yaml"))


def test_there_are_configs():
    names = {path.stem for path in CONFIGS if path.parent.name == "mask_rcnn"}
    assert {"base", "final", "small", "clothing_light"} <= names


def test_every_config_loads_and_says_what_it_is():
    for path in CONFIGS:
        loaded = files.load_config(path)
        config_class = models.config_class(loaded["system"])
        config = files.build(config_class, loaded, classes=("one",))
        assert config_class.from_dict(config.to_dict()) == config, path
        assert loaded["description"] and loaded["command"], path
