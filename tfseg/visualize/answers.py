"""All that a prediction says of an image on one sheet: its objects, and each named label map."""

from __future__ import annotations

import numpy as np

from tfseg.structures import Prediction, Sample
from tfseg.visualize.draw import draw
from tfseg.visualize.gallery import grid
from tfseg.visualize.regions import named_maps

__all__ = ["draw_answers"]


def draw_answers(image: np.ndarray | None, objects: Prediction | Sample, **options) -> np.ndarray:
    """Returns the objects and, beside them, each label map that has names of its own, with a
    caption each, uint8 `(H, W, 3)`. Without such maps it is what `draw` returns.

    Args:
        image: See `draw`.
        objects: A prediction or a sample.
        options: Of `draw`.
    """
    maps = named_maps(objects)
    drawn = draw(image, objects, **options)
    if not maps:
        return drawn
    options.pop("class_names", None)
    panels = [drawn, *(draw(image, objects, label_map=name, **options) for name in maps)]
    height = max(len(panel) for panel in panels)  # legends differ, and images shall be level
    panels = [
        np.pad(panel, ((0, height - len(panel)), (0, 0), (0, 0)), constant_values=255)
        for panel in panels
    ]
    return grid(panels, ["objects", *maps], columns=min(3, len(panels)))
