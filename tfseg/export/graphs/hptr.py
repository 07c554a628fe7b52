"""From an image to the people in it, what they wear and the map of each task, as one graph."""

from __future__ import annotations

import keras
import tensorflow as tf

from tfseg.export.decoding import DIFFERENCES
from tfseg.export.endpoints import Endpoint, Serving, encoded_images, pixels
from tfseg.export.graphs.hptr_maps import Blend, boxes_of, owners_of, sigmoid
from tfseg.export.image_files import (
    ERRORS,
    MAX_PIXELS,
    SIZES,
    checked_pixels,
    opened,
    told,
    without_broken,
)
from tfseg.export.resize import resize

__all__ = ["ParsingGraph", "serving"]

_OTHERS = "attributes"
_SINGULAR = {"sizes": "size", "patterns": "pattern", "colors": "color"}


def serving(
    estimator, *, score_threshold: float | None = None, max_pixels: int = MAX_PIXELS
) -> Serving:
    """Returns what a SavedModel of a fitted `HPTR` is made of.

    Args:
        estimator: The model.
        score_threshold: Lowest score of a person; None takes that of `predict`.
        max_pixels: The largest image that it takes.

    Raises:
        ConfigError: For a threshold that is not from 0 to 1.
    """
    estimator._check_threshold(score_threshold)
    config = estimator.config
    if score_threshold is None:
        score_threshold = config.detection_min_confidence
    names = {task: getattr(config, task) for task in config.tasks}
    graph = ParsingGraph(
        estimator.keras_model,
        {task: len(ones) for task, ones in names.items()},
        side=config.image_size,
        queries=config.queries,
        score_threshold=score_threshold,
        background=config.background_channel,
        max_pixels=max_pixels,
    )
    maps = {task: f"uint8 `(B, H, W)`, 0 to {len(ones)}" for task, ones in names.items()}
    maps["instances"] = f"{graph.numbers.name} `(B, H, W)`, number of the person, 0 for nobody"
    files = {f"{name}_png_bytes": f"string `(B,)`: `{name}` as a grey PNG file" for name in maps}
    people = _people_of(names)
    arrays = {**people, **maps, **ERRORS}
    endpoints = (
        Endpoint(
            "serving_default",
            graph.from_files,
            (encoded_images(),),
            {**people, **files, **told()},
        ),
        Endpoint("images_uint8", graph.from_images, (pixels(tf.uint8),), arrays),
        Endpoint("images_float", graph.from_images, (pixels(tf.float32),), arrays),
    )
    lists = [
        f"{task}: {', '.join(f'{k} {n}' for k, n in enumerate(ones, 1))}"
        for task, ones in names.items()
    ]
    notes = (DIFFERENCES, _NOTE, *(f"Numbers of {line}." for line in lists))
    facts = {
        "answers": "people",
        "label_names": {task: list(ones) for task, ones in names.items()},
        "traits": {task: one for task, one in _SINGULAR.items() if task in names},
    }
    return Serving(endpoints, "serving_default", _PYTHON, _GRPC, notes, zero="pads", facts=facts)


def _people_of(names: dict) -> dict[str, str]:
    """Returns the outputs about people, with what they are."""
    count = len(names[_OTHERS])
    found = {
        "num_people": "int32 `(B,)`: how many rows do not pad",
        "person_boxes": "float32 `(B, Q, 4)`: y1, x1, y2, x2 in pixels of the given image",
        "person_classes": "int32 `(B, Q)`, 0 for rows that pad",
        "person_scores": "float32 `(B, Q)`, best first; row k is number k + 1 of `instances`",
        "attribute_scores": f"float32 `(B, Q, {count})`, 0 for what a person does not have",
    }
    for task in names:
        if task != _OTHERS:
            one = _SINGULAR[task]
            found[f"attribute_{task}"] = (
                f"int32 `(B, Q, {count})`: the {one} of each attribute, 0 where it has none"
            )
            found[f"attribute_{one}_scores"] = f"float32 `(B, Q, {count})`"
    return found


_PYTHON = """\
outputs["person_boxes"]  # (1, Q, 4): y1, x1, y2, x2 in pixels; num_people rows count
outputs["attribute_scores"]  # (1, Q, A): what each person wears and shows
people = tf.io.decode_png(outputs["instances_png_bytes"][0])  # (H, W, 1): whose pixel it is"""
_GRPC = 'boxes = tf.make_ndarray(answer.outputs["person_boxes"])'
_NOTE = (
    "A pixel belongs to one person or nobody; an attribute of a person is where `attributes` has "
    "its number and `instances` the person's."
)


