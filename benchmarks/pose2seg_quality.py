"""Masks of Pose2Seg beside the bound of alignment, hulls of joints, and a model without poses.

    python benchmarks/pose2seg_quality.py MODEL --data DATA --noise 0 0.05 0.1 --other OTHER_MODEL

For joints moved by a share of each person's longer side: COCO's mask AP of medium and large people,
of all and of those whose box overlaps another's by more than 0.5, with 95 % intervals of a
bootstrap over images; and the differences to the hulls and to the other model, whose one class is
people, on the same images. `--pictures FILE.png` draws the first images with people who overlap so:
the truth with its joints, this model's masks, the other's.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np

import tfseg
from tfseg.cli import datasets
from tfseg.data.aligned import align_classes
from tfseg.metrics.occlusion import overlapping
from tfseg.models.pose2seg.inputs import EXTRAS
from tfseg.models.pose2seg.targets import disturbed
from tfseg.structures import rle
from tfseg.structures.poses import Poses
from tfseg.visualize import draw, grid, save_png

LEVELS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0, 1, 101)
LEAST_AREA = 32**2
VIEWS = ("all", "occluded")


def matched(prediction, truth_rles, ignored):
    """One image by COCO's rule: `(scores, hits (N, 10), passed over (N, 10), truths)`."""
    order = np.argsort(-prediction.scores, kind="stable")[:100]
    found = [prediction.rles[k] for k in order]
    areas = rle.area(truth_rles) if len(truth_rles) else np.zeros(0)
    outside = ignored | (areas < LEAST_AREA)
    last = np.argsort(outside, kind="stable")
    truth_rles = [truth_rles[k] for k in last]
    outside, crowd = outside[last], ignored[last]
    ious = np.asarray(rle.iou(found, truth_rles, crowd)).reshape(len(found), len(truth_rles))
    hits = np.zeros((len(found), 10), bool)
    passed = np.zeros((len(found), 10), bool)
    small = np.array([area < LEAST_AREA for area in rle.area(found)], bool) if found else hits[:, 0]
    for level, least in enumerate(LEVELS):
        taken = np.zeros(len(truth_rles), bool)
        for row in range(len(found)):
            best, which = min(least, 1 - 1e-10), -1
            for column in range(len(truth_rles)):
                if taken[column] and not crowd[column]:
                    continue
                if which > -1 and not outside[which] and outside[column]:
                    break
                if ious[row, column] < best:
                    continue
                best, which = ious[row, column], column
            if which >= 0:
                taken[which] = True
                hits[row, level] = not outside[which]
                passed[row, level] = outside[which]
            else:
                passed[row, level] = small[row]
    return prediction.scores[order], hits, passed, int((~outside).sum())


def average_precision(rows) -> float:
    """COCO's AP of some images' results of `matched`; NaN without truths."""
    truths = sum(row[3] for row in rows)
    if not truths:
        return float("nan")
    scores = np.concatenate([row[0] for row in rows])
    order = np.argsort(-scores, kind="mergesort")
    hits = np.concatenate([row[1] for row in rows])[order]
    passed = np.concatenate([row[2] for row in rows])[order]
    values = []
    for level in range(10):
        kept = hits[~passed[:, level], level]
        good = np.cumsum(kept)
        recall, precision = good / truths, good / np.arange(1, len(kept) + 1)
        precision = np.maximum.accumulate(precision[::-1])[::-1]
        at = np.searchsorted(recall, RECALLS, side="left")
        values.append(np.append(precision, 0.0)[np.minimum(at, len(precision))].mean())
    return float(np.mean(values))


def interval(draws) -> list[float]:
    return [float(value) for value in np.nanpercentile(draws, [2.5, 97.5])]


