"""The libraries of the extras `[quantize]` and `[openvino]`, imported when they are needed and not
before."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Iterator

from tfseg.errors import ExportError

__all__ = ["litert", "openvino", "tf_keras", "tfmot"]

_LEGACY = "TF_USE_LEGACY_KERAS"


def tf_keras():
    """Returns the module `tf_keras`, the Keras 2 that quantisation-aware training is made for."""
    return _imported("tf_keras")


def tfmot():
    """Returns `tensorflow_model_optimization`; the process's environment stays as it is."""
    with _same_environment():
        return _imported("tensorflow_model_optimization")


def litert():
    """Returns `ai_edge_litert.interpreter`, the small library that runs TFLite files."""
    return _imported("ai_edge_litert.interpreter")


def openvino():
    """Returns `openvino`, which runs the same files on servers and PCs.

    Importing it would report that to its makers; here it does not.
    """
    with _absent("openvino_telemetry"):
        return _imported("openvino", "openvino")


def _imported(name: str, extra: str = "quantize"):
    try:
        return importlib.import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        raise ExportError(
            f"the package {package!r} is needed here and could not be imported ({error}). "
            f'Install it with: pip install "tfseg[{extra}]"'
        ) from error


@contextlib.contextmanager
def _same_environment() -> Iterator[None]:
    """Puts back the variable by which tfmot turns `tf.keras` into tf_keras for the whole process
    and all processes that it starts."""
    before = os.environ.get(_LEGACY)
    with contextlib.suppress(ImportError, AttributeError):
        # What `tf.keras` means is decided at its first use: let that be here, not inside tfmot.
        _ = importlib.import_module("tensorflow").keras.__version__
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(_LEGACY, None)
        else:
            os.environ[_LEGACY] = before


@contextlib.contextmanager
def _absent(name: str) -> Iterator[None]:
    """Lets imports of a module fail, unless it was imported before."""
    known = name in sys.modules
    sys.modules.setdefault(name, None)
    try:
        yield
    finally:
        if not known:
            sys.modules.pop(name, None)
