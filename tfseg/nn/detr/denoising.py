"""Boxes beside those of objects, with which more queries begin in training.

A query learns slowly where people are, because which of them it should find changes from step to
step. One that begins near a person is told which at once, and from the first step on.

Source: Li et al., DN-DETR: Accelerate DETR Training by Introducing Query DeNoising (2022); the
second, worse box of each object, which is to be nobody's, is that of Zhang et al., DINO (2022),
section 3.3. Both add a code of the class to the query; here there is none, so that these queries
differ from the others in nothing but where they begin.
"""

from __future__ import annotations

import keras
from keras import layers, ops

__all__ = ["BoxNoise"]

_LEAST = 0.02  # width and height of a box, as a share of the image


@keras.saving.register_keras_serializable("tfseg")
class BoxNoise(layers.Layer):
    """Moves the corners of boxes by random shares of half their width and height: below 1 for the
    first box of an object, 1 to 2 for the second.

    Args:
        groups: How often.
    """

    def __init__(self, groups: int = 1, **kwargs):
        super().__init__(**kwargs)
        self.groups = groups
        self.seed_generator = keras.random.SeedGenerator()
        self.built = True

    def call(self, labels, boxes):
        """Returns boxes `(cx, cy, w, h)` as shares of the image, float32 `(groups * B, 2 N, 4)`:
        row n and row N + n are near object n. Rows that pad are anywhere.

        Args:
            labels: int `(B, N)`, -1 pads.
            boxes: `(B, N, 4)`.
        """
        shape = (self.groups * ops.shape(labels)[0], labels.shape[1], 4)
        known = ops.tile(ops.cast(labels, "int32") >= 0, (self.groups, 1))[..., None]
        boxes = ops.tile(ops.cast(boxes, "float32"), (self.groups, 1, 1))
        boxes = ops.where(known, boxes, self._uniform(shape))
        return ops.concatenate([self._moved(boxes, 0.0), self._moved(boxes, 1.0)], axis=1)

    def _uniform(self, shape):
        return keras.random.uniform(shape, seed=self.seed_generator)

    def _moved(self, boxes, least):
        centres, half = boxes[..., :2], boxes[..., 2:] / 2
        shape = ops.shape(boxes)
        steps = least + self._uniform(shape)
        steps = ops.where(self._uniform(shape) < 0.5, -steps, steps)
        corners = ops.concatenate([centres - half, centres + half], axis=-1)
        corners = ops.clip(corners + steps * ops.concatenate([half, half], axis=-1), 0.0, 1.0)
        first, second = corners[..., :2], corners[..., 2:]
        low, high = ops.minimum(first, second), ops.maximum(first, second)
        return ops.concatenate([(low + high) / 2, ops.maximum(high - low, _LEAST)], axis=-1)

    def compute_output_shape(self, labels_shape, boxes_shape):
        """Returns the shape of `call`'s result."""
        batch, count = labels_shape
        return (None if batch is None else self.groups * batch, 2 * count, 4)

    def get_config(self):
        """Returns the settings of the layer."""
        return {**super().get_config(), "groups": self.groups}
