"""What depends on the backend that computes: compiled inference, seeds, scalars for TensorBoard.

The only file of the engine that knows TensorFlow and JAX by name.
"""

from __future__ import annotations

import contextlib
import logging
import os
import platform
import random
from collections.abc import Callable, Iterator, Mapping

import keras
import numpy as np

__all__ = ["compile_inference", "needs_jit", "scalar_writer", "seeded", "versions"]

log = logging.getLogger(__name__)


def compile_inference(network: keras.Model) -> Callable[[Mapping], dict[str, np.ndarray]]:
    """Returns a function from named arrays (with a batch axis) to named arrays.

    It is traced once for each set of shapes, reads the network's weights at each call, and may
    be called from several threads.
    """
    if keras.backend.backend() == "jax":
        return _jax_inference(network)
    if keras.backend.backend() == "tensorflow":
        return _tensorflow_inference(network)

    def eager(inputs):
        outputs = network({name: np.asarray(value) for name, value in inputs.items()})
        return {name: keras.ops.convert_to_numpy(value) for name, value in outputs.items()}

    return eager


def _tensorflow_inference(network):
    import tensorflow as tf

    # Traced by hand for each set of shapes: `tf.function` takes many sizes for a mistake and warns.
    function, traced = tf.function(lambda inputs: network(inputs, training=False)), {}

    def infer(inputs):
        tensors = {name: tf.convert_to_tensor(value) for name, value in inputs.items()}
        key = tuple((name, value.dtype, tuple(value.shape)) for name, value in tensors.items())
        if key not in traced:
            traced[key] = function.get_concrete_function(tensors)
        return {name: value.numpy() for name, value in traced[key](tensors).items()}

    return infer


def _jax_inference(network):
    import jax

    def forward(trainable, fixed, inputs):
        return network.stateless_call(trainable, fixed, inputs, training=False)[0]

    compiled = jax.jit(forward)

    def infer(inputs):
        trainable = [variable.value for variable in network.trainable_variables]
        fixed = [variable.value for variable in network.non_trainable_variables]
        outputs = compiled(trainable, fixed, dict(inputs))
        return {name: np.asarray(value) for name, value in outputs.items()}

    return infer


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
