"""Experiments: files that change a few settings of the file they extend, and what that changes."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tfseg.config.files import LoadedConfig, load_config
from tfseg.config.paper import Paper
from tfseg.errors import ConfigError

__all__ = ["Experiment", "change_text", "changes", "read_all", "read_experiment"]

_SECTIONS = ("model", "train", "data")


@dataclasses.dataclass(frozen=True)
class Experiment:
    """One experiment file, read.

    Attributes:
        name: The file's name without its ending.
        path: The file.
        parent: Name of the experiment that it extends, or None.
        differs: Dotted setting to its values `(in the parent, here)`; None where one of them
            does not state it. {} without a parent. Overrides are not among them.
        paper: What the paper reports.
        loaded: All settings, with the overrides.
    """

    name: str
    path: Path
    parent: str | None
    differs: Mapping[str, tuple]
    paper: Paper
    loaded: LoadedConfig

    @property
    def change(self) -> str:
        """`differs` as words: "rpn_nms_threshold: 0.8"; "" where nothing differs."""
        return "; ".join(change_text(name, after) for name, (_, after) in self.differs.items())


def read_experiment(path: str | os.PathLike, overrides: Iterable[str] = ()) -> Experiment:
    """Returns an experiment file with what it changes.

    Args:
        path: The YAML file.
        overrides: Texts such as "model.backbone=resnet50", as for `load_config`.

    Raises:
        ConfigError: As `load_config`.
    """
    path, overrides = Path(path), tuple(overrides)
    own = load_config(path)
    differs = changes(load_config(own.extends), own) if own.extends is not None else {}
    return Experiment(
        name=path.stem,
        path=path,
        parent=None if own.extends is None else own.extends.stem,
        differs=differs,
        paper=Paper.from_dict(own["paper"]),
        loaded=load_config(path, overrides) if overrides else own,
    )


def read_all(
    paths: Sequence[str | os.PathLike], overrides: Iterable[str] = ()
) -> tuple[Experiment, ...]:
    """Returns the experiments of several files, all checked before any is used.

    Raises:
        ConfigError: If there is none, or two have the same name.
    """
    if not paths:
        raise ConfigError("expected at least one experiment file, got none.")
    overrides = tuple(overrides)
    found: dict[str, Experiment] = {}
    for path in paths:
        one = read_experiment(path, overrides)
        if one.name in found:
            raise ConfigError(
                f"two experiments are called {one.name!r}: {found[one.name].path} and {one.path}. "
                "Name each file once; results are kept by name."
            )
        found[one.name] = one
    return tuple(found.values())


def changes(before: Mapping, after: Mapping) -> dict[str, tuple]:
    """Returns dotted setting to `(before, after)` for what two loaded files set differently;
    None stands for a setting that one of them does not state."""
    old, new = _flat(before), _flat(after)
    return {
        name: (old.get(name), new.get(name))
        for name in dict.fromkeys((*new, *old))
        if old.get(name) != new.get(name)
    }


def change_text(name: str, value) -> str:
    """Returns a setting and its value as a reader of a table wants it.

    >>> change_text("train.stages", [{"epochs": 40, "layers": "heads"}, {"epochs": 20}])
    'stages: 40 epochs of heads, 20 of all'
    """
    short = name.split(".", 1)[-1]
    if short == "stages" and value:
        return f"stages: {', '.join(_stages(value))}"
    if isinstance(value, (list, tuple)):
        return f"{short}: {', '.join(f'{item}' for item in value)}"
    if isinstance(value, float):
        return f"{short}: {value:g}"
    return f"{short}: {'as by default' if value is None else value}"


def _stages(stages: Sequence[Mapping]):
    for index, stage in enumerate(stages):
        rate = stage.get("learning_rate")
        at = f" at {rate:g}" if rate else ""
        epochs = " epochs" if index == 0 else ""
        yield f"{stage['epochs']}{epochs} of {stage.get('layers', 'all')}{at}"


def _flat(loaded: Mapping) -> dict:
    return {
        f"{section}.{name}": value
        for section in _SECTIONS
        for name, value in loaded.get(section, {}).items()
    }
