"""Installs tfseg beside the packages of a version set, shows that none of them changed, and tests.

    python tests/versions/check.py colab oldest --envs ~/envs
    python tests/versions/check.py colab --envs ~/envs --extras --notebooks

A set is a file beside this one with the exact versions and the Python they are for. Its environment
(2 GB) is made once, and kept in the folder of --envs. The wheel is built from the checkout as it
is, and the tests run on it from a folder that has no package of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SETS = sorted(path.stem for path in HERE.glob("*.txt"))
# What may come along with tfseg where a set has everything else that it needs.
EXPECTED = {"tfseg", "imgaug"}
# ai-edge-litert is the extra `lite`, which a notebook asks for.
TOOLS = ("pytest>=8", "nbclient>=0.10", "ipykernel>=6", "ai-edge-litert>=2.0")
# For each thing that a user does the tests that would notice first; minutes in all.
SMOKE = (
    "tests/models/mask_rcnn/test_config.py",
    "tests/engine/test_weights.py",
    "tests/models/portrait/test_shipped_model.py::test_a_selfie_needs_no_averaging_before",
    "tests/convert/test_matterport.py::test_every_layer_gets_its_own_arrays",
    "tests/cli/test_journey.py",
    "tests/export/test_saved_model.py::test_all_signatures_agree_with_predict",
    "tests/export/test_saved_model.py::test_a_process_with_tensorflow_alone_finds_the_same",
    "tests/metrics/test_coco_ap.py",
    "tests/data/augment/test_imgaug_adapter.py",
    "tests/nn/ops/test_small_maps.py",
    "tests/nn/ops/test_roi_align.py::test_against_a_loop",
    "tests/visualize/test_curves.py",
)
ON_JAX = ("tests/nn/ops/test_roi_align.py::test_against_a_loop",)
EXTRAS = ("lite", "jax", "quantize", "openvino", "keras-cv", "keras-hub", "serving", "onnx")


def main() -> int:
    """Checks each set; 0 if nothing was replaced and every test passed."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("sets", nargs="+", choices=SETS, metavar=f"SET ({', '.join(SETS)})")
    parser.add_argument("--envs", required=True, help="folder of the environments, 2 GB each")
    parser.add_argument("--python", help="default: the set's Python, on the PATH or of pyenv")
    parser.add_argument("--extras", action="store_true", help="say what each extra would replace")
    parser.add_argument("--no-smoke", action="store_true", help="only install and compare")
    parser.add_argument("--notebooks", action="store_true", help="run colab/ too, some minutes")
    args = parser.parse_args()
    envs = Path(args.envs).expanduser().resolve()
    if envs == ROOT or ROOT in envs.parents:
        parser.error(f"--envs {envs}: choose a folder outside the checkout.")
    lines, failed = [], False
    for name in args.sets:
        line, good = check(name, envs, args)
        lines.append(line)
        failed = failed or not good
    print("\n| set | Python | packages | came along | tests |\n|---|---|---|---|---|")
    print("\n".join(lines))
    return int(failed)


def check(name: str, envs: Path, args: argparse.Namespace) -> tuple[str, bool]:
    """Returns the set's line of the table, and whether all is well."""
    python = environment(name, envs, args.python)
    with tempfile.TemporaryDirectory() as folder:
        copy = checkout(Path(folder) / "checkout")
        wheel = build(python, copy)
        added, good = install(python, wheel)
        if args.extras:
            for extra in EXTRAS:
                print(f"  [{extra}] {would_change(python, wheel, extra)}")
        shutil.rmtree(copy / "tfseg")  # what is tested is the installed package
        told = []
        if not args.no_smoke:
            told.append(command(python, copy))
            told.append(tests(python, copy, SMOKE, "tensorflow"))
            told.append(tests(python, copy, ON_JAX, "jax"))
        if args.notebooks:
            told.append(tests(python, copy, ("tests/colab",), "tensorflow", marks="slow"))
    pins = requirements(name)
    packages = ", ".join(f"{p} {pins[p]}" for p in ("tensorflow", "keras", "numpy", "jax"))
    version = run([python, "--version"]).stdout.split()[1]
    words = "; ".join(text for text, _ in told)
    line = f"| {name} | {version} | {packages} | {', '.join(added)} | {words} |"
    return line, good and all(passed for _, passed in told)


def requirements(name: str) -> dict[str, str]:
    """Returns the set's versions by package."""
    lines = (HERE / f"{name}.txt").read_text("utf-8").splitlines()
    return dict(line.split("==") for line in lines if "==" in line)


def environment(name: str, envs: Path, chosen: str | None) -> str:
    """Returns the interpreter of the set's environment, which is made where there is none."""
    python, listed = envs / name / "bin" / "python", HERE / f"{name}.txt"
    if not python.exists():
        wanted = re.search(r"^# Python (\S+)$", listed.read_text("utf-8"), re.MULTILINE).group(1)
        base = chosen or interpreter(wanted)
        print(f"{name}: making {envs / name} with {base}", flush=True)
        run([base, "-m", "venv", envs / name])
        run([python, "-m", "pip", "install", "-q", "--upgrade", "pip"])
    run([python, "-m", "pip", "install", "-q", "-r", listed])
    return str(python)


def interpreter(version: str) -> str:
    """Returns a Python of this version that works: on the PATH, or of pyenv."""
    pyenv = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser() / "versions"
    names = [f"python{version}", *sorted(map(str, pyenv.glob(f"{version}.*/bin/python")))]
    for name in names:
        found = shutil.which(name)
        if found and run([found, "-c", "import ensurepip, venv"], check=False).returncode == 0:
            return found
    sys.exit(f"no Python {version} among {', '.join(names)}: name one by --python.")


