"""What the package's source files say, read with `ast` and never imported."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "tfseg"


class Import(NamedTuple):
    """One imported module: its dotted name and the line that asks for it."""

    module: str
    line: int


@functools.cache
def sources() -> tuple[Path, ...]:
    """Returns every Python file of the package."""
    return tuple(sorted(PACKAGE.rglob("*.py")))


@functools.cache
def tree(path: Path) -> ast.Module:
    """Returns the parsed file."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def name(path: Path) -> str:
    """Returns the file as a reader names it: `tfseg/data/coco/coco.py`."""
    return path.relative_to(ROOT).as_posix()


def imports(module: ast.Module, package: str = "tfseg") -> Iterator[Import]:
    """Yields what a file imports, at the top, inside functions or by name through importlib.

    Args:
        module: The parsed file.
        package: The dotted package that the file lies in, for relative imports.
    """
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, node.lineno)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = package.split(".")
                base = ".".join([*parts[: len(parts) - node.level + 1], *filter(None, [base])])
            for alias in node.names:
                # `from tfseg import data` and `from tfseg.data import coco` name rooms and files.
                yield Import(f"{base}.{alias.name}", node.lineno)
        elif isinstance(node, ast.Call) and _is_import_call(node.func) and node.args:
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield Import(first.value, node.lineno)


def _is_import_call(function: ast.expr) -> bool:
    if isinstance(function, ast.Attribute):
        return function.attr == "import_module"
    return isinstance(function, ast.Name) and function.id in ("import_module", "__import__")
