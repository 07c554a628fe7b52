"""From an image to a class and an opacity for each of its pixels."""

from __future__ import annotations

import math

import keras
import tensorflow as tf

from tfseg.export.decoding import DIFFERENCES
from tfseg.export.endpoints import Endpoint, Serving, encoded_images, pixels
from tfseg.export.graphs.portrait_edges import EdgeShares
from tfseg.export.image_files import (
    ERRORS,
    MAX_PIXELS,
    SIZES,
    checked_pixels,
    opened,
    told,
    without_broken,
)
from tfseg.export.resize import resize, resize_reals
from tfseg.geometry.proportional import STRIDE

__all__ = ["SegmentationGraph", "serving"]

_LARGEST = 80.0  # e^80 is far from certainty's limit and within float32


def serving(estimator, *, probabilities: bool = False, max_pixels: int = MAX_PIXELS) -> Serving:
    """Returns what a SavedModel of a fitted `PortraitSegmenter` is made of.

    Args:
        estimator: The model.
        probabilities: Return each pixel's probabilities too, in the signatures for arrays.
        max_pixels: The largest image that it takes.
    """
    fit, classes = estimator._resize(), len(estimator.class_names) + 1
    graph = SegmentationGraph(
        estimator.keras_model,
        fit.canvas,
        fit.kind,
        fit.limit,
        classes=classes,
        refine_edges=estimator.config.refine_edges,
        probabilities=probabilities,
        max_pixels=max_pixels,
    )
    maps = {**_MAPS, **ERRORS}
    if probabilities:
        maps["probabilities"] = f"float32 `(B, H, W, {classes})`, the background first"
    endpoints = (
        Endpoint("serving_default", graph.from_files, (encoded_images(),), {**_FILES, **told()}),
        Endpoint("images_uint8", graph.from_images, (pixels(tf.uint8),), maps),
        Endpoint("images_float", graph.from_images, (pixels(tf.float32),), maps),
    )
    return Serving(
        endpoints,
        "serving_default",
        _PYTHON,
        _GRPC,
        (DIFFERENCES, _NOTE),
        zero="is the background",
        facts={"answers": "pixels"},
    )


_SCORES = {
    "class_scores": "float32 `(B, C)`: mean probability of each class over its pixels, 0 where it "
    "has none"
}
_MAPS = {
    "classes": "uint8 `(B, H, W)`, 0 for the background",
    "alpha": "uint8 `(B, H, W)`: 255 times the probability of not being background",
    **_SCORES,
}
_FILES = {
    "classes_png_bytes": "string `(B,)`: `classes` of each image as a grey PNG file of its size",
    "alpha_png_bytes": "string `(B,)`: `alpha` likewise",
    **_SCORES,
}
_PYTHON = """\
alpha = tf.io.decode_png(outputs["alpha_png_bytes"][0])  # uint8 (H, W, 1), 255: foreground
classes = tf.io.decode_png(outputs["classes_png_bytes"][0])  # uint8 (H, W, 1), 0: background"""
_GRPC = 'open("alpha.png", "wb").write(answer.outputs["alpha_png_bytes"].string_val[0])'
_NOTE = (
    "The opacity is 255 times the probability of not being background; to cut something out, take "
    "what is above 230 for 255 and below 25 for 0."
)


