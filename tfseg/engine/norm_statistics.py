"""True statistics for batch normalisations that came without: folded into their convolutions.

Files for inference, such as TFLite's, have no normalisations: each is folded into the convolution
before it. Read back, such a layer computes `x + bias` with a mean of 0 and a variance of 1, which
is exact while its statistics are frozen. A training with the batch's statistics would put true
ones in their place at its first step, and nothing that the network knows would be left.

So the statistics are measured first, and gamma and beta changed with them so that inference stays
what it was: with `y = g (x - m) / sqrt(v + e) + b` for the old and the new numbers alike,

    g' = g sqrt(v' + e) / sqrt(v + e)        b' = b + g (m' - m) / sqrt(v + e).
"""

from __future__ import annotations

import contextlib
import logging
import numbers
from collections.abc import Iterable, Iterator, Mapping

import keras
import numpy as np
from keras import ops

from tfseg.engine.inputs import align_classes
from tfseg.errors import ConfigError
from tfseg.nn.layers.norm import FrozenBatchNormalization

__all__ = ["Moments", "before_training", "calibrate", "folded", "give_statistics", "measure"]

_LOG = logging.getLogger(__name__)


class Moments:
    """Mean and variance of each channel over all that `add` was given.

    Attributes:
        count: Numbers of a channel so far.
    """

    def __init__(self):
        self.count, self._mean, self._sum = 0, 0.0, 0.0

    def add(self, count: int, mean: np.ndarray, variance: np.ndarray) -> None:
        """Adds numbers by how many they are, their mean and their variance, `(D,)` each.

        Source: Chan, Golub, LeVeque, Updating formulae for computing sample variances (1979).
        """
        mean, variance = (np.asarray(each, np.float64) for each in (mean, variance))
        total, apart = self.count + count, mean - self._mean
        self._sum = self._sum + count * variance + apart**2 * (self.count * count / total)
        self._mean = self._mean + apart * (count / total)
        self.count = total

    @property
    def mean(self) -> np.ndarray:
        """float64 `(D,)`."""
        return self._mean

    @property
    def variance(self) -> np.ndarray:
        """float64 `(D,)`, of all numbers, not of a sample."""
        return self._sum / self.count


def folded(network: keras.Model) -> dict[str, keras.layers.BatchNormalization]:
    """Returns the normalisations, by path, whose statistics do nothing: mean 0, variance 1 less
    epsilon, as only readers of folded files write them. New layers have a variance of 1."""
    return {path: layer for path, layer in _norms(network).items() if _does_nothing(layer)}


def measure(
    network: keras.Model,
    norms: Mapping[str, keras.layers.BatchNormalization],
    batches: Iterable[Mapping],
) -> dict[str, Moments]:
    """Returns the moments of what enters each normalisation while the network infers.

    Args:
        network: A built network.
        norms: Some of its normalisations, by any name. Those that no batch reaches are left out.
        batches: Its inputs.
    """
    moments = {name: Moments() for name in norms}
    with _tapped(norms, moments):
        for batch in batches:
            network(batch, training=False)
    return {name: found for name, found in moments.items() if found.count}


def give_statistics(layer: keras.layers.BatchNormalization, moments: Moments) -> None:
    """Gives a normalisation its input's statistics; in inference it computes what it did."""
    gamma, beta, mean, variance = (
        ops.convert_to_numpy(each.value).astype(np.float64)
        for each in (layer.gamma, layer.beta, layer.moving_mean, layer.moving_variance)
    )
    share = gamma / np.sqrt(variance + layer.epsilon)
    layer.gamma.assign(np.float32(share * np.sqrt(moments.variance + layer.epsilon)))
    layer.beta.assign(np.float32(beta + share * (moments.mean - mean)))
    layer.moving_mean.assign(np.float32(moments.mean))
    layer.moving_variance.assign(np.float32(moments.variance))


def calibrate(estimator, dataset, images: int, every: bool = False) -> tuple[str, ...]:
    """Gives normalisations true statistics, see `Estimator.calibrate_norms`."""
    if not isinstance(images, numbers.Integral) or images < 1:
        raise ConfigError(f"images: expected an integer from 1, got {images!r}.")
    network = estimator.keras_model
    norms = _norms(network) if every else folded(network)
    if not norms:
        return ()
    dataset = align_classes(dataset, estimator.class_names)
    return _calibrated(network, norms, estimator._loader(dataset, training=True), images)


def before_training(network: keras.Model, loader, images: int) -> None:
    """Gives folded normalisations that are about to learn from batches true statistics.

    Args:
        network: A network that is about to be trained for the first time.
        loader: Of its training batches.
        images: How many to measure; 0 leaves the layers as they are.
    """
    norms = {
        path: layer
        for path, layer in folded(network).items()
        if not isinstance(layer, FrozenBatchNormalization)
    }
    if norms and images:
        _calibrated(network, norms, loader, images)
    elif norms:
        _LOG.warning(
            "%d normalisations have no statistics of their own, and train.norm_images is 0: with "
            "those of batches the network forgets what its weights know. Take norm='frozen', or "
            "leave norm_images at its default.",
            len(norms),
        )


def _calibrated(network, norms: Mapping, loader, images: int) -> tuple[str, ...]:
    count = min(-(-images // loader.batch_size), loader.steps_per_pass)
    batches = loader.batches(count=count)
    try:
        found = measure(network, norms, batches)
    finally:
        batches.close()
    for name, moments in found.items():
        give_statistics(norms[name], moments)
    seen = count * loader.batch_size
    _LOG.info("%d normalisations have the statistics of %d images now.", len(found), seen)
    return tuple(found)


def _norms(network: keras.Model) -> dict[str, keras.layers.BatchNormalization]:
    return {
        layer.path: layer
        for layer in network._flatten_layers(include_self=False)
        if isinstance(layer, keras.layers.BatchNormalization)
        and layer.built
        and layer.scale
        and layer.center
    }


def _does_nothing(layer: keras.layers.BatchNormalization) -> bool:
    mean = ops.convert_to_numpy(layer.moving_mean.value)
    variance = ops.convert_to_numpy(layer.moving_variance.value)
    off = np.abs(variance - (1 - layer.epsilon))
    # A quarter of epsilon: saved in half precision it is still told from 1.
    return not np.any(mean) and bool(np.all(off <= layer.epsilon / 4))


@contextlib.contextmanager
def _tapped(norms: Mapping, moments: Mapping[str, Moments]) -> Iterator[None]:
    """Inside, what enters the layers is counted. The network must run without being compiled."""

    def tap(layer, found, call):
        def counted(inputs, *args, **kwargs):
            x = ops.cast(inputs, "float32")
            axis = layer.axis % len(x.shape)
            others = [each for each in range(len(x.shape)) if each != axis]
            mean, variance = (ops.convert_to_numpy(each) for each in ops.moments(x, others))
            found.add(int(np.prod(x.shape)) // len(mean), mean, variance)
            return call(inputs, *args, **kwargs)

        return counted

    try:
        for name, layer in norms.items():
            layer.call = tap(layer, moments[name], layer.call)
        yield
    finally:
        for layer in norms.values():
            layer.__dict__.pop("call", None)
