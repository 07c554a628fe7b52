"""Which rule for foreground outside of all boxes is the better one, with a portrait model's masks.

    TFSEG_DATA=../shared/data python benchmarks/affinity_outside.py [--portrait DIR]

The sets are those of `affinity_quality.py`; boxes are the true ones, masks the model's. Compared
are `AffinityConfig(outside="join")`, `outside="leave"` and giving each pixel to the nearest box
centre. Measured are instance AP and, of each image without a crowd region, the mean IoU of its
people; the differences to "join" come with the 95 % interval of a bootstrap over these images. At
the end all sets count alike.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
from pathlib import Path

import harness
import numpy as np
from affinity_quality import TRUE_BOXES, Measure, composites, groups, nearest_centre, step_of

RULES = {
    "join": step_of(TRUE_BOXES.replace(outside="join")),
    "leave": step_of(TRUE_BOXES.replace(outside="leave")),
    "nearest box centre": nearest_centre,
}
RESAMPLES = 2000


def compare(samples, model, title: str) -> tuple[dict[str, Measure], int]:
    """Returns what each rule reaches on one set, and the number of images."""
    from tfseg.structures.semantic import predicted_class_map

    measures, done = {name: Measure() for name in RULES}, 0
    for done, sample in enumerate(samples, 1):
        true = ~sample.is_crowd
        sample = sample.take(true) if not sample.is_crowd.any() else sample
        boxes, (prediction,) = sample.boxes[true], model.predict([sample.image])
        person = prediction.class_names.index("person") + 1
        mask, ones = predicted_class_map(prediction) == person, np.ones(len(boxes))
        for name, rule in RULES.items():
            labels = rule(sample.image, mask, boxes, ones)
            measures[name].add(sample, labels, boxes, ones)
        print(f"\r{title}: {done} images", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return measures, done


def against(one: Measure, other: Measure) -> dict:
    """Returns the mean over images of one's IoU minus the other's, with its interval."""
    names = [name for name in one.ious if name in other.ious]
    each = np.array([one.ious[name] - other.ious[name] for name in names])
    rows = np.random.default_rng(0).integers(0, len(each), (RESAMPLES, len(each)))
    low, high = np.percentile(each[rows].mean(axis=1), (2.5, 97.5))
    return {"difference": float(each.mean()), "interval": (float(low), float(high))}


def rows_of(measures: dict[str, Measure]) -> dict[str, dict]:
    """Returns the numbers of one set by rule."""
    found = {}
    for name, measure in measures.items():
        found[name] = measure.row()
        if name != "join":
            found[name]["minus_join"] = against(measure, measures["join"])
    return found


def table(results: dict[str, dict]) -> str:
    """Returns Markdown, and as its last lines what the mean over sets says."""
    lines = [
        "| set | rule | AP | AP50 | mean IoU | minus join (95 %) |",
        "|---|---|---|---|---|---|",
    ]
    for title, entry in results.items():
        for name, row in entry["rows"].items():
            cells = [f"{row[key]:.3f}" for key in ("segm/AP", "segm/AP50")]
            cells.append(f"{row.get('mean_iou', float('nan')):.4f}".replace("nan", "-"))
            told, found = "", row.get("minus_join")
            if found:
                low, high = found["interval"]
                told = f"{found['difference']:+.4f} ({low:+.4f} to {high:+.4f})"
            lines.append(f"| {title} ({entry['images']}) | {name} | {' | '.join(cells)} | {told} |")
    lines.append("")
    for name in RULES:
        rows = [entry["rows"][name] for entry in results.values()]
        ap, iou = (np.mean([row[key] for row in rows]) for key in ("segm/AP", "mean_iou"))
        lines.append(f"Mean over sets, {name}: AP {ap:.4f}, mean IoU {iou:.4f}")
    return "\n".join(lines)


def main() -> None:
    """Measures all sets, prints and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--portrait", default="portrait", metavar="DIR", help="or a model's name")
    parser.add_argument("--engine", choices=("tensorflow", "litert"), default="tensorflow")
    parser.add_argument("--composites", type=int, default=40, metavar="N")
    parser.add_argument("--limit", type=int, metavar="N", help="the first images of each alone")
    parser.add_argument("--output", metavar="FILE", help="default: results/affinity_outside.json")
    options = parser.parse_args()
    import tfseg

    data = Path(os.environ.get("TFSEG_DATA", harness.ROOT / ".." / "shared" / "data"))
    model = tfseg.load(options.portrait, engine=options.engine)
    sets = {
        "Composites": composites(data, options.composites, (512, 384)),
        "COCO groups": groups(data),
        "COCO groups near by": groups(data, 0.03, ("val", "train")),
    }
    results = {}
    for title, samples in sets.items():
        measures, images = compare(itertools.islice(samples, options.limit), model, title)
        results[title] = {"images": images, "rows": rows_of(measures)}
    output = Path(options.output or harness.ROOT / "benchmarks/results/affinity_outside.json")
    found = {"benchmark": "affinity_outside", "settings": vars(options), "sets": results}
    harness.write({**found, "machine": harness.machine()}, output)
    text = table(results)
    output.with_suffix(".md").write_text(text + "\n", encoding="utf-8")
    print(f"{text}\nwrote {output} and {output.with_suffix('.md')}")


if __name__ == "__main__":
    main()
