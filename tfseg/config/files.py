"""Experiment files: YAML that states only what differs from the file it extends."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import yaml

from tfseg import files
from tfseg.config import yaml_text
from tfseg.config.base import Config, nearest
from tfseg.config.paper import Paper
from tfseg.config.train import TrainConfig
from tfseg.config.types import describe
from tfseg.errors import ConfigError

__all__ = ["SECTIONS", "LoadedConfig", "build", "dump_config", "load_config", "override"]

# The sections of an experiment file. The first line holds texts and facts about the run, the
# second what the run is made of.
SECTIONS = (
    "system",
    "extends",
    "description",
    "source",
    "command",
    "hardware",
    "expected",
    "paper",
    "model",
    "train",
    "data",
)
_MAPPINGS = ("model", "train", "data", "paper")
_LONGEST_CHAIN = 20
# What is said of one file is not true of another that extends it.
_OF_ONE_FILE = ("description", "source", "command", "hardware", "expected", "paper")


class LoadedConfig(dict):
    """The merged sections of an experiment file, and where each value was written.

    Attributes:
        places: dotted path to `"file, line n"` or `"--set ..."`.
        extends: The file that this one extends, or None.
    """

    def __init__(self, values: Mapping, places: Mapping[str, str], extends: Path | None = None):
        super().__init__(values)
        self.places, self.extends = dict(places), extends

    def where(self, path: str) -> str:
        """Returns where a value, or the nearest value around it, was written; may be empty."""
        path = path.replace("[", ".").replace("]", "")
        while path:
            if path in self.places:
                return self.places[path]
            path = path.rpartition(".")[0]
        return ""


def load_config(path: str | os.PathLike, overrides: Iterable[str] = ()) -> LoadedConfig:
    """Returns the sections of an experiment file, with what it extends and overrides merged.

    Settings and the system come from the file that is extended as well; the texts and facts
    about a run (`description`, `source`, `command`, `hardware`, `expected`, `paper`) are those of
    the file itself.

    Args:
        path: A YAML file. `extends: base.yaml` in it is found beside it.
        overrides: Texts such as `"model.backbone=resnet50"` or `"train.stages.0.epochs=3"`;
            what follows the sign is read as YAML.

    Raises:
        ConfigError: Naming file and line for a missing or broken file, an unknown section or
            training setting (with the nearest name), or a value out of its limits.
    """
    loaded = _read(Path(path), ())
    override(loaded, overrides)
    for name in _MAPPINGS:
        if not isinstance(loaded.setdefault(name, {}), Mapping):
            raise _at(loaded, name, f"expected settings by name, got {describe(loaded[name])}.")
    if not isinstance(loaded.get("system", ""), str):
        raise _at(loaded, "system", f"expected a name, got {describe(loaded['system'])}.")
    _checked(TrainConfig, loaded["train"], "train", loaded)
    _checked(Paper, loaded["paper"], "paper", loaded)
    return loaded


def build(config_class: type[Config], loaded: Mapping, **more) -> Config:
    """Returns a system's config from the sections `model` and `train` of a loaded file.

    Args:
        config_class: The system's config; its field `train` takes the section of that name.
        loaded: What `load_config` returned.
        more: Settings that outrank those of the file, such as `classes` of the dataset.
    """
    values = {**loaded.get("model", {}), **more}
    if "train" in config_class.setting_names():
        values.setdefault("train", loaded.get("train", {}))
    return _checked(config_class, values, "model", loaded)


def dump_config(config: Config | Mapping, path: str | os.PathLike | None = None) -> str:
    """Returns a config as YAML text, and writes it (whole or not at all) if a path is given."""
    values = config.to_dict() if isinstance(config, Config) else dict(config)
    text = yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=100)
    if path is not None:
        files.write_whole(path, text.encode(), error=ConfigError)
    return text


def _checked(config_class: type[Config], values: Mapping, section: str, loaded) -> Config:
    try:
        return config_class.from_dict(values)
    except ConfigError as error:
        field = getattr(error, "field", "")
        path = field if field.startswith("train.") else f"{section}.{field}"
        raise _at(loaded, path, getattr(error, "problem", str(error))) from None


def _at(loaded, path: str, problem: str) -> ConfigError:
    place = loaded.where(path) if isinstance(loaded, LoadedConfig) else ""
    return ConfigError(f"{place}: {path}: {problem}" if place else f"{path}: {problem}")


def _read(path: Path, chain: tuple[Path, ...]) -> LoadedConfig:
    values, places = _parse(path, chain)
    if path.resolve() in chain or len(chain) > _LONGEST_CHAIN:
        loop = " -> ".join(p.name for p in (*chain, path))
        raise ConfigError(f"{path}: 'extends' goes in a circle: {loop}.")
    for name in values:
        if name not in SECTIONS:
            known = nearest(str(name), SECTIONS)
            place = places.get(str(name), path)
            raise ConfigError(f"{place}: there is no section {name!r}.{known}")
    parent = values.pop("extends", None)
    if parent is None:
        return LoadedConfig(values, places)
    if not isinstance(parent, str):
        problem = f"expected the name of one file, got {describe(parent)}."
        raise ConfigError(f"{places.get('extends', path)}: extends: {problem}")
    above = path.parent / parent
    base = _read(above, (*chain, path.resolve()))
    passed_on = {name: value for name, value in base.items() if name not in _OF_ONE_FILE}
    return LoadedConfig(_merge(passed_on, values), {**base.places, **places}, above)


def _parse(path: Path, chain) -> tuple[dict, dict]:
    if not os.path.isfile(path):
        beside = [p.name for p in path.parent.glob("*.y*ml")] if os.path.isdir(path.parent) else []
        by = f" (extended by {chain[-1].name})" if chain else ""
        shown = str(path).replace("\0", "\\0")
        raise ConfigError(f"{shown}{by}: there is no such file.{nearest(path.name, beside)}")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: this is not valid YAML: {error}") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror or error}).") from None
    values, places = yaml_text.parse(text, str(path), sections=True)
    if not isinstance(values, dict):
        raise ConfigError(
            f"{path}: expected sections by name ({', '.join(SECTIONS)}), got "
            f"{'an empty file' if values is None else describe(values)}."
        )
    return values, places


def _merge(base: Mapping, changes: Mapping) -> dict:
    merged = dict(base)
    for name, value in changes.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(name), Mapping)
        merged[name] = _merge(merged[name], value) if both else value
    return merged


def override(loaded: LoadedConfig, texts: Iterable[str]) -> LoadedConfig:
    """Changes sections in place by texts such as `"model.backbone=resnet50"`; returns them.

    Raises:
        ConfigError: Naming the text that says nothing, or something unknown.
    """
    for text in texts:
        _override(loaded, text)
    return loaded


def _override(loaded: LoadedConfig, text: str):
    path, sign, value = text.partition("=")
    path = path.strip()
    if not sign or not path:
        raise ConfigError(f"--set {text}: expected name=value, such as model.backbone=resnet50.")
    keys = path.split(".")
    if keys[0] not in SECTIONS or keys[0] == "extends":
        known = nearest(keys[0], [s for s in SECTIONS if s != "extends"])
        raise ConfigError(f"--set {text}: there is no section {keys[0]!r}.{known}")
    if keys[0] in _MAPPINGS and len(keys) == 1:
        problem = f"name a setting inside the section, such as {path}.name=value."
        raise ConfigError(f"--set {text}: {problem}")
    parsed, _ = yaml_text.parse(value, f"--set {text:.200}")
    _put(loaded, keys, parsed, text)
    for known in [p for p in loaded.places if p == path or p.startswith(path + ".")]:
        del loaded.places[known]
    loaded.places[path] = f"--set {text}"


def _put(values, keys: list[str], parsed, text: str):
    for key in keys[:-1]:
        if isinstance(values, list):
            values = values[_index(values, key, text)]
        else:
            values = values.setdefault(key, {})
        if not isinstance(values, (dict, list)):
            raise ConfigError(f"--set {text}: {key!r} is a single value, it has nothing inside.")
    if isinstance(values, list):
        values[_index(values, keys[-1], text)] = parsed
    else:
        values[keys[-1]] = parsed


def _index(values: list, key: str, text: str) -> int:
    if not key.isdecimal() or int(key) >= len(values):
        problem = f"expected a position from 0 to {len(values) - 1}, got {key!r}."
        raise ConfigError(f"--set {text}: {problem}")
    return int(key)
