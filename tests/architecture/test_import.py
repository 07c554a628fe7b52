"""`import tfseg` is light, and its public names are real."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import tfseg

LIGHT_ROOMS = ["structures", "config", "geometry", "data", "metrics", "visualize", "results"]
HEAVY = ["tensorflow", "keras", "jax", "torch"]


def modules_after(statement: str) -> set[str]:
    """Returns the names of all modules that a fresh interpreter holds after a statement."""
    code = f"import json, sys\n{statement}\nprint(json.dumps(sorted(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return set(json.loads(run.stdout.splitlines()[-1]))


def test_import_tfseg_loads_nothing_heavy():
    loaded = modules_after("import tfseg")
    assert not loaded & {*HEAVY, "numpy", "cv2", "matplotlib", "PIL", "yaml"}
    assert {name for name in loaded if name.startswith("tfseg")} == {"tfseg"}


def test_light_rooms_and_every_systems_settings_work_without_keras():
    code = (
        "import importlib, pkgutil, tfseg\n"
        f"for room in {LIGHT_ROOMS}:\n"
        "    room = importlib.import_module(f'tfseg.{room}')\n"
        "    for found in pkgutil.walk_packages(room.__path__, room.__name__ + '.'):\n"
        "        importlib.import_module(found.name)\n"
        "from tfseg import models\n"
        "for name in models.SYSTEMS:\n"
        "    models.config_class(name)"
    )
    assert not modules_after(code) & set(HEAVY)


def test_help_of_the_command_line_loads_nothing_heavy():
    code = (
        "from tfseg.cli.main import main\ntry:\n    main(['--help'])\nexcept SystemExit:\n    pass"
    )
    assert not modules_after(code) & {*HEAVY, "numpy"}


def test_every_public_name_exists():
    assert not [name for name in tfseg.__all__ if getattr(tfseg, name) is None]


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = tfseg.no_such_name


def test_dir_lists_the_public_names():
    assert set(tfseg.__all__) <= set(dir(tfseg))
