"""Experiment files: YAML that states only what differs from the file it extends."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import yaml

from tfseg import files
from tfseg.config.base import Config, nearest
from tfseg.config.paper import Paper
from tfseg.config.train import TrainConfig
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


class _Loader(yaml.SafeLoader):
    """YAML's safe values, where `1e-3` is a number as well (YAML 1.1 wants `1.0e-3`)."""


_Loader.yaml_implicit_resolvers = {
    letter: list(pairs) for letter, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
)


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
            raise _at(loaded, name, f"expected settings by name, got {loaded[name]!r}.")
    _checked(TrainConfig, loaded["train"], "train", loaded)
    _checked(Paper, loaded["paper"], "paper", loaded)
    return loaded


def build(config_class: type[Config], loaded: Mapping, **more) -> Config:
    """Returns a system's config from the sections `model` and `train` of a loaded file.

    Args:
        config_class: The system's config; its field `train` takes the section of that name.
        loaded: What `load_config` returned.
        more: Settings that outrank those of the file, such as `classes` of the data set.
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
    if path.resolve() in chain:
        loop = " -> ".join(p.name for p in (*chain, path))
        raise ConfigError(f"{path}: 'extends' goes in a circle: {loop}.")
    values, places = _parse(path, chain)
    for name in values:
        if name not in SECTIONS:
            known = nearest(str(name), SECTIONS)
            raise ConfigError(f"{places[str(name)]}: there is no section {name!r}.{known}")
    parent = values.pop("extends", None)
    if parent is None:
        return LoadedConfig(values, places)
    if not isinstance(parent, str):
        problem = f"expected the name of one file, got {parent!r}."
        raise ConfigError(f"{places['extends']}: extends: {problem}")
    above = path.parent / parent
    base = _read(above, (*chain, path.resolve()))
    passed_on = {name: value for name, value in base.items() if name not in _OF_ONE_FILE}
    return LoadedConfig(_merge(passed_on, values), {**base.places, **places}, above)


def _parse(path: Path, chain) -> tuple[dict, dict]:
    if not path.is_file():
        beside = [p.name for p in path.parent.glob("*.y*ml")] if path.parent.is_dir() else []
        by = f" (extended by {chain[-1].name})" if chain else ""
        raise ConfigError(f"{path}{by}: there is no such file.{nearest(path.name, beside)}")
    try:
        text = path.read_text(encoding="utf-8")
        node = yaml.compose(text, Loader=_Loader)
        places: dict[str, str] = {}
        if node is not None:
            _note_places(node, "", str(path), places)
        values = yaml.load(text, Loader=_Loader)
    except (yaml.YAMLError, UnicodeDecodeError, ValueError) as error:
        raise ConfigError(f"{path}: this is not valid YAML: {error}") from None
    if not isinstance(values, dict):
        raise ConfigError(
            f"{path}: expected sections by name ({', '.join(SECTIONS)}), got "
            f"{'an empty file' if values is None else repr(values)}."
        )
    return values, places


def _note_places(node: yaml.Node, path: str, file: str, places: dict[str, str]):
    """Fills in where each value stands; a key given twice is an error, YAML would hide it."""
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            line = f"{file}, line {key.start_mark.line + 1}"
            if key.value in seen:
                raise ConfigError(f"{line}: {key.value!r} is given twice.")
            seen.add(key.value)
            inner = f"{path}.{key.value}" if path else str(key.value)
            places[inner] = line
            _note_places(value, inner, file, places)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            places[f"{path}.{index}"] = f"{file}, line {value.start_mark.line + 1}"
            _note_places(value, f"{path}.{index}", file, places)


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
    try:
        parsed = yaml.load(value, Loader=_Loader)
    except yaml.YAMLError as error:
        raise ConfigError(f"--set {text}: the value is not valid YAML: {error}") from None
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
