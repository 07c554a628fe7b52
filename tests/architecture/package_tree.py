"""What the package's source files say, read with `ast` and never imported."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "tfseg"
_NAMES_A_MODULE = re.compile(r"tfseg(\.\w+)+")


class Import(NamedTuple):
    """One imported module: its dotted name, the line that asks for it, and whether it is a name
    for importlib, loaded at its use."""

    module: str
    line: int
    by_name: bool = False


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
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            # Names that importlib is given, there or from a table: "tfseg.data.loader".
            module = node.value.partition(":")[0]
            if _NAMES_A_MODULE.fullmatch(module) and _exists(module):
                yield Import(module, node.lineno, by_name=True)


def _exists(module: str) -> bool:
    place = ROOT.joinpath(*module.split("."))
    return place.is_dir() or place.with_suffix(".py").is_file()
