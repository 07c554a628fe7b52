"""Every import points down the house, and heavy libraries have few doors."""

from __future__ import annotations

import ast
import re
import sys
from fnmatch import fnmatch
from pathlib import Path

import package_tree

import tfseg

FLOORS = {
    "__main__": 9,  # `python -m tfseg`, three lines above all rooms
    "cli": 8,
    "export": 7,
    "models": 6,
    "convert": 6,
    "studies": 6,
    "engine": 5,
    "results": 4,
    "serving": 4,
    "search": 4,
    "data": 3,
    "metrics": 2,
    "visualize": 2,
    "geometry": 2,
    "structures": 1,
    "config": 1,
    "nn": 1,
    "backend": 0,
    "files": 0,
    "opencv": 0,
    "errors": 0,
}
# Upward calls: names that a verb of the estimator loads at its use, and a published name.
UPWARD = (
    ("tfseg/engine/estimator.py", "tfseg.export."),
    ("tfseg/engine/file_verbs.py", "tfseg.export."),
    ("tfseg/models/*/estimator.py", "tfseg.export."),
    ("tfseg/models/*/estimator.py", "tfseg.convert."),
    ("tfseg/data/__init__.py", "tfseg.results."),
)
# Who may import which library. What is listed nowhere may be imported by nobody.
EVERYWHERE = {"numpy", "tfseg"} | set(sys.stdlib_module_names)
LIBRARIES = {
    "keras": ("nn", "models", "engine", "studies", "export", "convert"),
    "tensorflow": ("export", "engine/runtime.py", "data/loader.py"),
    "jax": ("engine/runtime.py",),
    "tf_keras": ("export/phone",),
    "tensorflow_model_optimization": ("export/phone",),
    "ai_edge_litert": ("export/phone", "engine/litert.py", "convert/tflite_file.py"),
    "openvino": ("export/phone",),
    "flatbuffers": ("export/phone",),
    "tensorflow_serving": ("export", "serving"),
    "grpc": ("serving",),
    "pyarrow": ("results",),
    "imgaug": ("data/augment",),
    "pycocotools": ("structures/rle.py", "metrics/coco_ap.py"),
    "cv2": ("opencv.py", "data", "visualize", "models/portrait/affinity"),
    "PIL": ("data", "geometry", "visualize", "serving"),
    "matplotlib": ("visualize",),
    "yaml": ("config",),
    "h5py": ("convert", "engine"),
    "torch": ("convert/torch_files.py",),
    "scipy": ("data", "metrics", "nn/targets", "models/portrait/affinity"),
    "skimage": ("models/portrait/affinity",),
    "keras_cv": ("nn/backbones/foreign_construction.py",),
    "keras_hub": ("nn/backbones/foreign_construction.py",),
    "IPython": ("engine/live.py",),
}
# The room in models/ that systems may import: what Mask R-CNN and CoMask share.
SHARED = "two_stage"
# Floor 1 keeps to Keras and NumPy, whatever else the house allows.
NN_ONLY = {"keras", "keras_cv", "keras_hub", "numpy", "scipy", "tfseg"}


def room_of(module: str) -> str | None:
    """Returns the room of a dotted name inside the package, or None for the package itself."""
    parts = module.split(".")
    if len(parts) == 2 and parts[0] == "tfseg" and parts[1] in tfseg._HOMES:
        parts = tfseg._HOMES[parts[1]].split(".")
    return parts[1] if len(parts) > 1 and parts[0] == "tfseg" and parts[1] in FLOORS else None


def breaches(file: str, source: str) -> list[str]:
    """Returns every import of one file that the house forbids."""
    path = Path(file)
    room = path.parts[1].removesuffix(".py")
    if room == "__init__":
        return []  # the lazy names: above every floor, imports nothing at load
    package = ".".join(path.parent.parts)
    found = []
    for module, line, by_name in package_tree.imports(ast.parse(source), package):
        top = module.split(".")[0]
        if top == "tfseg":
            found += (
                []
                if by_name and _may_go_up(file, module)
                else _floor_breach(file, room, module, line)
            )
        elif top not in EVERYWHERE:
            inside = path.relative_to("tfseg").as_posix()
            doors = LIBRARIES.get(top, ())
            if not any(inside == door or inside.startswith(f"{door}/") for door in doors):
                known = ", ".join(doors) or "nobody"
                found.append(f"{file}:{line} imports {top}, which is for {known}")
        if room == "nn" and top not in NN_ONLY | set(sys.stdlib_module_names):
            found.append(f"{file}:{line} imports {top}: nn/ keeps to Keras and NumPy")
    return found


def _floor_breach(file: str, room: str, module: str, line: int) -> list[str]:
    other = room_of(module)
    if other is None or other == room:
        return _system_breach(file, room, module, line)
    down = FLOORS[other] < FLOORS[room] or other == "errors"
    return [] if down else [f"{file}:{line} imports {module}: {room}/ may not know {other}/"]


def _may_go_up(file: str, module: str) -> bool:
    return any(fnmatch(file, pattern) and module.startswith(m) for pattern, m in UPWARD)


