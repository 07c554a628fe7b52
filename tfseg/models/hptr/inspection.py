"""What HPTR's queries look at in one image, how their boxes come about, and what each map says."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping

import numpy as np
from keras import ops

from tfseg.engine.inputs import as_item
from tfseg.models.hptr.config import MAP_STRIDE
from tfseg.models.hptr.decode import pixel_boxes
from tfseg.structures import Prediction
from tfseg.visualize.boxes import as_picture, draw_boxes, draw_heat, enlarge
from tfseg.visualize.colors import palette
from tfseg.visualize.gallery import grid
from tfseg.visualize.parsing import draw_parsing
from tfseg.visualize.picture_page import Plate, Plated

__all__ = ["Inspection", "inspect"]

_MIN_SIDE = 256
_SHOWN = 6  # queries that are drawn


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Inspection(Plated):
    """One image's way through HPTR. Q queries, the surest after the last decoder layer first; L
    decoder layers; the input, "square", has H x W pixels, of which the image fills h x w.

    Attributes:
        image: uint8, the image.
        square: uint8 `(H, W, 3)`, the network's input.
        inside: `(h, w)`.
        scores: float32 `(L, Q)`, probability of the likeliest class after each decoder layer.
        boxes: float32 `(L, Q, 4)`, `(y1, x1, y2, x2)` in pixels of the image's part of the input,
            after each.
        attention: float32 `(Q, heads, H / S, W / S)`, where each query looks in the last decoder
            layer, S being `memory_stride`; each head's numbers sum to 1.
        masks: float32 `(Q, H / 4, W / 4)`, mask probabilities; 0 for queries that get no mask.
        maps: Task to float32 `(H / 4, W / 4, K)`, the probability of each class.
        map_names: Task to the names of the K classes.
        prediction: What `predict` returns, in pixels of the image.
    """

    image: np.ndarray
    square: np.ndarray
    inside: tuple[int, int]
    scores: np.ndarray
    boxes: np.ndarray
    attention: np.ndarray
    masks: np.ndarray
    maps: Mapping[str, np.ndarray]
    map_names: Mapping[str, tuple[str, ...]]
    prediction: Prediction

    page_title = "Inside HPTR"

    @functools.cached_property
    def plates(self) -> tuple[Plate, ...]:
        """The images with headings and words, in the order of the steps."""
        maps = [_map(self, task) for task in self.maps]
        return (_layers(self), _attention(self), _masks(self), *maps, _prediction(self))

    def _lead(self) -> str:
        where = self.prediction.path or f"image {self.prediction.image_id}"
        layers, queries = self.scores.shape
        return (
            f"{where}: {queries} queries through {layers} decoder layers, {len(self.maps)} maps, "
            f"{len(self.prediction)} people above the score that predict asks for."
        )


def inspect(estimator, item, *, score_threshold: float | None = None) -> Inspection:
    """Returns how one image was parsed; see `HPTR.inspect`.

    Args:
        estimator: A fitted `HPTR`.
        item: Has `image`, `image_id` and `path`.
        score_threshold: Lowest score of the prediction; None: as `predict`.
    """
    network, config = estimator.keras_model, estimator.config
    inputs, plan = estimator._predict_inputs(as_item(item, config.channels))
    batch = {name: value[None] for name, value in inputs.items()}
    padding = ops.convert_to_tensor(batch["padding"])
    stages = network.backbone(network.preprocess(batch["image"], padding), training=False)
    seen = network.looked_at(stages, network.fpn(stages))
    found = network.detector(seen, padding, training=False)
    logits = _numpy(found["logits"])[:, 0]
    chances = np.exp(logits - logits.max(axis=-1, keepdims=True))
    scores = (chances / chances.sum(axis=-1, keepdims=True))[..., :-1].max(axis=-1)
    order = np.argsort(-scores[-1], kind="stable")
    boxes = pixel_boxes(_numpy(found["boxes"])[:, 0, order].reshape(-1, 4), plan.resized)
    # From the compiled network, as in `predict`: operation by operation, the last digits differ.
    sure = {n: v[None] for n, v in estimator._threshold_inputs(score_threshold).items()}
    outputs = {name: value[0] for name, value in estimator._run({**batch, **sure}).items()}
    drawn = outputs["masks"].any(axis=(1, 2))[:, None, None]
    about = {"image_id": item.image_id, "path": item.path, "score_threshold": score_threshold}
    first = ("background",) if config.background_channel else ()
    return Inspection(
        image=as_picture(item.image),
        square=as_picture(inputs["image"]),
        inside=plan.resized,
        scores=scores[:, order],
        boxes=boxes.reshape(len(scores), -1, 4),
        attention=_numpy(found["attention"])[0].transpose(1, 0, 2, 3)[order],
        masks=_chances(outputs["masks"]) * drawn,
        maps={task: _chances(outputs[task]) for task in config.tasks},
        map_names={task: (*first, *getattr(config, task)) for task in config.tasks},
        prediction=estimator._decode(outputs, plan, **about),
    )


def _numpy(value) -> np.ndarray:
    return np.array(ops.convert_to_numpy(value), np.float32)


def _chances(logits: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(0.5 * logits))  # does not overflow


def _seen(seen: Inspection) -> tuple[np.ndarray, int]:
    """Returns the image's part of the input, enlarged, and the factor."""
    height, width = seen.inside
    return enlarge(seen.square[:height, :width], _MIN_SIDE)


