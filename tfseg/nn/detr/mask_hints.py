"""What else than attention tells a mask head whose mask it is to make.

The weights of `MaskAttention` are shares of one among all heads and places, a thousandth each,
beside features a thousand times as large. Until the first convolution has learnt to hear them, all
queries have one mask, that of everybody together: hundreds of epochs teach it, a few thousand steps
do not. Two remedies without weights: the logarithms of the same numbers, and where each place lies
in the box that the query has found, as the relative coordinates of CondInst, Tian et al. (2020),
section 3.3.
"""

from __future__ import annotations

from keras import ops

from tfseg.nn.detr.proposal_detector import place_boxes

__all__ = ["HINTS", "attention_hints", "box_hints"]

HINTS = 8
"""Maps of `box_hints`."""

_LEAST = 0.01  # of the mean weight: what is looked at less is not told apart
_NARROWEST = 0.02  # extent of a box, as a share of the image
_STEEP = 4.0


def attention_hints(weights):
    """Returns the logarithm of weights in multiples of their mean, of the same shape and dtype; 0
    where a query looks everywhere alike.

    Args:
        weights: `(B, Q, h, w, heads)`, of `MaskAttention`.
    """
    _, _, height, width, heads = ops.shape(weights)
    relative = ops.cast(weights, "float32") * ops.cast(height * width * heads, "float32")
    return ops.cast(ops.log(relative + _LEAST), weights.dtype)


def box_hints(boxes, padding):
    """Returns eight maps for each box, float32 `(B, Q, h, w, 8)`: how far inside of its left,
    upper, right and lower side a place's centre is, in extents of the box, from -1 to 1; and the
    same as steps, tanh(4 x). No gradient goes back to the boxes.

    Args:
        boxes: float32 `(B, Q, 4)`, `(cx, cy, w, h)` as shares of what is not padding.
        padding: bool `(B, h, w)`, to the right of and below the image.
    """
    height, width = ops.shape(padding)[1:3]
    places, _ = place_boxes(padding)
    places = ops.reshape(places[..., :2], (-1, 1, height, width, 2))
    boxes = ops.stop_gradient(ops.cast(boxes, "float32"))[:, :, None, None]
    extents = ops.maximum(boxes[..., 2:], _NARROWEST)
    from_centre = (places - boxes[..., :2]) / extents
    inside = ops.concatenate([0.5 + from_centre, 0.5 - from_centre], axis=-1)
    inside = ops.clip(inside, -1.0, 1.0)
    return ops.concatenate([inside, ops.tanh(_STEEP * inside)], axis=-1)