class ParsingGraph:
    """Fits images into the network's input, runs it, and leads people and maps back.

    Args:
        network: An `HPTRNetwork`.
        classes: Task to the number of its classes, in the order of the maps.
        side: The longer side of an image is brought to it.
        queries: The most people of an image.
        score_threshold: People below it are not returned.
        background: Whether maps have a channel for the background.
        max_pixels: The largest image that is taken.
    """

    def __init__(
        self,
        network: keras.Model,
        classes: dict[str, int],
        *,
        side: int,
        queries: int,
        score_threshold: float,
        background: bool,
        max_pixels: int = MAX_PIXELS,
    ):
        self.max_pixels = max_pixels
        self.network, self.classes, self.side, self.queries = network, classes, side, queries
        self.score_threshold, self.background = score_threshold, background
        self.numbers = tf.uint8 if queries <= 255 else tf.uint16
        self.traits = {task: one for task, one in _SINGULAR.items() if task in classes}

    def from_images(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns people and maps of images of one size, float32 or uint8 `(B, H, W, 3)`, and
        errors; see `checked_pixels`."""
        images, errors = checked_pixels(images, self.max_pixels)
        size = tf.shape(images)[1:3]
        raw, inside = self._raw(tf.cast(images, tf.int32), size)
        signature = {**self._people_spec(), **self._map_spec()}
        found = tf.map_fn(
            lambda one: self._parsed(one, size, inside),
            raw,
            fn_output_signature=signature,
            parallel_iterations=1,
        )
        return without_broken(found, errors)

    def from_files(self, encoded: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns people and maps, these as PNG files, of encoded images, string `(B,)`, their
        sizes, which may differ, and errors; see `opened`."""
        text = tf.TensorSpec((), tf.string)
        files = {f"{name}_png_bytes": text for name in self._map_spec()}
        more = {SIZES: tf.TensorSpec((2,), tf.int32), "error": text}
        found = tf.map_fn(
            self._one_file,
            encoded,
            fn_output_signature={**self._people_spec(), **files, **more},
            parallel_iterations=1,
        )
        return without_broken(found, found.pop("error"))

    def _one_file(self, encoded: tf.Tensor) -> dict[str, tf.Tensor]:
        image, error = opened(encoded, self.max_pixels)
        image = tf.cast(image, tf.int32)
        size = tf.shape(image)[:2]
        raw, inside = self._raw(image[None], size)
        found = self._parsed({name: value[0] for name, value in raw.items()}, size, inside)
        for name in self._map_spec():
            labels = found.pop(name)[..., None]
            found[f"{name}_png_bytes"] = tf.io.encode_png(labels, compression=6)
        return {**found, SIZES: size, "error": error}

    def _people_spec(self) -> dict[str, tf.TensorSpec]:
        table = (self.queries, self.classes[_OTHERS])
        spec = {
            "num_people": tf.TensorSpec((), tf.int32),
            "person_boxes": tf.TensorSpec((self.queries, 4), tf.float32),
            "person_classes": tf.TensorSpec((self.queries,), tf.int32),
            "person_scores": tf.TensorSpec((self.queries,), tf.float32),
            "attribute_scores": tf.TensorSpec(table, tf.float32),
        }
        for task, one in self.traits.items():
            spec[f"attribute_{task}"] = tf.TensorSpec(table, tf.int32)
            spec[f"attribute_{one}_scores"] = tf.TensorSpec(table, tf.float32)
        return spec

    def _map_spec(self) -> dict[str, tf.TensorSpec]:
        spec = {task: tf.TensorSpec((None, None), tf.uint8) for task in self.classes}
        return {**spec, "instances": tf.TensorSpec((None, None), self.numbers)}

    def _raw(self, images: tf.Tensor, size: tf.Tensor) -> tuple[dict, tf.Tensor]:
        """Returns the network's outputs for images int32 `(B, H, W, 3)`, and the size at which it
        saw them, int32 `(2,)`: the rule of `tfseg.geometry.padded.PaddedResize`, in double
        precision because a size that is rounded differently would move everything."""
        sides = tf.cast(size, tf.float64)
        limit = tf.constant(self.side, tf.float64)
        scale = tf.minimum(limit / tf.reduce_min(sides), limit / tf.reduce_max(sides))
        inside = tf.maximum(tf.cast(sides * scale, tf.int32), 1)
        canvas = (inside + 31) // 32 * 32
        fitted = tf.cast(resize(images, inside), tf.float32)
        fitted = tf.image.pad_to_bounding_box(fitted, 0, 0, canvas[0], canvas[1])
        fitted = tf.ensure_shape(fitted, (None, None, None, 3))
        rows, columns = (tf.range(canvas[axis]) >= inside[axis] for axis in (0, 1))
        padding = rows[:, None] | columns[None]
        count = tf.shape(images)[0]
        inputs = {
            "image": fitted,
            "padding": tf.repeat(padding[None], count, axis=0),
            "min_score": tf.fill((count,), tf.constant(self.score_threshold, tf.float32)),
        }
        return dict(self.network(inputs, training=False)), inside

    def _parsed(self, raw: dict, size: tf.Tensor, inside: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns people and maps of one image; the same as the system's own decoding."""
        scores = tf.ensure_shape(raw["scores"], (self.queries,))
        blend = Blend(size, inside)
        count = tf.reduce_sum(tf.cast(scores >= self.score_threshold, tf.int32))
        owners = owners_of(raw["masks"], scores, count, blend)
        seen = tf.math.bincount(
            tf.reshape(owners, (-1,)), minlength=self.queries + 1, maxlength=self.queries + 1
        )[1:]
        seen = seen > 0
        # Nobody is left between the people: rows without a pixel go behind them.
        order = tf.argsort(tf.cast(~seen, tf.int32), stable=True)
        place = tf.concat([[0], tf.math.cumsum(tf.cast(seen, tf.int32))], axis=0)
        owners = tf.gather(place, owners)
        there = tf.gather(seen, order)
        scores = tf.where(there, tf.gather(scores, order), 0.0)
        boxes = boxes_of(tf.gather(raw["boxes"], order), tf.cast(size, tf.float32))
        found = {
            "num_people": tf.reduce_sum(tf.cast(seen, tf.int32)),
            "person_boxes": tf.where(there[:, None], boxes, 0.0),
            "person_classes": tf.where(there, tf.gather(raw["class_ids"], order), 0),
            "person_scores": scores,
            "instances": tf.cast(owners, self.numbers),
        }
        maps = {task: self._class_map(raw[task], task, blend) for task in self.classes}
        for task, (classes, _) in maps.items():
            found[task] = tf.cast(classes, tf.uint8)
        found.update(self._attributes(owners, maps, scores))
        return found

    def _class_map(self, logits: tf.Tensor, task: str, blend: Blend) -> tuple:
        """Returns the likeliest class of each pixel, int32 `(H, W)`, and its probability. Channel
        by channel, so that a large photograph needs a few maps of its size."""
        channels = tf.transpose(logits, (2, 0, 1))
        first = 0 if self.background else 1

        def add(number, best, classes):
            wide = blend(channels[number])
            better = wide > best
            return (
                number + 1,
                tf.where(better, wide, best),
                tf.where(better, number + first, classes),
            )

        start = (1, blend(channels[0]), tf.fill(blend.size, first))
        spec = tf.TensorShape((None, None))
        _, best, classes = tf.while_loop(
            lambda number, *_: number < self.classes[task] + self.background,
            add,
            start,
            shape_invariants=(tf.TensorShape(()), spec, spec),
            parallel_iterations=1,
        )
        chances = sigmoid(best)
        if not self.background:
            classes = tf.where(chances > 0.5, classes, 0)
        return classes, chances

    def _attributes(self, owners: tf.Tensor, maps: dict, scores: tf.Tensor) -> dict:
        """Returns what each person has, and of which characteristic most of its pixels are."""
        attributes, found = maps[_OTHERS][0], {}
        for task, (classes, chances) in maps.items():
            count = self.classes[_OTHERS]
            others = 1 if task == _OTHERS else self.classes[task]
            kind = tf.minimum(classes, 1) if task == _OTHERS else classes
            shape = (self.queries + 1, count + 1, others + 1)
            length = shape[0] * shape[1] * shape[2]
            key = tf.reshape((owners * shape[1] + attributes) * shape[2] + kind, (-1,))
            limits = dict(minlength=length, maxlength=length)
            weights = tf.cast(tf.reshape(chances, (-1,)), tf.float64)
            pixel_count = tf.reshape(tf.math.bincount(key, **limits), shape)[1:, 1:, 1:]
            sums = tf.reshape(tf.math.bincount(key, weights, dtype=tf.float64, **limits), shape)[
                1:, 1:, 1:
            ]
            best = tf.argmax(pixel_count, axis=-1, output_type=tf.int32)
            most = tf.gather(pixel_count, best, axis=-1, batch_dims=2)
            mean = tf.gather(sums, best, axis=-1, batch_dims=2)
            mean = tf.math.divide_no_nan(mean, tf.cast(most, tf.float64))
            sure = tf.cast(tf.minimum(mean * tf.cast(scores, tf.float64)[:, None], 1.0), tf.float32)
            if task == _OTHERS:
                found["attribute_scores"] = sure
            else:
                found[f"attribute_{task}"] = tf.where(most > 0, best + 1, 0)
                found[f"attribute_{_SINGULAR[task]}_scores"] = sure
        return found
