"""From an image to the objects found in it, for the systems whose network gives `detections` and
`masks`."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import tensorflow as tf

from tfseg.export.decoding import DIFFERENCES, brightness
from tfseg.export.endpoints import Endpoint, Serving, encoded_images, pixels
from tfseg.export.image_files import (
    ERRORS,
    MAX_PIXELS,
    SIZES,
    checked_pixels,
    opened,
    told,
    without_broken,
)
from tfseg.export.resize import resize, resize_cut_off
from tfseg.geometry.matterport import MatterportResize
from tfseg.geometry.padded import PaddedResize

__all__ = ["DetectionGraph", "serving"]


def serving(
    estimator, *, score_threshold: float | None = None, max_pixels: int = MAX_PIXELS
) -> Serving:
    """Returns what a SavedModel of a model that finds objects is made of.

    A model that fits each image into a canvas of its own (`image_fit="padded"`) is exported with
    one canvas of the largest size for all. What surrounds an image then differs from `predict`,
    which changes features near its edges, and with `norm="group"` everywhere: compare first.

    Args:
        estimator: A fitted estimator whose network takes `image`, `window` and `min_score`.
        score_threshold: Lowest score that the model returns; None takes that of `predict`.
        max_pixels: The largest image that it takes.

    Raises:
        ConfigError: For a threshold that is not from 0 to 1.
    """
    estimator._check_threshold(score_threshold)
    resize = estimator._resize()
    if score_threshold is None:
        score_threshold = getattr(estimator.config, "detection_min_confidence", 0.0)
    # One graph has one shape inside: images of every size share a canvas.
    padded = isinstance(resize, PaddedResize)
    channels = getattr(estimator.config, "channels", 3)
    graph = DetectionGraph(
        estimator.keras_model,
        estimator.class_names,
        resize.min_side,
        resize.max_side,
        score_threshold,
        canvas=estimator.config.canvas if padded else None,
        fill=resize.fill if padded else (),
        exact=isinstance(resize, MatterportResize),
        channels=channels,
        max_pixels=max_pixels,
    )
    arrays = {**_GIVES, **ERRORS}
    endpoints = [
        Endpoint("images_uint8", graph.from_images, (pixels(tf.uint8, channels),), arrays),
        Endpoint("images_float", graph.from_images, (pixels(tf.float32, channels),), arrays),
    ]
    shown, notes = "images_uint8", (_without_files(channels), _MASKS)
    # Image files hold one channel, which colours are made grey for, or three.
    if channels in (1, 3):
        files = {**_GIVES, **told()}
        from_files = Endpoint("serving_default", graph.from_files, (encoded_images(),), files)
        endpoints.insert(0, from_files)
        shown, notes = "serving_default", (DIFFERENCES, _MASKS)
    facts = {
        "answers": "objects",
        "mask_paste": getattr(estimator.config, "mask_paste", None) or "box",
        "channels": channels,
    }
    return Serving(tuple(endpoints), shown, _PYTHON, _GRPC, notes, zero="pads", facts=facts)


_GIVES = {
    "detection_boxes": "float32 `(B, D, 4)`: y1, x1, y2, x2 in pixels of the given image",
    "detection_classes": "int32 `(B, D)`, 0 for rows that pad",
    "detection_class_names": "string `(B, D)`, empty for rows that pad",
    "detection_scores": "float32 `(B, D)`, best first",
    "detection_masks": "float32 `(B, D, m, m)`: probability over the box",
    "num_detections": "int32 `(B,)`: how many rows do not pad",
}
_PYTHON = (
    'outputs["detection_boxes"]  # (1, D, 4): y1, x1, y2, x2 in pixels; num_detections rows count'
)
_GRPC = 'boxes = tf.make_ndarray(answer.outputs["detection_boxes"])'
_MASKS = (
    "A mask is a probability over its box: resize it to the box (bilinear), inside is 0.5 "
    "and above."
)


def _without_files(channels: int) -> str:
    return (
        f"The model reads images of {channels} channels, which JPEG and PNG files cannot hold, so "
        "there is no signature for encoded images."
    )


class DetectionGraph:
    """Fits images into the network's square, runs it, and leads boxes back to their pixels.

    Args:
        network: Takes `image`, `window` and `min_score`, gives `detections (B, D, 6)` and `masks`.
        class_names: Name of class id k at position k - 1.
        min_side: What the short side of an image should reach, pixels.
        max_side: Side of the square, pixels.
        min_score: Detections that score less become rows that pad.
        canvas: `(rows, columns)`: fit images into the top left corner of it, scaled as
            `tfseg.geometry.padded.PaddedResize` does; None fits them into the square.
        fill: Colour around them there, one number per channel.
        channels: Of the images.
        max_pixels: The largest image that is taken.
        exact: In the square, resize and lead boxes back as `tfseg.geometry.matterport` does.
    """

    def __init__(
        self,
        network: keras.Model,
        class_names: Sequence[str],
        min_side: int,
        max_side: int,
        min_score: float = 0.0,
        canvas: tuple[int, int] | None = None,
        fill: Sequence[float] = (),
        exact: bool = False,
        channels: int = 3,
        max_pixels: int = MAX_PIXELS,
    ):
        self.max_pixels = max_pixels
        self.padded = canvas is not None
        self.canvas = canvas or (max_side, max_side)
        self.fill = tuple(fill)
        self.network, self.min_side, self.max_side = network, min_side, max_side
        self.min_score, self.exact, self.channels = min_score, exact, channels
        # Position 0 stands for the rows that pad.
        self.names = ["", *class_names]

    def from_images(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns the detections in images of one size, float32 or uint8 `(B, H, W, D)`, and
        errors; see `checked_pixels`."""
        images, errors = checked_pixels(images, self.max_pixels)
        squares, window, size = self._fit(images)
        count = tf.shape(images)[0]
        windows = tf.repeat(window[None], count, axis=0)
        found = self._detect(squares, windows, tf.repeat(size[None], count, axis=0))
        return without_broken(found, errors)

    def from_files(self, encoded: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns the detections in encoded images, string `(B,)`, their sizes, which may differ,
        and errors; see `opened`."""
        squares, windows, sizes, errors = tf.map_fn(
            self._fit_one,
            encoded,
            fn_output_signature=(
                tf.TensorSpec((*self.canvas, self.channels), tf.float32),
                tf.TensorSpec((4,), tf.float32),
                tf.TensorSpec((2,), tf.float32),
                tf.TensorSpec((), tf.string),
            ),
        )
        found = self._detect(squares, windows, sizes)
        return without_broken({**found, SIZES: tf.cast(sizes, tf.int32)}, errors)

    def _fit_one(self, encoded: tf.Tensor):
        image, error = opened(encoded, self.max_pixels)
        image = tf.cast(brightness(image) if self.channels == 1 else image, tf.float32)
        squares, window, size = self._fit(image[None])
        return squares[0], window, size, error

    def _fit(self, images: tf.Tensor):
        """Returns the images in the square, its window, and `(H, W)` of the originals.

        The same rule as `tfseg.geometry.resize.SquareResize`, in double precision because
        a size that is rounded differently would move every box.
        """
        if self.padded:
            return self._fit_padded(images)
        size = tf.cast(tf.shape(images)[1:3], tf.float64)
        limit = tf.constant(self.max_side, tf.float64)
        longest = tf.reduce_max(size)
        scale = tf.maximum(tf.constant(1.0, tf.float64), self.min_side / tf.reduce_min(size))
        scale = tf.where(tf.round(longest * scale) > limit, limit / longest, scale)
        inside = tf.maximum(tf.cast(tf.round(size * scale), tf.int32), 1)
        top = (self.max_side - inside[0]) // 2
        left = (self.max_side - inside[1]) // 2
        fit = resize_cut_off if self.exact else resize
        resized = tf.cast(fit(tf.cast(images, tf.int32), inside), tf.float32)
        squares = tf.image.pad_to_bounding_box(resized, top, left, self.max_side, self.max_side)
        window = tf.cast(tf.stack([top, left, top + inside[0], left + inside[1]]), tf.float32)
        squares = tf.ensure_shape(squares, (None, self.max_side, self.max_side, self.channels))
        return squares, window, tf.cast(size, tf.float32)

    def _fit_padded(self, images: tf.Tensor):
        """As `_fit`, by the rule of `tfseg.geometry.padded.PaddedResize` on one canvas."""
        size = tf.cast(tf.shape(images)[1:3], tf.float64)
        scale = tf.minimum(self.min_side / tf.reduce_min(size), self.max_side / tf.reduce_max(size))
        inside = tf.maximum(tf.cast(size * scale, tf.int32), 1)
        # Padding by zeros what the fill was taken from pads by the fill.
        fill = tf.constant(self.fill or (0.0,), tf.float32)
        resized = tf.image.resize(images, inside) - fill
        padded = tf.image.pad_to_bounding_box(resized, 0, 0, *self.canvas) + fill
        window = tf.cast(tf.concat([[0, 0], inside], axis=0), tf.float32)
        padded = tf.ensure_shape(padded, (None, *self.canvas, self.channels))
        return padded, window, tf.cast(size, tf.float32)

    def _detect(self, squares, windows, sizes) -> dict[str, tf.Tensor]:
        bounds = tf.fill(tf.shape(squares)[:1], tf.constant(self.min_score, tf.float32))
        inputs = {"image": squares, "window": windows, "min_score": bounds}
        outputs = self.network(inputs, training=False)
        rows = tf.cast(outputs["detections"], tf.float32)
        # Rows are sorted by score, so that what falls away leaves no gaps.
        found = (rows[..., 4] > 0) & (rows[..., 5] >= self.min_score)
        classes = tf.where(found, tf.cast(rows[..., 4], tf.int32), 0)
        boxes = self._undo(rows[..., :4], windows, sizes)
        return {
            "detection_boxes": tf.where(found[..., None], boxes, tf.zeros_like(boxes)),
            "detection_classes": classes,
            "detection_class_names": tf.gather(tf.constant(self.names), classes),
            "detection_scores": tf.where(found, rows[..., 5], 0.0),
            "detection_masks": tf.where(
                found[..., None, None], tf.cast(outputs["masks"], tf.float32), 0.0
            ),
            "num_detections": tf.reduce_sum(tf.cast(found, tf.int32), axis=1),
        }

    def _undo(self, boxes: tf.Tensor, windows: tf.Tensor, sizes: tf.Tensor) -> tf.Tensor:
        """Returns boxes `(B, D, 4)` of the square in pixels of the images, cut to them."""
        start, resized = windows[:, :2], windows[:, 2:] - windows[:, :2]
        ends = tf.zeros((4,))
        if self.exact:
            # First and last pixels are scaled; an image of one row or column has no distance.
            whole = tf.reduce_all(resized > 1, axis=1, keepdims=True)
            less = tf.cast(whole, tf.float32)
            ends = less * tf.constant([0.0, 0.0, 1.0, 1.0])
            scale = (sizes - less) / (resized - less)
        else:
            scale = sizes / resized
        start, scale = tf.tile(start, (1, 2)), tf.tile(scale, (1, 2))
        moved = (boxes - (start + ends)[:, None]) * scale[:, None]
        moved += tf.broadcast_to(ends, tf.shape(start))[:, None]
        return tf.clip_by_value(moved, 0.0, tf.tile(sizes[:, None], (1, 1, 2)))
