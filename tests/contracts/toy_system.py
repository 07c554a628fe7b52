"""The smallest system: one convolution says of every pixel which class it belongs to."""

import dataclasses

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from tfseg.config import Stage, SystemConfig, TrainConfig, setting
from tfseg.engine.estimator import Estimator
from tfseg.export.endpoints import Endpoint, Serving, pixels
from tfseg.geometry.resize import SquareResize
from tfseg.structures import Prediction
from tfseg.structures.sample import boxes_from_masks


@dataclasses.dataclass(frozen=True)
class DotConfig(SystemConfig):
    classes: tuple[str, ...] = ("dot",)
    image_size: int = setting(32, at_least=8)
    train: TrainConfig = TrainConfig(stages=(Stage(2),), workers=0)


class DotNetwork(keras.Model):
    def __init__(self, config):
        super().__init__(name="dot")
        self.body = keras.layers.Conv2D(4, 3, padding="same", activation="relu", name="body")
        self.pixels = keras.layers.Conv2D(len(config.classes) + 1, 3, padding="same", name="pixels")
        self({"image": np.zeros((1, config.image_size, config.image_size, 3), np.uint8)})

    def call(self, inputs, training=None):
        image = ops.cast(inputs["image"], "float32") / 255.0
        return {"scores": ops.softmax(self.pixels(self.body(image)))}

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return ops.mean(ops.sparse_categorical_crossentropy(x["labels"], y_pred["scores"]))


class Dot(Estimator):
    system, config_class, serving_graph = "dot", DotConfig, "toy_system"
    class_layers = ("pixels",)

    def _build(self):
        return DotNetwork(self.config)

    def _resize(self):
        return SquareResize(self.config.image_size, self.config.image_size)

    def _layer_group(self, name):
        return {"body", "pixels"}

    def _encode(self, sample, seed):
        moved = self._resize().plan(sample.size).sample(sample)
        labels = np.max(moved.masks * moved.class_ids[:, None, None], axis=0, initial=0)
        return {"image": moved.image, "labels": labels.astype(np.int32)}

    def _predict_inputs(self, item):
        plan = self._resize().plan(item.image.shape[:2])
        return {"image": plan.image(item.image)}, plan

    def _decode(self, outputs, plan, *, score_threshold, **facts):
        best = outputs["scores"][..., 1:].max(axis=(0, 1))
        ids = np.argsort(-best, kind="stable") + 1
        ids = ids[best[ids - 1] >= (score_threshold or 0)]
        masks = plan.undo_masks(outputs["scores"].argmax(axis=-1) == ids[:, None, None])
        facts.update(class_ids=ids, scores=best[ids - 1], class_names=self.class_names)
        return Prediction.from_masks(masks, boxes=boxes_from_masks(masks), **facts)


def serving(estimator):
    def scores(images):
        return estimator.keras_model({"image": images})

    gives = {"scores": "float32 `(B, H, W, C)`"}
    endpoint = Endpoint("images", scores, (pixels(tf.uint8),), gives)
    return Serving((endpoint,), "images", "outputs", "answer.outputs", (), "is the background")
