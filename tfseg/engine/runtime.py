"""What depends on the backend that computes: compiled inference, seeds, scalars for TensorBoard.

The only file of the engine that knows TensorFlow and JAX by name.
"""

from __future__ import annotations

import collections
import contextlib
import logging
import os
import platform
import random
import threading
from collections.abc import Callable, Iterator, Mapping

import keras
import numpy as np

from tfseg import backend
from tfseg.errors import ConfigError

__all__ = [
    "accelerators",
    "any_batch",
    "compile_inference",
    "needs_jit",
    "require_process",
    "require_training",
    "scalar_writer",
    "seeded",
    "versions",
]

KEPT_SHAPES = 32
"""Compiled shapes that are kept; of a MobileNetV2 with a decoder each takes about 20 MB."""

log = logging.getLogger(__name__)


def compile_inference(network: keras.Model) -> Callable[[Mapping], dict[str, np.ndarray]]:
    """Returns a function from named arrays (with a batch axis) to named arrays.

    It reads the network's weights at each call and may be called from several threads. It is
    compiled once for each set of shapes; the last `KEPT_SHAPES` are kept, so that memory does not
    grow with the number of image sizes.

    A network may have an attribute `open_axes`, `{input: axes}`: the axes of that input whose size
    its computation need not know beforehand. TensorFlow compiles it once for all their sizes; to
    JAX every size is another shape.
    """
    if keras.backend.backend() == "jax":
        return _jax_inference(network)
    if keras.backend.backend() == "tensorflow":
        return _tensorflow_inference(network)

    def eager(inputs):
        outputs = network({name: np.asarray(value) for name, value in inputs.items()})
        return {name: keras.ops.convert_to_numpy(value) for name, value in outputs.items()}

    return eager


def any_batch(network: keras.Model) -> bool:
    """True where one compiled function of the network takes batches of all lengths."""
    open_axes = getattr(network, "open_axes", {}).values()
    return keras.backend.backend() != "jax" and any(0 in axes for axes in open_axes)


def accelerators() -> list[str]:
    """Returns the devices beside CPUs on which the backend computes, such as `["gpu:0"]`."""
    # Not those of "gpu": asked for them, JAX raises where there are none.
    return [name for name in keras.distribution.list_devices() if not name.startswith("cpu")]


class _Recent:
    """The values that were used last, made when they are missing.

    Args:
        make: `key -> value`.
        size: How many are kept.
    """

    def __init__(self, make: Callable, size: int):
        self._make, self._size = make, size
        self._values, self._lock = collections.OrderedDict(), threading.Lock()

    def __getitem__(self, key):
        with self._lock:  # held while one is made: nobody makes it twice
            if key not in self._values:
                self._values[key] = self._make(key)
            self._values.move_to_end(key)
            if len(self._values) > self._size:
                self._values.popitem(last=False)
            return self._values[key]


def _tensorflow_inference(network):
    import tensorflow as tf

    open_axes = getattr(network, "open_axes", {})

    def trace(key):
        # One function for each, by hand: of many shapes of one function `tf.function` warns, and
        # it keeps them all.
        function = tf.function(lambda inputs: network(inputs, training=False))
        specs = {name: tf.TensorSpec(shape, dtype) for name, dtype, shape in key}
        return function.get_concrete_function(specs)

    traced = _Recent(trace, KEPT_SHAPES)

    def infer(inputs):
        tensors = {name: tf.convert_to_tensor(value) for name, value in inputs.items()}
        key = tuple(
            (name, value.dtype, _opened(value.shape, open_axes.get(name, ())))
            for name, value in tensors.items()
        )
        return {name: value.numpy() for name, value in traced[key](tensors).items()}

    return infer


def _opened(shape, axes) -> tuple[int | None, ...]:
    """Returns a shape with None for the axes whose size is left open."""
    return tuple(None if axis in axes else int(size) for axis, size in enumerate(shape))


def _jax_inference(network):
    import jax

    def compile_for(key):
        # A function of its own for each: what `jax.jit` compiles for one function, it keeps.
        def forward(trainable, fixed, inputs):
            return network.stateless_call(trainable, fixed, inputs, training=False)[0]

        return jax.jit(forward)

    compiled = _Recent(compile_for, KEPT_SHAPES)

    def infer(inputs):
        trainable = [variable.value for variable in network.trainable_variables]
        fixed = [variable.value for variable in network.non_trainable_variables]
        key = tuple((name, np.shape(value)) for name, value in inputs.items())
        outputs = compiled[key](trainable, fixed, dict(inputs))
        return {name: np.asarray(value) for name, value in outputs.items()}

    return infer


def require_process() -> None:
    """Raises TFSegError in a process that was forked after a model was made: see
    `tfseg.backend.start`."""
    if keras.backend.backend() in backend.TESTED:
        backend.start()


def require_training() -> None:
    """Raises ConfigError where the backend of Keras cannot train."""
    name = keras.backend.backend()
    if name not in backend.TESTED:
        raise ConfigError(
            f"Keras computes with {name}; tfseg trains on tensorflow or jax. Set "
            "KERAS_BACKEND=tensorflow before Keras is imported."
        )


def needs_jit() -> bool:
    """True where a training step that is not compiled would run operation by operation."""
    return keras.backend.backend() == "jax"


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Inside, everything random follows from `seed`; the caller's own Python and NumPy random
    states are put back afterwards."""
    python_state, numpy_state = random.getstate(), np.random.get_state()
    keras.utils.set_random_seed(seed)
    try:
        yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)


def scalar_writer(directory: str | os.PathLike) -> Callable[[int, Mapping], None] | None:
    """Returns `write(step, {name: value})` that fills a TensorBoard folder, or None where
    TensorFlow does not compute (the CSV file has the same numbers)."""
    if keras.backend.backend() != "tensorflow":
        log.info("no TensorBoard scalars: they are written with the TensorFlow backend only")
        return None
    import tensorflow as tf

    writer = tf.summary.create_file_writer(os.fspath(directory))

    def write(step: int, values: Mapping[str, float]):
        with writer.as_default():
            for name, value in values.items():
                tf.summary.scalar(name, value, step=step)
        writer.flush()

    return write


def versions() -> dict[str, str]:
    """Returns the versions that a saved model records."""
    import tfseg

    found = {
        "tfseg": getattr(tfseg, "__version__", "0"),
        "keras": keras.__version__,
        "backend": keras.backend.backend(),
        "numpy": np.__version__,
        "python": platform.python_version(),
    }
    if keras.backend.backend() in ("tensorflow", "jax"):
        module = __import__(keras.backend.backend())
        found[keras.backend.backend()] = module.__version__
    return found
