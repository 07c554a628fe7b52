"""The progress of a training on a terminal, or one line an epoch in a log file."""

from __future__ import annotations

import math
import os
import shutil
import sys
import textwrap
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TextIO

import keras

from tfseg.structures.measures import Measure, named

if TYPE_CHECKING:
    from tfseg.engine.training import Run

__all__ = ["Progress", "describe_epoch", "losses_text", "measures_of"]

_REDRAW_SECONDS = 0.1
_BAR = 24
_COMPILING = "preparing (compiling the network) ..."


class Progress(keras.callbacks.Callback):
    """Shows each loss by name while an epoch runs.

    On a terminal the block of lines is redrawn in place; elsewhere one line is written for
    each epoch, and one when a stage begins, and flushed, so that `tail -f` and notebooks stay
    readable.

    Args:
        job: The `training.Run`.
        stream: Where to write; None takes `sys.stdout` as it is when training begins.
    """

    def __init__(self, job: Run, stream: TextIO | None = None):
        super().__init__()
        self.job, self.stream = job, stream
        self._epoch, self._begin, self._first, self._drawn, self._lines = 0, 0.0, 0.0, 0.0, 0
        self._new = True  # whether the next step will be compiled

    @property
    def _terminal(self) -> bool:
        return bool(getattr(self.stream, "isatty", lambda: False)())

    def on_train_begin(self, logs=None):
        """Finds the stream; a training of Keras is a stage of ours, with its own compiled step."""
        # Without a terminal, under pythonw, there is no `sys.stdout`.
        self.stream = self.stream or sys.stdout or open(os.devnull, "w")  # noqa: SIM115
        self._new = True

    def on_epoch_begin(self, epoch, logs=None):
        """Shows an empty bar; where the network has to be compiled first, says so."""
        self._epoch, self._begin, self._lines = epoch + 1, time.monotonic(), 0
        if self._terminal:
            self._draw(0, _COMPILING if self._new else "")
        elif self._new:
            head = f"epoch {self._epoch}/{self.job.epochs} [{self.job.stage}]"
            self.stream.write(f"{head} {_COMPILING}\n")
            self.stream.flush()
        self._new = False

    def on_train_batch_end(self, batch, logs=None):
        """Moves the bar."""
        now, done = time.monotonic(), batch + 1
        if batch == 0:
            # That step was compiled; it says nothing about the others.
            self._first = now
        if self._terminal and (now - self._drawn >= _REDRAW_SECONDS or done == self.job.steps):
            self._drawn = now
            text = "checking"
            if done < self.job.steps:
                left = (now - self._first) / max(done - 1, 1) * (self.job.steps - done)
                text = f"{clock(left)} left" if done > 1 else ""
            self._draw(done, text, losses_text(logs or {}))

    def on_epoch_end(self, epoch, logs=None):
        """Writes the finished epoch's line."""
        seconds = time.monotonic() - self._begin
        head = f"epoch {epoch + 1}/{self.job.epochs} [{self.job.stage}] {clock(seconds)}  "
        self._erase()
        text = head + describe_epoch(logs or {}, self.job.estimator.measures)
        if self._terminal:
            text = "\n".join(_wrapped(text))
        self.stream.write(text + "\n")
        self.stream.flush()

    def _draw(self, done: int, note: str, losses: str = ""):
        filled = _BAR * done // self.job.steps
        done_sign, left_sign = _signs(self.stream)
        bar = done_sign * filled + left_sign * (_BAR - filled)
        head = f"epoch {self._epoch}/{self.job.epochs} [{self.job.stage}] {bar} "
        text = f"{head}{done}/{self.job.steps}  {note}"
        lines = _wrapped(text) + (_wrapped("  " + losses) if losses else [])
        self._erase()
        self.stream.write("\n".join(lines) + "\n")
        self.stream.flush()
        self._lines = len(lines)

    def _erase(self):
        if self._lines:
            # Up by the lines drawn before, then clear to the end of the screen.
            self.stream.write(f"\x1b[{self._lines}A\r\x1b[J")
            self._lines = 0


def _signs(stream) -> tuple[str, str]:
    """Returns what a bar is drawn with, of signs that the stream has."""
    try:
        "█·".encode(getattr(stream, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return "#", "-"
    return "█", "·"


def losses_text(logs: Mapping) -> str:
    """Returns `loss 2.310  rpn_class 0.214  ...` of the losses of training."""
    names = [name for name in logs if name.endswith("loss") and not name.startswith("val_")]
    names.sort(key=lambda name: name != "loss")
    return "  ".join(f"{name.removesuffix('_loss')} {_number(logs[name])}" for name in names)


def describe_epoch(logs: Mapping, known: Sequence[Measure] = ()) -> str:
    """Returns a finished epoch in one line: losses, validation loss, and of the `known` measures
    those with the place "epoch"; where there is none, the first three."""
    parts = [losses_text(logs)]
    if "val_loss" in logs:
        parts.append(f"val_loss {_number(logs['val_loss'])}")
    measures = measures_of(logs)
    main = [name for name in named(known, "epoch") if name in measures]
    parts += [f"{name} {_number(logs[name])}" for name in main or measures[:3]]
    return "  ".join(filter(None, parts))


def measures_of(logs: Mapping) -> list[str]:
    """Returns the names in an epoch's logs that are measures: no losses, no rate, no time."""
    other = ("learning_rate", "seconds", "epoch")
    return [name for name in logs if not name.endswith("loss") and name not in other]


def clock(seconds: float) -> str:
    """Returns a duration as `7 s`, `3:20` or `1:02:09`."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _number(value: float) -> str:
    if value is None or math.isnan(value):
        return "n/a"
    return f"{value:.3f}" if abs(value) >= 0.01 or value == 0 else f"{value:.1e}"


def _wrapped(text: str) -> list[str]:
    # One column stays free: a full last column makes some terminals break the line twice.
    width = max(shutil.get_terminal_size().columns - 1, 20)
    return textwrap.wrap(text, width, subsequent_indent="    ", drop_whitespace=True) or [""]
