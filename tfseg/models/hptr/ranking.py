"""How sure of people the network is, and which of them are one another's doubles."""

from __future__ import annotations

from keras import ops

from tfseg.models.hptr.config import MAP_STRIDE, HPTRConfig
from tfseg.nn.losses.set_loss import gather_queries
from tfseg.nn.ops.nms import mask_nms

__all__ = ["ranked"]


def ranked(people: dict, maps: dict, padding, config: HPTRConfig) -> dict:
    """Returns people, best first, with the scores of `config.score_kind`; doubles, where they are
    looked for, are last, with score 0.

    Args:
        people: See `HPTRNetwork.predict_from`.
        maps: Logits of each task, float32 `(B, h, w, K)`.
        padding: bool `(B, 4 h, 4 w)`, True where there is no image.
        config: The model's settings.
    """
    if config.score_kind != "class":
        inside = ~ops.cast(padding, "bool")[:, ::MAP_STRIDE, ::MAP_STRIDE]
        seen = maps["attributes"] if config.score_kind == "maps" else None
        people = _scored_by_masks(people, inside, seen, config.background_channel)
    if config.mask_nms_threshold is not None:
        kept = mask_nms(people["masks"], config.mask_nms_threshold)
        people = _ordered(people, ops.where(kept, people["scores"], 0.0))
    return people


def _scored_by_masks(people: dict, inside, attributes, background: bool) -> dict:
    """Returns people, best first, by their scores times the mean probability that the mask has
    where it is above 0.5; 0 without such a cell.

    Source: the inference of Cheng, Schwing and Kirillov, Per-pixel classification is not all you
    need for semantic segmentation (2021). The map of attributes is our own addition: it has learnt
    what is no person from places where the queries saw nobody.

    Args:
        people: As in `ranked`.
        inside: bool `(B, h, w)`, True where the image is.
        attributes: float32 `(B, h, w, K)`, logits; their mean probability that it is none of the
            background there counts as well. Or None.
        background: Whether their first channel is the background's.
    """
    chances = ops.sigmoid(people["masks"])
    over = ops.cast((chances > 0.5) & inside[:, None], "float32")
    cells = ops.maximum(ops.sum(over, axis=(2, 3)), 1.0)
    scores = people["scores"] * ops.sum(chances * over, axis=(2, 3)) / cells
    if attributes is not None:
        if background:
            there = 1.0 - ops.sigmoid(attributes[..., 0])
        else:
            there = ops.sigmoid(ops.max(attributes, axis=-1))
        scores = scores * ops.sum(over * there[:, None], axis=(2, 3)) / cells
    return _ordered(people, scores)


def _ordered(people: dict, scores) -> dict:
    """Returns people with other scores, best first."""
    scores, order = ops.top_k(scores, scores.shape[1])
    order = ops.cast(order, "int32")
    return {
        "scores": scores,
        "class_ids": ops.take_along_axis(people["class_ids"], order, axis=1),
        "boxes": gather_queries(people["boxes"], order),
        "masks": ops.take_along_axis(people["masks"], order[..., None, None], axis=1),
    }
