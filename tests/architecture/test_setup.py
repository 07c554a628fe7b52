"""What is installed: every requirement is pinned, and every door that scripts use exists."""

from __future__ import annotations

import ast
import os
import re
import tomllib

import pytest

import tfseg


def canonical(name: str) -> str:
    """Returns a distribution's name as the package index compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.fixture(scope="module")
def pins(repo_root) -> dict[str, str]:
    lines = (repo_root / "constraints.txt").read_text().splitlines()
    lines = [line for line in lines if line and not line.startswith("#")]
    loose = [line for line in lines if not re.fullmatch(r"[\w.-]+==[\w.+]+", line)]
    assert not loose, f"not pinned: {loose}"
    return {canonical(line.split("==")[0]): line.split("==")[1] for line in lines}


@pytest.fixture(scope="module")
def requirements(repo_root) -> set[str]:
    """Every requirement that setup.py names, of the core and of all extras."""
    found = set()
    for node in ast.parse((repo_root / "setup.py").read_text()).body:
        names = [t.id for t in getattr(node, "targets", []) if isinstance(t, ast.Name)]
        if names and names[0] in ("CORE", "EXTRAS"):
            found |= {
                constant.value
                for constant in ast.walk(node)
                if isinstance(constant, ast.Constant) and ">=" in str(constant.value)
            }
    return found


def test_every_requirement_is_pinned(requirements, pins):
    names = {canonical(re.match(r"[\w.-]+", text).group()) for text in requirements}
    assert {"tensorflow", "keras", "imgaug", "jax", "pytest"} <= names
    assert names <= set(pins), f"not in constraints.txt: {sorted(names - set(pins))}"


def test_the_two_opencv_builds_are_of_one_version(pins):
    assert pins["opencv-python"] == pins["opencv-python-headless"]


def test_the_oldest_versions_that_are_tested_are_the_lower_limits(repo_root):
    lines = (repo_root / "tests" / "versions" / "oldest.txt").read_text().splitlines()
    oldest = dict(line.split("==") for line in lines if "==" in line)
    core = ast.parse((repo_root / "setup.py").read_text())
    assigned = [node for node in core.body if isinstance(node, ast.Assign)]
    (core,) = [node.value for node in assigned if ast.unparse(node.targets[0]) == "CORE"]
    for text in ast.literal_eval(core):
        name, least = re.match(r"([\w.-]+)>=([\d.]+)", text).groups()
        if name != "imgaug":  # what nothing else brings
            tested = {canonical(k): v for k, v in oldest.items()}[canonical(name)]
            assert f"{tested}.".startswith(f"{least}."), f"{text} is tested from {tested} alone"


def test_the_version_is_written_once(repo_root):
    assert re.fullmatch(r"\d+\.\d+\.\d+(\.dev\d+|rc\d+)?", tfseg.__version__)
    assert f'"{tfseg.__version__}"' not in (repo_root / "setup.py").read_text()
    project = tomllib.loads((repo_root / "pyproject.toml").read_text())
    assert "version" not in project.get("project", {})


def test_the_check_of_a_change_is_the_readmes_test_command(repo_root):
    door = repo_root / ".ci" / "run"
    assert os.access(door, os.X_OK)
    assert "make test" in door.read_text()
    assert "make test" in (repo_root / "README.md").read_text()


@pytest.mark.parametrize(
    "target", ["demo", "test", "test-slow", "versions", "lint", "bench", "clean", "help"]
)
def test_the_makefile_has_the_targets_that_are_documented(repo_root, target):
    text = (repo_root / "Makefile").read_text()
    assert re.search(rf"^{target}:.*## \S", text, re.MULTILINE)
