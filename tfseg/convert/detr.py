"""Weights of facebookresearch/detr (ResNet-50 and -101), as `.safetensors` or a PyTorch file.

Three spellings are read: the original's, that of its second stage (`detr.` before the names, masks
beside them), and that of the files on Hugging Face (`facebook/detr-resnet-50`). The network must
have a `tfseg.nn.detr.detector.Detector` called `detector` and the ResNet of
`tfseg.nn.detr.network.detr_resnet`; masks are looked for in `mask_attention` and `mask_head`. What
cannot be seen in a file is whether its network dilates the last stage (`DC5`): this one does not.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Mapping, Sequence

import keras
import numpy as np

from tfseg.convert import torch_files
from tfseg.convert.detr_names import original_names, tensor_names
from tfseg.convert.source import Source
from tfseg.engine import weights
from tfseg.errors import WeightsError
from tfseg.nn.backbones.resnet import BLOCKS
from tfseg.structures import LoadReport

__all__ = ["READS", "describe", "load", "recognises"]

READS = "facebookresearch/detr's ResNet-50 and -101 (.safetensors, or .pth with PyTorch)"

_LOG = logging.getLogger(__name__)
_CLASSES, _CODES = "class_embed.weight", "query_embed.weight"


def recognises(path: str | os.PathLike) -> bool:
    """True for a `.safetensors` or PyTorch file with DETR's query codes and class head."""
    try:
        return {_CLASSES, _CODES} <= set(_tensors(path))
    except WeightsError:
        return False


def describe(path: str | os.PathLike) -> Source:
    """Returns what the file is, from names and shapes.

    `settings` holds `queries`, `channels`, `encoder_layers`, `decoder_layers`, `hidden` and
    `masks`. `class_count` counts "no object", which is the last one: COCO's file has 92, for the
    ids 0 to 90, whose first is unused, and for no object.

    Raises:
        WeightsError: If it is damaged, or of another network, naming what it has.
    """
    return _describe(path, _tensors(path))


def load(
    network: keras.Model,
    path: str | os.PathLike,
    *,
    classes: Sequence[int] | None = None,
    skip_mismatch: bool = False,
    must_fit: Callable[[str], bool] | None = None,
) -> LoadReport:
    """Gives a network the weights of a file, all or, on an error, none.

    Without `skip_mismatch` everything must fit. With it, layers that differ in shape, or that the
    file does not have, keep their values and are listed; a network with fewer queries than the file
    takes the first ones.

    Args:
        network: A built network with the layers that the head of this file names.
        path: The file.
        classes: The file's class ids that the network's classes 0, 1, ... stand for, COCO's person
            is `(1,)`; "no object" follows by itself. None: all, as they are.
        skip_mismatch: Take what fits.
        must_fit: Given the name of a layer, whether it has to fit even so.

    Raises:
        WeightsError: If the file is missing, damaged, of another network, or does not fit.
    """
    found = _tensors(path)
    source = _describe(path, found)
    known = tensor_names(source.backbone, **_counts(source.settings), masks=_has_masks(found))
    stored, used = {}, set()
    for layer, variables in known.items():
        for variable, (name, change) in variables.items():
            if name in found:
                used.add(name)
                value = _changed(source, name, change, found[name])
                stored.setdefault(layer, {})[variable] = value
    unused = [name for name in found if name not in used and "num_batches_tracked" not in name]
    weights.check_finite(source.path, stored)
    if classes is not None:
        stored = _with_classes(source, stored, classes)
    own = weights.named_weights(network)
    if skip_mismatch:
        stored = _with_queries(source, stored, own)
    matched = weights.match(own, stored, source.path, unused)
    told = f" The file is {source}, {source.settings['queries']} queries."
    weights.refuse_mismatch(matched.report, skip_mismatch, told)
    if must_fit is not None:
        _check_needed(matched.report, must_fit, told)
    weights.give(matched)
    return matched.report


