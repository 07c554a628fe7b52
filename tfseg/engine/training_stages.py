"""Which layers learn, with which optimizer, on which batches: one stage of a training."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import keras
import numpy as np

from tfseg.config import TrainConfig, learning_rate
from tfseg.engine import runtime
from tfseg.engine.optimizers import make_optimizer
from tfseg.errors import ConfigError

if TYPE_CHECKING:
    from tfseg.data.loader import Loader
    from tfseg.engine.estimator import Estimator

__all__ = [
    "Batches",
    "Freezer",
    "Rates",
    "Segment",
    "compile_stage",
    "rate_factors",
    "segments",
]

log = logging.getLogger(__name__)


class Segment(NamedTuple):
    """Epochs, counted from 1, in which the same layers learn with one optimizer.

    Attributes:
        layers: The group of layers.
        first: The first epoch with them, done or not.
        begin: The first epoch that is to be done.
        end: The last one.
    """

    layers: str
    first: int
    begin: int
    end: int


def segments(
    config: TrainConfig, first: int, last: int, *, joined: bool = True
) -> Iterator[Segment]:
    """Yields what the epochs `first` to `last`, counted from 1, are trained in.

    Stages that follow each other with the same layers are one segment: only the rate changes. The
    last stage goes on if the run is longer than the stages.

    Args:
        config: Training settings.
        first: The first epoch to do.
        last: The last one.
        joined: False keeps every stage to itself, as before there were segments.
    """
    spans = []
    for stage in config.stages:
        begin = spans[-1][2] + 1 if spans else 1
        end = begin + stage.epochs - 1
        if joined and spans and spans[-1][0] == stage.layers:
            spans[-1] = (stage.layers, spans[-1][1], end)
        else:
            spans.append((stage.layers, begin, end))
    layers, begin, end = spans.pop()
    spans.append((layers, begin, max(end, last)))
    for layers, begin, end in spans:
        if max(begin, first) <= min(end, last):
            yield Segment(layers, begin, max(begin, first), min(end, last))


class Batches(keras.utils.PyDataset):
    """A loader's stream as Keras reads it: batch `i` is step `start + i`, however often and
    from wherever Keras begins to read."""

    def __init__(self, loader: Loader, start: int = 0):
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
    """The learning rate of each step of a segment, looked up in a table that plain Python made.

    Args:
        rates: float32 `(steps,)`.
        every: Batches in a step.
    """

    def __init__(self, rates: np.ndarray, every: int = 1):
        self.rates, self.every = np.asarray(rates, np.float32), int(every)

    def __call__(self, batch):
        """Returns the rate of a batch counted from 0, scalar float32; the last one goes on."""
        step = keras.ops.cast(batch, "int32") // self.every
        position = keras.ops.clip(step, 0, len(self.rates) - 1)
        return keras.ops.take(keras.ops.convert_to_tensor(self.rates), position)

    def at(self, batch: int) -> float:
        """Returns the same as a plain number."""
        return float(self.rates[min(batch // self.every, len(self.rates) - 1)])

    def get_config(self) -> dict:
        """Returns the constructor's arguments."""
        return {"rates": self.rates.tolist(), "every": self.every}

    @classmethod
    def of(cls, config: TrainConfig, segment: Segment, steps: int, epochs: int) -> Rates:
        """Returns the rates of a segment's epochs, from its first one on.

        Args:
            config: Training settings.
            segment: The segment.
            steps: Steps of an epoch, each one change of the weights.
            epochs: Epochs of the whole run.
        """
        rates = [
            learning_rate(config, epoch, step, steps_per_epoch=steps, epochs=epochs)
            for epoch in range(segment.first, segment.end + 1)
            for step in range(steps)
        ]
        return cls(np.array(rates, np.float32), config.accumulate_steps)


class Freezer:
    """Lets only some layers of a network learn, and puts everything back in the end.

    Layers that were frozen from the start, such as batch normalisation with kept statistics,
    stay so.
    """

    def __init__(self, network: keras.Model):
        self.network = network
        self._leaves = [layer for layer in _layers(network) if not _layers(layer)]
        self._free = [layer for layer in self._leaves if layer.trainable]

    def only(self, names: set[str], stage: str) -> None:
        """Freezes all layers but the named ones (and those inside them)."""
        chosen = {id(layer) for layer in _named(self.network, names)}
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


def rate_factors(estimator: Estimator) -> list[float]:
    """Returns the factor of the rate of each variable that learns now, in the network's order.

    Raises:
        ConfigError: If a group has no layers in this network.
    """
    network, groups = estimator.keras_model, []
    for name, factor in (estimator.config.train.rate_factors or {}).items():
        layers = _named(network, estimator._layer_group(name))
        if not layers:
            raise ConfigError(
                f"train.rate_factors: no layer of this network belongs to {name!r}. Choose another "
                "group."
            )
        groups.append((layers, factor))
    found = {}
    # The smaller group has the last word, whatever the order in a file.
    for layers, factor in sorted(groups, key=lambda group: -len(group[0])):
        found.update({id(variable): factor for layer in layers for variable in layer.variables})
    return [found.get(id(variable), 1.0) for variable in network.trainable_variables]


def compile_stage(
    network: keras.Model,
    config: TrainConfig,
    rates: Rates,
    factors: Sequence[float] | None = None,
) -> None:
    """Compiles the network with a new optimizer whose variables exist.

    Args:
        network: The network, with the layers frozen that do not learn.
        config: Training settings.
        rates: The rate of each batch.
        factors: See `rate_factors`; None: 1 for all.
    """
    optimizer = make_optimizer(config, rates, network.trainable_variables, factors)
    # Small float16 gradients vanish; bfloat16 has the range of float32 and needs no scaling.
    if any(layer.compute_dtype == "float16" for layer in _layers(network)):
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    network.compile(
        optimizer=optimizer, jit_compile=config.jit or runtime.needs_jit(), auto_scale_loss=False
    )
    optimizer.build(network.trainable_variables)


def _layers(layer: keras.Layer) -> list[keras.Layer]:
    return list(layer._flatten_layers(include_self=False, recursive=True))


def _named(network: keras.Model, names: set[str]) -> list[keras.Layer]:
    """Returns the layers of those names and what is inside them."""
    return [
        leaf
        for layer in _layers(network)
        if layer.name in names
        for leaf in (layer, *_layers(layer))
    ]
