"""Training on through the rounding, so that the weights settle where int8 can follow.

The loss is training's main one: softmax cross-entropy at label size over the pixels whose label is
not 255. The auxiliary losses are left out with the outputs they need: they shape features, and
features are what is kept here.
"""

from __future__ import annotations

import dataclasses
import io
import json
import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from tfseg import files
from tfseg.engine.progress import Progress
from tfseg.errors import ConfigError, ExportError, TrainingError
from tfseg.export.quantize.aware import settle
from tfseg.export.quantize.input import network_input
from tfseg.export.quantize.optional import tf_keras
from tfseg.export.quantize.phone import LOGITS

__all__ = ["FineTuning", "fine_tune", "main_loss"]

_STAGE = "int8"


@dataclasses.dataclass(frozen=True)
class FineTuning:
    """How long and how fast the rounded network learns.

    Attributes:
        epochs: Epochs; 0 leaves it at calibration.
        steps: Steps of an epoch; None is one pass over the data.
        learning_rate: Of Adam at the first step; it falls to 0 as half a cosine.
    """

    epochs: int = 3
    steps: int | None = None
    learning_rate: float = 1e-4

    def __post_init__(self):
        for name, value, least in (("epochs", self.epochs, 0), ("steps", self.steps, 1)):
            if value is None and name == "steps":
                continue
            if not isinstance(value, int) or value < least:
                raise ConfigError(f"{name}: expected an integer from {least}, got {value!r}.")
        if not 0 < self.learning_rate < 1:
            raise ConfigError(f"learning_rate: expected 0 to 1, got {self.learning_rate!r}.")


def fine_tune(
    aware,
    loader,
    plan: FineTuning,
    *,
    checkpoint: Path | None = None,
    resume: bool = False,
    facts: Mapping | None = None,
    stream=None,
) -> list[dict]:
    """Trains a calibrated network in place, and returns one dict of losses for each epoch.

    Args:
        aware: What `aware.quantised` made, calibrated.
        loader: A `tfseg.data.loader.Loader` of `image` uint8 and `labels` `(B, H, W)`.
        plan: How long and how fast.
        checkpoint: A `.npz` file that is written after each epoch, whole or not at all.
        resume: Continue from that file if it is there.
        facts: What the training is of, plain values by the words for them; a resume wants the same.
        stream: Where the progress goes; None is stdout.

    Raises:
        TrainingError: If the loss is not finite.
        ExportError: If the checkpoint is damaged, or of another model, data or plan.
    """
    steps = plan.steps or loader.steps_per_pass
    facts = {**dataclasses.asdict(plan), "steps": steps, **(facts or {})}
    step, optimizer = _training_step(aware, plan.learning_rate, steps * plan.epochs)
    variables = [*aware.variables, *optimizer.variables]
    history = _restored(checkpoint, variables, facts) if resume and checkpoint else []
    if len(history) >= plan.epochs:
        settle(aware)
        return history
    progress = Progress(_Job(steps, plan.epochs), stream)
    progress.on_train_begin()
    batches = loader.batches(len(history) * steps)
    try:
        for epoch in range(len(history), plan.epochs):
            progress.on_epoch_begin(epoch)
            logs = _epoch(step, batches, steps, progress, loader, epoch)
            settle(aware)
            history.append(logs)
            progress.on_epoch_end(epoch, logs)
            if checkpoint is not None:
                _keep(checkpoint, variables, facts, history)
    finally:
        batches.close()
    return history