def _check_needed(report: LoadReport, must_fit: Callable[[str], bool], told: str) -> None:
    wrong = {name: reason for name, reason in report.skipped.items() if must_fit(name)}
    wrong.update({name: "not in the file" for name in report.missing if must_fit(name)})
    if wrong:
        first = "; ".join(f"{name}: {reason}" for name, reason in list(wrong.items())[:4])
        raise WeightsError(
            f"{report.source}: {len(wrong)} layers do not fit: {first}.{told} Change the settings, "
            "or take what fits with skip_mismatch=True."
        )


def _changed(source: Source, name: str, change: Callable, value: np.ndarray) -> np.ndarray:
    try:
        return change(value)
    except (ValueError, IndexError):
        raise WeightsError(
            f"{source.path}: {name} has the shape {tuple(value.shape)}, which no tensor of that "
            "name in facebookresearch/detr has. The file is damaged, or of another network."
        ) from None


def _with_classes(source: Source, stored: Mapping, classes: Sequence[int]) -> Mapping:
    """Returns the arrays with the class head cut down to some classes and "no object"."""
    none = source.class_count - 1
    wrong = [number for number in classes if not 0 <= number < none]
    if wrong:
        raise WeightsError(
            f"{source.path}: classes {wrong} are not in the file, whose ids are 0 to {none - 1}."
        )
    head = {
        name: _changed(source, "class_embed", lambda v: v[..., [*classes, none]], value)
        for name, value in stored["detector/class_head"].items()
    }
    return {**stored, "detector/class_head": head}


def _with_queries(source: Source, stored: Mapping, own: Mapping) -> Mapping:
    """Returns the arrays with the first query codes alone, where the network has fewer."""
    codes = stored["detector"]["query_codes"]
    ours = own.get("detector", {}).get("query_codes")
    if ours is None or ours.shape[0] >= len(codes) or ours.shape[1:] != codes.shape[1:]:
        return stored
    _LOG.info("%s: the first %d of %d queries are taken.", source.path, ours.shape[0], len(codes))
    return {**stored, "detector": {"query_codes": codes[: ours.shape[0]]}}


def _tensors(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Returns the file's arrays under the original's names of the first stage."""
    if torch_files.kind(path) is None:
        what = "is a folder" if os.path.isdir(path) else "is no weight file of PyTorch"
        what = what if os.path.exists(path) else "does not exist"
        raise WeightsError(f"{os.fspath(path)}: {what}. Expected {READS}.")
    return original_names(torch_files.tensors(path))


def _describe(path: str | os.PathLike, found: Mapping[str, np.ndarray]) -> Source:
    places = (re.match(r"backbone\.0\.body\.layer(\d)\.(\d+)\.", name) for name in found)
    seen = {(int(place[1]), int(place[2])) for place in places if place}
    blocks = tuple(sum(stage == wanted for stage, _ in seen) for wanted in (1, 2, 3, 4))
    backbone = next((name for name, counts in BLOCKS.items() if counts == blocks), None)
    sizes = [found[name].ndim if name in found else 0 for name in (_CLASSES, _CODES)]
    if backbone is None or sizes != [2, 2]:
        raise WeightsError(
            f"{os.fspath(path)}: expected facebookresearch/detr with a ResNet: backbone.0.body, "
            f"transformer, class_embed, bbox_embed and query_embed. Found "
            f"{weights.some(list(found), 12)}."
        )
    hidden = found.get("transformer.encoder.layers.0.linear1.bias", np.zeros(0))
    settings = {
        "queries": len(found[_CODES]),
        "channels": found[_CODES].shape[1],
        "hidden": hidden.size,
        "encoder_layers": _layers("encoder", found),
        "decoder_layers": _layers("decoder", found),
        "masks": _has_masks(found),
    }
    count = len(found[_CLASSES])
    program = "facebookresearch/detr"
    return Source(os.fspath(path), program, "detr", backbone, count, settings, system="hptr")


def _layers(part: str, found: Mapping) -> int:
    numbers = (re.match(rf"transformer\.{part}\.layers\.(\d+)\.", name) for name in found)
    return len({number[1] for number in numbers if number})


def _has_masks(found: Mapping) -> bool:
    return "mask_head.out_lay.weight" in found


def _counts(settings: Mapping) -> dict[str, int]:
    return {name: settings[name] for name in ("encoder_layers", "decoder_layers")}
