"""What each place of a map is told: whether it is the centre of an object, and of which box.

Which place an object has does not change while training goes on, so this is learnt in hundreds of
steps, and no two places claim one object, as they do where each object takes the place that fits
it best just now.

Source: Zhou et al., Objects as points (2019), section 3; the spread of a centre is that of Liu et
al., Training-time-friendly network (2020), section 3.2.
"""

from __future__ import annotations

from keras import ops

from tfseg.nn.losses.set_loss import gather_queries, object_count
from tfseg.nn.ops.boxes_cxcywh import generalized_iou

__all__ = ["center_losses", "center_targets"]

_SPREAD = 0.54 / 6  # deviation of a centre's bell, as a share of the box
_LEAST = 0.35  # the same in places
_FAR = 1e6
_GAMMA, _BETA = 2.0, 4.0


def center_targets(places, inside, size, labels, gt_boxes, classes):
    """Returns `(index, bell)`: the place of each object, the one nearest to its centre, int32
    `(B, N)`; and how near to a centre of each class each place is, float32 `(B, P, C)`, 1 at the
    places of objects.

    Args:
        places: float32 `(B, P, 2)`, centres `(x, y)` of the places as shares of the image.
        inside: bool `(B, P)`, False in the padding, where no object has its place.
        size: float32 `(B, 2)`, columns and rows of the map that are no padding.
        labels: int `(B, N)`, 0 to C - 1; -1 pads.
        gt_boxes: float32 `(B, N, 4)`, `(cx, cy, w, h)` as shares of the image.
        classes: C.
    """
    labels = ops.cast(labels, "int32")
    size = ops.cast(size, "float32")[:, None]
    gt_boxes = ops.cast(gt_boxes, "float32")
    away = places[:, None] - gt_boxes[:, :, None, :2]  # (B, N, P, 2)
    squares = ops.sum(ops.square(away * size[:, None]), axis=-1)
    squares = ops.where(inside[:, None], squares, _FAR)
    index = ops.cast(ops.argmin(squares, axis=-1), "int32")
    spread = ops.maximum(_SPREAD * gt_boxes[..., 2:], _LEAST / ops.maximum(size, 1.0))
    bell = ops.exp(-0.5 * ops.sum(ops.square(away / spread[:, :, None]), axis=-1))
    chosen = ops.arange(places.shape[1] or ops.shape(places)[1], dtype="int32") == index[..., None]
    bell = ops.where(chosen, 1.0, ops.minimum(bell, 0.999))
    own = ops.cast(labels[..., None] == ops.arange(classes, dtype="int32"), "float32")
    return index, ops.max(bell[..., None] * own[:, :, None], axis=1)


def center_losses(logits, boxes, places, inside, size, labels, gt_boxes):
    """Returns `{"class", "l1", "giou"}`, float32 scalars, each divided by the number of objects:
    the penalty-reduced focal loss of all places, and how far the boxes of the objects' places are
    from theirs.

    Args:
        logits: `(B, P, C)`.
        boxes: `(B, P, 4)`, `(cx, cy, w, h)` as shares of the image.
        places: See `center_targets`, as for the rest.
        inside: See there.
        size: See there.
        labels: See there.
        gt_boxes: See there.
    """
    labels, gt_boxes = ops.cast(labels, "int32"), ops.cast(gt_boxes, "float32")
    index, bell = center_targets(places, inside, size, labels, gt_boxes, logits.shape[-1])
    logits = ops.cast(logits, "float32")
    chance, centre = ops.sigmoid(logits), bell >= 1.0
    missed = (1.0 - chance) ** _GAMMA * ops.softplus(-logits)
    seen = (1.0 - bell) ** _BETA * chance**_GAMMA * ops.softplus(logits)
    focal = ops.where(inside[..., None], ops.where(centre, missed, seen), 0.0)
    count, valid = object_count(labels), labels >= 0
    ours = gather_queries(ops.cast(boxes, "float32"), index)
    # Padding is compared with a box of extent 1, which has a gradient without NaN.
    wanted = ops.where(valid[..., None], gt_boxes, 1.0)
    distance = ops.where(valid, ops.sum(ops.abs(ours - wanted), axis=-1), 0.0)
    overlap = ops.where(valid, 1.0 - generalized_iou(ours, wanted), 0.0)
    return {
        "class": ops.sum(focal) / count,
        "l1": ops.sum(distance) / count,
        "giou": ops.sum(overlap) / count,
    }