def main_loss(logits, labels):
    """Returns the mean cross-entropy over the pixels that count, a scalar; 0 if there are none.

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


@dataclasses.dataclass(frozen=True)
class _Job:
    """What `Progress` asks of a training."""

    steps: int
    epochs: int
    stage: str = _STAGE


def _epoch(step: Callable, batches, steps: int, progress, loader, epoch: int) -> dict:
    total = 0.0
    for number in range(steps):
        batch = next(batches)
        loss = float(step(network_input(batch["image"]), batch["labels"]))
        if not math.isfinite(loss):
            ids = loader.image_ids(epoch * steps + number)
            raise TrainingError(
                f"the loss is {loss} at step {number + 1} of epoch {epoch + 1}, images {ids}. "
                "Choose a smaller learning rate."
            )
        total += loss
        progress.on_train_batch_end(number, {"loss": total / (number + 1)})
    return {"loss": total / steps}


def _training_step(aware, learning_rate: float, count: int):
    """Returns `(images, labels) -> loss` that moves the weights, and its optimizer."""
    import tensorflow as tf

    keras = tf_keras()
    rate = keras.optimizers.schedules.CosineDecay(learning_rate, max(count, 1))
    optimizer = keras.optimizers.Adam(rate)
    network = keras.Model(aware.inputs, aware.get_layer(LOGITS).output)
    learnt = network.trainable_variables
    optimizer.build(learnt)
    zeros = _zeros(network)

    @tf.function(reduce_retracing=True)
    def step(images, labels):
        with tf.GradientTape() as tape:
            loss = main_loss(network(images, training=True), labels)
        optimizer.apply_gradients(zip(tape.gradient(loss, learnt), learnt))
        for variable, inside in zeros:
            variable.assign(variable * inside)
        return loss

    return step, optimizer


def _zeros(network) -> list[tuple]:
    """Returns the kernels that have zeros where a dilated one has nothing, and where not."""
    found = []
    for layer in network.layers:
        if type(getattr(layer, "layer", None)).__name__ == "DepthwiseConv2D":
            for weight, *_ in layer._weight_vars:
                size = weight.shape[0]
                if size > 3:
                    inside = np.zeros(weight.shape, np.float32)
                    inside[:: (size - 1) // 2, :: (size - 1) // 2] = 1
                    found.append((weight, inside))
    return found


def _keep(path: Path, variables, facts: Mapping, history: list[dict]) -> None:
    arrays = {f"v{index}": variable.numpy() for index, variable in enumerate(variables)}
    content = io.BytesIO()
    losses = np.array([logs["loss"] for logs in history])
    text = np.frombuffer(json.dumps(facts).encode(), np.uint8)
    np.savez(content, facts=text, losses=losses, **arrays)
    end = files.seal(content.getbuffer())
    content.seek(0, os.SEEK_END)
    content.write(end)
    files.write_whole(path, content.getbuffer(), error=ExportError)


def _restored(path: Path, variables, facts: Mapping) -> list[dict]:
    """Puts the variables back; returns the losses of each epoch."""
    if not path.is_file():
        return []
    remedy = "Remove the file to begin anew."
    try:
        if not files.check_seal(path, error=ExportError, remedy=remedy):
            raise ValueError("it has no checksum")
        with np.load(path) as stored:
            then = json.loads(bytes(stored["facts"]))
            values = [stored[f"v{index}"] for index in range(len(stored.files) - 2)]
            losses = stored["losses"].tolist()
    except ExportError:
        raise
    except Exception as error:
        raise ExportError(
            f"{path}: this checkpoint cannot be read ({type(error).__name__}: {error}); it is "
            f"damaged, or of an older tfseg. {remedy}"
        ) from None
    now = json.loads(json.dumps(facts))
    differing = [
        f"other {name} ({_shown(then.get(name))}, now {_shown(now.get(name))})"
        for name in dict.fromkeys((*now, *then))
        if then.get(name) != now.get(name)
    ]
    if not differing and [v.shape for v in values] != [tuple(v.shape) for v in variables]:
        differing = ["another network"]
    if differing:
        raise ExportError(
            f"{path}: was begun with {'; '.join(differing)}. Give the same again to go on. {remedy}"
        )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
    return [{"loss": loss} for loss in losses]


def _shown(value) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
