"""Processes that were forked after a model had computed."""

import os

import numpy as np
import pytest
from toy_estimator import Squares, ToyEstimator

from tfseg import backend
from tfseg.config import Stage, TrainConfig
from tfseg.errors import TFSegError

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here"),
    pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning"),
]


def outcome_in_a_fork(verb) -> str:
    """Returns what a verb says in a child of this process; it must not compute there."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            verb()
            said = "answered"
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
        os.write(writing, said.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return said


@pytest.mark.both_backends
def test_a_forked_child_says_that_it_cannot_compute():
    train = TrainConfig(batch_size=2, stages=(Stage(1),), workers=1)
    model = ToyEstimator(classes=["square"], train=train)
    model.fitted = True
    image = np.zeros((20, 20, 3), np.uint8)
    model.predict(image)
    for verb in (
        lambda: model.predict(image),
        lambda: model.evaluate(Squares(2)),
        lambda: model.fit(Squares(2)),
        lambda: ToyEstimator(classes=["square"], train=train).keras_model,
    ):
        said = outcome_in_a_fork(verb)
        assert said.startswith("TFSegError") and "Start workers with spawn" in said
        assert f"forked from process {os.getpid()}" in said
    assert len(model.predict(image)) == 1  # the parent goes on


def test_a_fork_before_anything_was_loaded_may_load(monkeypatch):
    monkeypatch.setattr(backend, "_started_in", None)
    assert outcome_in_a_fork(backend.start) == "answered"
    backend.start()
    with pytest.raises(TFSegError, match="spawn"):
        monkeypatch.setattr(backend, "_started_in", os.getpid() + 1)
        backend.start()
