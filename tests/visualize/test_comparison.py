"""Several trainings in one image."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PIL import Image

from tfseg.errors import DataError
from tfseg.visualize import save_comparison
from tfseg.visualize.comparison import _lines, _look


def history(*losses, **more):
    return {"epoch": list(range(1, len(losses) + 1)), "loss": list(losses), **more}


def coloured(path) -> int:
    """Returns how many pixels are neither grey nor white."""
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    return int(((pixels.max(-1) - pixels.min(-1)) > 60).sum())


def test_each_training_is_a_line_and_one_without_numbers_is_none(tmp_path):
    histories = {"a": history(3, 2, 1), "b": history(2, math.nan, 1.5), "c": {"epoch": [1]}}
    assert _lines(histories, "loss") == {"a": [(1, 3), (2, 2), (3, 1)], "b": [(1, 2), (3, 1.5)]}
    one = save_comparison(tmp_path / "one.png", {"a": histories["a"]}, [("Total", "loss")])
    two = save_comparison(tmp_path / "two.png", histories, [("Total", "loss")])
    assert coloured(two) > coloured(one) > 0
    assert not list(tmp_path.glob("*.partial"))


def test_a_panel_without_numbers_is_left_out(tmp_path):
    histories = {"a": history(3, 2, val_loss=[math.nan, math.nan])}
    both = save_comparison(tmp_path / "a.png", histories, [("T", "loss"), ("V", "val_loss")])
    alone = save_comparison(tmp_path / "b.png", histories, [("T", "loss")])
    with Image.open(both) as first, Image.open(alone) as second:
        assert first.size == second.size
    with pytest.raises(DataError, match="val_loss.*train for an epoch"):
        save_comparison(tmp_path / "c.png", histories, [("V", "val_loss")])
    with pytest.raises(DataError):
        save_comparison(tmp_path / "c.png", {}, [("T", "loss")])
    assert not (tmp_path / "c.png").exists()


def test_two_dozen_trainings_look_different():
    points = [(1.0, 2.0), (2.0, 1.0)]
    looks = {
        str((_look(n, points)["color"].tolist(), _look(n, points)["linestyle"])) for n in range(26)
    }
    assert len(looks) == 26
    assert _look(0, points[:1])["marker"] == "o"  # one epoch is a dot


def test_names_may_hold_anything(tmp_path):
    assert save_comparison(tmp_path / "a.png", {"$x_": history(1, 2)}, [("$", "loss")]).is_file()