def _system_breach(file: str, room: str, module: str, line: int) -> list[str]:
    here, there = Path(file).parts, module.split(".")
    if room != "models" or len(here) < 4 or len(there) < 3:
        return []
    others = {p.name for p in (package_tree.PACKAGE / "models").iterdir() if p.is_dir()}
    if there[2] in others - {SHARED, here[2]}:
        where = "nn/" if here[2] == SHARED else f"nn/ or models/{SHARED}/"
        return [f"{file}:{line}: systems do not import each other; move it down into {where}"]
    return []


def test_imports_keep_the_floors_and_the_library_doors():
    found = []
    for path in package_tree.sources():
        found += breaches(package_tree.name(path), path.read_text(encoding="utf-8"))
    assert not found, "\n".join(found)


FORBIDDEN = [
    ("tfseg/data/coco/coco.py", "from tfseg.results import coco"),
    ("tfseg/data/coco/coco.py", "def f():\n    from tfseg import engine"),
    ("tfseg/data/coco/coco.py", "import keras"),
    ("tfseg/data/coco/coco.py", "import requests"),
    ("tfseg/nn/ops/boxes.py", "import tensorflow as tf"),
    ("tfseg/nn/ops/boxes.py", "from tfseg.structures import Sample"),
    ("tfseg/nn/ops/boxes.py", "from ...config import base"),
    ("tfseg/config/base.py", "from tfseg.structures import Sample"),
    ("tfseg/models/mask_rcnn/network.py", "from tfseg.export import saved_model"),
    ("tfseg/models/mask_rcnn/network.py", "from tfseg.models.portrait import graph"),
    ("tfseg/models/two_stage/rules.py", "from tfseg.models.mask_rcnn import losses"),
    ("tfseg/engine/training.py", "import importlib\nimportlib.import_module('tfseg.models')"),
    ("tfseg/engine/training.py", "HOMES = {'a': 'tfseg.models.portrait:PortraitSegmenter'}"),
    ("tfseg/engine/training.py", "from tfseg import MaskRCNN"),
    ("tfseg/metrics/instances.py", "import pycocotools"),
    ("tfseg/cli/train.py", "import tensorflow"),
]
ALLOWED = [
    ("tfseg/cli/train.py", "import tfseg.models\nfrom tfseg.data.opening import sources"),
    ("tfseg/metrics/coco_ap.py", "from pycocotools import mask"),
    ("tfseg/models/mask_rcnn/network.py", "import keras\nfrom tfseg.nn.ops import boxes"),
    ("tfseg/models/mask_rcnn/network.py", "from tfseg.models.mask_rcnn import losses"),
    ("tfseg/models/mask_rcnn/network.py", "from tfseg.models.two_stage import rules"),
    ("tfseg/nn/ops/boxes.py", "from tfseg.errors import ConfigError"),
    ("tfseg/data/augment/presets.py", "import imgaug"),
]


def test_what_is_forbidden_is_found_and_what_is_allowed_passes():
    assert [case for case in FORBIDDEN if not breaches(*case)] == []
    assert [case for case in ALLOWED if breaches(*case)] == []


def test_every_room_has_a_floor():
    rooms = {p.relative_to(package_tree.PACKAGE).parts[0] for p in package_tree.sources()}
    assert {room.removesuffix(".py") for room in rooms} - {"__init__"} <= set(FLOORS)


NAMELESS = (
    "engine",
    "studies",
    "results",
    "visualize",
    "export",
    "config",
    "structures",
    "geometry",
)
NAMELESS += ("cli",)
SYSTEM_NAME = re.compile(r"mask_?rcnn|mrcnn|portrait|comask|hptr|pose2seg", re.IGNORECASE)
# What is one system's own on a shared floor, and the demonstration, which shows two of them.
OF_A_SYSTEM = ("tfseg/export/graphs/", "tfseg/cli/demo.py", "tfseg/cli/templates.py")


def test_shared_rooms_know_no_system_by_name():
    """Examples in help texts may name one, and so may docstrings; code may not."""
    found = []
    for path in package_tree.sources():
        name, tree = package_tree.name(path), package_tree.tree(path)
        if not name.startswith(tuple(f"tfseg/{room}" for room in NAMELESS)):
            continue
        if not name.startswith(OF_A_SYSTEM):
            found += [f"{name}:{line} {word!r}" for line, word in _named_systems(tree)]
    assert not found, "\n".join(found)


def _named_systems(tree: ast.Module):
    texts = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
            first = node.body[0] if node.body else None
            texts |= {id(first.value)} if isinstance(first, ast.Expr) else set()
        elif isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "EXAMPLES":
            texts |= {id(inner) for inner in ast.walk(node)}
    for node in ast.walk(tree):
        word = getattr(node, "value", None) if isinstance(node, ast.Constant) else None
        word = word or getattr(node, "id", None) or getattr(node, "attr", None)
        word = word or getattr(node, "module", None)
        if isinstance(word, str) and id(node) not in texts and SYSTEM_NAME.search(word):
            yield node.lineno, word[:60]
