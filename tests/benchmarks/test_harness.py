"""The harness measures in turn, names what it skips, and its ratios mean what they say."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import harness
import pytest

SCRIPT = """
import os, sys, time
sys.path.insert(0, {folder!r})
import harness

def sleeper(settings):
    print("a library that is chatty on stdout")
    def step():
        time.sleep(settings["seconds"])
        with open(settings["log"], "a") as file:
            file.write(settings["mark"])
    return step, {{"group": os.getpgrp(), "threads": os.environ["OMP_NUM_THREADS"]}}

def missing(settings):
    import a_library_that_nobody_has

def breaking(settings):
    def step():
        raise ValueError("step 1 broke")
    return step, {{}}

workers = {{"tfseg": sleeper, "peer": sleeper, "missing": missing, "breaking": breaking}}
harness.serve(workers, sys.argv[2])
"""


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "bench.py"
    path.write_text(SCRIPT.format(folder=str(harness.ROOT / "benchmarks")))
    return str(path)


def entrant(name, seconds=0.0, mark="", **more):
    return harness.Contestant(name, settings={"seconds": seconds, "mark": mark}, **more)


def test_contestants_work_in_turn_in_one_group(script, tmp_path):
    log = tmp_path / "log"
    results = harness.contest(
        [entrant("tfseg", 0.01, "A"), entrant("peer", 0.03, "B", peer=True)],
        script,
        settings={"log": str(log)},
        rounds=4,
        warmup=1,
        threads=3,
        pause=0,
    )
    assert log.read_text() == "AB" * 5
    for name, run in results["runs"].items():
        assert len(run["wall"]) == len(run["cpu"]) == 4, name
        assert run["facts"] == {"group": os.getpgrp(), "threads": "3"}
    assert min(results["runs"]["peer"]["wall"]) >= 0.03
    assert json.loads(json.dumps(results)) == results


def test_a_peer_that_is_not_installed_is_named_as_skipped(script, tmp_path):
    results = harness.contest(
        [entrant("tfseg"), entrant("missing", peer=True)],
        script,
        settings={"log": str(tmp_path / "log")},
        rounds=1,
        warmup=0,
        pause=0,
    )
    assert list(results["runs"]) == ["tfseg"]
    assert "a_library_that_nobody_has" in results["skipped"]["missing"]
    assert "skipped missing: ModuleNotFoundError" in harness.show(results)


def test_a_peer_interpreter_that_is_missing_is_skipped_too(script, tmp_path):
    results = harness.contest(
        [entrant("tfseg"), entrant("peer", peer=True, python=str(tmp_path / "no_python"))],
        script,
        settings={"log": str(tmp_path / "log")},
        rounds=1,
        warmup=0,
        pause=0,
    )
    assert "no_python" in results["skipped"]["peer"]


def test_our_own_failure_is_no_skip(script):
    with pytest.raises(RuntimeError, match="a_library_that_nobody_has"):
        harness.contest([entrant("missing")], script, settings={}, rounds=1, pause=0)


def test_a_step_that_breaks_is_an_error(script):
    with pytest.raises(RuntimeError, match="step 1 broke"):
        harness.contest([entrant("breaking")], script, settings={}, rounds=1, pause=0)


def test_a_ratio_is_of_medians_with_its_spread():
    assert harness.ratio([2.0] * 5, [1.0] * 5) == {"ratio": 2.0, "low": 2.0, "high": 2.0}
    noisy = harness.ratio([2.0, 2.2, 1.8, 2.1, 9.0], [1.0, 1.1, 0.9, 1.0, 1.0])
    assert noisy["ratio"] == pytest.approx(2.1)
    assert noisy["low"] <= noisy["ratio"] <= noisy["high"]
    assert noisy["high"] > noisy["low"]


def test_the_table_tells_who_is_faster():
    results = {
        "runs": {
            "tfseg": {"wall": [1.0, 1.0, 1.0], "cpu": [2.0, 2.0, 2.0], "facts": {}},
            "peer": {"wall": [1.5, 1.5, 1.5], "cpu": [2.0, 2.0, 2.0], "facts": {}},
        },
        "skipped": {},
    }
    assert "peer / tfseg: wall 1.50 (95 %: 1.50-1.50), CPU 1.00" in harness.show(results)
    assert results["ratios"]["peer"]["wall"]["ratio"] == 1.5


def test_results_are_written_whole(tmp_path):
    path = harness.write({"a": 1}, tmp_path / "results" / "a.json")
    assert json.loads(path.read_text()) == {"a": 1}
    assert [p.name for p in path.parent.iterdir()] == ["a.json"]


def test_the_machine_is_described():
    facts = harness.machine()
    assert facts["cores"] >= 1
    assert facts["processor"]


@pytest.mark.parametrize(
    "name", ["inference", "training_step", "stages", "import_time", "portrait"]
)
def test_each_benchmark_explains_itself(name):
    path = harness.ROOT / "benchmarks" / f"{name}.py"
    run = subprocess.run(
        [sys.executable, str(path), "--help"], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert "--rounds" in run.stdout
