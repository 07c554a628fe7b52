"""What the network sees of each person, and what it makes of it: the paper's figures 6 and 10."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
from keras import ops

from tfseg.geometry.affine import warp_image
from tfseg.models.pose2seg.decode import probabilities, template_names
from tfseg.structures import Prediction
from tfseg.visualize.boxes import as_picture, draw_heat
from tfseg.visualize.draw import draw
from tfseg.visualize.gallery import grid
from tfseg.visualize.picture_page import Plate, Plated

__all__ = ["Inspection", "inspect"]

_SHOWN = 12  # people whose windows are drawn
_CELL = 192


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Inspection(Plated):
    """One image's people on their way to masks. N people, windows of a x a pixels.

    Attributes:
        image: uint8 `(H, W, 3)`, the image.
        windows: uint8 `(N, a, a, 3)`, the image as each window shows it.
        skeletons: float32 `(N, a, a, K)`, the skeleton features; K 0 without them.
        probabilities: float32 `(N, a, a)`, how likely each pixel is the person's.
        matrices: float64 `(N, 2, 3)`, from the image to the windows.
        templates: What each person was aligned with, in words.
        prediction: What `predict` returns.
    """

    image: np.ndarray
    windows: np.ndarray
    skeletons: np.ndarray
    probabilities: np.ndarray
    matrices: np.ndarray
    templates: tuple[str, ...]
    prediction: Prediction

    page_title = "Inside Pose2Seg"

    @functools.cached_property
    def plates(self) -> tuple[Plate, ...]:
        """The images with headings and words, in the order of the steps."""
        steps = [_windows(self)]
        if self.skeletons.shape[-1]:
            steps.append(_skeletons(self))
        return (*steps, _answers(self), _masks(self))

    def captions(self) -> list[str]:
        """Returns number and template of each person."""
        return [f"{number}: {name}" for number, name in enumerate(self.templates)]

    def _lead(self) -> str:
        where = self.prediction.path or f"image {self.prediction.image_id}"
        whole = sum(name == "whole image" for name in self.templates)
        rest = f", {whole} of them not aligned" if whole else ""
        return f"{where}: {len(self.templates)} poses{rest}."


def inspect(estimator, item) -> Inspection:
    """Returns the steps of one image; see `Pose2Seg.inspect`.

    Args:
        estimator: A fitted `Pose2Seg`.
        item: Has `image`, `extras["poses"]`, `image_id` and `path`.
    """
    network, side = estimator.keras_model, estimator.config.window
    inputs, plan = estimator._predict_inputs(item)
    planned, count = plan[0], len(plan[0])
    (outputs,) = estimator._run_rows([inputs], 1)
    skeletons = np.zeros((count, side, side, 0), np.float32)
    if estimator.config.use_skeleton and count:
        align, joints = inputs["align"][:count], inputs["joints"][:count]
        skeletons = ops.convert_to_numpy(network.skeletons(align, joints))
    image = as_picture(item.image)
    shown = [warp_image(image, matrix, (side, side)) for matrix in planned.windows]
    about = {"image_id": item.image_id, "path": item.path, "score_threshold": None}
    chances = probabilities(outputs["logits"]) if count else np.zeros((0, side, side), np.float32)
    return Inspection(
        image=image,
        windows=np.array(shown, np.uint8).reshape(-1, side, side, 3),
        skeletons=skeletons,
        probabilities=chances,
        matrices=planned.windows,
        templates=tuple(template_names(planned)),
        prediction=estimator._decode(outputs, plan, **about),
    )


def _sheet(seen: Inspection, pictures) -> np.ndarray:
    pictures = list(pictures)[:_SHOWN]
    return grid(pictures, seen.captions()[:_SHOWN], cell=_CELL)


def _windows(seen: Inspection) -> Plate:
    return Plate(
        "windows",
        "Aligned windows",
        "Each person turned, scaled and moved as the template wants it; the head reads features in "
        "this window.",
        _sheet(seen, seen.windows),
    )


def _skeletons(seen: Inspection) -> Plate:
    # Joints and limbs in one: how strong the strongest channel is.
    strength = np.abs(seen.skeletons).max(axis=-1)
    return Plate(
        "skeletons",
        "Skeletons",
        "Where the person's joints and limbs lie in the window, hidden joints among them; nobody "
        "else's are drawn.",
        _sheet(seen, map(draw_heat, seen.windows, strength)),
    )


def _answers(seen: Inspection) -> Plate:
    return Plate(
        "probabilities",
        "Probabilities",
        "What the head says of each pixel of the window: bright is the person.",
        _sheet(seen, map(draw_heat, seen.windows, seen.probabilities)),
    )


def _masks(seen: Inspection) -> Plate:
    return Plate(
        "masks",
        "Masks",
        "Probabilities above one half, brought back to the image. Masks may overlap.",
        draw(seen.image, seen.prediction),
    )
