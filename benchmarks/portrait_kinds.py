"""Portrait models by kinds of photograph, at several sizes, with MediaPipe beside every row.

    TFSEG_DATA=../shared/data python benchmarks/portrait_kinds.py --models savedmodels/portrait \
        --peer-python ../mediapipe/bin/python [--deeplab FILE.tflite] [--failures FOLDER]

Kinds: portrait crops and whole photographs of Clothing Co-Parsing's val.txt, people near by in
COCO, people of PASCAL VOC; `kinds/sets.py` has their rules. Measured are the person IoU pooled over
all pixels, with the 95 % interval of a bootstrap over images (2000 resamples, one seed), the mean
IoU of an image, and boundary F within 2 pixels.

Then the images are made smaller (area filter) and larger (bilinear) by `--factors`. What is found
on the changed image is brought back to the original's size, opacity before threshold (area filter
or bilinear), and compared with the truth there. Models are folders, through `predict`, or files for
phones (.tflite).
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import harness
import numpy as np
from kinds import failures, report
from kinds.contestants import THRESHOLD, DeepLab, Folder, MediaPipe, PhoneFile, batches
from kinds.scores import Scores, difference
from kinds.sets import KINDS, Kind, open_kinds


def scaled(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Returns uint8 `(H, W)` or `(H, W, 3)` at another size, through an area filter where it gets
    smaller and bilinear where larger."""
    from tfseg.opencv import cv2

    if image.shape[:2] == size:
        return image
    smaller = size[0] * size[1] < image.shape[0] * image.shape[1]
    kind = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return cv2.resize(np.ascontiguousarray(image), size[::-1], interpolation=kind)


def masks(contestant, images: Iterator[np.ndarray], factor: float) -> Iterator[np.ndarray]:
    """Yields where the person is, bool `(H, W)` of each image, found at another size of it."""
    sizes: list[tuple[int, int]] = []

    def changed():
        for image in images:
            sizes.append(image.shape[:2])
            yield scaled(image, tuple(max(1, round(side * factor)) for side in image.shape[:2]))

    for batch in batches(changed()):
        for opacity in contestant.opacities(batch):
            yield scaled(opacity, sizes.pop(0)) >= THRESHOLD


def measure(contestant, kind: Kind, factor: float) -> Scores:
    """Returns the scores of one contestant on one kind of photograph."""
    scores, waiting = Scores(), []

    def images():
        for place in range(kind.count):
            waiting.append(kind.read(place))
            yield waiting[-1].image

    for done, mask in enumerate(masks(contestant, images(), factor), 1):
        shown = waiting.pop(0)
        scores.add(shown.name, shown.truth, mask, boundary=kind.boundary and factor == 1)
        bar = "#" * (20 * done // kind.count)
        line = f"\r{contestant.name}, {kind.name}, x {factor:g} [{bar:20}] {done}/{kind.count}"
        print(line, end="" if done < kind.count else "\n", file=sys.stderr, flush=True)
    return scores


def write_failures(folder: Path, contestant, kind: Kind, scores: Scores, count: int) -> None:
    """Writes the images of one kind where the contestant was worst."""
    ious = scores.ious()
    for rank, place in enumerate(np.argsort(ious, kind="stable")[:count], 1):
        shown = kind.read(int(place))
        (mask,) = masks(contestant, iter([shown.image]), 1)
        failures.write(folder, kind.name, contestant.name, rank, ious[place], shown, mask)


def contestants(args: argparse.Namespace) -> Iterator:
    """Yields who is measured, one at a time."""
    threads = args.threads or len(os.sched_getaffinity(0))
    for path in args.models:
        yield PhoneFile(path, threads) if path.endswith(".tflite") else Folder(path, args.engine)
    if args.peer_python:
        yield MediaPipe(args.peer_python)
    if args.deeplab:
        yield DeepLab(args.deeplab, threads)


def parsed() -> argparse.Namespace:
    """Returns the command's words."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--models", nargs="+", default=["savedmodels/portrait"], metavar="PATH")
    parser.add_argument("--engine", choices=("tensorflow", "litert"), default="tensorflow")
    peer = os.environ.get("TFSEG_PEER_PYTHON")
    parser.add_argument("--peer-python", default=peer, help="interpreter with mediapipe")
    parser.add_argument("--deeplab", metavar="FILE", help="DeepLabv3 of PASCAL VOC, quantised")
    parser.add_argument("--sets", nargs="+", choices=tuple(KINDS), default=list(KINDS))
    parser.add_argument("--factors", nargs="+", type=float, default=[1, 0.5, 0.25, 2, 4])
    parser.add_argument("--limit", type=int, metavar="N", help="the first images of each alone")
    parser.add_argument("--threads", type=int, help="of TFLite files; default: all cores")
    parser.add_argument("--failures", metavar="FOLDER", help="the worst images, with outlines")
    parser.add_argument("--worst", type=int, default=12, metavar="N", help="how many of each")
    parser.add_argument("--output", metavar="FILE", help="default: results/portrait_kinds.json")
    args = parser.parse_args()
    args.factors = list(dict.fromkeys([1.0, *args.factors]))
    return args


def written(results: dict, kinds: list[Kind], names: list[str], factors: list[float]) -> str:
    """Returns both tables with the rules behind them."""
    peer = next((name for name in names if name.startswith("MediaPipe")), None)
    titles = [kind.name for kind in kinds]
    rules = "\n".join(f"- {kind.name}: {kind.rule}." for kind in kinds)
    parts = [rules, report.quality_table(results, titles, names, peer)]
    if len(factors) > 1:
        parts.append(report.factor_table(results, titles, names, factors))
    return "\n\n".join(parts) + "\n"


def recorded(results: dict, names: list[str]) -> list[dict]:
    """Returns one row for each contestant, kind and factor, with every image's counts."""
    rows = []
    for (kind, name, factor), scores in results.items():
        row = {"kind": kind, "model": name, "factor": factor, **scores.record()}
        if factor != 1:
            row["from_factor_1"] = difference(scores, results[kind, name, 1])
        rows.append(row)
    return rows


def main() -> None:
    """Measures everybody, shows the tables and writes them."""
    args = parsed()
    data = Path(os.environ.get("TFSEG_DATA", harness.ROOT / ".." / "shared" / "data"))
    kinds = open_kinds(args.sets, data, args.limit)
    results, names = {}, []
    for contestant in contestants(args):
        if contestant.name in names:  # another folder of the same name
            contestant.name += f" ({len(names) + 1})"
        names.append(contestant.name)
        for kind in kinds:
            for factor in args.factors:
                scores = measure(contestant, kind, factor)
                results[kind.name, contestant.name, factor] = scores
            if args.failures:
                own = results[kind.name, contestant.name, 1]
                write_failures(Path(args.failures), contestant, kind, own, args.worst)
        contestant.close()
    text = written(results, kinds, names, args.factors)
    output = Path(args.output or harness.ROOT / "benchmarks" / "results" / "portrait_kinds.json")
    found = {"benchmark": "portrait_kinds", "settings": vars(args), "machine": harness.machine()}
    harness.write({**found, "rows": recorded(results, names)}, output)
    output.with_suffix(".md").write_text(text, encoding="utf-8")
    print(f"{text}\nwrote {output} and {output.with_suffix('.md')}")


if __name__ == "__main__":
    main()
