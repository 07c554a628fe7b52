"""Weights of DETR as the start of HPTR: backbone, transformer, class and box heads.

The pyramid, the maps and the mask branch, which takes other maps than DETR's, keep their values and
have to be trained.
"""

from __future__ import annotations

import dataclasses
import os

from tfseg.convert import detr
from tfseg.convert.coco_names import class_names
from tfseg.convert.source import Source
from tfseg.errors import WeightsError
from tfseg.nn.backbones.imagenet import weighted_layers
from tfseg.structures import LoadReport

__all__ = ["READS", "describe", "load", "recognises"]

READS = detr.READS
_COCO = 92  # ids 0 to 90, and no object
_NOTE = (
    "The pyramid, the maps and the masks have no weights yet: train the model before it predicts."
)


def recognises(path: str | os.PathLike) -> bool:
    """True for a file that `tfseg.convert.detr` reads."""
    return detr.recognises(path)


def describe(path: str | os.PathLike) -> Source:
    """Returns what the file is, its settings by the names that HPTR has for them. Its classes are
    not told: an HPTR has one of them.

    Raises:
        WeightsError: If it is damaged, or of another network.
    """
    found = detr.describe(path)
    settings = {
        "transformer_channels": found.settings["channels"],
        "transformer_hidden": found.settings["hidden"],
        "encoder_layers": found.settings["encoder_layers"],
        "decoder_layers": found.settings["decoder_layers"],
        "backbone_form": "torch",
    }
    return dataclasses.replace(found, class_count=None, settings=settings, notes=(_NOTE,))


def load(model, path: str | os.PathLike, skip_mismatch: bool = False) -> LoadReport:
    """Gives an HPTR the weights of a file; its backbone and all of its detector or, on an error,
    nothing. What the file has nothing for is listed as missing or skipped.

    Of more queries than the model has, the first ones are taken. Of COCO's classes, those of the
    model's names are; of another file's, all, as they are numbered.

    Args:
        model: An `HPTR`.
        path: The file.
        skip_mismatch: Take what fits, for instance the encoder for a model with anchor queries.

    Raises:
        WeightsError: If the file is missing, damaged or of another network, or does not fit; names
            the settings.
    """
    source, config = describe(path), model.config
    wanted = {"backbone": source.backbone, **source.settings}
    wrong = {name: value for name, value in wanted.items() if getattr(config, name) != value}
    if config.query_kind != "codes":
        wrong["query_kind"] = "codes"
    if config.norm not in ("frozen", "batch"):
        wrong["norm"] = "frozen"
    if wrong and not skip_mismatch:
        has = ", ".join(f"{name}={getattr(config, name)!r}" for name in wrong)
        needs = ", ".join(f"{name}={value!r}" for name, value in wrong.items())
        raise WeightsError(
            f"{source.path}: weights of {source}, and the model has {has}. Make it with {needs}, "
            "or take what fits with skip_mismatch=True."
        )
    network = model.keras_model
    backbone = set(weighted_layers(network.backbone))

    def must_fit(layer: str) -> bool:
        return not skip_mismatch and (layer in backbone or layer.startswith("detector"))

    ids = _class_ids(path, config.classes)
    return detr.load(network, path, classes=ids, skip_mismatch=True, must_fit=must_fit)


def _class_ids(path: str | os.PathLike, classes: tuple[str, ...]) -> tuple[int, ...] | None:
    """Returns the file's ids of the model's classes; None for all, as they are."""
    if detr.describe(path).class_count != _COCO:
        return None
    names = class_names(90)
    known = [names.index(name) + 1 for name in classes if name in names]
    return tuple(known) if len(known) == len(classes) else None
