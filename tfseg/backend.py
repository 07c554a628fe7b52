"""What has to be right before Keras is imported, and in which process it computes."""

from __future__ import annotations

import functools
import importlib.util
import json
import logging
import os
import sys
from pathlib import Path

from tfseg.errors import ConfigError, TFSegError

__all__ = ["TESTED", "check", "start", "take_tensorflow"]

TESTED = ("tensorflow", "jax")
"""The backends of Keras on which tfseg runs."""

_OTHERS = ("torch", "numpy", "openvino")
_RUNS_ON = "tfseg runs on tensorflow or jax"

log = logging.getLogger(__name__)
_started_in: int | None = None


@functools.cache
def check() -> None:
    """Says in one sentence what is wrong with the backend that Keras is told to use.

    Raises:
        ConfigError: If there is no such backend, or it is not installed; Keras would end in an
            import error of many lines.
    """
    _choose_allocator()
    if importlib.util.find_spec("keras") is None:  # LiteRT alone answers here
        return
    if "keras" in sys.modules:  # what was chosen is there
        name = sys.modules["keras"].backend.backend()
        said = f"Keras computes with {name}"
    else:
        name, said = _told()
    remedy = f"{_RUNS_ON}. Set KERAS_BACKEND=tensorflow"
    if name not in (*TESTED, *_OTHERS):
        raise ConfigError(f"{said}, but there is no such backend; {remedy}.")
    if importlib.util.find_spec(name) is None:
        install = f", or pip install {name}" if name in TESTED else ""
        raise ConfigError(f"{said}, but {name} is not installed; {remedy}{install}.")
    if name not in TESTED:
        log.warning(
            "%s, but %s: predictions are slow, operation by operation, nobody has tested them, and "
            "there is no training.",
            said,
            _RUNS_ON,
        )


def take_tensorflow() -> None:
    """Makes TensorFlow the backend of a process whose whole work is TensorFlow's, whatever was
    chosen for others, and says so. Where Keras is loaded already, it stays what it is."""
    name, said = _told()
    if "keras" not in sys.modules and name != TESTED[0]:
        log.info("%s; this is TensorFlow's work, and TensorFlow does it.", said)
        os.environ["KERAS_BACKEND"] = TESTED[0]


def _choose_allocator() -> None:
    """Lets TensorFlow keep the memory that it has had, unless the user's environment says more.

    Without it a training step gives its large tensors back to the system, which hands them out
    again as pages to be zeroed: up to half of a step's time on two AVX2 cores (docs/results.md).
    TensorFlow reads this when it first computes. Whether oneDNN computes is left to TensorFlow,
    which knows the processor.
    """
    os.environ.setdefault("TF_CPU_ALLOCATOR_USE_BFC", "true")


def start() -> None:
    """Notes that TensorFlow or JAX computes in this process.

    Call it before anything that makes them compute: their threads do not survive a fork, and a
    forked process that computes waits for them for ever.

    Raises:
        TFSegError: If they started before this process was forked from another.
    """
    global _started_in
    if _started_in is None:
        _started_in = os.getpid()
    elif _started_in != os.getpid():
        raise TFSegError(
            f"this process was forked from process {_started_in}, where a model had been loaded; "
            "the threads that compute were left behind there, and it would wait for ever. Start "
            "workers with spawn: multiprocessing.get_context('spawn'), DataLoader(..., "
            "multiprocessing_context='spawn'). With gunicorn, load the model in each worker, after "
            "the fork, not under --preload."
        )


def _told() -> tuple[str, str]:
    """Returns the backend that Keras will take, and who says so."""
    if name := os.environ.get("KERAS_BACKEND"):
        return name, f"KERAS_BACKEND={name} is set"
    home = os.path.expanduser("~")
    home = os.path.join(home if os.access(home, os.W_OK) else "/tmp", ".keras")  # as Keras does
    path = Path(os.environ.get("KERAS_HOME", home)) / "keras.json"
    try:
        name = json.loads(path.read_text(encoding="utf-8"))["backend"]
    except (OSError, ValueError, KeyError, TypeError):
        return TESTED[0], "Keras takes tensorflow where nothing else is said"
    return name, f"{path} sets the backend {json.dumps(name)}"
