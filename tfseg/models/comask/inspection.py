"""How the cells of a region vote for a box, and what a coarse mask makes of their votes."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
from keras import ops

from tfseg.engine.inputs import as_item
from tfseg.nn.ops.box_votes import vote_boxes, vote_weights
from tfseg.structures import Prediction
from tfseg.visualize.boxes import as_picture, draw_boxes, draw_heat, enlarge, mask_sheet
from tfseg.visualize.draw import draw
from tfseg.visualize.gallery import grid
from tfseg.visualize.picture_page import Plate, Plated

__all__ = ["Inspection", "inspect"]

_MIN_SIDE = 448
_SHOWN = 4  # detections whose votes are drawn
_REGION, _AVERAGE = (150, 154, 162), (255, 210, 0)


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Inspection(Plated):
    """One image's detections before and after collaboration. Boxes are float32 `(y1, x1, y2, x2)`
    in pixels of the network's input, the "square", best score first; D detections before the
    second NMS, n x n cells.

    Attributes:
        image: uint8 `(h, w, 3)`, the image.
        square: uint8 `(H, W, 3)`, the network's input.
        levels: One float32 `(h, w)` for each enhanced pyramid level: the mean size of its features.
        regions: float32 `(D, 4)`, the proposals that a class was found in.
        class_ids: int32 `(D,)`.
        scores: float32 `(D,)`.
        coarse_masks: float32 `(D, m, m)`, probabilities within the regions.
        votes: float32 `(D, n, n, 4)`, the box that each cell votes for.
        weights: float32 `(D, n, n)`, what its vote counts; ones without collaboration.
        averaged: float32 `(D, 4)`, the box that they agree on, cut to the image.
        prediction: What `predict` returns, in pixels of the image.
        class_names: Name of class id k at position k - 1.
    """

    image: np.ndarray
    square: np.ndarray
    levels: tuple[np.ndarray, ...]
    regions: np.ndarray
    class_ids: np.ndarray
    scores: np.ndarray
    coarse_masks: np.ndarray
    votes: np.ndarray
    weights: np.ndarray
    averaged: np.ndarray
    prediction: Prediction
    class_names: tuple[str, ...] = ()

    page_title = "Inside CoMask"

    @functools.cached_property
    def plates(self) -> tuple[Plate, ...]:
        """The images with headings and words, in the order of the steps."""
        return (_levels(self), _coarse(self), _weights(self), _votes(self), _detections(self))

    def captions(self) -> list[str]:
        """Returns class and score of each detection, in words."""
        return [
            f"{self.class_names[k - 1]} {score:.2f}"
            for k, score in zip(self.class_ids.tolist(), self.scores)
        ]

    def _lead(self) -> str:
        where = self.prediction.path or f"image {self.prediction.image_id}"
        return (
            f"{where}: {len(self.regions)} regions with a class, {len(self.prediction)} objects "
            "above the score that predict asks for."
        )


def inspect(estimator, item, *, score_threshold: float | None = None) -> Inspection:
    """Returns how the boxes of one image came about; see `CoMask.inspect`.

    Args:
        estimator: A fitted `CoMask`.
        item: Has `image`, `image_id` and `path`.
        score_threshold: Lowest score of the prediction; None: as `predict`.
    """
    network, config = estimator.keras_model, estimator.config
    inputs, plan = estimator._predict_inputs(as_item(item, config.channels))
    batch = {name: value[None] for name, value in inputs.items()}
    levels = network.pyramid(ops.convert_to_tensor(batch["image"]), False)
    window = ops.convert_to_tensor(batch["window"])
    steps = network.steps_from(levels, *network.rpn(levels), window)
    steps = {name: ops.convert_to_numpy(value)[0] for name, value in steps.items()}
    rows = steps["coarse_detections"]
    found = rows[:, 4] > 0
    regions, offsets, masks = rows[found, :4], steps["offsets"][found], steps["coarse_masks"][found]
    votes = ops.convert_to_numpy(vote_boxes(regions, offsets))
    weights = np.ones(votes.shape[:-1], np.float32)
    if config.collaboration:
        weights = ops.convert_to_numpy(vote_weights(masks, votes.shape[1]))
    # From the compiled network, as in `predict`: operation by operation, the last digits differ.
    outputs = {name: value[0] for name, value in estimator._run(batch).items()}
    about = {"image_id": item.image_id, "path": item.path, "score_threshold": score_threshold}
    return Inspection(
        image=as_picture(item.image),
        square=as_picture(inputs["image"]),
        levels=tuple(_strength(level) for level in levels),
        regions=regions,
        class_ids=rows[found, 4].astype(np.int32),
        scores=rows[found, 5],
        coarse_masks=masks,
        votes=votes,
        weights=weights,
        averaged=steps["averaged"][found],
        prediction=estimator._decode(outputs, plan, **about),
        class_names=estimator.class_names,
    )


def _strength(level) -> np.ndarray:
    level = ops.convert_to_numpy(ops.cast(level, "float32"))[0]
    return np.sqrt((level**2).mean(axis=-1))


def _levels(seen: Inspection) -> Plate:
    heat = [level / max(float(level.max()), 1e-6) for level in seen.levels]
    names = [f"M{i}: {h.shape[0]} x {h.shape[1]}" for i, h in enumerate(heat, 2)]
    return Plate(
        "levels",
        "Enhanced pyramid",
        "How strong the features of each level are, dark for nothing, bright for its strongest.",
        grid([draw_heat(seen.square, h) for h in heat], names, columns=3),
    )


def _coarse(seen: Inspection) -> Plate:
    return Plate(
        "coarse_masks",
        "Coarse masks",
        "What the head draws into each region; its cells decide whose votes count.",
        mask_sheet(seen.coarse_masks[: 2 * _SHOWN], seen.captions()[: 2 * _SHOWN]),
    )


def _weights(seen: Inspection) -> Plate:
    return Plate(
        "weights",
        "Weights of the votes",
        "The mean of the coarse mask over each cell, where it is above one half; where no cell is, "
        "all count by their mean.",
        mask_sheet(seen.weights[: 2 * _SHOWN], seen.captions()[: 2 * _SHOWN]),
    )


def _votes(seen: Inspection) -> Plate:
    square, factor = enlarge(seen.square, _MIN_SIDE)
    pictures = []
    for votes, weights, region, box in zip(
        seen.votes[:_SHOWN], seen.weights, seen.regions, seen.averaged
    ):
        strong = np.argsort(-weights.reshape(-1), kind="stable")
        share = weights.reshape(-1)[strong] / max(float(weights.max()), 1e-6)
        colours = np.outer(share, (0, 200, 255)) + np.outer(1 - share, (70, 70, 90))
        drawn = draw_boxes(square, votes.reshape(-1, 4)[strong] * factor, colours.astype(np.uint8))
        drawn = draw_boxes(drawn, region[None] * factor, _REGION, dashed=True)
        pictures.append(draw_boxes(drawn, box[None] * factor, _AVERAGE, line=3))
    return Plate(
        "votes",
        "Votes and their average",
        "The boxes that the cells of the best detections vote for, bright where a vote counts; "
        "yellow the average, broken lines the region itself.",
        grid(pictures, seen.captions()[:_SHOWN], columns=2),
    )


def _detections(seen: Inspection) -> Plate:
    return Plate(
        "detections",
        "Prediction",
        "The objects as predict returns them, with the masks of the second pass.",
        draw(seen.image, seen.prediction),
    )
