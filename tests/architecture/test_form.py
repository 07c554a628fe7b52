"""The form of the sources, as far as ruff does not look at it: sizes, names, packages."""

from __future__ import annotations

import ast
import collections
import subprocess
from pathlib import Path

import package_tree
import pytest

FILE_LINES, FUNCTION_LINES = 350, 60
VAGUE = {"utils", "util", "misc", "common", "helpers", "helper"}
PHOTO_ENDINGS = {".jpg", ".jpeg", ".heic", ".tif", ".tiff", ".webp"}


def test_a_file_is_read_in_one_sitting_and_a_function_fits_one_screen():
    long = []
    for path in package_tree.sources():
        name, source = package_tree.name(path), package_tree.tree(path)
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > FILE_LINES:
            long.append(f"{name} has {lines} lines: split it")
        for node in ast.walk(source):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                lines = node.end_lineno - node.lineno + 1
                if lines > FUNCTION_LINES:
                    long.append(f"{name}:{node.lineno} {node.name} has {lines} lines")
    assert not long, "\n".join(long)


def test_names_say_something_and_folders_are_packages():
    paths = [*package_tree.PACKAGE.rglob("*"), *(package_tree.ROOT / "tests").rglob("*")]
    vague = [p.relative_to(package_tree.ROOT).as_posix() for p in paths if p.stem in VAGUE]
    assert not vague, vague
    folders = {path.parent for path in package_tree.sources()}
    bare = [package_tree.name(f) for f in folders if not (f / "__init__.py").exists()]
    assert not bare, f"no __init__.py in {bare}: an installed tfseg would lack them"


def test_keras_finds_one_class_by_each_name():
    names = collections.Counter(
        name for path in package_tree.sources() for name in _registered(package_tree.tree(path))
    )
    twice = [name for name, count in names.items() if count > 1]
    assert not twice, f"registered twice with Keras, so that files load the wrong one: {twice}"


def _registered(module: ast.Module):
    for node in ast.walk(module):
        for call in getattr(node, "decorator_list", ()) if isinstance(node, ast.ClassDef) else ():
            if isinstance(call, ast.Call) and "register_keras" in ast.unparse(call.func):
                given = [k.value.value for k in call.keywords if k.arg == "name"]
                yield given[0] if given else node.name


def test_no_photographs_are_tracked():
    git = subprocess.run(
        ["git", "ls-files"], cwd=package_tree.ROOT, capture_output=True, text=True, check=False
    )
    if git.returncode:
        pytest.skip("not a git checkout")
    photos = [f for f in git.stdout.splitlines() if Path(f).suffix.lower() in PHOTO_ENDINGS]
    assert not photos, photos
