"""COCO's AP of models on the same images: with intervals, by size and class, and their time.

    python benchmarks/instance_ap.py runs/mask_rcnn/best runs/comask/best --data DATA

`--config configs/mask_rcnn/clothing_public.yaml` reads the classes of that experiment.

For each model mask and box AP, AP50, AP75, and AP of small, medium and large objects, with 95 %
intervals of a bootstrap over images; its difference to the first model, draw by draw; AP50 of each
class, and the mean over `--focus`; medians of `predict` of one image, the models in turn.
Differences whose interval holds 0 are marked "not told apart".
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
import time
from pathlib import Path

import numpy as np

import tfseg
from tfseg.cli import datasets
from tfseg.data.aligned import align_classes
from tfseg.metrics import CocoAP

APS = ("AP", "AP50", "AP75", "APs", "APm", "APl")
KEYS = [f"{kind}/{key}" for kind in ("segm", "bbox") for key in APS]
FOCUS = "segm/AP50 of the focus"


def numbers(report, focus) -> dict[str, float]:
    """Returns what is told of a report, by name."""
    told = {key: report.metrics[key] for key in KEYS}
    table = report.per_class["segm/AP50"]
    known = [table[name] for name in focus if not math.isnan(table[name])]
    told[FOCUS] = statistics.fmean(known) if known else math.nan
    return told


def measure(model, dataset, focus, draws: int) -> dict:
    """Returns a model's numbers, their draws (also before collaboration), and AP50 by class."""
    collected = {"": CocoAP(model.class_names)}
    for sample, found in model._predict_dataset(dataset, score_threshold=None):
        collected[""].update(sample, found)
        before = getattr(found, "before", None)
        if before is not None:
            collected.setdefault(" before", CocoAP(model.class_names)).update(sample, before)
    told = {}
    for suffix, measured in collected.items():
        report = measured.compute()
        drawn = [numbers(one, focus) for one in measured.resampled(draws)]
        told[suffix] = {
            "numbers": numbers(report, focus),
            "drawn": {key: np.array([one[key] for one in drawn]) for key in drawn[0]},
            "by_class": dict(report.per_class["segm/AP50"]),
        }
    return told


def in_turn(models: dict, dataset, rounds: int) -> dict[str, dict]:
    """Returns medians of wall and processor milliseconds of `predict` of one image."""
    took: dict = {name: [] for name in models}
    for index in range(min(rounds + 3, len(dataset))):
        image = dataset[index].image
        for name, model in models.items():
            begin = time.perf_counter(), time.process_time()
            model.predict(image)
            took[name].append((time.perf_counter() - begin[0], time.process_time() - begin[1]))
    return {
        name: {
            key: 1e3 * statistics.median(one[row] for one in times[3:] or times)
            for row, key in enumerate(("wall_ms", "cpu_ms"))
        }
        for name, times in took.items()
    }


def interval(draws) -> tuple[float, float]:
    low, high = np.nanpercentile(draws, [2.5, 97.5])
    return float(low), float(high)


def table(told: dict, first: str) -> str:
    """Returns all numbers as Markdown, and puts the intervals into `told`."""
    lines = ["| measure | " + " | ".join(told) + " |", "|---" * (len(told) + 1) + "|"]
    for key in (*KEYS, FOCUS):
        if all(math.isnan(one["numbers"][key]) for one in told.values()):
            continue  # without --focus, or without an object of a size
        cells = []
        for name, one in told.items():
            low, high = interval(one["drawn"][key])
            cell = f"{one['numbers'][key]:.3f} ({low:.3f} to {high:.3f})"
            one.setdefault("intervals", {})[key] = (low, high)
            if name != first:
                low, high = interval(one["drawn"][key] - told[first]["drawn"][key])
                one.setdefault("to_the_first", {})[key] = (low, high)
                apart = "" if low > 0 or high < 0 else ", not told apart"
                cell += f" {low:+.3f} to {high:+.3f}{apart}"
            cells.append(cell)
        lines.append(f"| {key} | " + " | ".join(cells) + " |")
    for label in told[first]["by_class"]:
        cells = [f"{one['by_class'][label]:.3f}" for one in told.values()]
        lines.append(f"| AP50 {label} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("models", nargs="+")
    datasets.add_arguments(parser, split="val")
    parser.add_argument("--focus", nargs="*", default=[], help="classes whose mean AP50 is told")
    parser.add_argument("--draws", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=40, help="images that are timed")
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    models = {Path(path).name: tfseg.load(path) for path in args.models}
    if len(models) < len(args.models):
        models = {path: tfseg.load(path) for path in args.models}
    first = next(iter(models))
    if len({model.class_names for model in models.values()}) > 1:
        parser.error("the models have different classes; compare those of the same classes")
    settings = datasets.data_section(args)
    dataset = datasets.open_split(args, settings, "val", args.split)
    told = {}
    for name, model in models.items():
        aligned = align_classes(dataset, model.class_names)
        for suffix, one in measure(model, aligned, args.focus, args.draws).items():
            told[name + suffix] = one
    print(table(told, first))
    times = in_turn(models, dataset, args.rounds)
    for name, took in times.items():
        print(f"{name}: {took['wall_ms']:.0f} ms an image, {took['cpu_ms']:.0f} ms of CPU")
    if args.output is not None:
        for one in told.values():
            one.pop("drawn")
        args.output.write_text(json.dumps({"models": told, "times": times}, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
