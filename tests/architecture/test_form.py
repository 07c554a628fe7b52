"""The form of the sources: sizes, docstrings, names, and what must not stand in the package."""

from __future__ import annotations

import ast
import subprocess
from pathlib import Path

import package_tree
import pytest

FILE_LINES, FUNCTION_LINES = 350, 60
VAGUE = {"utils", "util", "misc", "common", "helpers", "helper"}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
PHOTO_ENDINGS = {".jpg", ".jpeg", ".heic", ".tif", ".tiff", ".webp"}


def every_file(test):
    return pytest.mark.parametrize("path", package_tree.sources(), ids=package_tree.name)(test)


@every_file
def test_a_file_is_read_in_one_sitting(path):
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= FILE_LINES, f"{package_tree.name(path)} has {lines} lines: split it"


@every_file
def test_a_function_fits_one_screen(path):
    long = [
        f"{package_tree.name(path)}:{node.lineno} {node.name} has {length} lines"
        for node in ast.walk(package_tree.tree(path))
        if isinstance(node, FUNCTIONS)
        and (length := node.end_lineno - node.lineno + 1) > FUNCTION_LINES
    ]
    assert not long, "\n".join(long)


@every_file
def test_every_public_name_has_a_docstring(path):
    bare = [
        f"{package_tree.name(path)}:{node.lineno} {node.name}"
        for node in _public(package_tree.tree(path))
        if ast.get_docstring(node) is None
    ]
    assert not bare, "no docstring:\n" + "\n".join(bare)


def _public(module: ast.Module):
    for node in module.body:
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from (
                    inner
                    for inner in node.body
                    if isinstance(inner, FUNCTIONS)
                    and not inner.name.startswith("_")
                    and not _inherits_docstring(node, inner)
                )


def _inherits_docstring(owner: ast.ClassDef, method: ast.FunctionDef) -> bool:
    """Methods that a Keras base class names and documents, and setters of a property."""
    keras_hooks = {"call", "build", "compute_output_shape", "compute_loss", "get_config"}
    keras_hooks |= {"from_config", "compute_metrics", "train_step", "test_step", "__call__"}
    decorated = any(
        isinstance(d, ast.Attribute) and d.attr == "setter" for d in method.decorator_list
    )
    callback = method.name.startswith("on_")
    return bool(owner.bases) and (method.name in keras_hooks or callback) or decorated


@every_file
def test_every_file_says_what_it_is(path):
    source = package_tree.tree(path)
    assert ast.get_docstring(source) or not source.body, f"{package_tree.name(path)}: no docstring"


@every_file
def test_no_assert_in_the_package(path):
    found = [n.lineno for n in ast.walk(package_tree.tree(path)) if isinstance(n, ast.Assert)]
    assert not found, f"{package_tree.name(path)}: assert in line {found}; raise a tfseg error"


@every_file
def test_print_only_at_the_doors(path):
    if path.is_relative_to(package_tree.PACKAGE / "cli"):
        return
    found = [
        node.lineno
        for node in ast.walk(package_tree.tree(path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "print"
    ]
    assert not found, f"{package_tree.name(path)}: print in line {found}; use logging"


@every_file
def test_tf_keras_is_never_meant_by_accident(path):
    found = [
        node.lineno
        for node in ast.walk(package_tree.tree(path))
        if isinstance(node, ast.Attribute)
        and node.attr == "keras"
        and isinstance(node.value, ast.Name)
        and node.value.id in ("tf", "tensorflow")
    ]
    assert not found, f"{package_tree.name(path)}: tf.keras in line {found}; import keras"


def test_no_vague_file_names():
    paths = [*package_tree.PACKAGE.rglob("*"), *(package_tree.ROOT / "tests").rglob("*")]
    vague = [p.relative_to(package_tree.ROOT).as_posix() for p in paths if p.stem in VAGUE]
    assert not vague, vague


def test_every_folder_with_code_is_a_package():
    folders = {path.parent for path in package_tree.sources()}
    bare = [package_tree.name(f) for f in folders if not (f / "__init__.py").exists()]
    assert not bare, f"no __init__.py in {bare}: an installed tfseg would lack them"


def test_no_photographs_are_tracked():
    git = subprocess.run(
        ["git", "ls-files"], cwd=package_tree.ROOT, capture_output=True, text=True, check=False
    )
    if git.returncode:
        pytest.skip("not a git checkout")
    photos = [f for f in git.stdout.splitlines() if Path(f).suffix.lower() in PHOTO_ENDINGS]
    assert not photos, photos
