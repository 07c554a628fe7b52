"""Charts: the place of each point, round ticks, and histories with holes."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from PIL import Image

from tfseg.errors import DataError, TFSegError
from tfseg.visualize import read_log, save_curves
from tfseg.visualize.charts import Series, line_chart, nice_ticks, number
from tfseg.visualize.curves import training_charts


def points_of(chart: str) -> list[tuple[float, float]]:
    found = re.search(r'points="([^"]+)"', chart)
    return [tuple(map(float, pair.split(","))) for pair in found[1].split()]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (0, 5.3, [0, 2, 4, 6]),
        (3e-15, 7e-15, [3e-15, 4e-15, 5e-15, 6e-15, 7e-15]),
        (-1, 1, [-1, -0.5, 0, 0.5, 1]),
    ],
)
def test_ticks_are_round(low, high, expected):
    assert nice_ticks(low, high) == pytest.approx(expected)


def test_what_stays_at_zero_lies_on_the_ground():
    chart = line_chart("AP", [Series("a", [1, 2], [0.0, 0.0])])
    assert ">-0." not in chart and ">1</text>" in chart
    ground = max(float(y) for y in re.findall(r'class="rule"[^>]*y1="([\d.]+)"', chart))
    assert [y for _, y in points_of(chart)] == [ground, ground]


def test_the_compatible_measure_has_no_chart_of_its_own():
    history = {"map_matterport": [0.1, 0.2], "map_matterport_compat": [0.1, 0.2]}
    assert len(training_charts(history)) == 1


@pytest.mark.parametrize("low", [0, 5, -3, 1e17])
def test_ticks_of_a_flat_line_still_span_something(low):
    ticks = nice_ticks(low, low)
    assert ticks[0] < ticks[-1] and ticks[0] <= low <= ticks[-1]


def test_points_are_placed_to_scale():
    chart = line_chart("t", [Series("a", [0, 5, 10], [0, 1, 4])], y_range=(0, 4), x_range=(0, 10))
    (x0, y0), (x1, y1), (x2, y2) = points_of(chart)
    assert (x1 - x0) == pytest.approx(x2 - x1, abs=0.2)
    assert (y0 - y1) / (y0 - y2) == pytest.approx(1 / 4, abs=0.01)
    assert y0 > y1 > y2  # SVG counts downwards


def test_powers_of_ten_are_evenly_spaced():
    chart = line_chart("t", [Series("lr", [1, 2, 3, 4], [1e-2, 1e-3, 1e-4, 0])], log=True)
    ys = [y for _, y in points_of(chart)]
    assert len(ys) == 3  # 0 has no logarithm
    assert ys[1] - ys[0] == pytest.approx(ys[2] - ys[1], abs=0.2)


def test_holes_are_left_out_and_nothing_gives_nothing():
    values = [1, None, math.nan, 2, math.inf, 1e300]
    assert len(points_of(line_chart("t", [Series("a", range(6), values)]))) == 2
    assert line_chart("t", [Series("a", [1], [math.nan])]) == ""
    assert line_chart("t", []) == ""
    assert "<circle" in line_chart("t", [Series("a", [1], [0.5])])


def test_a_chart_is_well_formed_and_escaped():
    chart = line_chart("<b>&", [Series('"><script>', [1, 2], [3, 4])], x_label="<x>")
    ElementTree.fromstring(chart)
    assert "<script" not in chart and "<b>" not in chart and "<x>" not in chart


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.5, "0.500"),
        (None, "n/a"),
        (math.nan, "n/a"),
        (0, "0.000"),
        (1.2e-5, "1.2e-05"),
        (1234.5, "1234.5"),
        (1e9, "1e+09"),
        (math.inf, "n/a"),
    ],
)
def test_numbers_for_people(value, text):
    assert number(value) == text


HISTORY = {
    "epoch": [1, 2, 3, 4],
    "rpn_class_loss": [1, 0.5, 0.3, 0.2],
    "val_rpn_class_loss": [1, 0.6, 0.5, 0.5],
    "val_loss": [3, 2, 1.5, 1.4],
    "loss": [3, 2, 1, 0.9],
    "segm/AP": [0.2, 0.4],
    "learning_rate": [1e-3, 1e-3, 1e-4, 1e-4],
    "seconds": [10, 9, 9, 9],
}


TERMS = {"rpn_class_loss": "RPN class"}


def titles(history, terms=TERMS) -> list[str]:
    charts = training_charts(history, terms=terms)
    return [re.search("<figcaption>(.*?)</figcaption>", chart)[1] for chart in charts]


def test_one_chart_a_term_total_first():
    assert titles(HISTORY) == [
        "Total loss",
        "Measures",
        "RPN class loss",
        "Learning rate",
        "Seconds",
    ]
    assert titles(HISTORY, {})[2] == "Rpn class loss"  # where nobody gave it a title
    total = training_charts(HISTORY)[0]
    assert "training from 3.000 to 0.900" in total and "validation from 3.000 to 1.400" in total


def test_measures_taken_every_other_epoch_stand_at_their_epochs():
    chart = training_charts(HISTORY)[1]
    assert "0.400 at 4" in chart
    assert ">2</text>" in chart  # the axis starts at epoch 2


def test_histories_with_little_in_them():
    assert training_charts({}) == []
    assert training_charts({"epoch": [1, 2]}) == []
    assert training_charts({"loss": []}) == []
    assert training_charts({"loss": [math.nan, math.nan]}) == []
    assert titles({"val_loss": [1]}) == ["Total loss"]
    assert titles({"loss": np.array([1.0, 2.0]), "note": "words"}) == ["Total loss"]


def test_log_round_trip_with_empty_fields(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("epoch,loss,segm/AP\n1,2.5,\n2,1.5,0.25\n3,what,\n")
    log = read_log(path)
    assert log["epoch"] == [1, 2, 3]
    assert log["loss"][:2] == [2.5, 1.5] and math.isnan(log["loss"][2])
    assert log["segm/AP"][1] == 0.25 and math.isnan(log["segm/AP"][0])
    assert "0.250 at 2" in training_charts(log)[1]
    path.write_text("epoch,loss\n")
    assert read_log(path) == {"epoch": [], "loss": []}


@pytest.mark.parametrize("content", [None, b"", b"a,b\n1,2\n", b"\xff\xfe\x00broken"])
def test_what_is_no_log_is_named(tmp_path, content):
    path = tmp_path / "log.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match="log.csv"):
        read_log(path)


def test_curves_as_one_png(tmp_path):
    history = {**HISTORY, "odd$name_loss": [1, math.nan, 2, math.inf], "empty": [math.nan] * 4}
    path = save_curves(tmp_path / "curves.png", history)
    picture = np.asarray(Image.open(path).convert("L"))
    assert min(picture.shape) > 200 and picture.std() > 5
    with pytest.raises(DataError, match="no number"):
        save_curves(tmp_path / "none.png", {})
    with pytest.raises(TFSegError, match="could not be written"):
        save_curves(path / "below_a_file.png", HISTORY)
