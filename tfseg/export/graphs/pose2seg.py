"""From an image and poses to a mask of each, for Pose2Seg."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from tfseg.export.decoding import DIFFERENCES
from tfseg.export.endpoints import Endpoint, Input, Serving, encoded_images, pixels
from tfseg.export.image_files import (
    ERRORS,
    MAX_PIXELS,
    SIZES,
    checked_pixels,
    opened,
    told,
    without_broken,
)
from tfseg.geometry.affine import letterbox
from tfseg.models.pose2seg.skeleton.alignment import align
from tfseg.nn.ops.affine import affine_sample, compose, invert, transform

__all__ = ["PoseGraph", "serving"]

_CHUNK = 8
"""People whose windows are in memory at once."""


def serving(estimator, *, mask_threshold: float = 0.5, max_pixels: int = MAX_PIXELS) -> Serving:
    """Returns what a SavedModel of a model that gives each pose a mask is made of.

    Args:
        estimator: A fitted estimator.
        mask_threshold: A pixel is the person's where its probability is above it; `predict` has
            0.5.
        max_pixels: The largest image that it takes.

    Raises:
        ConfigError: For a threshold that is not from 0 to 1.
    """
    estimator._check_threshold(mask_threshold)
    graph = PoseGraph(estimator.keras_model, mask_threshold, max_pixels)
    files = {"masks_png_bytes": _FILES, **_ALIGNED, **told()}
    masks = {"masks": _MASKS, **_ALIGNED, **ERRORS}
    return Serving(
        (
            Endpoint("serving_default", graph.from_files, (encoded_images(), _POSES), files),
            Endpoint("images_uint8", graph.from_images, (pixels(tf.uint8), _POSES), masks),
            Endpoint("images_float", graph.from_images, (pixels(tf.float32), _POSES), masks),
        ),
        "serving_default",
        _PYTHON,
        _GRPC,
        (DIFFERENCES, _ROWS),
        zero="is the background",
        facts={"answers": "poses"},
    )


_POSES = Input(
    tf.TensorSpec((None, None, 17, 3), tf.float32, "poses"),
    "float32 `(B, M, 17, 3)`: x, y in pixels of the given image and visibility (0 missing, 1 "
    "hidden, 2 visible) of COCO's 17 joints; rows of zeros where an image has fewer people",
    "...  # float32 (B, M, 17, 3)",
)
_MASKS = "uint8 `(B, M, H, W)`: 1 on the person, one mask for each pose, in order"
_FILES = (
    "string `(B, M)`: for each pose, in order, a grey PNG file of the image's size, 1 on the person"
)
_ALIGNED = {
    "templates": "int32 `(B, M)`: the template that each was aligned with, -1 for the whole image",
    "turned": "int32 `(B, M)`: 1 where that was reflected, or its left and right exchanged",
}
_PYTHON = """\
mask = tf.io.decode_png(outputs["masks_png_bytes"][0, 0])  # (H, W, 1): of the first pose"""
_GRPC = 'files = tf.make_ndarray(answer.outputs["masks_png_bytes"])  # (1, M)'
_ROWS = (
    "A row without a joint, as it fills up the poses of an image, has an empty mask; `predict` "
    "shows the network the whole image for such a pose. Poses of other layouts are not understood "
    "here: `tfseg.structures.poses.coco_poses` makes COCO's joints of them. Masks differ from "
    "those of `predict` by single pixels of their edges, because there images are resized in whole "
    "32nds of a pixel."
)


