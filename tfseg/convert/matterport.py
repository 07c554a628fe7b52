"""Weights of matterport/Mask_RCNN: `mask_rcnn_coco.h5` and whatever was trained from it.

Our layers bear that program's names, so the map says which names there are, for each backbone, and
nothing is guessed: 235 layers with weights for ResNet-101, 133 for ResNet-50.
"""

from __future__ import annotations

import os

from tfseg.convert import keras_h5
from tfseg.convert.source import Source
from tfseg.convert.transfer import resnet_layers, transfer
from tfseg.errors import WeightsError
from tfseg.structures import LoadReport

__all__ = ["READS", "describe", "layer_names", "load", "recognises"]

READS = "matterport/Mask_RCNN (mask_rcnn_coco.h5 and files trained from it)"

_PYRAMID = tuple(f"fpn_{name}" for c in "5432" for name in (f"c{c}p{c}", f"p{c}"))
_RPN = ("rpn_conv_shared", "rpn_class_raw", "rpn_bbox_pred")
_BOX_HEAD = (
    *("mrcnn_class_conv1", "mrcnn_class_bn1", "mrcnn_class_conv2", "mrcnn_class_bn2"),
    *("mrcnn_class_logits", "mrcnn_bbox_fc"),
)
_MASK_HEAD = (
    *(f"mrcnn_mask_{kind}{number}" for number in (1, 2, 3, 4) for kind in ("conv", "bn")),
    *("mrcnn_mask_deconv", "mrcnn_mask"),
)
_MARKS = {*_PYRAMID, *_RPN, *_BOX_HEAD, *_MASK_HEAD}


def layer_names(backbone: str) -> tuple[str, ...]:
    """Returns the names of all layers with weights of that program's network."""
    names = (name for pair in resnet_layers(backbone) for name in pair)
    return (*names, *_PYRAMID, *_RPN, *_BOX_HEAD, *_MASK_HEAD)


def recognises(path: str | os.PathLike) -> bool:
    """True for an HDF5 file with layers of that program's pyramid or heads."""
    return bool(_MARKS & set(keras_h5.index(path)))


def describe(path: str | os.PathLike) -> Source:
    """Returns what the file is, from names and shapes alone.

    Raises:
        WeightsError: If it has nothing of the heads, naming what it has.
    """
    layers = keras_h5.index(path)
    try:
        classes = layers["mrcnn_class_logits"]["kernel"].shape[1]
        settings = {
            "channels": layers["conv1"]["kernel"].shape[2],
            "pyramid_channels": layers["fpn_p2"]["kernel"].shape[3],
            "box_head_channels": layers["mrcnn_class_conv1"]["kernel"].shape[3],
        }
    except (KeyError, IndexError):
        raise WeightsError(
            f"{os.fspath(path)}: expected a whole Mask R-CNN with conv1, fpn_p2, "
            f"mrcnn_class_conv1 and mrcnn_class_logits, found {', '.join(sorted(layers))}."
        ) from None
    backbone = "resnet101" if "res4g_branch2a" in layers else "resnet50"
    return Source(
        os.fspath(path),
        "matterport/Mask_RCNN",
        "matterport",
        backbone,
        classes,
        settings,
        usual={"image_size": 1024, "image_min_size": 800},  # that program's defaults
    )


def load(model, path: str | os.PathLike, skip_mismatch: bool = False) -> LoadReport:
    """Gives a model with `origin="matterport"` the weights of a file, see `transfer`.

    Raises:
        WeightsError: If the file is damaged, for another backbone, or does not fit.
    """
    source = describe(path)
    layers = keras_h5.index(path)
    known = set(layer_names(source.backbone))
    stored = keras_h5.read(path, layers, [name for name in layers if name in known])
    unused = sorted(set(layers) - known)
    return transfer(model, source, stored, unused, skip_mismatch)