def gathered(model, samples, noise: float, other, seed: int) -> dict:
    """Returns contestant -> view -> what `matched` says of each image."""
    random, config = np.random.default_rng(seed), model.config
    results: dict = {}
    for sample in samples:
        true = EXTRAS[0].truth(sample, config)
        moved = disturbed(true.keypoints, noise, 0.0, random).astype(np.float32)
        poses = Poses(moved, true.scores)
        ((_, found),) = model._predict_dataset(
            tfseg.data.ListDataset([sample], ("person",)), poses=[poses]
        )
        every = {"pose2seg": found, **found.beside}
        if other is not None:
            every["other"] = other.predict(sample, score_threshold=0.05)[0]
        jointless = ~(sample.keypoints[..., 2] > 0).any(axis=1)
        ignored = sample.is_crowd | jointless
        pairs = overlapping(sample.boxes, ~ignored)
        truth = [rle.encode(mask) for mask in sample.masks]
        for name, one in every.items():
            views = results.setdefault(name, {view: [] for view in VIEWS})
            views["all"].append(matched(one, truth, ignored))
            if pairs.any():
                views["occluded"].append(matched(one, truth, ~pairs))
    return results


def pictures(model, samples, other, limit: int = 8) -> np.ndarray:
    """Returns a sheet, one row an image with people who overlap by half: truth, Pose2Seg, other."""
    shown = []
    for sample in samples:
        if len(shown) < limit and overlapping(sample.boxes, ~sample.is_crowd).any():
            shown.append(sample)
    images, captions = [], []
    style = {"scores": False, "labels": False, "boxes": False, "legend": False}
    for sample in shown:
        found = {"Pose2Seg": model.predict(sample.image, poses=[sample.keypoints])[0]}
        if other is not None:
            found["without poses"] = other.predict(sample)[0]
        images.append(draw(sample.image, sample, min_side=320, **style))
        captions.append(f"truth: {len(sample)} people")
        for name, one in found.items():
            images.append(draw(sample.image, one, min_side=320, keypoints=False, **style))
            captions.append(f"{name}: {len(one)}")
    return grid(images, captions, columns=2 + (other is not None))


def table(results: dict, draws: int, seed: int) -> dict:
    """Returns the numbers with their intervals, and paired differences to "pose2seg"."""
    told: dict = {}
    for view in VIEWS:
        count = len(results["pose2seg"][view])
        told[view] = {"images": count, "people": sum(r[3] for r in results["pose2seg"][view])}
        if not count:
            continue
        random = np.random.default_rng(seed)
        chosen = [random.integers(0, count, count) for _ in range(draws)]
        drawn = {
            name: np.array([average_precision([rows[view][k] for k in pick]) for pick in chosen])
            for name, rows in results.items()
        }
        for name, rows in results.items():
            line = {"AP": average_precision(rows[view]), "interval": interval(drawn[name])}
            if name != "pose2seg":
                line["pose2seg_is_better_by"] = interval(drawn["pose2seg"] - drawn[name])
            told[view][name] = line
    return told


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model")
    datasets.add_arguments(parser, split="val")
    parser.add_argument("--noise", type=float, nargs="+", default=[0.0, 0.05, 0.1])
    parser.add_argument("--other", help="a model that finds people without poses")
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--pictures", type=Path, help="draw people who overlap into this PNG")
    args = parser.parse_args()
    model = tfseg.load(args.model)
    other = None if args.other is None else tfseg.load(args.other)
    settings = datasets.data_section(args)
    dataset = datasets.open_split(args, settings, "val", args.split, classes=model.class_names)
    dataset = align_classes(dataset, model.class_names)
    samples = [dataset[k] for k in range(min(len(dataset), args.limit or len(dataset)))]
    if args.pictures is not None:
        save_png(args.pictures, pictures(model, samples, other))
    told = {}
    for noise in args.noise:
        told[str(noise)] = table(gathered(model, samples, noise, other, args.seed), args.draws, 0)
        for view, lines in told[str(noise)].items():
            counts = f"{lines.pop('people')} people, {lines.pop('images')} images"
            for name, line in lines.items():
                low, high = line["interval"]
                better = line.get("pose2seg_is_better_by")
                gap = (
                    "" if better is None else f"   Pose2Seg - it: {better[0]:+.3f} {better[1]:+.3f}"
                )
                print(f"{noise:<6}{view:<10}{name:<10}{line['AP']:.3f} ({low:.3f}-{high:.3f}){gap}")
            print(f"{noise:<6}{view:<10}{counts}")
    if args.output is not None:
        args.output.write_text(json.dumps(told, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
