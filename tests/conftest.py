"""What every test shares: a quiet, headless TensorFlow, and where the real photographs lie."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path

import pytest

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("JAX_PLATFORMS", "cpu")

ROOT = Path(__file__).resolve().parent.parent
# Floor 1 and the networks promise to work on both backends; these folders are run on both.
BOTH_BACKENDS = ("tests/nn/",)


def pytest_collection_modifyitems(items):
    """Marks the rooms that are promised on both backends."""
    for item in items:
        place = Path(item.fspath).relative_to(ROOT).as_posix()
        if place.startswith(BOTH_BACKENDS):
            item.add_marker(pytest.mark.both_backends)


@pytest.fixture(scope="session")
def repo_root() -> Path:
    """The root of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real datasets; the test is skipped where there is none."""
    folder = Path(os.environ.get("TFSEG_DATA", ROOT / ".." / "shared" / "data")).resolve()
    if not folder.is_dir():
        pytest.skip(f"no real photographs at {folder}; point TFSEG_DATA to them")
    return folder


@pytest.fixture(scope="session")
def public_weights() -> Path:
    """The folder of public weights (docs/weights.md); the test is skipped where there is none."""
    data = Path(os.environ.get("TFSEG_DATA", ROOT / ".." / "shared" / "data"))
    folder = Path(os.environ.get("TFSEG_WEIGHTS", data / ".." / "weights")).resolve()
    if not (folder / "reference.npz").is_file():
        pytest.skip(f"no public weights at {folder}; point TFSEG_WEIGHTS to them")
    return folder


@pytest.fixture(scope="session")
def call_model():
    """Calls a model on inputs; on JAX compiled as a whole, which saves compiling each operation."""
    import keras

    def call(model, inputs, training=False):
        if keras.backend.backend() != "jax":
            return model(inputs, training=training)
        import jax

        compiled = jax.jit(
            lambda weights, state, x: model.stateless_call(weights, state, x, training=training)
        )
        weights = [w.value for w in model.trainable_variables]
        state = [w.value for w in model.non_trainable_variables]
        return compiled(weights, state, inputs)[0]

    return call


@pytest.fixture(autouse=True, scope="module")
def forget_keras_graphs():
    """Drops the graphs of one test file before the next, which keeps memory flat."""
    _set_libraries_aside()
    yield
    keras = sys.modules.get("keras")
    if keras is not None and hasattr(keras, "backend"):
        keras.backend.clear_session()
    gc.collect()


def _set_libraries_aside():
    """Spares the garbage collector the million objects of imported libraries, once: looking
    through them after every file takes minutes in all."""
    if "keras" in sys.modules and not gc.get_freeze_count():
        gc.collect()
        gc.freeze()
