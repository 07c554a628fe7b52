"""The models that come with the checkout: each loads by its name, is small, and has a true card."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import tfseg

LIMIT = 25e6  # bytes of a file
SHIPPED = Path(__file__).resolve().parents[2] / "savedmodels"
NAMES = sorted(card.parent.name for card in SHIPPED.glob("*/model.json"))
CARD = ("Licence", "tfseg train", "val", "CPU", "start", "```bash")


@pytest.mark.parametrize("name", NAMES)
def test_it_loads_by_name_and_its_card_says_what_it_is(name):
    folder = SHIPPED / name
    assert all(path.stat().st_size < LIMIT for path in folder.iterdir())
    card = (folder / "README.md").read_text()
    assert [word for word in CARD if word.lower() not in card.lower()] == []
    model = tfseg.load(name)
    assert model.fitted
    assert (folder / "labels.txt").read_text().split("\n")[:-1] == list(model.class_names)
    assert all(one in card for one in model.class_names)
    assert all(np.isfinite(np.asarray(weight)).all() for weight in model.keras_model.weights)
    stored = (folder / "model.weights.h5").stat().st_size
    assert stored < 2.2 * model.keras_model.count_params() + 1e6  # float16
