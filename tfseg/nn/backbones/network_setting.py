"""A network of the user's as the value of a setting: plain values, and the weights it came with."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from tfseg.errors import ConfigError

__all__ = ["NetworkSetting", "as_setting", "serialized"]


class NetworkSetting(Mapping):
    """A network's configuration in Keras' serialisation, as settings and YAML files hold it.

    Two are equal if the configurations are. `weights` are the arrays of the network that it was
    made of, in its own order; None for one that was read from a file.

    Args:
        values: Of `serialized`.
        weights: See above.
    """

    def __init__(self, values: Mapping, weights: list | None = None):
        # Through JSON, so that what a file holds compares equal with what was given.
        self._values, self.weights = json.loads(json.dumps(dict(values))), weights

    @classmethod
    def from_dict(cls, values: Mapping) -> NetworkSetting:
        """Returns the setting of plain values.

        Raises:
            ConfigError: If they are not those of a network.
        """
        if not {"class_name", "config"} <= set(values):
            raise ConfigError(
                "expected a name, a keras.Model, or its configuration as "
                f"keras.saving.serialize_keras_object gives it; got {', '.join(map(str, values))}."
            )
        return cls(values)

    @property
    def label(self) -> str:
        """The network's class and name."""
        name = (self._values.get("config") or {}).get("name", "")
        return f"{self._values['class_name']} {name}".strip()

    def __getitem__(self, key):
        return self._values[key]

    def __iter__(self) -> Iterator:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __hash__(self) -> int:
        return hash(json.dumps(self._values, sort_keys=True))

    def __repr__(self) -> str:
        return f"<{self.label}>"


def as_setting(backbone):
    """Returns a network as a `NetworkSetting` with its weights, and anything else as it is.

    Raises:
        ConfigError: For a class, which has no numbers of layers and channels, or for a network
            that cannot be put into a file.
    """
    if isinstance(backbone, type):
        raise ConfigError(
            f"backbone: {backbone.__name__} is a class. Pass a network that was made with it, or "
            "its name with a library's and its arguments: "
            f"backbone='keras_hub:{backbone.__name__}', backbone_options={{...}}."
        )
    if isinstance(backbone, (str, Mapping)) or not hasattr(backbone, "get_weights"):
        return backbone
    return NetworkSetting(serialized(backbone), backbone.get_weights())


def serialized(network) -> Mapping:
    """Returns a network's configuration in Keras' serialisation, values that JSON knows.

    Raises:
        ConfigError: If it has none, as a subclass of `keras.Model` without `get_config`.
    """
    import keras

    try:
        values = keras.saving.serialize_keras_object(network)
        kept = ("module", "class_name", "config", "registered_name")
        return json.loads(json.dumps({name: values[name] for name in kept if name in values}))
    except Exception as error:  # custom layers fail in many ways
        raise ConfigError(
            f"backbone: {type(network).__name__} {getattr(network, 'name', '')} cannot be kept in "
            f"a file ({type(error).__name__}: {error}). Build it with the functional API of Keras "
            "from layers that have get_config."
        ) from error