class PoseGraph:
    """Fits an image into the network's square, aligns its people, and leads masks back.

    Args:
        network: A `Pose2SegNetwork`.
        threshold: See `serving`.
        max_pixels: The largest image that is taken.
    """

    def __init__(self, network: keras.Model, threshold: float = 0.5, max_pixels: int = MAX_PIXELS):
        self.network, self.config, self.threshold = network, network.config, threshold
        self.max_pixels = max_pixels

    def from_images(self, images: tf.Tensor, poses: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns the masks in images of one size, float32 or uint8 `(B, H, W, 3)`, and errors;
        see `checked_pixels`."""
        images, errors = checked_pixels(images, self.max_pixels)
        spec = {"masks": tf.TensorSpec((None, None, None), tf.uint8)}

        def one(row, poses):
            masks, aligned = self._masks(tf.ensure_shape(images[row], (None, None, 3)), poses)
            return {"masks": masks, **aligned}

        return without_broken(self._each(one, poses, spec), errors)

    def from_files(self, encoded: tf.Tensor, poses: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns the masks in encoded images, string `(B,)`, as PNG files, their sizes, which may
        differ, and errors; see `opened`."""
        spec = {
            "masks_png_bytes": tf.TensorSpec((None,), tf.string),
            SIZES: tf.TensorSpec((2,), tf.int32),
            "error": tf.TensorSpec((), tf.string),
        }

        def one(row, poses):
            image, error = opened(encoded[row], self.max_pixels)
            masks, aligned = self._masks(tf.cast(image, tf.float32), poses)
            files = tf.map_fn(
                lambda mask: tf.io.encode_png(mask[..., None], compression=6),
                masks,
                fn_output_signature=tf.TensorSpec((), tf.string),
            )
            return {"masks_png_bytes": files, **aligned, SIZES: tf.shape(image)[:2], "error": error}

        found = self._each(one, poses, spec)
        return without_broken(found, found.pop("error"))

    def _each(self, one, poses, spec: dict) -> dict[str, tf.Tensor]:
        """Returns what `one(row, poses)` gives for each image, one after another."""
        count = tf.shape(poses)[1]
        # Nobody at all is one row without joints: an empty list has no shape.
        poses = tf.pad(poses, [(0, 0), (0, tf.maximum(1 - count, 0)), (0, 0), (0, 0)])
        spec = {**spec, **{name: tf.TensorSpec((None,), tf.int32) for name in _ALIGNED}}
        found = tf.map_fn(
            lambda row: one(row, poses[row]),
            tf.range(tf.shape(poses)[0]),
            fn_output_signature=spec,
            parallel_iterations=1,
        )
        of_images = (SIZES, "error")
        return {n: value if n in of_images else value[:, :count] for n, value in found.items()}

    def _masks(self, image, poses):
        """Returns the masks of one image's poses, uint8 `(M, H, W)`, and how they were aligned."""
        config, size = self.config, tf.shape(image)[:2]
        cells, side = config.feature_size, config.window
        fitted, to_input = self._fit(image)
        features = self.network.features(fitted, training=False)
        to_cells = to_input * (cells / config.image_size)
        seen = poses[..., 2:]
        there = seen > 0
        places = tf.where(there, poses[..., :2], tf.zeros_like(poses[..., :2]))
        count = tf.shape(poses)[0]
        joints = transform(places, tf.broadcast_to(to_cells, (count, 2, 3)))
        joints = tf.concat([tf.where(there, joints, tf.zeros_like(joints)), seen], axis=-1)
        matrices, aligned = self._aligned(joints, cells, side)
        chances = self._chances(features, matrices, joints)
        windows = compose(matrices, tf.broadcast_to(to_cells, (count, 2, 3)))
        anybody = tf.reduce_any(there, axis=(1, 2))

        def restored(row):
            back = invert(windows[row][None])
            owner = tf.zeros((1,), tf.int32)
            shown = affine_sample(chances[row][None, ..., None], back, (size[0], size[1]), owner)
            return tf.cast((shown[0, ..., 0] > self.threshold) & anybody[row], tf.uint8)

        masks = tf.map_fn(
            restored,
            tf.range(count),
            fn_output_signature=tf.TensorSpec((None, None), tf.uint8),
            parallel_iterations=1,
        )
        return tf.reshape(masks, (count, size[0], size[1])), aligned

    def _aligned(self, joints, cells: int, side: int):
        config = self.config
        if not config.use_affine:
            count = tf.shape(joints)[0]
            whole = tf.constant(letterbox((cells, cells), (side, side)), tf.float32)
            nothing = {"templates": tf.fill((count,), -1), "turned": tf.fill((count,), 0)}
            return tf.broadcast_to(whole, (count, 2, 3)), nothing
        frame = (cells, cells)
        found = align(joints, config.pose_templates, frame, side, lib=ops, **config.alignment)
        aligned = {"templates": found.templates, "turned": found.turned}
        aligned = {name: tf.cast(value, tf.int32) for name, value in aligned.items()}
        return tf.cast(found.matrices, tf.float32), aligned

    def _chances(self, features, matrices, joints):
        """Returns each person's probabilities, float32 `(M, a, a)`, a few people at a time."""
        count, side = tf.shape(matrices)[0], self.config.window
        more = -count % _CHUNK
        matrices = tf.reshape(tf.pad(matrices, [(0, more), (0, 0), (0, 0)]), (-1, _CHUNK, 2, 3))
        joints = tf.reshape(tf.pad(joints, [(0, more), (0, 0), (0, 0)]), (-1, _CHUNK, 17, 3))
        owners = tf.zeros((_CHUNK,), tf.int32)

        def some(chunk):
            people = self.network.windows(features, owners, *chunk)
            logits = self.network.logits(people, training=False)
            return tf.nn.softmax(logits)[..., 1]

        chances = tf.map_fn(
            some,
            (matrices, joints),
            fn_output_signature=tf.TensorSpec((_CHUNK, side, side), tf.float32),
            parallel_iterations=1,
        )
        return tf.reshape(chances, (-1, side, side))[:count]

    def _fit(self, image):
        """Returns the image in the network's square, float32 `(1, S, S, 3)`, and the matrix there:
        the rule of `tfseg.geometry.affine.letterbox` and `warp_image`."""
        side = self.config.image_size
        size = tf.cast(tf.shape(image)[:2], tf.float64)
        scale = tf.reduce_min(side / size)
        shift = (side - scale * size) / 2
        zero = tf.zeros((), tf.float64)
        rows = [tf.stack([scale, zero, shift[1]]), tf.stack([zero, scale, shift[0]])]
        matrix = tf.stack(rows)
        block = tf.cast(tf.floor(1 / tf.maximum(scale, 1e-9) + 1e-9), tf.int32)
        block = tf.clip_by_value(block, 1, tf.reduce_min(tf.shape(image)[:2]))
        if self.config.sampling != "exact":
            block = tf.ones_like(block)
        smaller = _block_means(image, block)
        times = tf.cast(block, tf.float64)
        middle = (times - 1) / 2
        moved = tf.concat([matrix[:, :2] * times, matrix[:, :2] @ [[1.0], [1.0]] * middle], axis=1)
        moved += tf.concat([tf.zeros((2, 2), tf.float64), matrix[:, 2:]], axis=1)
        one = tf.cast(moved, tf.float32)[None]
        fitted = affine_sample(smaller[None], one, (side, side), np.zeros(1, np.int32))
        return tf.round(fitted), tf.cast(matrix, tf.float32)


def _block_means(image, block):
    """Returns the means of blocks of pixels, whole numbers; the last ones repeat the edge. Halves
    become what OpenCV makes of them: the even number, but of blocks of 2 x 2 the greater one."""
    size = tf.shape(image)[:2]
    count = -(-size // block)
    rows = tf.minimum(tf.range(count[0] * block), size[0] - 1)
    columns = tf.minimum(tf.range(count[1] * block), size[1] - 1)
    filled = tf.gather(tf.gather(image, rows), columns, axis=1)
    blocks = tf.reshape(filled, (count[0], block, count[1], block, 3))
    means = tf.reduce_mean(blocks, axis=(1, 3))
    return tf.where(block == 2, tf.floor(means + 0.5), tf.round(means))
