"""A small system that follows the contract: it finds one bright square in a dark image.

It has what makes a resume hard: momentum, batch statistics, dropout with its own random state.
"""

from __future__ import annotations

import dataclasses

import keras
import numpy as np
from keras import ops

from tfseg.config import Stage, SystemConfig, TrainConfig, check_class_names, setting
from tfseg.data.loader import Loader
from tfseg.engine.estimator import Estimator
from tfseg.geometry.resize import SquareResize
from tfseg.structures import Prediction, Sample, rle
from tfseg.structures.pasting import paste_mask

DETECTIONS = 3


@dataclasses.dataclass(frozen=True)
class ToyConfig(SystemConfig):
    layer_groups = {"heads": "box and scores", "body": "the rest", "all": "all layers"}

    classes: tuple[str, ...] = ()
    image_size: int = setting(32, at_least=8, multiple_of=8)
    image_min_size: int | None = None
    width: int = setting(8, at_least=1)
    min_score: float = setting(0.0, at_least=0, at_most=1)
    precision: str = "float32"
    broken_picture: int | None = None
    train: TrainConfig = TrainConfig(
        batch_size=4, stages=(Stage(2, "heads"), Stage(2, "all")), learning_rate=0.05, workers=1
    )

    def _check(self):
        check_class_names(self.classes, "ToyConfig")


class ToyNetwork(keras.Model):
    def __init__(self, config: ToyConfig):
        # Boxes in half precision would be a pixel off: what comes in is not converted.
        super().__init__(name="toy", dtype=config.precision, autocast=False)
        self.config = config
        dtype = config.precision
        self.body = keras.layers.Conv2D(
            config.width, 3, strides=2, padding="same", activation="relu", name="body", dtype=dtype
        )
        self.norm = keras.layers.BatchNormalization(momentum=0.5, name="norm", dtype=dtype)
        self.drop = keras.layers.Dropout(0.25, seed=3, name="drop")
        self.pool = keras.layers.AveragePooling2D(4, name="pool")
        self.box = keras.layers.Dense(4, activation="sigmoid", name="box", dtype="float32")
        self.scores = keras.layers.Dense(len(config.classes) + 1, name="scores", dtype="float32")
        self.terms = [keras.metrics.Mean(name=n) for n in ("box_loss", "class_loss")]
        side = config.image_size
        self(
            {
                "image": np.zeros((1, side, side, 3), np.float32),
                "window": np.zeros((1, 4), np.float32),
            }
        )

    def call(self, inputs, training=None):
        image = ops.cast(inputs["image"], "float32") / 255.0
        x = self.pool(self.norm(self.body(image), training=training))
        x = ops.reshape(x, (-1, self.config.width * (self.config.image_size // 8) ** 2))
        x = ops.cast(self.drop(x, training=training), "float32")
        box, logits = self.box(x), self.scores(x)
        if "gt_boxes" in inputs:
            return {"box": box, "logits": logits}
        return self.detect(box, logits, inputs["window"])

    def detect(self, box, logits, window):
        side = self.config.image_size
        scores = ops.softmax(logits)[:, 1:]
        ids = ops.cast(ops.argmax(scores, axis=-1), "float32")[:, None] + 1
        best = ops.max(scores, axis=-1, keepdims=True)
        low, high = window[:, :2], window[:, 2:]
        corners = ops.clip(box * side, ops.tile(low, (1, 2)), ops.tile(high, (1, 2)))
        row = ops.concatenate([corners, ids, best], axis=-1)[:, None]
        empty = ops.zeros_like(ops.tile(row, (1, DETECTIONS - 1, 1)))
        ramp = ops.arange(28, dtype="float32") / 27
        masks = ops.broadcast_to(ramp[:, None] * 0.2 + ramp[None, :] * 0.5 + 0.3, (28, 28))
        masks = ops.tile(masks[None, None], (ops.shape(box)[0], DETECTIONS, 1, 1))
        return {"detections": ops.concatenate([row, empty], axis=1), "masks": masks}

    @property
    def metrics(self):
        return [*super().metrics, *self.terms]

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        target = x["gt_boxes"][:, 0] / self.config.image_size
        box = ops.mean(ops.square(y_pred["box"] - target))
        ids = ops.cast(x["gt_class_ids"][:, 0], "int32")
        entropy = ops.mean(
            keras.losses.sparse_categorical_crossentropy(ids, y_pred["logits"], from_logits=True)
        )
        for metric, value in zip(self.terms, (box, entropy)):
            metric.update_state(value)
        return box + entropy


class ToyEstimator(Estimator):
    system = "toy"
    config_class = ToyConfig
    serving_graph = "tfseg.export.graphs.detection"

    def _resize(self) -> SquareResize:
        config = self.config
        return SquareResize(config.image_min_size or config.image_size, config.image_size)

    def _build(self):
        return ToyNetwork(self.config)

    def _encode(self, sample, seed):
        moved = self._resize().plan(sample.size).sample(sample)
        image = moved.image.astype(np.float32)
        boxes, ids = np.zeros((1, 4), np.float32), np.zeros(1, np.int32)
        if len(moved):
            boxes[0], ids[0] = moved.boxes[0], moved.class_ids[0]
        if sample.image_id == self.config.broken_picture:
            boxes[:] = np.nan
        return {"image": image, "gt_boxes": boxes, "gt_class_ids": ids}

    def _predict_inputs(self, item):
        image, plan = item.image, self._resize().plan(item.image.shape[:2])
        window = np.array(plan.window, np.float32)
        return {"image": plan.image(image).astype(np.float32), "window": window}, plan

    def _decode(self, outputs, plan, *, score_threshold, image_id, path):
        least = self.config.min_score if score_threshold is None else score_threshold
        rows = outputs["detections"]
        kept = (rows[:, 4] > 0) & (rows[:, 5] >= least)
        boxes = plan.undo_boxes(rows[kept, :4], clip=True)
        masks = [
            rle.encode_crop(*paste_mask(mask, box, plan.original), plan.original)
            for mask, box in zip(outputs["masks"][kept], boxes)
        ]
        return Prediction(
            size=plan.original,
            boxes=boxes,
            class_ids=rows[kept, 4],
            scores=rows[kept, 5],
            rles=tuple(masks),
            class_names=self.class_names,
            image_id=image_id,
            path=path,
        )

    def _layer_group(self, name):
        heads, body = {"box", "scores"}, {"body", "norm"}
        return {"heads": heads, "body": body, "all": heads | body}[name]

    def _loader(self, dataset, *, training, augment=None):
        train = self.config.train
        return Loader(
            dataset,
            self._encode,
            batch_size=train.batch_size,
            shuffle=training,
            seed=train.seed,
            augment=augment,
            workers=train.workers,
        )


class Squares:
    """Dark images with one bright square each; a pure function of the index."""

    def __init__(self, count=24, class_names=("square",), size=(40, 32), empty=()):
        self.count, self.class_names, self.size, self.empty = count, class_names, size, empty

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        random = np.random.default_rng(index)
        height, width = self.size
        image = random.integers(0, 60, (height, width, 3)).astype(np.uint8)
        side = int(random.integers(8, 16))
        top, left = random.integers(0, height - side), random.integers(0, width - side)
        masks = np.zeros((1, height, width), bool)
        masks[0, top : top + side, left : left + side] = True
        image[masks[0]] = 230
        ids = [1 + index % len(self.class_names)]
        if index in self.empty:
            return Sample(image=image, image_id=index)
        return Sample(image=image, image_id=index, masks=masks, class_ids=ids)
