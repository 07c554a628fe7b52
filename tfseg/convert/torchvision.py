"""Weights of torchvision's `maskrcnn_resnet50_fpn`, as `.safetensors` or a PyTorch file.

The map, tensor by tensor, with every transposition, is the table at the head of
`tfseg.models.mask_rcnn.origins`; here it is as code.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Callable, Mapping

import numpy as np

from tfseg import files
from tfseg.convert import torch_files
from tfseg.convert.source import Source
from tfseg.convert.transfer import resnet_layers, transfer
from tfseg.engine.weights import some
from tfseg.errors import WeightsError
from tfseg.nn.backbones.resnet import BLOCKS
from tfseg.structures import LoadReport

__all__ = ["READS", "describe", "load", "module_names", "recognises"]

READS = "torchvision's maskrcnn_resnet50_fpn (.safetensors, or .pth where PyTorch is installed)"

_CLASSES = "roi_heads.box_predictor.cls_score.weight"
_NORM = {
    "weight": "gamma",
    "bias": "beta",
    "running_mean": "moving_mean",
    "running_var": "moving_variance",
}
# Names of before torchvision 0.13, which the published weights bear, to those of today.
_OLDER = (
    (r"^(backbone\.fpn\.(?:inner|layer)_blocks\.\d)\.(weight|bias)$", r"\1.0.\2"),
    (r"^rpn\.head\.conv\.(weight|bias)$", r"rpn.head.conv.0.0.\1"),
    (r"^roi_heads\.mask_head\.mask_fcn1\.", "roi_heads.mask_head.0.0."),
    (r"^roi_heads\.mask_head\.mask_fcn2\.", "roi_heads.mask_head.1.0."),
    (r"^roi_heads\.mask_head\.mask_fcn3\.", "roi_heads.mask_head.2.0."),
    (r"^roi_heads\.mask_head\.mask_fcn4\.", "roi_heads.mask_head.3.0."),
)
# torchvision names a file after the first digits of its SHA-256:
# maskrcnn_resnet50_fpn_coco-bf2d0c1e.pth, the weights COCO_V1.
_PUBLISHED = "bf2d0c1e"


def recognises(path: str | os.PathLike) -> bool:
    """True for any `.safetensors` or PyTorch file; `load` says what is wrong with others."""
    return torch_files.kind(path) is not None


def describe(path: str | os.PathLike) -> Source:
    """Returns what the file is, from names and shapes.

    Raises:
        WeightsError: If it is damaged, or of another network, naming what it has.
    """
    source = _describe(path, _tensors(path))
    if source.class_count != 91:
        return source
    if _is_published(path):
        return dataclasses.replace(source, settings={"norm_epsilon": 0.0})
    note = "If these are torchvision's published weights COCO_V1, their model has norm_epsilon=0.0."
    return dataclasses.replace(source, notes=(note,))


def load(model, path: str | os.PathLike, skip_mismatch: bool = False) -> LoadReport:
    """Gives a model with `origin="torchvision"` the weights of a file, see `transfer`.

    Raises:
        WeightsError: If the file is damaged, of another network, or does not fit.
    """
    found = _tensors(path)
    source = _describe(path, found)
    stored, used = {}, set()
    for layer, (module, change) in module_names(source.backbone).items():
        names = {name: f"{module}.{name}" for name in _NORM if f"{module}.{name}" in found}
        if names:
            used |= set(names.values())
            stored[layer] = _by_our_names(path, layer, change, names, found)
    left = [name for name in found if name not in used]
    unused = [name for name in left if not name.endswith("num_batches_tracked")]
    return transfer(model, source, stored, unused, skip_mismatch)


def module_names(backbone: str) -> dict[str, tuple[str, Callable]]:
    """Returns `{our layer: (their module, function on one of its arrays)}`.

    The function takes a weight or a bias and returns the kernel or the bias of our layer; for a
    normalisation it is None.
    """
    names: dict[str, tuple[str, Callable | None]] = {}
    for conv, norm in resnet_layers(backbone):
        module = _body_module(conv)
        names[conv] = (f"backbone.body.{module[0]}", _kernel)
        names[norm] = (f"backbone.body.{module[1]}", None)
    for level in (2, 3, 4, 5):
        names[f"fpn_c{level}p{level}"] = (f"backbone.fpn.inner_blocks.{level - 2}.0", _kernel)
        names[f"fpn_p{level}"] = (f"backbone.fpn.layer_blocks.{level - 2}.0", _kernel)
    names["rpn_conv_shared"] = ("rpn.head.conv.0.0", _kernel)
    names["rpn_class_raw"] = ("rpn.head.cls_logits", _kernel)
    names["rpn_bbox_pred"] = ("rpn.head.bbox_pred", lambda value: _kernel(_deltas(value)))
    names["mrcnn_class_conv1"] = ("roi_heads.box_head.fc6", _first_dense)
    names["mrcnn_class_conv2"] = ("roi_heads.box_head.fc7", _second_dense)
    names["mrcnn_class_logits"] = ("roi_heads.box_predictor.cls_score", np.transpose)
    names["mrcnn_bbox_fc"] = (
        "roi_heads.box_predictor.bbox_pred",
        lambda value: np.transpose(_deltas(value)),
    )
    for number in (1, 2, 3, 4):
        module = f"roi_heads.mask_head.{number - 1}.0"
        names[f"mrcnn_mask_conv{number}"] = (module, _kernel)
    names["mrcnn_mask_deconv"] = ("roi_heads.mask_predictor.conv5_mask", _kernel)
    names["mrcnn_mask"] = ("roi_heads.mask_predictor.mask_fcn_logits", _kernel)
    return names


def _body_module(conv: str) -> tuple[str, str]:
    """Returns the convolution's and its norm's module: `res3b_branch2a` is layer2.1.conv1."""
    if conv == "conv1":
        return "conv1", "bn1"
    stage, block, branch = re.fullmatch(r"res(\d)([a-w])_branch(\w+)", conv).groups()
    prefix = f"layer{int(stage) - 1}.{ord(block) - ord('a')}"
    if branch == "1":
        return f"{prefix}.downsample.0", f"{prefix}.downsample.1"
    number = "abc".index(branch[1]) + 1
    return f"{prefix}.conv{number}", f"{prefix}.bn{number}"


def _kernel(value: np.ndarray) -> np.ndarray:
    """`(O, I, h, w)` to `(h, w, I, O)`; of a transposed convolution `(I, O, h, w)` to
    `(h, w, O, I)`. A bias stays."""
    return value.transpose(2, 3, 1, 0) if value.ndim == 4 else value


def _deltas(value: np.ndarray) -> np.ndarray:
    """Their rows are (dx, dy, dw, dh) in turn, ours (dy, dx, dh, dw)."""
    return value.reshape(-1, 4, *value.shape[1:])[:, [1, 0, 3, 2]].reshape(value.shape)


def _first_dense(value: np.ndarray, side: int = 7) -> np.ndarray:
    """Their inputs run over channel, row, column of the pooled features."""
    if value.ndim == 1:
        return value
    return _kernel(value.reshape(len(value), -1, side, side))


def _second_dense(value: np.ndarray) -> np.ndarray:
    return value if value.ndim == 1 else _kernel(value[:, :, None, None])


def _by_our_names(path, layer: str, change: Callable | None, names: Mapping, found: Mapping):
    try:
        if change is None:
            return {_NORM[name]: found[place] for name, place in names.items()}
        ours = {"weight": "kernel", "bias": "bias"}
        return {ours[name]: change(found[place]) for name, place in names.items()}
    except (ValueError, IndexError, KeyError):
        shapes = {place: tuple(found[place].shape) for place in names.values()}
        raise WeightsError(
            f"{os.fspath(path)}: {shapes} cannot become the weights of {layer}. Expected "
            "maskrcnn_resnet50_fpn of torchvision."
        ) from None


def _tensors(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Returns the file's arrays under the names of today."""
    return {_current_name(name): value for name, value in torch_files.tensors(path).items()}


