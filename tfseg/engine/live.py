"""A training to look at while it runs: curves, and what the model finds, after each epoch."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import keras
import numpy as np

from tfseg.engine.progress import measures_of
from tfseg.errors import ConfigError
from tfseg.files import write_whole
from tfseg.structures import Sample
from tfseg.structures.measures import named
from tfseg.visualize.curves import draw_curves, read_log
from tfseg.visualize.draw import side_by_side
from tfseg.visualize.files import encoded
from tfseg.visualize.gallery import grid

if TYPE_CHECKING:
    from tfseg.engine.estimator import Estimator

__all__ = ["LiveView"]


class LiveView(keras.callbacks.Callback):
    """Shows the curves so far and, below, images with their truth and what the model finds now.

    In a notebook it is one image in the cell's output that changes after each epoch; elsewhere it
    is a file::

        live = LiveView(model, [val[0], val[1]], run_dir="runs/mine")
        model.fit(train, val, run_dir="runs/mine", callbacks=[live])

    Args:
        estimator: The model in training.
        samples: Images with truth to predict on, few: they cost a prediction each. () shows the
            curves alone.
        every: Predict after so many epochs.
        score_threshold: Lowest score that is drawn; None: as `predict`.
        run_dir: The run folder, from whose log a resumed training takes the curves of before.
        path: A PNG file to write as well.
        show: `(PNG bytes) -> None`, in place of the notebook.

    Raises:
        ConfigError: If there is neither a notebook nor another place to show anything.
    """

    def __init__(
        self,
        estimator: Estimator,
        samples: Sequence[Sample] = (),
        *,
        every: int = 1,
        score_threshold: float | None = None,
        run_dir: str | os.PathLike | None = None,
        path: str | os.PathLike | None = None,
        show: Callable[[bytes], None] | None = None,
    ):
        super().__init__()
        if every < 1:
            raise ConfigError(f"every: expected epochs from 1, got {every}.")
        self.estimator, self.samples, self.every = estimator, tuple(samples), every
        self.score_threshold, self.run_dir, self.path = score_threshold, run_dir, path
        self.show = show or notebook_display()
        if self.show is None and path is None:
            raise ConfigError(
                "LiveView found no notebook to show anything in. Pass path= for a PNG file that is "
                "written anew after each epoch."
            )
        self._rows: list[dict] = []
        self._found: list[np.ndarray] = []

    def on_epoch_begin(self, epoch, logs=None):
        """Takes up the curves of the epochs that a resumed training finds done."""
        if self._rows or not epoch or self.run_dir is None:
            return
        file = Path(self.run_dir, "log.csv")
        if file.is_file():
            columns = read_log(file)
            rows = [dict(zip(columns, values)) for values in zip(*columns.values())]
            self._rows = [row for row in rows if row["epoch"] <= epoch]

    def on_epoch_end(self, epoch, logs=None):
        """Draws."""
        self._rows.append({"epoch": epoch + 1, **(logs or {})})
        if self.samples and (not self._found or (epoch + 1) % self.every == 0):
            # From here on it has been trained, though not to the end.
            self.estimator.fitted = True
            self._found = [self._drawn(sample) for sample in self.samples]
        curves = draw_curves(self._curves(), measures=self.estimator.measures)
        below = [grid(self._found, columns=2)] if self._found else []
        picture = encoded(grid([curves, *below], columns=1), "PNG")
        if self.path is not None:
            write_whole(self.path, picture)
        if self.show is not None:
            self.show(picture)

    def _drawn(self, sample: Sample) -> np.ndarray:
        (found,) = self.estimator.predict([sample], score_threshold=self.score_threshold)
        return side_by_side(sample, found, class_names=self.estimator.class_names, min_side=256)

    def _curves(self) -> Mapping[str, list[float]]:
        """Returns the loss and the first measures, epoch by epoch."""
        measured = named(self.estimator.measures, "curve") or measures_of(self._rows[-1])[:3]
        shown = [
            name
            for name in ("epoch", "loss", "val_loss", *measured)
            if any(math.isfinite(row.get(name, math.nan)) for row in self._rows)
        ]
        return {name: [row.get(name, math.nan) for row in self._rows] for name in shown}


def notebook_display() -> Callable[[bytes], None] | None:
    """Returns a function that shows a PNG in the running notebook cell, in the place of the one
    before; None where no notebook runs."""
    interactive = sys.modules.get("IPython")
    shell = interactive.get_ipython() if interactive is not None else None
    if not hasattr(shell, "kernel"):
        return None
    from IPython.display import Image, display

    handle = None

    def show(picture: bytes) -> None:
        nonlocal handle
        if handle is None:
            handle = display(Image(picture), display_id=True)
        else:
            handle.update(Image(picture))

    return show