def _cells(seen: Inspection, values: np.ndarray) -> np.ndarray:
    """Returns a map of the whole input, drawn over it and cut to the image's part."""
    square, factor = enlarge(seen.square, _MIN_SIDE)
    height, width = (side * factor for side in seen.inside)
    return draw_heat(square, values)[:height, :width]


def _captions(seen: Inspection) -> list[str]:
    return [f"query {k}: {score:.2f}" for k, score in enumerate(seen.scores[-1, :_SHOWN], 1)]


def _layers(seen: Inspection) -> Plate:
    picture, factor = _seen(seen)
    colours = palette(len(seen.scores[0]))[:_SHOWN]
    panels, captions = [], []
    for number, (boxes, scores) in enumerate(zip(seen.boxes, seen.scores, strict=True), 1):
        words = [f"{score:.2f}" for score in scores[:_SHOWN]]
        panels.append(draw_boxes(picture, boxes[:_SHOWN] * factor, colours, words=words))
        captions.append(f"decoder layer {number}")
    return Plate(
        "layers",
        "Boxes after each decoder layer",
        f"The {len(colours)} queries that are surest in the end, each in one colour, with the "
        "probability that they have a person.",
        grid(panels, captions, columns=3),
    )


def _attention(seen: Inspection) -> Plate:
    panels = []
    for heads in seen.attention[:_SHOWN]:
        mean = heads.mean(axis=0)
        panels.append(_cells(seen, mean / max(float(mean.max()), 1e-9)))
    return Plate(
        "attention",
        "Where the queries look",
        "The attention of the last decoder layer, mean over its heads, bright for the cell that "
        "the query looks at most.",
        grid(panels, _captions(seen), columns=3),
    )


def _masks(seen: Inspection) -> Plate:
    panels = [_cells(seen, mask) for mask in seen.masks[:_SHOWN]]
    return Plate(
        "masks",
        "Masks of the queries",
        "The probability that a pixel is of the query's person; dark all over for queries below "
        "the lowest score, whose masks are not computed.",
        grid(panels, _captions(seen), columns=3),
    )


def _map(seen: Inspection, task: str) -> Plate:
    """Returns the plate of one map: the classes that some pixel is likeliest to have."""
    height, width = (-(-side // MAP_STRIDE) for side in seen.inside)
    inner = seen.maps[task][:height, :width]
    sizes = np.bincount(inner.argmax(axis=2).ravel(), minlength=inner.shape[2])
    shown = [k for k in np.argsort(-sizes, kind="stable").tolist() if sizes[k]][: 2 * _SHOWN]
    panels = [_cells(seen, seen.maps[task][..., k]) for k in shown]
    names = [f"{seen.map_names[task][k]}: {sizes[k] / inner[..., 0].size:.0%}" for k in shown]
    return Plate(
        task,
        f"The map of {task}",
        "The probability of each class that is the likeliest one of some pixel, and the share of "
        "pixels of which it is.",
        grid(panels, names, columns=3),
    )


def _prediction(seen: Inspection) -> Plate:
    picture = draw_parsing(seen.image, seen.prediction)
    return Plate("prediction", "Prediction", "People and maps as predict returns them.", picture)
