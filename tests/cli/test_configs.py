"""Finding experiment files by path, by short name, and in an installed package."""

from __future__ import annotations

import pytest

from tfseg.cli import configs
from tfseg.errors import ConfigError


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """A folder of shipped files in place of the real one, and an empty working directory."""
    folder = tmp_path / "site" / "configs"
    (folder / "mask_rcnn").mkdir(parents=True)
    for name in ("base", "clothing_light"):
        (folder / "mask_rcnn" / f"{name}.yaml").write_text("system: mask_rcnn\n")
    monkeypatch.setattr(configs, "shipped", lambda: folder)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return folder


@pytest.mark.parametrize(
    "name",
    [
        "configs/mask_rcnn/base.yaml",
        "mask_rcnn/base.yaml",
        "mask_rcnn/base",
        "configs/mask_rcnn/base",
        "base",
        "base.yaml",
    ],
)
def test_a_shipped_file_is_found_from_anywhere(shipped, name):
    assert configs.find_config(name) == shipped / "mask_rcnn" / "base.yaml"


def test_a_name_that_two_systems_have_is_not_guessed(shipped):
    (shipped / "comask").mkdir()
    (shipped / "comask" / "base.yaml").write_text("system: comask\n")
    with pytest.raises(ConfigError, match="base: expected an experiment file.*/base"):
        configs.find_config("base")


def test_a_file_of_the_users_own_outranks_a_shipped_one(shipped, tmp_path):
    own = tmp_path / "work" / "mask_rcnn" / "base.yaml"
    own.parent.mkdir()
    own.write_text("system: mask_rcnn\n")
    assert configs.find_config("mask_rcnn/base.yaml").resolve() == own


def test_a_typing_error_names_the_nearest(shipped):
    with pytest.raises(ConfigError, match="Did you mean 'mask_rcnn/clothing_light'"):
        configs.find_config("configs/mask_rcnn/clothing_lite.yaml")


def test_a_name_like_nothing_lists_all(shipped):
    with pytest.raises(ConfigError, match="mask_rcnn/base, mask_rcnn/clothing_light"):
        configs.find_config("zzz")


def test_an_absolute_path_is_not_looked_for_elsewhere(shipped):
    with pytest.raises(ConfigError, match="found none"):
        configs.find_config("/nowhere/mask_rcnn/base.yaml")


def test_the_checkout_ships_its_configs(repo_root):
    assert configs.shipped() == repo_root / "configs"
