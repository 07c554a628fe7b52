"""Which query learns which object: the cheapest assignment by class, box distance and overlap.

Source: Carion et al. (2020), section 3.1; costs and weights of `HungarianMatcher` in
facebookresearch/detr. Their assignment runs on the host, `tfseg.nn.ops.assignment` in the graph.
"""

from __future__ import annotations

from keras import ops

from tfseg.nn.ops.assignment import assign
from tfseg.nn.ops.boxes_cxcywh import generalized_iou

__all__ = ["match_queries", "matching_cost"]


def matching_cost(
    logits,
    boxes,
    labels,
    gt_boxes,
    *,
    class_weight: float = 1.0,
    l1_weight: float = 5.0,
    giou_weight: float = 2.0,
):
    """Returns the cost of each pair, float32 `(L, B, Q, N)`:
    `-class_weight p(label) + l1_weight |b - b'| - giou_weight GIoU(b, b')`.

    Args:
        logits: `(L, B, Q, C + 1)` of L decoder layers, the last one for no object.
        boxes: `(L, B, Q, 4)`, `(cx, cy, w, h)` as shares of the image.
        labels: int `(B, N)`, 0 to C - 1; -1 pads, and columns of padding mean nothing.
        gt_boxes: `(B, N, 4)` as the boxes.
        class_weight: Weight of the probability of the label.
        l1_weight: Weight of the sum of the four distances.
        giou_weight: Weight of the overlap.
    """
    boxes, gt_boxes = ops.cast(boxes, "float32"), ops.cast(gt_boxes, "float32")
    chances = ops.softmax(ops.cast(logits, "float32"), axis=-1)
    classes = ops.arange(chances.shape[-1], dtype="int32")
    # A product with 0 and 1 gathers; TensorFlow's own gathering of columns is slower.
    wanted = ops.cast(ops.cast(labels, "int32")[..., None] == classes, "float32")
    chance = ops.matmul(chances, ops.transpose(wanted, (0, 2, 1))[None])
    here, there = boxes[..., :, None, :], gt_boxes[None, :, None, :, :]
    distance = ops.sum(ops.abs(here - there), axis=-1)
    overlap = generalized_iou(here, there)
    return l1_weight * distance - class_weight * chance - giou_weight * overlap


def match_queries(logits, boxes, labels, gt_boxes, **weights):
    """Returns the query of each object in each decoder layer, int32 `(L, B, N)`; -1 where the
    object is padding. Layers and images are matched each by itself, all at once.

    Args:
        logits: See `matching_cost`.
        boxes: See `matching_cost`.
        labels: See `matching_cost`.
        gt_boxes: See `matching_cost`.
        weights: Weights of `matching_cost`.

    Raises:
        ConfigError: If N is larger than Q.
    """
    cost = matching_cost(logits, boxes, labels, gt_boxes, **weights)
    valid = ops.broadcast_to((ops.cast(labels, "int32") >= 0)[None], _without(cost, 2))
    return assign(cost, valid)


def _without(x, axis: int) -> tuple:
    """Returns the shape of `x` without one axis."""
    return tuple(ops.shape(x)[place] for place in range(len(x.shape)) if place != axis)
