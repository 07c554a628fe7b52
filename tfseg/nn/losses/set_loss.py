"""What a set of queries is told once each object has its query. No object is an ordinary case.

Source: Carion et al. (2020), section 3.1 and appendix A.3; `SetCriterion` of facebookresearch/detr.
"""

from __future__ import annotations

from keras import ops

from tfseg.nn.layers.resize_like import bilinear
from tfseg.nn.losses.classification import softmax_cross_entropy
from tfseg.nn.losses.overlap import dice, sigmoid_focal
from tfseg.nn.ops.boxes_cxcywh import generalized_iou
from tfseg.nn.ops.first_rows import on_first_rows

__all__ = ["gather_queries", "mask_losses", "object_count", "set_losses"]


def set_losses(logits, boxes, labels, gt_boxes, matched, *, no_object_weight: float = 0.1):
    """Returns `{"class", "l1", "giou"}`, each float32 `(L,)`, a number for each decoder layer and
    not yet weighted.

    `class` is the cross-entropy over all queries of the batch, unmatched ones to be no object at
    `no_object_weight`, divided by the sum of weights. `l1` is the sum of the four distances and
    `giou` is 1 - GIoU, both summed over matched pairs and divided by `object_count`. Without any
    object `l1` and `giou` are exactly 0, and so are their gradients.

    Args:
        logits: `(L, B, Q, C + 1)`, the last one for no object.
        boxes: `(L, B, Q, 4)`, `(cx, cy, w, h)` as shares of the image.
        labels: int `(B, N)`, 0 to C - 1; -1 pads.
        gt_boxes: `(B, N, 4)` as the boxes.
        matched: int32 `(L, B, N)`, see `tfseg.nn.targets.hungarian.match_queries`.
        no_object_weight: Weight of queries that have no object.
    """
    labels = ops.cast(labels, "int32")
    valid = ops.cast(labels >= 0, "float32")[None]
    count = object_count(labels)
    gt_boxes = ops.cast(gt_boxes, "float32")[None]
    # Padding is compared with a box of extent 1, which has a gradient without NaN.
    gt_boxes = ops.where(valid[..., None] > 0, gt_boxes, 1.0)
    ours = gather_queries(ops.cast(boxes, "float32"), matched)
    distance = ops.sum(ops.abs(ours - gt_boxes), axis=-1)
    overlap = generalized_iou(ours, gt_boxes)
    return {
        "class": _class_loss(logits, labels, matched, no_object_weight),
        "l1": _sum_valid(distance, valid) / count,
        "giou": _sum_valid(1.0 - overlap, valid) / count,
    }


def mask_losses(mask_logits, masks, labels):
    """Returns `{"focal", "dice"}`, float32 scalars: the sums over valid objects of the mean focal
    loss of the pixels and of the dice loss, divided by `object_count`; 0 without objects.

    Args:
        mask_logits: `(B, N, h, w)` of the queries that the objects were matched with, in the order
            of the objects.
        masks: bool or 0 and 1, `(B, N, H, W)` on the padded canvas; the logits are brought to that
            size, bilinear.
        labels: int `(B, N)`, -1 for padded objects, which stand behind the others.
    """
    places = mask_logits.shape[1]
    if places == 0:  # no place for objects at all
        return {"focal": ops.zeros(()), "dice": ops.zeros(())}
    valid = ops.cast(ops.cast(labels, "int32") >= 0, "float32")

    def compute(rows):
        logits = _enlarge(ops.cast(mask_logits[:, :rows], "float32"), masks)
        flat = (-1, rows, ops.shape(masks)[2] * ops.shape(masks)[3])
        targets, logits = ops.reshape(masks[:, :rows], flat), ops.reshape(logits, flat)
        focal = ops.mean(sigmoid_focal(targets, logits), axis=-1)
        return ops.stack([focal, dice(targets, ops.sigmoid(logits))], axis=-1)

    # At the size of images, places without an object are the most of a training's memory.
    needed = ops.max(ops.sum(ops.cast(valid > 0, "int32"), axis=1))
    each = on_first_rows(needed, (ops.shape(masks)[0], places, 2), compute)
    count = object_count(labels)
    return {
        "focal": _sum_valid(each[..., 0], valid, axis=None) / count,
        "dice": _sum_valid(each[..., 1], valid, axis=None) / count,
    }


def object_count(labels):
    """Returns the number of objects of the batch, float32, at least 1; -1 in `labels` pads."""
    valid = ops.cast(ops.cast(labels, "int32") >= 0, "float32")
    return ops.maximum(ops.sum(valid), 1.0)


def gather_queries(values, matched):
    """Returns the values of matched queries in the order of the objects, `(..., N, D)`.

    Args:
        values: `(..., Q, D)`.
        matched: int32 `(..., N)`; places of -1 get those of query 0.
    """
    index = ops.maximum(matched, 0)[..., None]
    return ops.take_along_axis(values, index, axis=-2)


def _class_loss(logits, labels, matched, no_object_weight):
    """Returns the weighted cross-entropy of each layer, `(L,)`."""
    none = logits.shape[-1] - 1
    queries = ops.arange(logits.shape[2], dtype="int32")
    pair = matched[..., None, :] == queries[:, None]  # (L, B, Q, N); -1 equals no query
    # A sum, not a maximum: it is 0 where there is no place for objects at all.
    targets = ops.sum(ops.where(pair, labels[None, :, None, :] + 1, 0), axis=-1) - 1
    free = targets < 0
    loss = softmax_cross_entropy(ops.where(free, none, targets), logits)
    weights = ops.where(free, no_object_weight, 1.0)
    return ops.sum(loss * weights, axis=(1, 2)) / ops.sum(weights, axis=(1, 2))


def _sum_valid(values, valid, axis=(1, 2)):
    """Returns the sum of valid values; what stands behind padding, NaN included, counts 0."""
    return ops.sum(ops.where(valid > 0, values, 0.0), axis=axis)


def _enlarge(logits, masks):
    """Returns the logits at the size of the masks, bilinear with half-pixel centres."""
    height, width = logits.shape[2:]
    size = tuple(ops.shape(masks)[2:])
    if None not in (height, width) and (height, width) == size:
        return logits
    folded = ops.reshape(logits, (-1, *ops.shape(logits)[2:], 1))
    if all(isinstance(side, int) for side in (height, width, *size)):
        wide = ops.image.resize(folded, size, interpolation="bilinear", data_format="channels_last")
    else:  # sizes that are not known when the graph is made
        wide = bilinear(bilinear(folded, size[0], 1), size[1], 2)
    return ops.reshape(wide, (-1, logits.shape[1], *size))
