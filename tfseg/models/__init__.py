"""The five systems, one folder each."""

from __future__ import annotations

import importlib
import os

from tfseg import backend
from tfseg.config.base import nearest
from tfseg.errors import ConfigError, WeightsError

__all__ = ["ENGINES", "SYSTEMS", "load", "offers_litert", "system"]

backend.check()  # before Keras is imported, whose own error is long

SYSTEMS = {
    "mask_rcnn": "tfseg.models.mask_rcnn:MaskRCNN",
    "portrait": "tfseg.models.portrait:PortraitSegmenter",
}
"""System name, as in configs and saved models, to where its class lives."""

LIGHT = {"portrait": "tfseg.models.portrait.light:LightPortrait"}
"""System name to the class that answers without Keras, for the systems that have one."""
ENGINES = ("tensorflow", "litert")


def system(name: str) -> type:
    """Returns the class of a system; only that system is imported."""
    if not isinstance(name, str) or name not in SYSTEMS:
        raise ConfigError(f"there is no system {name!r}.{nearest(name, SYSTEMS)}")
    return _class(SYSTEMS[name])


def _class(place: str) -> type:
    module, _, attribute = place.partition(":")
    return getattr(importlib.import_module(module), attribute)


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
    if name not in LIGHT:
        raise ConfigError(
            f"{directory}: {engine} cannot answer for a {name!r} model; it can for "
            f'{", ".join(LIGHT)}. Leave engine at "tensorflow".'
        )
    return _class(LIGHT[name]).load(directory)


def offers_litert(directory: str | os.PathLike) -> bool:
    """Returns whether the model in a folder, or of that name, comes with a TFLite file; if
    something is wrong with the folder, `load` says what."""
    from tfseg.engine import litert
    from tfseg.engine.named_models import known_models

    return litert.offered(directory) or (
        not os.path.isdir(directory)
        and litert.offered(known_models().get(os.fspath(directory), directory))
    )
