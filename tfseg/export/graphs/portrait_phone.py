"""What phones run of a `PortraitSegmenter`: all of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from tfseg.export.graphs.portrait_network import (
    LOGITS,
    build_any_size,
    build_phone,
    output_channels,
)
from tfseg.export.phone.part import PhonePart
from tfseg.geometry.proportional import ImageFit

__all__ = ["main_loss", "part", "to_logits"]

_LEAST = 1 / 512  # half an int8 step of probability: nothing is more certain than the file can say


def part(estimator, image_size=None) -> PhonePart:
    """Returns what phones run of a fitted `PortraitSegmenter`; sizes that are multiples of 32
    resize exactly."""
    return _PortraitPart(estimator, image_size or estimator.config.image_size)


class _PortraitPart(PhonePart):
    learns, loss_layer = True, LOGITS

    def __init__(self, estimator, image_size):
        super().__init__(estimator, image_size)
        self.labels = ("background", *estimator.class_names)
        # Stretched if the model learnt so, else with its proportions and black around it.
        kind = "stretch" if estimator.config.image_fit == "stretch" else "letterbox"
        self.fit = ImageFit(self.image_size, kind)
        self.plan = self.fit.plan

    def network(self, keras):
        source = self.estimator.keras_model.graph
        return build_phone(keras, self.estimator.config.graph, self.image_size, source)

    def any_size(self):
        network = self.estimator.keras_model
        return build_any_size(self.estimator.config.graph, network.graph), network.preprocess

    def prediction(self, output, sample, plan):
        raw = {"logits": to_logits(output)}
        told = {"score_threshold": None, "image_id": sample.image_id, "path": None}
        return self.estimator._decode(raw, plan, **told)

    def wanted(self, answer):
        return self.estimator.as_on_phones(self.fit).predict(answer.item.image)[0]

    def loader(self, dataset):
        # The same settings at the phone's size: what training sees is what the phone will see.
        config = self.estimator.config.replace(image_size=self.image_size)
        return type(self.estimator)(config)._loader(dataset, training=True)

    def loss(self, output, batch: Mapping):
        return main_loss(output, batch["labels"])

    def settings(self) -> dict:
        return dataclasses.asdict(self.estimator.config.graph)

    def about(self, whole_int8: bool) -> dict:
        channels = output_channels(self.estimator.config.graph)
        what = (
            "the probability that a pixel is no background"
            if channels == 1
            else "the probability of each class, the background first"
        )
        return {
            "name": "tfseg portrait",
            "description": (f"People cut out of portraits; preset {self.estimator.config.preset}."),
            "fit": self.fit.kind,
            "output": f"{'int8: (value + 128) / 256 is' if whole_int8 else 'float32:'} {what}",
            "channels": channels,
        }


def main_loss(logits, labels):
    """Returns training's main loss, the mean cross-entropy over the pixels that count; 0 if there
    are none. The auxiliary losses are left out with the outputs that they need: they shape
    features, and features are what is kept here.

    Args:
        logits: float32 `(B, H, W, N)`; of two classes `(B, H, W, 1)`, their difference.
        labels: Integers `(B, H, W)`, 255 is ignored.
    """
    import tensorflow as tf

    labels = tf.cast(labels, tf.int32)
    counted = tf.cast(labels != 255, tf.float32)
    known = tf.where(labels == 255, 0, labels)
    if logits.shape[-1] == 1:
        each = tf.nn.sigmoid_cross_entropy_with_logits(
            labels=tf.cast(known, tf.float32), logits=logits[..., 0]
        )
    else:
        each = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=known, logits=logits)
    return tf.math.divide_no_nan(tf.reduce_sum(each * counted), tf.reduce_sum(counted))


def to_logits(probability: np.ndarray) -> np.ndarray:
    """Returns float32 `(H, W, N)` whose softmax are the probabilities, for the estimator's own way
    from the network's output to a prediction.

    Args:
        probability: float32 `(H, W, N)`, or `(H, W, 1)` of two classes, that of the second.
    """
    if probability.shape[-1] == 1:
        probability = np.concatenate([1 - probability, probability], axis=-1)
    return np.log(np.maximum(probability, _LEAST, dtype=np.float32))
