"""Keeps the terminal for what matters: TensorFlow's start-up chatter off, our own log on."""

from __future__ import annotations

import logging
import os
import sys
import warnings

__all__ = ["silence"]


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


class _Stderr(logging.Handler):
    """Writes to whatever `sys.stderr` is at that moment, so that redirection works."""

    def emit(self, record: logging.LogRecord):
        prefix = "" if record.levelno <= logging.INFO else f"{record.levelname.lower()}: "
        print(f"{prefix}{self.format(record)}", file=sys.stderr)
