"""What happens to one image inside the portrait network, as arrays and as images."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
from keras import ops

from tfseg.engine.inputs import as_item
from tfseg.errors import ConfigError
from tfseg.structures import Prediction
from tfseg.structures.semantic import CLASS_MAP
from tfseg.visualize.boxes import as_picture
from tfseg.visualize.picture_page import Plated

__all__ = ["Inspection", "inspect"]

_LAYERS = range(1, 5)
_LONG_SIDE = 300  # of one map in a panel


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Inspection(Plated):
    """One image's way through the decoder's four layers; `h_i, w_i` is the size of layer i, N
    the number of classes with the background. Padding of the input is cut off; it had its part in
    the attention.

    Attributes:
        image: uint8 `(h, w, 3)`, the image.
        square: uint8 `(H, W, 3)`, the part of the network's input that shows it.
        semantic: Four float32 `(h_i, w_i, N)`, logits before CGCA.
        enhanced: The same after it.
        attention: Four float32 `(N,)` in [0, 1], what each layer was multiplied by (plus one);
            None where nothing came in: in layer 4, and without CGCA everywhere.
        boundary: Four float32 `(h_i, w_i)`, logits before CGBE.
        edges: The same after it.
        foreground: float32 `(H, W)`, the probability of not being background.
        prediction: As `predict` returns it, in pixels of the image.
        class_names: Name of class id k at position k - 1.
    """

    image: np.ndarray
    square: np.ndarray
    semantic: tuple[np.ndarray, ...]
    enhanced: tuple[np.ndarray, ...]
    attention: tuple[np.ndarray | None, ...]
    boundary: tuple[np.ndarray, ...]
    edges: tuple[np.ndarray, ...]
    foreground: np.ndarray
    prediction: Prediction
    class_names: tuple[str, ...]

    page_title = "Inside the portrait network"

    @functools.cached_property
    def plates(self) -> tuple:
        """The images with headings and words, in the order of the steps."""
        return _plates(self)

    def _lead(self) -> str:
        where = self.prediction.path or f"image {self.prediction.image_id}"
        classes = self.prediction.label_maps[CLASS_MAP]
        sizes = ", ".join("{} x {}".format(*one.shape) for one in self.boundary)
        return f"{where}: four layers of {sizes} cells; {np.mean(classes > 0):.1%} is foreground."


def inspect(estimator, item, *, score_threshold: float | None = None) -> Inspection:
    """Returns what the network does with one image; see `PortraitSegmenter.inspect`.

    Args:
        estimator: A fitted `PortraitSegmenter`.
        item: Has `image`, `image_id` and `path`.
        score_threshold: Lowest score of the prediction; None: as `predict`.

    Raises:
        ConfigError: If the network is the plain one, without these modules.
    """
    if estimator.config.decoder != "layers":
        raise ConfigError(
            "inspect shows categorical attention and boundaries; this network was made with "
            f"decoder={estimator.config.decoder!r} and has neither."
        )
    network = estimator.keras_model
    inputs, plan = estimator._predict_inputs(as_item(item))
    image = ops.convert_to_tensor(np.asarray(inputs["image"])[None])
    raw = network.graph(network.preprocess(image), training=False)
    raw = {
        name: np.array(ops.convert_to_numpy(ops.cast(v, "float32")))[0] for name, v in raw.items()
    }
    shape = raw["logits"].shape[:2]
    cut = {name: _window(v, plan.window, shape) for name, v in raw.items() if v.shape[:2] != (1, 1)}
    incoming = [raw.get(f"attention_{i}") for i in _LAYERS]
    logits = cut["logits"] - cut["logits"].max(axis=2, keepdims=True)
    shares = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)
    return Inspection(
        image=as_picture(item.image),
        square=as_picture(_window(np.asarray(inputs["image"]), plan.window, shape)),
        semantic=tuple(cut[f"sem_{i}"] for i in _LAYERS),
        enhanced=tuple(cut[f"enhanced_{i}"] for i in _LAYERS),
        attention=tuple(None if a is None else a.reshape(-1) for a in incoming),
        boundary=tuple(cut[f"bnd_{i}"][..., 0] for i in _LAYERS),
        edges=tuple(cut[f"edges_{i}"][..., 0] for i in _LAYERS),
        foreground=1 - shares[..., 0],
        prediction=estimator._decode(
            {"logits": raw["logits"]},
            plan,
            score_threshold=score_threshold,
            image_id=item.image_id,
            path=item.path,
        ),
        class_names=estimator.class_names,
    )


def _window(values: np.ndarray, window, shape: tuple[int, int]) -> np.ndarray:
    """Returns the cells of a map that lie in the window, given in pixels of the input."""
    down, right = values.shape[0] / shape[0], values.shape[1] / shape[1]
    y1, x1, y2, x2 = window
    top, left = int(y1 * down), int(x1 * right)
    bottom, end = int(np.ceil(y2 * down)), int(np.ceil(x2 * right))
    return values[top : max(bottom, top + 1), left : max(end, left + 1)]


def _plates(seen: Inspection) -> tuple:
    from tfseg.visualize.attention import attention_panel, boundary_panel
    from tfseg.visualize.boxes import draw_heat, enlarge
    from tfseg.visualize.draw import draw
    from tfseg.visualize.picture_page import Plate

    height, width = seen.square.shape[:2]
    scale = _LONG_SIDE / max(height, width)
    size = max(1, round(height * scale)), max(1, round(width * scale))
    square, _ = enlarge(seen.square, _LONG_SIDE)
    original = "{} x {}".format(*seen.image.shape[:2])
    return (
        Plate("input", "Input", f"The image of {original} pixels at {height} x {width}.", square),
        Plate(
            "attention",
            "Categorical attention",
            "What each layer takes every cell for, before and after it was multiplied by the "
            "attention of the deeper layer (CGCA, from layer 4 down to 1). Bars: the attention of "
            "each map to the classes, dark for 0, bright for 1; last row: what came in.",
            attention_panel(
                seen.semantic, seen.enhanced, seen.class_names, size, received=seen.attention
            ),
        ),
        Plate(
            "boundary",
            "Boundaries",
            "Where each layer sees a boundary, before and after the shallower layers' boundaries "
            "were added (CGBE, from layer 1 up to 4). Dark for 0, bright for 1.",
            boundary_panel(seen.boundary, seen.edges, size),
        ),
        Plate(
            "foreground",
            "Fused output",
            "The probability of not being background after all layers were fused: dark for 0, "
            "bright for 1.",
            draw_heat(square, seen.foreground, alpha=0.75),
        ),
        Plate(
            "prediction",
            "Prediction",
            "What predict returns, in the image's own pixels.",
            draw(seen.image, seen.prediction, class_names=seen.class_names, min_side=320),
        ),
    )