def _current_name(name: str) -> str:
    for older, current in _OLDER:
        name = re.sub(older, current, name)
    return name


def _describe(path: str | os.PathLike, found: Mapping[str, np.ndarray]) -> Source:
    places = (re.match(r"backbone\.body\.layer(\d)\.(\d+)\.", name) for name in found)
    seen = {(int(place[1]), int(place[2])) for place in places if place}
    blocks = tuple(sum(stage == wanted for stage, _ in seen) for wanted in (1, 2, 3, 4))
    backbone = next((name for name, counts in BLOCKS.items() if counts == blocks), None)
    mask_head = "roi_heads.mask_predictor.mask_fcn_logits.weight" in found
    if backbone is None or not mask_head or _CLASSES not in found:
        raise WeightsError(
            f"{os.fspath(path)}: expected torchvision's maskrcnn_resnet50_fpn, with backbone.body, "
            f"rpn.head, roi_heads.box_predictor and roi_heads.mask_predictor, found "
            f"{some(list(found), 12)}."
        )
    if any(name.startswith("backbone.fpn.inner_blocks.0.1.") for name in found):
        raise WeightsError(
            f"{os.fspath(path)}: this is maskrcnn_resnet50_fpn_v2, whose pyramid and heads have "
            "norms and other convolutions. Expected maskrcnn_resnet50_fpn."
        )
    classes = len(found[_CLASSES]) if found[_CLASSES].ndim else 0
    return Source(os.fspath(path), "torchvision", "torchvision", backbone, classes)


def _is_published(path: str | os.PathLike) -> bool:
    return files.sha256(path).startswith(_PUBLISHED)
