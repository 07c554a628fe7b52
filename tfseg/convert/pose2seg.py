"""Weights of the public code of Pose2Seg (the later paper's), as `.safetensors` or a PyTorch file.

Theirs on the left, ours on the right, for `variant="cvpr"`; `bn` goes with each `conv` where there
is one, and kernels `(O, I, h, w)` become `(h, w, I, O)`:

    backbone.conv1                        conv1, bn_conv1
    backbone.layer1.0.conv1 to conv3      res2a_branch2a to 2c (block 1 is b, layer2 res3, ...)
    backbone.layer1.0.conv4               res2a_branch1, the projection
    backbone.fpn_c1p1, fpn_p1 (to 4)      fpn_c2p2, fpn_p2 (to 5)
    segnet.conv1                          seg_conv1
    segnet.layer1.0.conv1 to conv3        seg_unit0_conv1 to 3 (0 to 9)
    segnet.layer1.0.downsample.0 and 1    seg_unit0_conv_skip, seg_unit0_bn_skip
    segnet.decoder1.0                     seg_decoder, as a unit
    segnet.pred_small                     seg_logits
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

import keras
import numpy as np

from tfseg.convert import torch_files
from tfseg.convert.source import Source
from tfseg.convert.transfer import layers_of, resnet_layers
from tfseg.engine import weights
from tfseg.errors import WeightsError
from tfseg.structures import LoadReport

__all__ = ["READS", "describe", "load", "load_network", "module_names", "recognises"]

READS = "Pose2Seg's public weights (.safetensors, or .pkl where PyTorch is installed)"

_NORM = {
    "weight": "gamma",
    "bias": "beta",
    "running_mean": "moving_mean",
    "running_var": "moving_variance",
}
_CONV = {"weight": "kernel", "bias": "bias"}
_FIRST = "segnet.conv1.weight"
_UNITS = 10
_FEATURES, _SKELETON = 256, 55
# Names of before the public release, which its loader still turns into those of today.
_OLDER = re.compile(r"^pose2seg\.seg_branch\.")


def recognises(path: str | os.PathLike) -> bool:
    """True for a file of tensors among which are those of the segmentation head."""
    if torch_files.kind(path) is None:
        return False
    try:
        return _FIRST in _tensors(path)
    except WeightsError:
        return False


def describe(path: str | os.PathLike) -> Source:
    """Returns what the file is, from names and shapes.

    Raises:
        WeightsError: If it is damaged, or of another network, naming what it has.
    """
    return _describe(path, _tensors(path))


def load(model, path: str | os.PathLike, skip_mismatch: bool = False) -> LoadReport:
    """Gives an estimator of Pose2Seg the weights of a file, see `load_network`."""
    return load_network(model.keras_model, path, skip_mismatch)


def load_network(
    network: keras.Model, path: str | os.PathLike, skip_mismatch: bool = False
) -> LoadReport:
    """Gives a network the weights of a file, all of them or, on an error, none.

    Args:
        network: A network of Pose2Seg with `variant="cvpr"`.
        path: The file.
        skip_mismatch: Take what fits, such as all but the head's first convolution where one has
            a skeleton and the other does not, to go on training. The network may then sample
            "exact" too.

    Raises:
        WeightsError: If the file is damaged or of another network, or does not fit.
    """
    found = _tensors(path)
    source = _describe(path, found)
    _check_settings(source, network.config, skip_mismatch)
    stored, used = {}, set()
    for layer, (module, leaves) in module_names().items():
        names = {ours: f"{module}.{name}" for name, ours in leaves.items()}
        names = {ours: name for ours, name in names.items() if name in found}
        if names:
            used |= set(names.values())
            stored[layer] = {ours: _kernel(found[name]) for ours, name in names.items()}
    left = [name for name in found if name not in used]
    unused = [name for name in left if not name.endswith("num_batches_tracked")]
    weights.check_finite(source.path, stored)
    matched = weights.match(layers_of(network), stored, source.path, unused)
    weights.refuse_mismatch(matched.report, skip_mismatch, f" The file is {source}.")
    weights.give(matched)
    return matched.report


def module_names() -> dict[str, tuple[str, Mapping[str, str]]]:
    """Returns `{our layer: (their module, {their tensor: our variable})}`."""
    names: dict[str, tuple[str, Mapping[str, str]]] = {}
    for conv, norm in resnet_layers("resnet50"):
        module, number = _body_module(conv)
        names[conv] = (f"{module}conv{number}", _CONV)
        names[norm] = (f"{module}bn{number}", _NORM)
    for level in (2, 3, 4, 5):
        names[f"fpn_c{level}p{level}"] = (f"backbone.fpn_c{level - 1}p{level - 1}", _CONV)
        names[f"fpn_p{level}"] = (f"backbone.fpn_p{level - 1}", _CONV)
    names["seg_conv1"], names["seg_bn1"] = ("segnet.conv1", _CONV), ("segnet.bn1", _NORM)
    units = {f"seg_unit{index}": f"segnet.layer1.{index}" for index in range(_UNITS)}
    units["seg_decoder"] = "segnet.decoder1.0"
    for ours, theirs in units.items():
        for number in (1, 2, 3):
            names[f"{ours}_conv{number}"] = (f"{theirs}.conv{number}", _CONV)
            names[f"{ours}_bn{number}"] = (f"{theirs}.bn{number}", _NORM)
        if ours in ("seg_unit0", "seg_decoder"):
            names[f"{ours}_conv_skip"] = (f"{theirs}.downsample.0", _CONV)
            names[f"{ours}_bn_skip"] = (f"{theirs}.downsample.1", _NORM)
    names["seg_logits"] = ("segnet.pred_small", _CONV)
    return names


def _body_module(conv: str) -> tuple[str, int]:
    """Returns the module's prefix and the number: `res3b_branch2a` is backbone.layer2.1., 1."""
    if conv == "conv1":
        return "backbone.", 1
    stage, block, branch = re.fullmatch(r"res(\d)([a-w])_branch(\w+)", conv).groups()
    number = 4 if branch == "1" else "abc".index(branch[1]) + 1
    return f"backbone.layer{int(stage) - 1}.{ord(block) - ord('a')}.", number


