import json
import math
import os

import numpy as np
import pytest

from tfseg.structures import LoadReport, Report


def report():
    return Report(
        metrics={"segm/AP": 0.5, "bbox/AP": math.nan},
        per_class={"segm/AP": {"cat": 0.25, "elephant": math.nan}},
        curves={"segm": {"cat": {"recall": np.array([0.0, 1.0]), "precision": [1.0, math.inf]}}},
        confusion={"labels": ["cat"], "counts": np.array([[3]])},
        details={"images": np.int64(4), "size": (2, 3)},
    )


def test_it_is_a_mapping_of_its_metrics():
    found = report()
    assert found["segm/AP"] == 0.5 and len(found) == 2
    assert list(found) == ["segm/AP", "bbox/AP"] and "segm/AP" in found and "x" not in found
    assert dict(found).keys() == {"segm/AP", "bbox/AP"}
    with pytest.raises(KeyError, match="'segm/AP50'; the report has bbox/AP, segm/AP"):
        found["segm/AP50"]


def test_json_holds_everything_and_no_nan(tmp_path):
    path = tmp_path / "report.json"
    text = report().to_json(path)
    content = json.loads(path.read_text(), parse_constant=pytest.fail)
    assert json.loads(text) == content
    assert content["metrics"] == {"segm/AP": 0.5, "bbox/AP": None}
    assert content["curves"]["segm"]["cat"] == {"recall": [0.0, 1.0], "precision": [1.0, None]}
    assert content["confusion"]["counts"] == [[3]]
    assert content["details"] == {"images": 4, "size": [2, 3]}
    assert os.listdir(tmp_path) == ["report.json"]


def test_it_prints_a_table():
    lines = str(report()).splitlines()
    assert lines[0].split() == ["segm/AP", "0.5000"]
    assert lines[1].split() == ["bbox/AP", "n/a"]
    assert "  elephant  n/a" in lines and "  cat       0.2500" in lines
    assert str(Report({})) == ""


def test_load_report_counts_and_names():
    found = LoadReport(
        loaded=("a", "b"),
        skipped={"c": "shape (3,) in place of (4,)"},
        missing=("d",),
        unused=("e",),
        source="w.h5",
    )
    text = str(found)
    assert text.startswith("w.h5: 2 layers loaded, 1 skipped, 1 missing, 1 unused")
    assert "skipped c: shape (3,)" in text and "missing d" in text and "unused e" in text
    assert str(LoadReport()).endswith("0 unused names in the file")


def test_load_report_of_many_layers_stays_short():
    names = tuple(f"layer{i}" for i in range(40))
    lines = str(LoadReport(missing=names, unused=names[:9])).splitlines()
    assert "40 missing, 9 unused" in lines[0]
    assert lines[1:9] == [f"  missing layer{i}" for i in range(8)]
    assert lines[9] == "  missing 32 more, such as layer39"
    assert lines[10:] == [f"  unused layer{i}" for i in range(9)]
