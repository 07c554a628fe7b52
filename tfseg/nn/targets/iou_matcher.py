"""Which box each anchor or proposal should learn, by overlap. No truth is an ordinary case."""

from __future__ import annotations

from typing import NamedTuple

from keras import ops

__all__ = ["Matches", "match_anchors", "match_proposals"]

# Anchors that lie alike around a truth have equal IoU on paper; float32 sets them apart by some
# 1e-7, another way on each machine.
_TIE = 1e-6


class Matches(NamedTuple):
    """Result of matching N candidates with G padded truths.

    Attributes:
        positive: bool `(B, N)`.
        negative: bool `(B, N)`; a candidate that is neither is left out of the losses.
        index: int32 `(B, N)`, the truth of highest IoU; only meaningful where positive.
    """

    positive: object
    negative: object
    index: object


def match_anchors(iou, truth, crowd_iou, *, positive: float = 0.7, negative: float = 0.3):
    """Returns the matches of anchors for the region proposal network.

    Positive: IoU of at least `positive` with some truth, or the highest IoU that a truth has with
    any anchor (ties to 1e-6 included), so that no truth stays without an anchor. Negative: below
    `negative` with all, and not in a crowd region. Source: Faster R-CNN section 3.1.2 and
    Matterport's `build_rpn_targets`.

    Args:
        iou: float `(B, A, G)`.
        truth: bool `(B, G)`, False for padding and crowds.
        crowd_iou: float `(B, A)`, highest IoU with a crowd region, 0 where there is none.
        positive: Lower bound of a positive match.
        negative: Upper bound of a negative one.
    """
    valid = truth[:, None, :]
    iou = ops.where(valid, iou, -ops.ones_like(iou))
    best = ops.max(iou, axis=2)
    index = ops.argmax(iou, axis=2)
    champion = ops.max(iou, axis=1, keepdims=True)
    tie = ops.logical_and(iou >= champion - _TIE, ops.logical_and(valid, champion > 0))
    is_positive = ops.logical_or(best >= positive, ops.any(tie, axis=2))
    is_negative = ops.logical_and(best < negative, crowd_iou < 0.001)
    is_negative = ops.logical_and(is_negative, ops.logical_not(is_positive))
    return Matches(is_positive, is_negative, ops.cast(index, "int32"))


def match_proposals(iou, truth, crowd_iou, valid, *, threshold: float = 0.5):
    """Returns the matches of proposals for the second stage.

    Args:
        iou: float `(B, P, G)`.
        truth: bool `(B, G)`, False for padding and crowds.
        crowd_iou: float `(B, P)`, highest IoU with a crowd region.
        valid: bool `(B, P)`, False for padded proposals, which match nothing.
        threshold: At least this is positive, below is negative.
    """
    iou = ops.where(truth[:, None, :], iou, -ops.ones_like(iou))
    best = ops.max(iou, axis=2)
    index = ops.cast(ops.argmax(iou, axis=2), "int32")
    is_positive = ops.logical_and(best >= threshold, valid)
    is_negative = ops.logical_and(best < threshold, crowd_iou < 0.001)
    return Matches(is_positive, ops.logical_and(is_negative, valid), index)
