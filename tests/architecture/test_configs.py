"""Every experiment file that comes with tfseg loads, and says where it comes from."""

from __future__ import annotations

from pathlib import Path

import pytest

from tfseg import models
from tfseg.config import files

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = sorted((ROOT / "configs").rglob("*.yaml"))


def test_there_are_configs():
    names = {path.stem for path in CONFIGS if path.parent.name == "mask_rcnn"}
    assert {"base", "final", "small", "clothing_light"} <= names


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_config_loads(path):
    loaded = files.load_config(path)
    system = models.system(loaded["system"])
    config = files.build(system.config_class, loaded, classes=("one",))
    assert system.config_class.from_dict(config.to_dict()) == config
    assert loaded["description"]
    assert loaded["command"]
