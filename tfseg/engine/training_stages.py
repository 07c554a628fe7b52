"""Which layers learn, with which optimizer, on which batches: one stage of a training."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import keras
import numpy as np

from tfseg.config import TrainConfig, learning_rate
from tfseg.engine import runtime
from tfseg.errors import ConfigError

__all__ = ["Batches", "Freezer", "Rates", "compile_stage", "segments"]

log = logging.getLogger(__name__)


def segments(config: TrainConfig, first: int, last: int) -> Iterator[tuple[int, int, int]]:
    """Yields `(stage index, first epoch, last epoch)` of the epochs `first` to `last`, from 1.

    The last stage goes on if the run is longer than the stages.
    """
    end = 0
    for index, stage in enumerate(config.stages):
        begin, end = end + 1, end + stage.epochs
        if index == len(config.stages) - 1:
            end = max(end, last)
        if max(begin, first) <= min(end, last):
            yield index, max(begin, first), min(end, last)


class Batches(keras.utils.PyDataset):
    """A loader's stream as Keras reads it: batch `i` is step `start + i`, however often and
    from wherever Keras begins to read."""

    def __init__(self, loader, start: int = 0):
        super().__init__(workers=1, use_multiprocessing=False)
        self.loader, self.start = loader, start
        self._stream, self._next = None, -1

    @property
    def num_batches(self) -> None:
        """None: the stream is endless."""
        return None

    def __getitem__(self, index: int):
        if self._stream is None or index != self._next:
            self.close()
            self._stream = self.loader.batches(self.start + index)
        self._next = index + 1
        return (next(self._stream),)

    def close(self):
        """Ends the loader's threads."""
        if self._stream is not None:
            self._stream.close()
        self._stream, self._next = None, -1


@keras.saving.register_keras_serializable("tfseg")
class Rates(keras.optimizers.schedules.LearningRateSchedule):
    """The learning rate of each step of a stage, looked up in a table that plain Python made.

    Args:
        rates: float32 `(steps,)`.
    """

    def __init__(self, rates: np.ndarray):
        self.rates = np.asarray(rates, np.float32)

    def __call__(self, step):
        """Returns the rate of a step, scalar float32; the last one goes on."""
        position = keras.ops.clip(keras.ops.cast(step, "int32"), 0, len(self.rates) - 1)
        return keras.ops.take(keras.ops.convert_to_tensor(self.rates), position)

    def get_config(self) -> dict:
        """Returns the constructor's arguments."""
        return {"rates": self.rates.tolist()}

    @classmethod
    def of_stage(cls, config: TrainConfig, begin: int, end: int, steps: int, epochs: int) -> Rates:
        """Returns the rates of the epochs `begin` to `end`, counted from 1, both included."""
        return cls(
            np.array(
                [
                    learning_rate(config, epoch, step, steps_per_epoch=steps, epochs=epochs)
                    for epoch in range(begin, end + 1)
                    for step in range(steps)
                ],
                np.float32,
            )
        )


class Freezer:
    """Lets only some layers of a network learn, and puts everything back in the end.

    Layers that were frozen from the start, such as batch normalisation with kept statistics,
    stay so.
    """

    def __init__(self, network: keras.Model):
        self.network = network
        self._leaves = [layer for layer in _layers(network) if not _inner(layer)]
        self._free = [layer for layer in self._leaves if layer.trainable]

    def only(self, names: set[str], stage: str) -> None:
        """Freezes all layers but the named ones (and those inside them)."""
        chosen = {
            id(leaf)
            for layer in _layers(self.network)
            if layer.name in names
            for leaf in (layer, *_inner(layer))
        }
        for layer in self._free:
            layer.trainable = id(layer) in chosen
        if not self.network.trainable_variables:
            self.restore()
            raise ConfigError(
                f"train.stages: no layer of this network belongs to {stage!r}. Choose another "
                "group, such as 'all'."
            )

    def restore(self) -> None:
        """Makes all layers learnable that were so at the beginning."""
        for layer in self._free:
            layer.trainable = True


def compile_stage(network: keras.Model, config: TrainConfig, rates: Rates) -> None:
    """Compiles the network for a stage with a new optimizer whose variables exist."""
    clip = {"clipnorm": None, "global_clipnorm": None}
    if config.clip_norm is not None:
        clip["clipnorm" if config.clip_mode == "per_variable" else "global_clipnorm"] = (
            config.clip_norm
        )
    if config.optimizer == "sgd":
        optimizer = keras.optimizers.SGD(rates, momentum=config.momentum, **clip)
    else:
        optimizer = keras.optimizers.AdamW(rates, weight_decay=config.weight_decay, **clip)
    # Small float16 gradients vanish; bfloat16 has the range of float32 and needs no scaling.
    if any(layer.compute_dtype == "float16" for layer in _layers(network)):
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    network.compile(
        optimizer=optimizer, jit_compile=config.jit or runtime.needs_jit(), auto_scale_loss=False
    )
    optimizer.build(network.trainable_variables)


def _layers(layer: keras.Layer) -> list[keras.Layer]:
    return list(layer._flatten_layers(include_self=False, recursive=True))


def _inner(layer: keras.Layer) -> list[keras.Layer]:
    return _layers(layer)
