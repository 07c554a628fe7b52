"""The notebooks of `colab/`: short, without outputs, made of names that exist."""

from __future__ import annotations

import ast
import importlib
import json
import re

import pytest

MOST_CODE_CELLS = 10
PAGE = "https://colab.research.google.com/github/"


@pytest.fixture(scope="module")
def notebooks(repo_root):
    paths = sorted((repo_root / "colab").glob("*.ipynb"))
    assert len(paths) >= 3
    return {path.stem: json.loads(path.read_text("utf-8")) for path in paths}


def code(notebook) -> list[str]:
    return ["".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "code"]


def plain(source: str) -> str:
    """A cell as Python alone: lines for the shell or for IPython do nothing."""
    return re.sub(r"^(\s*)[%!].*$", r"\1pass", source, flags=re.MULTILINE)


def test_they_are_short_and_clean(notebooks):
    for name, notebook in notebooks.items():
        assert notebook["nbformat"] == 4, name
        assert 1 <= len(code(notebook)) <= MOST_CODE_CELLS, name
        for cell in notebook["cells"]:
            assert not cell.get("outputs") and cell.get("execution_count") is None, name
            assert "execution" not in cell["metadata"], name
        ids = [cell["id"] for cell in notebook["cells"]]
        assert len(set(ids)) == len(ids), name


def test_each_opens_in_colab_and_states_its_runtime(notebooks, repo_root):
    readme = (repo_root / "README.md").read_text("utf-8")
    for name, notebook in notebooks.items():
        first = "".join(notebook["cells"][0]["source"])
        (page,) = re.findall(rf"\]\({re.escape(PAGE)}([^)]+)\)", first)
        repository, _, path = page.partition("/blob/main/")
        assert path == f"colab/{name}.ipynb"
        assert f'REPOSITORY = "https://github.com/{repository}"' in code(notebook)[0], name
        assert "**2026.08**" in first, name
        assert f"{PAGE}{page}" in readme, f"the README does not lead to {name}"


def test_the_code_is_python_and_its_names_of_tfseg_exist(notebooks):
    for name, notebook in notebooks.items():
        trees = [ast.parse(plain(source), name) for source in code(notebook)]
        nodes = [node for tree in trees for node in ast.walk(tree)]
        for node in nodes:
            if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == "tfseg":
                room = importlib.import_module(node.module)
                missing = [alias.name for alias in node.names if not hasattr(room, alias.name)]
                assert not missing, f"{name}: {node.module} has no {missing}"
        asked = {
            node.attr
            for node in nodes
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "tfseg"
        }
        package = importlib.import_module("tfseg")
        missing = [attribute for attribute in asked if not hasattr(package, attribute)]
        assert asked and not missing, f"{name}: tfseg has no {missing}"
