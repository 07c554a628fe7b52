"""What is shown while a training runs: curves of all epochs, predictions of now."""

from __future__ import annotations

import io
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from toy_estimator import Squares, ToyEstimator

from tfseg.config import Stage, TrainConfig
from tfseg.engine import live
from tfseg.engine.live import LiveView
from tfseg.errors import ConfigError

TRAIN = TrainConfig(batch_size=4, stages=(Stage(1), Stage(1)), learning_rate=0.02, workers=1)


def test_each_epoch_shows_curves_and_pictures_and_a_resume_goes_on_with_them(tmp_path):
    data, shown = Squares(4), []

    def fit(epochs, resume):
        model = ToyEstimator(classes=("square",), train=TRAIN)
        view = LiveView(
            model, [data[0]], run_dir=tmp_path / "run", path=tmp_path / "l.png", show=shown.append
        )
        model.fit(
            data, data, run_dir=tmp_path / "run", epochs=epochs, resume=resume, callbacks=[view]
        )
        return view

    fit(2, False)
    first, second = (np.asarray(Image.open(io.BytesIO(png))) for png in shown)
    assert first.shape == second.shape and (first != second).any()
    assert (tmp_path / "l.png").read_bytes() == shown[-1]
    curves = fit(3, True)._curves()
    assert curves["epoch"] == [1, 2, 3] and np.isfinite(curves["loss"]).all()
    assert {"val_loss", "segm/AP50"} <= set(curves)
    assert not {"learning_rate", "box_loss"} & set(curves)


def test_predictions_are_made_anew_after_so_many_epochs():
    asked = []
    model = SimpleNamespace(measures=(), class_names=("square",), fitted=False)
    view = LiveView(model, ["one"], every=3, show=lambda png: None)
    view._drawn = lambda sample: asked.append(len(view._rows)) or np.zeros((8, 8, 3), np.uint8)
    for epoch in range(7):
        view.on_epoch_end(epoch, {"loss": 1.0, "val_loss": float("nan")})
    assert asked == [1, 3, 6] and model.fitted and set(view._curves()) == {"epoch", "loss"}


def test_without_a_notebook_it_wants_a_place(monkeypatch):
    monkeypatch.setattr(live, "notebook_display", lambda: None)
    with pytest.raises(ConfigError, match=r"found no notebook.*path="):
        LiveView(SimpleNamespace())
    with pytest.raises(ConfigError, match="every: expected epochs from 1, got 0"):
        LiveView(SimpleNamespace(), every=0, path="live.png")


def test_a_notebook_gets_one_output_that_changes(monkeypatch):
    told = []
    handle = SimpleNamespace(update=lambda image: told.append(("update", image)))
    display = SimpleNamespace(
        Image=lambda png: png,
        display=lambda image, display_id: told.append(("display", image)) or handle,
    )
    shell = SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=1), display=display)
    monkeypatch.setitem(sys.modules, "IPython", shell)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    show = live.notebook_display()
    show(b"one"), show(b"two")
    assert told == [("display", b"one"), ("update", b"two")]
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: None))
    assert live.notebook_display() is None
