"""What the modules of the portrait network do to one picture, as arrays and as pictures."""

from __future__ import annotations

import dataclasses
import functools
import os
from pathlib import Path

import numpy as np
from keras import ops

from tfseg.errors import ConfigError
from tfseg.structures import Prediction
from tfseg.visualize.attention import attention_panel, boundary_panel
from tfseg.visualize.draw import draw
from tfseg.visualize.picture_page import Plate, plates_html, save_plates

__all__ = ["Inspection", "inspect"]

_LONG_SIDE = 256


@dataclasses.dataclass(frozen=True, eq=False)
class Inspection:
    """One picture's way through the network; N classes with the background, layers 1 to 4.

    Attributes:
        image: uint8 `(H, W, 3)`, the picture.
        categories: For each layer float32 `(h_i, w_i, N)`, the categorical logits before CGCA.
        enhanced: The same after it.
        attention: For each layer float32 `(N,)`, what it was multiplied by; None for the deepest,
            and everywhere in a network without CGCA.
        boundaries: For each layer float32 `(h_i, w_i)`, the boundary logits before CGBE.
        edges: The same after it.
        prediction: What `predict` returns.
    """

    image: np.ndarray
    categories: tuple[np.ndarray, ...]
    enhanced: tuple[np.ndarray, ...]
    attention: tuple[np.ndarray | None, ...]
    boundaries: tuple[np.ndarray, ...]
    edges: tuple[np.ndarray, ...]
    prediction: Prediction

    @functools.cached_property
    def plates(self) -> tuple[Plate, ...]:
        """The pictures with headings and words."""
        height, width = self.image.shape[:2]
        shrink = _LONG_SIDE / max(height, width)
        size = max(8, round(height * shrink)), max(8, round(width * shrink))
        names = self.prediction.class_names
        alpha = np.repeat(self.prediction.label_maps["alpha"][..., None], 3, axis=2)
        return (
            Plate("picture", "The picture", "What the network was given.", self.image),
            Plate(
                "categorical_attention",
                "Categories before and after CGCA",
                "Each layer's class map, and the attention it passes on and received. Where the "
                "deeper layers are sure of a class, the shallower ones should be drawn to it.",
                attention_panel(
                    self.categories, self.enhanced, names, size, received=self.attention
                ),
            ),
            Plate(
                "boundary_enhancement",
                "Boundaries before and after CGBE",
                "Each layer's boundary. Deep layers see little of it by themselves; after the "
                "addition they should show the outline of the shallow ones.",
                boundary_panel(self.boundaries, self.edges, size),
            ),
            Plate("alpha", "Alpha", "White where the network is sure of a person.", alpha),
            Plate(
                "prediction",
                "The prediction",
                "As predict returns it.",
                draw(self.image, self.prediction),
            ),
        )

    @property
    def pictures(self) -> dict[str, np.ndarray]:
        """Name to picture, uint8 `(H, W, 3)`."""
        return {plate.name: plate.picture for plate in self.plates}

    def save(self, directory: str | os.PathLike) -> Path:
        """Writes each picture as PNG and `index.html` with all of them; returns the page's path."""
        return save_plates(directory, "Inside the portrait network", self._lead(), self.plates)

    def _lead(self) -> str:
        where = self.prediction.path or f"picture {self.prediction.image_id}"
        share = np.mean(self.prediction.label_maps["classes"] > 0)
        return f"{where}: {share:.0%} of the picture is foreground."

    def __repr__(self) -> str:
        return f"Inspection({self._lead()} pictures: {', '.join(self.pictures)})"

    def _repr_html_(self) -> str:
        return plates_html(self._lead(), self.plates)


def inspect(model, item, *, score_threshold: float | None = None) -> Inspection:
    """Returns the inspection of one picture.

    Args:
        model: A fitted `PortraitSegmenter`.
        item: With `image`, `image_id` and `path`.
        score_threshold: Of the prediction.

    Raises:
        ConfigError: For the plain decoder, which has none of these modules.
    """
    if model.config.decoder != "layers":
        raise ConfigError("decoder='aspp' has no attention and no boundaries to look at.")
    network = model.keras_model
    inputs, plan = model._predict_inputs(item.image)
    raw = network.graph(network.preprocess(inputs["image"][None]), training=False)
    raw = {
        name: np.asarray(ops.convert_to_numpy(value), np.float32)[0] for name, value in raw.items()
    }
    y1, x1, y2, x2 = plan.window
    rows, columns = plan.canvas

    def layers(prefix: str) -> tuple[np.ndarray, ...]:
        found = (raw[f"{prefix}_{number}"] for number in range(1, 5))
        # Padding shows nothing; cells on its border are kept.
        return tuple(
            one[
                y1 * len(one) // rows : -(-y2 * len(one) // rows),
                x1 * one.shape[1] // columns : -(-x2 * one.shape[1] // columns),
            ]
            for one in found
        )

    attention = [raw.get(f"attention_{number}") for number in range(1, 5)]
    return Inspection(
        image=item.image,
        categories=layers("sem"),
        enhanced=layers("enhanced"),
        attention=tuple(None if one is None else one[0, 0] for one in attention),
        boundaries=tuple(one[..., 0] for one in layers("bnd")),
        edges=tuple(one[..., 0] for one in layers("edges")),
        prediction=model._decode(
            {"logits": raw["logits"]},
            plan,
            score_threshold=score_threshold,
            image_id=item.image_id,
            path=item.path,
        ),
    )
