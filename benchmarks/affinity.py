"""How long the affinity step takes, stage by stage, and which SLIC is fit for it.

    python benchmarks/affinity.py [--rounds 10] [--size 800 600] [--people 5] [--output FILE]

One core, for NumPy and OpenCV alike. The images are put together from people of Clothing
Co-Parsing (TFSEG_DATA), or drawn (`--drawn`); boxes and masks are the true ones. Wall time is what
a user waits for; where other programs run, CPU time is the fairer number, and still too high.

The contest of SLICs runs on what the step hands to it: `tiled` is this package's, `scikit-image`
its masked SLIC, and `scikit-image, no mask` its plain SLIC of the same window at the same density,
which mixes the background into the superpixels at every outline. OpenCV has SLIC in `ximgproc`
alone, which `opencv-python` does not contain; whether it is there is printed.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from pathlib import Path

import harness
import numpy as np

from tfseg.models.portrait.affinity import AffinityConfig, explain
from tfseg.models.portrait.affinity import superpixels as superpixel_file
from tfseg.opencv import cv2
from tfseg.structures import Sample


def pictures(size: tuple[int, int], people: int, drawn: bool) -> dict[str, Sample]:
    """Returns, of nine images of so many people who overlap, those with the median and with the
    largest foreground."""
    from tfseg.data import CompositeDataset, PortraitCropsDataset, SyntheticPeople

    if drawn:
        source = SyntheticPeople(length=40, size=512, seed=0)
    else:
        data = Path(os.environ.get("TFSEG_DATA", harness.ROOT / ".." / "shared" / "data"))
        source = PortraitCropsDataset(data / "clothing_co_parsing", "val", crop="full")
    options = {"people_per_picture": people, "size": size, "overlap": (0.2, 0.5), "seed": 3}
    samples = list(CompositeDataset(source, length=9, **options))
    full = [sample for sample in samples if len(sample) == people] or samples
    full.sort(key=lambda sample: sample.masks.any(axis=0).sum())
    return {"median image": full[len(full) // 2], "largest foreground": full[-1]}


def timed(function, rounds: int) -> dict:
    """Returns wall and CPU seconds of each round after one that is not counted."""
    found = {"wall": [], "cpu": []}
    for turn in range(rounds + 1):
        wall, cpu = time.perf_counter(), time.process_time()
        function()
        if turn:
            found["wall"].append(time.perf_counter() - wall)
            found["cpu"].append(time.process_time() - cpu)
    return found


def stages(sample: Sample, config: AffinityConfig, rounds: int) -> tuple[dict, dict]:
    """Returns all times of the whole step and of its stages, and its counts."""
    mask = sample.masks.any(axis=0)
    parts: dict[str, list] = {}

    def run():
        nonlocal facts
        result = explain(sample.image, mask, sample.boxes, config=config)
        facts = dict(result.facts)
        for name, seconds in result.seconds.items():
            parts.setdefault(name, []).append(seconds)

    facts: dict = {}
    whole = timed(run, rounds)
    return {**whole, "stages": {name: values[1:] for name, values in parts.items()}}, facts


def slics(sample: Sample, config: AffinityConfig, rounds: int) -> dict:
    """Returns the times of each SLIC on the foreground of an image."""
    from skimage.segmentation import slic

    mask = sample.masks.any(axis=0)
    x, y, width, height = cv2.boundingRect(mask.view(np.uint8))
    place = np.s_[y : y + height, x : x + width]
    image, mask = np.ascontiguousarray(sample.image[place]), np.ascontiguousarray(mask[place])
    count = config.superpixel_count(*sample.size)
    options = {"compactness": config.compactness, "iterations": config.iterations}
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB)
    plain = round(count / mask.mean())
    contestants = {
        "tiled": lambda: superpixel_file.slic(lab, mask, count, **options),
        "tiled, all pixels": lambda: superpixel_file.slic(
            lab, mask, count, samples=4096, **options
        ),
        "scikit-image, no mask": lambda: slic(image, plain, config.compactness, max_num_iter=10),
        "scikit-image": lambda: superpixel_file.slic_of_scikit_image(image, mask, count, **options),
    }
    return {
        name: timed(function, 1 if name == "scikit-image" else max(2, rounds // 3))
        for name, function in contestants.items()
    }


ONE_CORE = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def main() -> None:
    """Measures, prints two tables and writes the JSON."""
    parser = harness.arguments(__doc__, rounds=10)
    parser.add_argument("--size", type=int, nargs=2, default=(800, 600), metavar=("H", "W"))
    parser.add_argument("--people", type=int, default=5)
    parser.add_argument("--drawn", action="store_true", help="without photographs")
    parser.add_argument("--no-slics", action="store_true", help="skip the contest of SLICs")
    options = parser.parse_args()
    if any(os.environ.get(name) != "1" for name in ONE_CORE):
        # Libraries read these when they are loaded, which they are by now.
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **ONE_CORE})
    cv2.setNumThreads(1)
    config, samples = AffinityConfig(), pictures(tuple(options.size), options.people, options.drawn)
    results = {"benchmark": "affinity", "settings": config.to_dict(), "pictures": {}}
    for title, sample in samples.items():
        times, facts = stages(sample, config, options.rounds)
        results["pictures"][title] = {"facts": facts, "times": times}
        share = sample.masks.any(axis=0).mean()
        print(f"{title}: {sample.size[0]} x {sample.size[1]}, {len(sample)} people, one core")
        print(f"foreground {share:.0%}; {', '.join(f'{k} {v}' for k, v in facts.items())}")
        print(f"{'stage':<24}{'median ms':>10}{'least ms':>10}")
        for name, values in times["stages"].items():
            print(f"{name:<24}{_ms(statistics.median(values))}{_ms(min(values))}")
        for name in ("wall", "cpu"):
            row = f"{_ms(statistics.median(times[name]))}{_ms(min(times[name]))}"
            print(f"{'all, ' + name + ' time':<24}{row}\n")
    results |= {"machine": harness.machine(), "load": os.getloadavg()}
    print(f"load of the machine: {results['load'][0]:.1f}")
    if not options.no_slics:
        print(f"\nOpenCV {cv2.__version__} has ximgproc: {hasattr(cv2, 'ximgproc')}")
        print(f"{'SLIC':<24}{'CPU ms':>10}{'wall ms':>10}")
        results["slics"] = slics(samples["median image"], config, options.rounds)
        for name, run in results["slics"].items():
            print(f"{name:<24}{_ms(min(run['cpu']))}{_ms(min(run['wall']))}")
    output = options.output or harness.ROOT / "benchmarks" / "results" / "affinity.json"
    print(f"wrote {harness.write(results, output)}")


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:>10.1f}"


if __name__ == "__main__":
    main()