class SegmentationGraph:
    """Fits images to the network, runs it, and leads its logits back to their pixels.

    Args:
        network: Takes `image` `(B, h, w, 3)` from 0 to 255, gives `logits` `(B, h, w, N)`.
        canvas: `(h, w)` of training, pixels.
        kind: "proportional", "letterbox", "stretch" or "native": how an image of any size meets
            the network, to the pixel as `tfseg.geometry.proportional.ImageFit.predict_plan` says.
        limit: Longest side of "native".
        classes: N, with the background.
        refine_edges: Probabilities follow the images' edges.
        probabilities: Return them too.
        max_pixels: The largest image that is taken.
    """

    def __init__(
        self,
        network: keras.Model,
        canvas: tuple[int, int],
        kind: str,
        limit: int,
        *,
        classes: int,
        refine_edges: bool = False,
        probabilities: bool = False,
        max_pixels: int = MAX_PIXELS,
    ):
        self.max_pixels = max_pixels
        self.network, self.canvas, self.kind, self.limit = network, tuple(canvas), kind, limit
        self.classes, self.refine_edges = classes, refine_edges
        self.probabilities = probabilities

    def from_images(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns `classes`, `alpha` and `class_scores` of images of one size, float32 or uint8
        `(B, H, W, 3)`, and errors; see `checked_pixels`."""
        images, errors = checked_pixels(images, self.max_pixels)
        outputs = self._outputs(tf.cast(images, tf.int32), self.probabilities)
        return without_broken(outputs, errors)

    def from_files(self, encoded: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns `classes_png_bytes`, `alpha_png_bytes` and `class_scores` of encoded images,
        string `(B,)`, their sizes, which may differ, and errors; see `opened`."""
        text = tf.TensorSpec((), tf.string)
        found = tf.map_fn(
            self._one,
            encoded,
            fn_output_signature={
                "classes_png_bytes": text,
                "alpha_png_bytes": text,
                "class_scores": tf.TensorSpec((self.classes - 1,), tf.float32),
                SIZES: tf.TensorSpec((2,), tf.int32),
                "error": text,
            },
            parallel_iterations=1,
        )
        return without_broken(found, found.pop("error"))

    def _one(self, encoded: tf.Tensor) -> dict[str, tf.Tensor]:
        image, error = opened(encoded, self.max_pixels)
        image = tf.cast(image, tf.int32)
        size = tf.shape(image)[:2]
        outputs = self._outputs(image[None])
        found = {
            f"{name}_png_bytes": tf.io.encode_png(outputs[name][0][..., None], compression=6)
            for name in ("classes", "alpha")
        }
        return {
            **found,
            "class_scores": outputs["class_scores"][0],
            SIZES: size,
            "error": error,
        }

    def _outputs(self, images: tf.Tensor, probabilities: bool = False) -> dict[str, tf.Tensor]:
        """Returns what `_pixels` and `_along_edges` do, for images int32 `(B, H, W, 3)`."""
        size = tf.shape(images)[1:3]
        logits, guide = self._logits(images, size)
        if self.refine_edges:
            shares = EdgeShares(logits, guide, images)
            outputs = self._along_edges(shares, tf.shape(images)[:3])
            return outputs | ({"probabilities": shares.all(self.classes)} if probabilities else {})
        outputs = self._pixels(logits, size)
        if probabilities:
            outputs["probabilities"] = tf.nn.softmax(resize_reals(logits, size))
        return outputs

    def _logits(self, images: tf.Tensor, size: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the logits float32 `(B, h, w, N)` of the part of the network's input that shows
        the images, int32 `(B, H, W, 3)`, with the background's subtracted, as in `decode`; and
        that part, float32 `(B, h, w, 3)`."""
        inside, canvas = self._plan(size)
        resized = tf.cast(resize(images, inside), tf.float32)
        if canvas is None:
            fitted, (top, left) = resized, (0, 0)
        else:
            top, left = (canvas[0] - inside[0]) // 2, (canvas[1] - inside[1]) // 2
            fitted = tf.image.pad_to_bounding_box(resized, top, left, *canvas)
        fitted = tf.ensure_shape(fitted, (None, *(canvas or (None, None)), 3))
        logits = self.network({"image": fitted}, training=False)["logits"]
        logits = logits[:, top : top + inside[0], left : left + inside[1]]
        logits = tf.ensure_shape(tf.cast(logits, tf.float32), (None, None, None, self.classes))
        return logits - logits[..., :1], resized

    def _plan(self, size: tf.Tensor) -> tuple[tf.Tensor, tuple[int, int] | None]:
        """Returns the size at which an image is shown to the network, int32 `(2,)`, and the
        canvas around it, or None where there is none.

        In double precision: a size that is rounded differently would move every edge.
        """
        sides = tf.cast(size, tf.float64)
        canvas = tf.constant(self.canvas, tf.int32)
        if self.kind == "stretch":
            return canvas, None
        if self.kind == "letterbox":
            scale = tf.reduce_min(tf.cast(canvas, tf.float64) / sides)
            inside = tf.maximum(tf.cast(tf.round(sides * scale), tf.int32), 1)
            return tf.minimum(inside, canvas), self.canvas
        if self.kind == "native":
            scale = tf.minimum(tf.constant(1.0, tf.float64), self.limit / tf.reduce_max(sides))
            return tf.maximum(tf.cast(tf.round(sides * scale), tf.int32), 1), None
        area = math.prod(self.canvas)
        longest = max(STRIDE, area // STRIDE // STRIDE * STRIDE)
        wished = tf.sqrt(area * sides / sides[::-1]) / STRIDE
        rounded = tf.cast(tf.round(wished), tf.int32) * STRIDE
        return tf.clip_by_value(rounded, STRIDE, longest), None

    def _pixels(self, logits: tf.Tensor, size: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns `classes` and `alpha`, uint8 `(B, H, W)`, and `class_scores`, float32
        `(B, N - 1)`, of logits `(B, h, w, N)`.

        Class by class, one after the other, so that a large photograph needs a few maps of its
        size, not N.
        """
        maps = tf.transpose(logits, (3, 0, 1, 2))
        shape = tf.stack([tf.shape(logits)[0], size[0], size[1]])

        def add(number, best, classes, total):
            value = resize_reals(maps[number][..., None], size)[..., 0]
            classes = tf.where(value > best, tf.cast(number, tf.uint8), classes)
            total += tf.exp(tf.minimum(value, _LARGEST))
            return number + 1, tf.maximum(best, value), classes, total

        spec = tf.TensorShape((None, None, None))
        start = (1, tf.zeros(shape), tf.zeros(shape, tf.uint8), tf.ones(shape))
        _, best, classes, total = tf.while_loop(
            lambda number, *_: number < self.classes,
            add,
            start,
            shape_invariants=(tf.TensorShape(()), spec, spec, spec),
            parallel_iterations=1,
        )
        certainty = tf.exp(tf.minimum(best, _LARGEST)) / total
        return {
            "classes": classes,
            "alpha": tf.cast(tf.round(255.0 - 255.0 / total), tf.uint8),
            "class_scores": self._class_scores(classes, certainty),
        }

    def _along_edges(self, shares: EdgeShares, shape: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns what `_pixels` does, of probabilities that follow the images' edges."""

        def add(number, best, classes, raw, total):
            value = shares.raw(number)
            classes = tf.where(value > best, tf.cast(number, tf.uint8), classes)
            total += tf.maximum(value, 0)
            return number + 1, tf.maximum(best, value), classes, raw + value, total

        spec = tf.TensorShape((None, None, None))
        start = (1, tf.fill(shape, -math.inf), tf.zeros(shape, tf.uint8), *2 * (tf.zeros(shape),))
        _, best, classes, raw, total = tf.while_loop(
            lambda number, *_: number < self.classes,
            add,
            start,
            shape_invariants=(tf.TensorShape(()), *4 * (spec,)),
            parallel_iterations=1,
        )
        background = tf.maximum(1 - raw, 0)
        classes = tf.where(background >= best, tf.zeros_like(classes), classes)
        total += background
        return {
            "classes": classes,
            "alpha": tf.cast(tf.round(255 - 255 * background / total), tf.uint8),
            "class_scores": self._class_scores(classes, tf.maximum(best, background) / total),
        }

    def _class_scores(self, classes: tf.Tensor, certainty: tf.Tensor) -> tf.Tensor:
        """Returns the mean certainty of each class over its pixels, float32 `(B, N - 1)`."""
        count = tf.shape(classes)[0]
        rows = self.classes * tf.range(count)[:, None, None] + tf.cast(classes, tf.int32)
        rows = tf.reshape(rows, (-1,))
        values = tf.cast(tf.reshape(certainty, (-1,)), tf.float64)
        cells = self.classes * count
        sums = tf.math.unsorted_segment_sum(values, rows, cells)
        pixels = tf.math.unsorted_segment_sum(tf.ones_like(values), rows, cells)
        means = tf.cast(tf.math.divide_no_nan(sums, pixels), tf.float32)
        return tf.minimum(tf.reshape(means, (-1, self.classes))[:, 1:], 1.0)
