"""What HPTR says of photographs of one person each, beside what needs no looking.

    python benchmarks/hptr_quality.py MODEL DATA/clothing_co_parsing --composites 200

Labels are derived by the rules of `tfseg.data.published.clothing_parsing` from hand-made tags.
Each photograph's person is the prediction that overlaps the labelled one most, by an IoU from 0.5;
without one, nothing was said. Told are, with 95 % intervals of a bootstrap over photographs:

- F1 of the list of garments a photograph: left and right shoe are one, skin and hair none, and less
  than `--least-share` of the person's pixels is not there, on both sides;
- of the garments that were found, the share whose colour is that of the rule; beside it the share
  that the most frequent colour of `train.txt` has;
- mIoU of attributes over all pixels, beside that of a map that has at each place of the image what
  is there most often in `train.txt`.

With `--composites` all measures are told of as many images with one to four people of `val.txt`
each, too, beside the same kind of map made of the same number of images of people of `train.txt`.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np

import tfseg
from tfseg.data.opening.sources import open_dataset
from tfseg.data.published.clothing_parsing import ClothingParsingDataset
from tfseg.metrics.map_iou import MapIoU
from tfseg.opencv import cv2
from tfseg.structures import rle
from tfseg.structures.label_maps import IGNORED
from tfseg.structures.labels import CCIHP_ATTRIBUTES, CCIHP_CHARACTERIZED, CCIHP_COLORS

GARMENTS = {
    number: CCIHP_ATTRIBUTES[number].removeprefix("left_").removeprefix("right_")
    for number in CCIHP_CHARACTERIZED
    if CCIHP_ATTRIBUTES[number] != "hair"
}
GRID = (96, 64)
COMPOSITES = dict(
    format="composites",
    people_format="clothing_parsing",
    people_maps=["attributes", "sizes", "colors"],
    people_per_picture=[1, 4],
    size=[256, 192],
    match=0.0,
    backgrounds="voc_people/backgrounds",
)
"""As in `configs/hptr/clothing.yaml`."""


def shares(attributes, person) -> dict[str, float]:
    """Returns the share of a person's pixels of each garment."""
    counts = np.bincount(attributes[person], minlength=256)
    found: dict[str, float] = {}
    for number, name in GARMENTS.items():
        found[name] = found.get(name, 0.0) + counts[number] / max(person.sum(), 1)
    return found


def true_colors(sample) -> dict[str, str]:
    """Returns the colour of each garment, where the rule knows it."""
    attributes, colors = sample.label_maps["attributes"], sample.label_maps["colors"]
    told = {}
    for name in set(GARMENTS.values()):
        there = np.isin(attributes, [n for n, one in GARMENTS.items() if one == name])
        known = colors[there & (colors > 0) & (colors != IGNORED)]
        if known.size:
            told[name] = CCIHP_COLORS[int(np.bincount(known).argmax())]
    return told


def of_the_person(sample, prediction) -> int | None:
    """Returns the position of the prediction that is the labelled person."""
    if not len(prediction):
        return None
    ious = rle.iou(list(prediction.rles), [rle.encode(sample.masks[0])])[:, 0]
    return int(ious.argmax()) if ious.max() >= 0.5 else None


def compared(sample, prediction, least: float) -> dict:
    """Returns hits, guesses and truths of garments, and of the hits how many colours agree."""
    share = shares(sample.label_maps["attributes"], sample.masks[0])
    truth = {name for name, part in share.items() if part >= least}
    which, found, colors = of_the_person(sample, prediction), set(), {}
    if which is not None:
        person = prediction.masks[which]
        parts = prediction.label_maps["attributes"]
        found = {name for name, part in shares(parts, person).items() if part >= least}
        sized = sorted(prediction.attributes[which], key=lambda a: rle.area([a.rle])[0])
        for one in sized:  # of two shoes the larger one tells
            name = one.name.removeprefix("left_").removeprefix("right_")
            if "color" in one.traits:
                colors[name] = one.traits["color"].value
    known = true_colors(sample)
    both = [name for name in truth & found if name in known]
    return {
        "hits": len(truth & found),
        "found": len(found),
        "truth": len(truth),
        "colored": len(both),
        "agree": sum(colors.get(name) == known[name] for name in both),
        "colors": [known[name] for name in both],
    }


