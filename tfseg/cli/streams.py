"""Standard streams that take whatever is printed: escaped where they cannot show it, nowhere where
there is nobody to read it."""

from __future__ import annotations

import os
import sys

__all__ = ["mend", "silence_broken"]

_STREAMS = {1: "stdout", 2: "stderr"}


def mend() -> None:
    """Makes `sys.stdout` and `sys.stderr` safe to print to.

    A service, a cron job or pythonw may have closed one: what is printed there is lost, and its
    number does not go to the next file that is opened. What an encoding does not have, such as a
    class name on a cp1252 pipe, is written with backslashes, unless PYTHONIOENCODING says how.
    """
    for number in (0, *_STREAMS):
        _open(number)
    for name in _STREAMS.values():
        stream = getattr(sys, name)
        if stream is None or stream.closed:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        elif hasattr(stream, "reconfigure") and stream.errors in ("strict", "surrogateescape"):
            stream.reconfigure(errors="backslashreplace")


def silence_broken() -> None:
    """Leads a stream whose reader has gone (`| head`) nowhere, so that its rest is no error."""
    for number, name in _STREAMS.items():
        try:
            getattr(sys, name).flush()
        except OSError:
            _lead_nowhere(number)


def _open(number: int) -> None:
    try:
        os.fstat(number)
    except OSError:
        _lead_nowhere(number)


def _lead_nowhere(number: int) -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    if nowhere == number:
        os.set_inheritable(number, True)  # as the standard streams are
    else:
        os.dup2(nowhere, number)
        os.close(nowhere)
