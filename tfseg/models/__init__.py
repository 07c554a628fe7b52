"""The five systems, one folder each."""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, NamedTuple

from tfseg import backend
from tfseg.config.base import nearest
from tfseg.errors import ConfigError, WeightsError

__all__ = [
    "DEFAULT",
    "ENGINES",
    "SYSTEMS",
    "System",
    "config_class",
    "declared_extras",
    "learns_maps",
    "load",
    "offers_litert",
    "system",
]

if TYPE_CHECKING:
    from tfseg.engine.extras import Extra

backend.check()  # before Keras is imported, whose own error is long


class System(NamedTuple):
    """A system's classes, by the names under which its module has them.

    Attributes:
        estimator: The class a user meets.
        config: Its settings; importing them loads no Keras.
        light: The class that answers without Keras, or None.
        module: Where they are; None: the folder `tfseg.models.NAME`.
        inputs: The module whose `EXTRAS` are what `predict` takes besides images, for a command
            to have options for them; importing it loads no Keras. None: images alone.
    """

    estimator: str
    config: str
    light: str | None = None
    module: str | None = None
    inputs: str | None = None


SYSTEMS = {
    "mask_rcnn": System("MaskRCNN", "MaskRCNNConfig"),
    "comask": System("CoMask", "CoMaskConfig"),
    "portrait": System(
        "PortraitSegmenter",
        "PortraitConfig",
        "LightPortrait",
        inputs="tfseg.models.portrait.inputs",
    ),
    "hptr": System("HPTR", "HPTRConfig"),
    "pose2seg": System("Pose2Seg", "Pose2SegConfig", inputs="tfseg.models.pose2seg.inputs"),
}
"""System name, as in configs and saved models, to its classes."""

DEFAULT = "mask_rcnn"
"""The system of an experiment file that names none."""
ENGINES = ("tensorflow", "litert")


def system(name: str = DEFAULT) -> type:
    """Returns the class of a system; only that system is imported."""
    return _class(name, "estimator")


def config_class(name: str = DEFAULT) -> type:
    """Returns the class of a system's settings, without importing Keras."""
    return _class(name, "config")


def learns_maps(name: str = DEFAULT) -> bool:
    """Returns whether a system learns from whole label maps, not from objects alone."""
    return bool(getattr(config_class(name), "learns_maps", ()))


def _named(name: str) -> System:
    if not isinstance(name, str) or name not in SYSTEMS:
        raise ConfigError(f"there is no system {name!r}.{nearest(name, SYSTEMS)}")
    return SYSTEMS[name]


def declared_extras() -> dict[str, Extra]:
    """Returns what the systems take besides images, by name; no network is imported."""
    found = {}
    for entry in SYSTEMS.values():
        if entry.inputs is not None:
            for extra in importlib.import_module(entry.inputs).EXTRAS:
                found.setdefault(extra.name, extra)
    return found


def _class(name: str, kind: str) -> type:
    one = _named(name)
    module = importlib.import_module(one.module or f"tfseg.models.{name}")
    return getattr(module, getattr(one, kind))


def load(directory: str | os.PathLike, *, engine: str = "tensorflow"):
    """Returns the model saved in a directory, or one of that name, whichever system it is of.

    Args:
        directory: A folder; or the name of a model in the folder `$TFSEG_MODELS`, or of one that
            comes with tfseg, such as "portrait".
        engine: What computes: "tensorflow" is the network, by Keras' backend; "litert" predicts
            and evaluates from a TFLite file in the folder and starts in a second.

    Raises:
        ConfigError: For an engine that does not exist, or that this system does not have.
        ExportError: If LiteRT cannot answer for this model, saying why.
        WeightsError: If the directory holds no saved model, or nothing has that name.
    """
    if engine not in ENGINES:
        raise ConfigError(f"engine: there is no {engine!r}.{nearest(engine, ENGINES)}")
    from tfseg.engine.checkpoint import read_model_json
    from tfseg.engine.named_models import find_model

    directory = find_model(directory)
    name = read_model_json(directory)["system"]
    try:
        found = system(name) if engine == "tensorflow" else None
    except ConfigError as error:
        raise WeightsError(f"{directory}: {error}") from None
    if found is not None:
        return found.load(directory)
    light = [key for key, one in SYSTEMS.items() if one.light]
    if name not in light:
        raise ConfigError(
            f"{directory}: {engine} cannot answer for a {name!r} model; it can for "
            f'{", ".join(light)}. Leave engine at "tensorflow".'
        )
    return _class(name, "light").load(directory)


def offers_litert(directory: str | os.PathLike) -> bool:
    """Returns whether the model in a folder, or of that name, comes with a TFLite file; if
    something is wrong with the folder, `load` says what."""
    from tfseg.engine import litert
    from tfseg.engine.named_models import known_models

    return litert.offered(directory) or (
        not os.path.isdir(directory)
        and litert.offered(known_models().get(os.fspath(directory), directory))
    )
