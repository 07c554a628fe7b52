"""Settings of an estimator in scikit-learn's terms: flat names, `train__...` inside."""

from __future__ import annotations

import dataclasses
import inspect
import typing
from collections.abc import Mapping

import keras

from tfseg.config import Config
from tfseg.config.base import nearest
from tfseg.engine import weights
from tfseg.errors import ConfigError

__all__ = ["get_params", "moved_weights", "same_network", "signature", "with_params"]


def get_params(config: Config, deep: bool) -> dict:
    """Returns the settings by name, as the very objects that the config holds."""
    params = {}
    for name in config.setting_names():
        value = getattr(config, name)
        params[name] = value
        if deep and isinstance(value, Config):
            inner = get_params(value, deep)
            params.update({f"{name}__{key}": item for key, item in inner.items()})
    return params


def with_params(config: Config, params: Mapping) -> Config:
    """Returns a config with some settings changed; `train__batch_size` reaches inside."""
    changes, inner = {}, {}
    for name, value in params.items():
        head, _, rest = name.partition("__")
        known = config.setting_names()
        if head not in known:
            raise ConfigError(f"there is no setting {head!r}.{nearest(head, known)}")
        if not rest:
            changes[name] = value
        elif isinstance(getattr(config, head), Config):
            inner.setdefault(head, {})[rest] = value
        else:
            raise ConfigError(f"{name}: {head!r} is a single value, it has nothing inside.")
    config = config.replace(**changes)
    nested = {head: with_params(getattr(config, head), more) for head, more in inner.items()}
    return config.replace(**nested) if nested else config


def signature(kind: type, base: type) -> inspect.Signature:
    """Returns how an estimator's class is called, its settings by name with their defaults.

    Args:
        kind: The class.
        base: The class whose `__init__` takes all settings as `**settings`; a class with another
            one is called as that says.
    """
    if kind.__init__ is not base.__init__:
        own = inspect.signature(kind.__init__)
        return own.replace(parameters=list(own.parameters.values())[1:])
    config, hints = kind.config_class, typing.get_type_hints(kind.config_class)
    whole = inspect.Parameter(
        "config",
        inspect.Parameter.POSITIONAL_ONLY,
        default=None,
        annotation=config | Mapping | None,
    )
    single = []
    for field in dataclasses.fields(config):
        default = field.default
        if field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        single.append(
            inspect.Parameter(
                field.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=inspect.Parameter.empty if default is dataclasses.MISSING else default,
                annotation=hints[field.name],
            )
        )
    return inspect.Signature([whole, *single])


def same_network(before: Config, after: Config) -> bool:
    """True if only settings of the training differ, which the network does not depend on."""
    names = [name for name in before.setting_names() if name != "train"]
    return all(getattr(before, name) == getattr(after, name) for name in names)


def moved_weights(source: keras.Model, target: keras.Model) -> keras.Model:
    """Returns `target` with all weights of `source`.

    Raises:
        ConfigError: If they have other weights, so that what was learnt would be lost.
    """
    stored = {
        layer: {name: variable.value for name, variable in variables.items()}
        for layer, variables in weights.named_weights(source).items()
    }
    found = weights.match(weights.named_weights(target), stored, source.name)
    differing = [*found.report.skipped, *found.report.missing, *found.report.unused]
    if differing:
        raise ConfigError(
            "the network exists and these settings would need other weights "
            f"({len(differing)} layers differ, such as {differing[0]}). Make a new model, or call "
            "sklearn.base.clone(model) before set_params."
        )
    weights.give(found)
    return target
