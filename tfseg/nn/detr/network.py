"""DETR whole: a ResNet, the detector and, where asked for, the masks of DETR's second stage.

Other systems compose the parts of this room with parts of their own; this network is the one that
published weights belong to, and the reference that the parts are checked against.
Source: facebookresearch/detr, `detr_resnet50` and `detr_resnet50_panoptic`.
"""

from __future__ import annotations

import keras

from tfseg.nn.backbones.resnet import resnet
from tfseg.nn.detr.detector import Detector
from tfseg.nn.detr.mask_attention import MaskAttention
from tfseg.nn.detr.mask_head import MaskHead

__all__ = ["detr", "detr_resnet", "freeze_as_detr"]


def detr_resnet(name: str = "resnet50", **options) -> keras.Model:
    """Returns the ResNet that DETR's weights belong to: torchvision's, with stored statistics.

    Args:
        name: "resnet50" or "resnet101".
        options: Further options of `tfseg.nn.backbones.resnet.resnet`.
    """
    return resnet(
        name,
        norm_kind="frozen",
        epsilon=1e-5,
        stride_on_3x3=True,
        conv_bias=False,
        symmetric_padding=True,
        **options,
    )


def freeze_as_detr(backbone: keras.Model) -> None:
    """Sets which weights of a ResNet train: the convolutions of C3 to C5, and no normalisation.

    DETR with 91 classes and 100 queries then trains 41,302,368 weights, the published figure.
    """
    for layer in backbone.layers:
        conv, normalise = getattr(layer, "conv", None), getattr(layer, "normalise", None)
        if conv is not None:
            conv.trainable = not conv.name.startswith(("conv1", "res2"))
        if normalise is not None:
            normalise.trainable = False


def detr(
    classes: int = 91, *, queries: int = 100, masks: bool = False, backbone=None, **options
) -> keras.Model:
    """Returns the network: `{"image", "padding"}` to the outputs of `Detector` and, with `masks`,
    `masks`: float32 `(B, Q, H / 4, W / 4)`, logits.

    Inputs are `image`, float `(B, H, W, 3)`, RGB / 255 minus (0.485, 0.456, 0.406) over (0.229,
    0.224, 0.225), 0 on padding, sides multiples of 32; and `padding`, bool `(B, H, W)`, True where
    there is no image.

    Args:
        classes: Number of classes without "no object"; COCO's ids run to 90, so 91.
        queries: Number of queries.
        masks: Whether masks are drawn for all queries.
        backbone: Image to a dict of C2 to C5; None for `detr_resnet()`.
        options: Further options of `Detector`.
    """
    image = keras.Input((None, None, 3), name="image")
    padding = keras.Input((None, None), dtype="bool", name="padding")
    stages = (detr_resnet() if backbone is None else backbone)(image)
    outputs = Detector(classes, queries, name="detector", **options)(stages["C5"], padding)
    if masks:
        sizes = {name: options[name] for name in ("channels", "heads") if name in options}
        attention = MaskAttention(**sizes, name="mask_attention")(
            outputs["states"][-1], outputs["memory"], outputs["padding"]
        )
        head = MaskHead(**sizes, fuse="add", name="mask_head")
        finer = [stages[name] for name in ("C4", "C3", "C2")]
        outputs = {**outputs, "masks": head(attention, outputs["source"], finer)}
        outputs["mask_attention"] = attention
    return keras.Model({"image": image, "padding": padding}, outputs, name="detr")