def f1(row) -> float:
    total = row["found"] + row["truth"]
    return 2 * row["hits"] / total if total else 1.0


def most_frequent(dataset) -> tuple[np.ndarray, str]:
    """Returns the most frequent attribute at each place of a grid, and the most frequent colour."""
    counts = np.zeros((*GRID, len(CCIHP_ATTRIBUTES)), np.int32)
    colors = np.zeros(len(CCIHP_COLORS), np.int64)
    for index in range(len(dataset)):
        sample = dataset[index]
        small = cv2.resize(
            sample.label_maps["attributes"].astype(np.uint8), GRID[::-1], interpolation=0
        )
        for number in range(len(CCIHP_ATTRIBUTES)):
            counts[..., number] += small == number
        for color in true_colors(sample).values():
            colors[CCIHP_COLORS.index(color)] += 1
    return counts.argmax(-1).astype(np.uint8), CCIHP_COLORS[int(colors.argmax())]


def measured(model, dataset, places, limit: int | None = None):
    """Returns the report of a model, and the attribute mIoU of one map for all images."""
    prior = MapIoU(model.config.attributes)
    for index in range(min(len(dataset), limit or len(dataset))):
        truth = dataset[index].label_maps["attributes"]
        prior.update(truth, cv2.resize(places, truth.shape[::-1], interpolation=0))
    return model.evaluate(dataset, limit=limit), prior.compute()["miou"]


def tell(report, baseline: float) -> None:
    print(f"{'attribute mIoU':<34}{report['miou']:.3f}; most frequent at each place {baseline:.3f}")
    for name in sorted(report.metrics):
        print(f"{name:<34}{report.metrics[name]:.3f}")


def bootstrapped(value, rows, draws: int) -> tuple[float, float, float]:
    """Returns a number of all rows and its 95 % interval."""
    random = np.random.default_rng(0)
    picks = [random.integers(0, len(rows), len(rows)) for _ in range(draws)]
    drawn = [value([rows[k] for k in pick]) for pick in picks]
    return (value(rows), *map(float, np.nanpercentile(drawn, [2.5, 97.5])))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model")
    parser.add_argument("data", type=Path, help="Clothing Co-Parsing with derived/parts")
    parser.add_argument("--least-share", type=float, default=0.005)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--composites", type=int, default=0)
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    model = tfseg.load(args.model)
    places, color = most_frequent(ClothingParsingDataset(args.data, "train"))
    dataset = ClothingParsingDataset(args.data, "val")
    samples = (dataset[index] for index in range(min(len(dataset), args.limit or len(dataset))))
    rows = [compared(one, model.predict(one)[0], args.least_share) for one in samples]
    report, baseline = measured(model, dataset, places, args.limit)
    told = {
        "garments, F1 a photograph": lambda r: float(np.mean([f1(one) for one in r])),
        "colour agrees": lambda r: (
            sum(o["agree"] for o in r) / max(sum(o["colored"] for o in r), 1)
        ),
        f"colour agrees, always {color}": lambda r: (
            sum(o["colors"].count(color) for o in r) / max(sum(o["colored"] for o in r), 1)
        ),
    }
    numbers = {name: bootstrapped(value, rows, args.draws) for name, value in told.items()}
    for name, (value, low, high) in numbers.items():
        print(f"{name:<34}{value:.3f} ({low:.3f} to {high:.3f})")
    tell(report, baseline)
    every = {"numbers": numbers, "baseline_miou": baseline, "report": report.to_dict()}
    if args.composites:
        parts = [
            open_dataset(
                args.data,
                split=split,
                length=args.composites,
                val_length=args.composites,
                **COMPOSITES,
            )
            for split in ("train", "val")
        ]
        report, baseline = measured(model, parts[1], most_frequent(parts[0])[0])
        print(f"\n{args.composites} composites")
        tell(report, baseline)
        every["composites"] = {"baseline_miou": baseline, "report": report.to_dict()}
    if args.output is not None:
        args.output.write_text(json.dumps(every, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
