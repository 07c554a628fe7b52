"""Whole paths in turn: every program warm, in one process, and cold, in a fresh one each time."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import harness

_SCRIPT = str(Path(__file__).with_name("programs.py"))
MEGAPIXELS = (1, 12)
_QUALITY, _GRAIN = 92, 4.0


def warm(settings: dict):
    """Loads a program once; the step is one file to its mask. Writing the mask as a PNG with
    Pillow is timed beside it and is not part of the wall time."""
    from file_to_mask.programs import PROGRAMS

    _hold_to(settings["threads"])
    cut = PROGRAMS[settings["program"]](settings["model"], settings["threads"])
    path, target = settings["photograph"], f"{settings['photograph']}.{os.getpid()}.png"

    def step():
        wall, cpu = time.perf_counter(), time.process_time()
        mask = cut(path)
        took = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
        wall = time.perf_counter()
        _write(mask, target)
        return harness.Parts(**took, png=time.perf_counter() - wall)

    mask = cut(path)
    return step, {"mask": f"{mask.shape[0]} x {mask.shape[1]}", "share": f"{mask.mean():.3f}"}


def cold(settings: dict):
    """The step is a fresh process, from its start to its end: imports, loading, one mask."""
    _hold_to(settings["threads"])
    facts = (settings["model"], settings["photograph"], str(settings["threads"]))
    return _process([sys.executable, _SCRIPT, settings["program"], *facts])


def command(settings: dict):
    """The step is `tfseg predict FILE --alpha --out mask.png` in a fresh process: the opacity as a
    grey PNG file, so writing it is included."""
    _hold_to(settings["threads"])
    program = "import sys; from tfseg.cli.main import main; sys.exit(main())"
    words = ["predict", settings["model"], settings["photograph"], "--alpha", "--engine", "litert"]
    target = f"{settings['photograph']}.{os.getpid()}.png"
    return _process([sys.executable, "-c", program, *words, "--out", target])


def _process(words: list[str]):
    def step():
        before, wall = _children(), time.perf_counter()
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
        took = time.perf_counter() - wall
        return harness.Parts(wall=took, cpu=_children() - before)

    step()  # a program that cannot run is known now
    return step, {}


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _hold_to(threads: int) -> None:
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def _write(mask, path: str) -> None:
    import numpy as np

    try:
        from PIL import Image
    except ImportError:  # the peer's environment has OpenCV alone
        import cv2

        cv2.imwrite(path, mask.astype(np.uint8) * 255)
        return
    Image.fromarray(mask.astype(np.uint8) * 255).save(path)


def contestants(model: Path, peer_python: str) -> dict[str, list[harness.Contestant]]:
    """Returns who runs warm and who runs cold; MediaPipe is the first, which ratios are about."""
    peer = {"program": "mediapipe", "model": ""}
    programs = {"tfseg predict": ("tensorflow", model)}
    if (model / "light.tflite").is_file():
        programs["tfseg predict, light file"] = ("litert", model)
    for file in ("float16.tflite", "int8.tflite"):
        if (model / file).is_file():
            programs[f"phone program, {file[:-7]}"] = ("phone", model / file)

    def entries(heat: str) -> list[harness.Contestant]:
        name = f"mediapipe, {heat}"
        found = [harness.Contestant(name, python=peer_python, peer=True, settings=peer)]
        for name, (program, path) in programs.items():
            settings = {"program": program, "model": str(path)}
            found.append(harness.Contestant(f"{name}, {heat}", settings=settings))
        return found

    both = {"warm": entries("warm"), "cold": entries("cold")}
    if (model / "light.tflite").is_file():
        settings = {"model": str(model)}
        both["cold"].append(harness.Contestant("tfseg command, cold", settings=settings))
    return both


def workers(names) -> dict:
    """Returns the function that prepares each contestant of these names."""
    kinds = {"warm": warm, "cold": cold}
    found = {name: kinds[name.rsplit(", ", 1)[1]] for name in names}
    return {name: command if "command" in name else kind for name, kind in found.items()}


def photograph(image, megapixels: int, path: Path) -> None:
    """Writes an image as a JPEG of about that many pixels: enlarged bicubically, with seeded grain,
    so that the file is about as large as a camera's."""
    import numpy as np
    from PIL import Image

    scale = (megapixels * 1e6 / (image.shape[0] * image.shape[1])) ** 0.5
    size = [round(side * scale) for side in image.shape[1::-1]]
    large = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC), np.float32)
    grain = np.random.default_rng(0).normal(0, _GRAIN, large.shape[:2]).astype(np.float32)
    pixels = np.clip(large + grain[..., None], 0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(path, quality=_QUALITY)


def run(script: str, image, model: Path, folder: Path, args) -> list[dict]:
    """Returns the results of all contests: each size, warm and cold."""
    found = []
    for megapixels in args.megapixels:
        path = folder / f"{megapixels}_megapixels.jpg"
        photograph(image, megapixels, path)
        for heat, entries in contestants(model, args.peer_python).items():
            counts = {"warm": (args.rounds, args.warmup), "cold": (args.cold_rounds, 0)}[heat]
            results = harness.contest(
                entries,
                script,
                settings={"photograph": str(path), "bytes": path.stat().st_size},
                rounds=counts[0],
                warmup=counts[1],
                threads=args.threads,
            )
            found.append({"path": f"{megapixels} megapixels, {heat}", **results})
            print(f"\n{found[-1]['path']}\n{harness.show(found[-1])}\n{_pngs(found[-1])}")
    return found


def _pngs(results: dict) -> str:
    times = {name: run["png"] for name, run in results["runs"].items() if "png" in run}
    words = [f"{name} {harness.quartiles(each)[1]:.4f}" for name, each in times.items()]
    return f"the mask as a PNG file, seconds more: {'; '.join(words)}" if words else ""
