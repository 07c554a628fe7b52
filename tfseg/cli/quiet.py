"""Keeps the terminal for what matters: TensorFlow's start-up chatter off, our own log on."""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator

from tfseg import backend

__all__ = ["import_backend", "muted_stderr", "silence"]


def silence(debug: bool = False) -> None:
    """Sets the process's log levels; call it before TensorFlow is imported.

    Variables that the user has set are left as they are. With `debug` everything is shown.
    """
    logger = logging.getLogger("tfseg")
    if not any(isinstance(handler, _Stderr) for handler in logger.handlers):
        logger.addHandler(_Stderr())
    logger.propagate = False
    logger.setLevel(logging.DEBUG if debug else logging.INFO)
    if debug:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    logging.getLogger("absl").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    warnings.filterwarnings("ignore", category=FutureWarning)


def import_backend() -> None:
    """Imports Keras and its backend without their greetings; seconds the first time, of which
    a terminal is told.

    Call it after everything that can be checked without them, and before the first model.
    """
    backend.check()  # here, where what it remarks is seen
    if sys.stderr.isatty() and "keras" not in sys.modules:
        print("starting (loading Keras and its backend) ...", file=sys.stderr)
    if logging.getLogger("tfseg").level == logging.DEBUG:
        importlib.import_module("tfseg.engine.runtime")
        return
    with muted_stderr():
        importlib.import_module("tfseg.engine.runtime")


@contextlib.contextmanager
def muted_stderr() -> Iterator[None]:
    """Inside, file descriptor 2 goes nowhere; after an error, what was said is shown.

    TensorFlow's C++ side writes before any log level of its own is in force, so that only the
    descriptor itself can be turned.
    """
    sys.stderr.flush()
    try:
        kept = os.dup(2)
    except OSError:  # there is no stderr at all
        yield
        return
    with tempfile.TemporaryFile() as said:
        os.dup2(said.fileno(), 2)
        try:
            yield
        except BaseException:
            os.dup2(kept, 2)
            said.seek(0)
            os.write(2, said.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


class _Stderr(logging.Handler):
    """Writes to whatever `sys.stderr` is at that moment, so that redirection works."""

    def emit(self, record: logging.LogRecord):
        prefix = "" if record.levelno <= logging.INFO else f"{record.levelname.lower()}: "
        print(f"{prefix}{self.format(record)}", file=sys.stderr)
