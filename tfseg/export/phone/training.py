"""Training on through the rounding, so that the weights settle where int8 can follow."""

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
from tfseg.config import Config, setting
from tfseg.engine.progress import Progress
from tfseg.errors import ExportError, TrainingError
from tfseg.export.phone.optional import tf_keras
from tfseg.export.phone.part import PhonePart
from tfseg.export.phone.rounding import KERNEL_LIMITS, settle

__all__ = ["FineTuning", "fine_tune"]


@dataclasses.dataclass(frozen=True)
class FineTuning(Config):
    """How long and how fast the rounded network learns.

    Attributes:
        epochs: Epochs; 0 leaves it at calibration.
        steps: Steps of an epoch; None is one pass over the data.
        learning_rate: Of Adam at the first step; it falls to 0 as half a cosine.
        kernel_limit: See `rounding.KERNEL_LIMITS`.
    """

    epochs: int = setting(3, at_least=0)
    steps: int | None = setting(None, at_least=1)
    learning_rate: float = setting(1e-4, above=0, below=1)
    kernel_limit: int = setting(64, choices=KERNEL_LIMITS)


def fine_tune(
    aware,
    part: PhonePart,
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
        aware: What `rounding.quantised` made, calibrated.
        part: Whose network it is, and what it learns.
        loader: A `tfseg.data.loader.Loader` of what `PhonePart.loader` says.
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
    step, optimizer = _training_step(aware, part, plan.learning_rate, steps * plan.epochs)
    variables = [*aware.variables, *optimizer.variables]
    history = _restored(checkpoint, variables, facts) if resume and checkpoint else []
    if len(history) >= plan.epochs:
        settle(aware)
        return history
    progress = Progress(_Job(steps, plan.epochs, part.estimator), stream)
    progress.on_train_begin()
    batches = loader.batches(len(history) * steps)
    try:
        for epoch in range(len(history), plan.epochs):
            progress.on_epoch_begin(epoch)
            logs = _epoch(step, batches, steps, progress, part, loader, epoch)
            settle(aware)
            history.append(logs)
            progress.on_epoch_end(epoch, logs)
            if checkpoint is not None:
                _keep(checkpoint, variables, facts, history)
    finally:
        batches.close()
    return history


@dataclasses.dataclass(frozen=True)
class _Job:
    """What `Progress` asks of a training."""

    steps: int
    epochs: int
    estimator: object
    stage: str = "int8"


def _epoch(step: Callable, batches, steps: int, progress, part, loader, epoch: int) -> dict:
    total = 0.0
    for number in range(steps):
        batch = dict(next(batches))
        loss = float(step(part.reading.values(batch.pop("image")), batch))
        if not math.isfinite(loss):
            ids = loader.image_ids(epoch * steps + number)
            raise TrainingError(
                f"the loss is {loss} at step {number + 1} of epoch {epoch + 1}, images {ids}. "
                "Choose a smaller learning rate."
            )
        total += loss
        progress.on_train_batch_end(number, {"loss": total / (number + 1)})
    return {"loss": total / steps}


def _training_step(aware, part: PhonePart, learning_rate: float, count: int):
    """Returns `(images, batch) -> loss` that moves the weights, and its optimizer."""
    import tensorflow as tf

    keras = tf_keras()
    rate = keras.optimizers.schedules.CosineDecay(learning_rate, max(count, 1))
    optimizer = keras.optimizers.Adam(rate)
    network = keras.Model(aware.inputs, aware.get_layer(part.loss_layer).output)
    learnt = network.trainable_variables
    optimizer.build(learnt)
    zeros = _zeros(network)

    @tf.function(reduce_retracing=True)
    def step(images, batch):
        with tf.GradientTape() as tape:
            loss = part.loss(network(images, training=True), batch)
        optimizer.apply_gradients(zip(tape.gradient(loss, learnt), learnt))
        for variable, inside in zeros:
            variable.assign(variable * inside)
        return loss

    return step, optimizer


def _zeros(network) -> list[tuple]:
    """Returns the depthwise kernels with places that are 0 for all channels, as where a dilated one
    has nothing, and 1 for the other places: these learn, those do not."""
    found = []
    for layer in network.layers:
        if type(getattr(layer, "layer", None)).__name__ == "DepthwiseConv2D":
            for weight, *_ in layer._weight_vars:
                inside = np.any(weight.numpy() != 0, axis=(2, 3), keepdims=True)
                if not inside.all():
                    found.append((weight, inside.astype(np.float32)))
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
