"""Training on through the rounding, so that the weights settle where int8 can follow.

The loss is training's main one: softmax cross-entropy at label size over the pixels whose label is
not 255. The auxiliary losses are left out with the outputs they need: they shape features, and
features are what is kept here.
"""

from __future__ import annotations

import dataclasses
import io
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tfseg.data.whole_files import write_whole
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
    stream=None,
) -> list[dict]:
    """Trains a calibrated network in place, and returns one dict of losses for each epoch.

    Args:
        aware: What `aware.quantised` made, calibrated.
        loader: A `tfseg.data.loader.Loader` of `image` uint8 and `labels` `(B, H, W)`.
        plan: How long and how fast.
        checkpoint: A `.npz` file that is written after each epoch, whole or not at all.
        resume: Continue from that file if it is there.
        stream: Where the progress goes; None is stdout.

    Raises:
        TrainingError: If the loss is not finite.
        ExportError: If the checkpoint is of another network or plan.
    """
    steps = plan.steps or loader.steps_per_pass
    step, optimizer = _training_step(aware, plan.learning_rate, steps * plan.epochs)
    variables = [*aware.variables, *optimizer.variables]
    history = _restored(checkpoint, variables, plan, steps) if resume and checkpoint else []
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
                _keep(checkpoint, variables, plan, steps, history)
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
                f"the loss is {loss} at step {number + 1} of epoch {epoch + 1}, pictures {ids}. "
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


def _keep(path: Path, variables, plan: FineTuning, steps: int, history: list[dict]) -> None:
    arrays = {f"v{index}": variable.numpy() for index, variable in enumerate(variables)}
    content = io.BytesIO()
    losses = np.array([logs["loss"] for logs in history])
    np.savez(content, plan=_facts(plan, steps), losses=losses, **arrays)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole({str(path): content.getvalue()})


def _restored(path: Path, variables, plan: FineTuning, steps: int) -> list[dict]:
    if not path.is_file():
        return []
    with np.load(path) as arrays:
        same = np.array_equal(arrays["plan"], _facts(plan, steps))
        shapes = [arrays[n].shape for n in (f"v{i}" for i in range(len(arrays) - 2))]
        if not same or shapes != [tuple(v.shape) for v in variables]:
            raise ExportError(
                f"{path}: belongs to another network, or to other epochs, steps or learning rate. "
                "Give the same ones, or remove the file to begin anew."
            )
        for index, variable in enumerate(variables):
            variable.assign(arrays[f"v{index}"])
        return [{"loss": float(loss)} for loss in arrays["losses"]]


def _facts(plan: FineTuning, steps: int) -> np.ndarray:
    return np.array([plan.epochs, steps, plan.learning_rate])