def _kernel(value: np.ndarray) -> np.ndarray:
    """`(O, I, h, w)` to `(h, w, I, O)`; anything else stays."""
    return value.transpose(2, 3, 1, 0) if value.ndim == 4 else value


def _tensors(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Returns the file's arrays under the names of today."""
    return {_OLDER.sub("segnet.", n): value for n, value in torch_files.tensors(path).items()}


def _describe(path: str | os.PathLike, found: Mapping[str, np.ndarray]) -> Source:
    where = os.fspath(path)
    first = found.get(_FIRST)
    if first is None or first.ndim != 4 or "backbone.fpn_c1p1.weight" not in found:
        raise WeightsError(
            f"{where}: expected the public weights of Pose2Seg, with backbone.fpn_c1p1 and "
            f"segnet.conv1, found {weights.some(list(found), 12)}."
        )
    skeleton = first.shape[1] - _FEATURES
    if skeleton not in (0, _SKELETON):
        raise WeightsError(
            f"{where}: its head reads {first.shape[1]} channels; expected {_FEATURES}, or "
            f"{_FEATURES + _SKELETON} with the skeleton of 17 joints and 19 limbs."
        )
    settings = {"variant": "cvpr", "use_skeleton": skeleton > 0, "sampling": "public"}
    return Source(
        where,
        "Pose2Seg's public code",
        "pose2seg",
        "resnet50",
        2,
        settings,
        system="pose2seg",
        named=("person",),
    )


def _check_settings(source: Source, config, skip_mismatch: bool):
    wanted = dict(source.settings)
    if skip_mismatch:
        del wanted["use_skeleton"], wanted["sampling"]
    wrong = {name: value for name, value in wanted.items() if getattr(config, name) != value}
    for name, value in (("norm", config.resolved_norm), ("head_norm", config.resolved_head_norm)):
        if value not in ("batch", "frozen"):
            wrong[name] = "batch"
    if wrong:
        has = ", ".join(f"{name}={getattr(config, name)!r}" for name in wrong)
        needs = ", ".join(f"{name}={value!r}" for name, value in wrong.items())
        raise WeightsError(
            f"{source.path}: weights of {source}, and the model has {has}. Make it with {needs}."
        )