def checkout(folder: Path) -> Path:
    """Returns a copy of the checkout without what git ignores: no old `build/` gets into a wheel,
    and none is left behind."""
    listed = run(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target)
    return folder


def build(python: str, copy: Path) -> Path:
    """Returns the wheel of the copy."""
    words = ["wheel", "-q", "--no-deps", "--wheel-dir", copy.parent, copy]
    run([python, "-m", "pip", *words])
    return next(copy.parent.glob("tfseg-*.whl"))


def freeze(python: str) -> dict[str, str]:
    """Returns what the environment holds, version by package."""
    listed = run([python, "-m", "pip", "list", "--format", "json"]).stdout
    return {entry["name"].lower(): entry["version"] for entry in json.loads(listed)}


def install(python: str, wheel: Path) -> tuple[list[str], bool]:
    """Installs the wheel anew and returns what came along, and whether that is all: no package
    has another version than before, none came that tfseg should not bring."""
    pip = [python, "-m", "pip"]
    run([*pip, "uninstall", "-q", "--yes", *sorted(EXPECTED)], check=False)
    before = freeze(python)
    run([*pip, "install", "-q", wheel])
    after = freeze(python)
    added = {name: version for name, version in after.items() if name not in before}
    replaced = [
        f"{name} {version} -> {after.get(name, 'gone')}"
        for name, version in before.items()
        if after.get(name) != version
    ]
    run([*pip, "install", "-q", "--constraint", as_constraints(after), *TOOLS])
    print(f"  before: {len(before)} packages; replaced: {', '.join(replaced) or 'none'}")
    print(f"  came along: {', '.join(f'{n} {v}' for n, v in sorted(added.items()))}", flush=True)
    return sorted(added), not replaced and set(added) == EXPECTED


def as_constraints(packages: dict[str, str]) -> str:
    """Returns a file that keeps pip from replacing any of the packages."""
    lines = [f"{name}=={version}" for name, version in packages.items() if name != "tfseg"]
    with tempfile.NamedTemporaryFile("w", suffix=".txt", delete=False) as file:
        file.write("\n".join(lines))
    return file.name


def would_change(python: str, wheel: Path, extra: str) -> str:
    """Returns what `pip install "tfseg[extra]"` would replace and add, without doing it; where it
    would replace something, also what it does if it may not."""
    have = freeze(python)
    told = _dry_run(python, have, f"{wheel}[{extra}]")
    if told.startswith("replaces nothing"):
        return told
    kept = _dry_run(python, have, f"{wheel}[{extra}]", "--constraint", as_constraints(have))
    return f"{told}. With constraints: {kept}"


def _dry_run(python: str, have: dict[str, str], *words: str) -> str:
    words = ["install", "-q", "--dry-run", "--report", "-", *words]
    done = run([python, "-m", "pip", *words], check=False)
    if done.returncode:
        wrong = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        return "cannot be installed: " + (wrong or ["pip failed"])[0]
    new = {
        item["metadata"]["name"].lower(): item["metadata"]["version"]
        for item in json.loads(done.stdout)["install"]
    }
    moved = [f"{n} {have[n]} -> {v}" for n, v in new.items() if have.get(n, v) != v]
    added = [f"{n} {v}" for n, v in new.items() if n not in have]
    return f"replaces {', '.join(moved) or 'nothing'}; adds {', '.join(added) or 'nothing'}"


def command(python: str, copy: Path) -> tuple[str, bool]:
    """Returns whether the installed command cuts people out of an image, in words too."""
    words = ["predict", "portrait", copy / "docs" / "images" / "demo_predictions.png", "--out"]
    out = copy.parent / "cut.png"
    done = run([Path(python).with_name("tfseg"), *words, out], cwd=copy.parent, check=False)
    good = done.returncode == 0 and out.is_file()
    print(f"  tfseg predict portrait: {'wrote an image' if good else done.stderr}", flush=True)
    return f"`tfseg predict` {'ran' if good else 'failed'}", good


def tests(
    python: str, copy: Path, places: tuple[str, ...], backend: str, marks: str = "not slow"
) -> tuple[str, bool]:
    """Returns what the tests came to, in words, and whether all passed."""
    words = ["-q", "-p", "no:cacheprovider", "--disable-warnings", "-m", marks, *places]
    environ = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    environ.pop("PYTHONPATH", None)
    begin = time.monotonic()
    pytest = Path(python).with_name("pytest")  # `-m pytest` would put the folder on the path
    done = run([pytest, *words], cwd=copy, env=environ, check=False)
    last = (done.stdout.strip().splitlines() or [""])[-1]
    passed = re.search(r"\d+ passed", last)
    if done.returncode:
        print(done.stdout[-6000:], done.stderr[-2000:])
    what = "notebooks" if marks == "slow" else f"on {backend}"
    counts = re.sub(r" in .*|=", "", last).strip()
    text = f"{what}: {counts} ({time.monotonic() - begin:.0f} s)"
    print(f"  {text}", flush=True)
    return text, done.returncode == 0 and passed is not None


def run(words, check: bool = True, **options) -> subprocess.CompletedProcess:
    """Runs a program and returns what it said; ends this one where it fails and may not."""
    done = subprocess.run(
        list(map(str, words)), capture_output=True, text=True, check=False, **options
    )
    if check and done.returncode:
        sys.exit(f"{' '.join(map(str, words))} failed:\n{done.stdout}\n{done.stderr}")
    return done


if __name__ == "__main__":
    sys.exit(main())
