"""CoMask as a user meets it, beyond what the contract suite asks of every system."""

from __future__ import annotations

import numpy as np
import pytest
from small_comask import SMALL

from tfseg import CoMask
from tfseg.data import SyntheticPeople
from tfseg.errors import DataError
from tfseg.models.comask.evaluator import CoMaskEvaluator

PEOPLE = SyntheticPeople(length=3, size=64, seed=5)


@pytest.fixture(scope="module")
def model():
    made = CoMask(**{**SMALL, "classes": PEOPLE.class_names})
    made.fitted = True
    return made


def test_measures_before_and_after(model):
    report = model.evaluate(PEOPLE)
    for name in ("segm/AP", "bbox/AP", "bbox/APs", "segm/AP50"):
        assert name in report and f"before/{name}" in report
    assert not any(hasattr(p, "before") for p in model.predict(PEOPLE))


def test_votes_their_weights_and_the_average_are_shown(model, tmp_path):
    seen = model.inspect(PEOPLE[0])
    total = seen.weights.sum(axis=(1, 2))
    mean = (seen.weights[..., None] * seen.votes).sum(axis=(1, 2)) / total[:, None]
    np.testing.assert_allclose(seen.averaged, mean.clip(0, 64), atol=1e-2)
    assert len(seen.regions) == len(seen.votes) > 0 and seen.weights.max() <= 1
    one = model.predict(PEOPLE[0])[0]
    np.testing.assert_array_equal(seen.prediction.boxes, one.boxes)
    assert list(seen.pictures) == ["levels", "coarse_masks", "weights", "votes", "detections"]
    page = seen.save(tmp_path)
    assert page.is_file() and (tmp_path / "04_votes.png").is_file()


def test_an_evaluator_asks_for_what_it_needs(model):
    evaluator = CoMaskEvaluator(PEOPLE.class_names)
    with pytest.raises(DataError, match="before collaboration"):
        evaluator.update(PEOPLE[0], model.predict(PEOPLE[0])[0])


@pytest.mark.slow
def test_a_step_of_training_changes_weights(model, tmp_path):
    learner = CoMask(
        **{**SMALL, "classes": PEOPLE.class_names},
        train={"stages": [{"epochs": 1}], "batch_size": 1, "workers": 0, "evaluate_every": 0},
    )
    before = [np.array(w) for w in learner.keras_model.get_weights()]
    learner.fit(PEOPLE, run_dir=tmp_path / "run")
    after = learner.keras_model.get_weights()
    assert sum(not np.array_equal(a, b) for a, b in zip(before, after)) > len(after) / 2
    again = CoMask.load(tmp_path / "run" / "final")
    one, two = learner.predict(PEOPLE[0])[0], again.predict(PEOPLE[0])[0]
    np.testing.assert_array_equal(one.boxes, two.boxes)
