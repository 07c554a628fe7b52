"""How well the affinity step tells people apart, against two obvious ways.

    python benchmarks/affinity_quality.py [--composites 100] [--output FOLDER] [--variants]
        [--portrait DIR] [--mask-rcnn DIR]

Three sets, with true boxes and the union of the true masks: composites of 2 to 5 overlapping people
of Clothing Co-Parsing's val.txt, the images of COCO's val.json with at least two people, and
those of both its parts whose people all take 3 % of it or more (TFSEG_DATA). Every way gets the
same boxes and the same mask. The baselines give each foreground pixel to the box, among those that
hold it, with the nearest centre; or to the smallest.
`--portrait` adds a trained model's masks, also for foreground outside of all boxes left alone
(`outside="leave"`) and for the first baseline, `--mask-rcnn` another one's boxes and its own
instances; `--variants` other settings. Instance AP as `tfseg.metrics.CocoAP` computes it. Written
are results.json, results.md and a page of images, worst and best.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import harness
import numpy as np

from tfseg.metrics import CocoAP
from tfseg.models.portrait.affinity import AffinityConfig, detect, split
from tfseg.structures import Prediction, Sample
from tfseg.structures.semantic import predicted_class_map
from tfseg.visualize import draw, grid
from tfseg.visualize.picture_page import Plate, save_plates

LEVELS = (0.5, 0.6, 0.7, 0.8, 0.9)
KEYS = ("segm/AP", *(f"segm/AP{round(100 * level)}" for level in LEVELS))
# People drawn by hand overlap as they please: a double is a matter of detectors.
TRUE_BOXES = AffinityConfig(nms_iou=1.0)

Way = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def inside(boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Returns bool `(K, H, W)`: whether a box holds a pixel's centre."""
    y, x = np.arange(size[0])[:, None] + 0.5, np.arange(size[1]) + 0.5
    y1, x1, y2, x2 = boxes.T[:, :, None, None]
    return (y1 <= y) & (y < y2) & (x1 <= x) & (x < x2)


def cheapest(mask: np.ndarray, costs: np.ndarray, held: np.ndarray) -> np.ndarray:
    """Returns the labels of the box of lowest cost among those that hold each pixel."""
    costs = np.where(held, costs, np.inf)
    return np.where(mask & held.any(axis=0), costs.argmin(axis=0) + 1, 0)


def nearest_centre(image, mask, boxes, scores) -> np.ndarray:
    """The first baseline."""
    if not len(boxes):
        return np.zeros(mask.shape, int)
    y, x = np.arange(mask.shape[0])[:, None] + 0.5, np.arange(mask.shape[1]) + 0.5
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    costs = (y - middle[:, 0, None, None]) ** 2 + (x - middle[:, 1, None, None]) ** 2
    return cheapest(mask, costs, inside(boxes, mask.shape))


def smallest_box(image, mask, boxes, scores) -> np.ndarray:
    """The second baseline."""
    if not len(boxes):
        return np.zeros(mask.shape, int)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)[:, None, None]
    return cheapest(mask, areas, inside(boxes, mask.shape))


def affinity(**settings) -> Way:
    """The affinity step with some settings."""
    return step_of(TRUE_BOXES.replace(**settings))


def step_of(config: AffinityConfig) -> Way:
    """The affinity step with these settings."""
    return lambda image, mask, boxes, scores: split(image, mask, boxes, scores, config=config)


def ways(variants: str | None) -> dict[str, Way]:
    """Returns what is compared, by name."""
    found = {
        "affinity": affinity(),
        "affinity, outside left alone": affinity(outside="leave"),
        "nearest box centre": nearest_centre,
        "smallest box": smallest_box,
    }
    if variants:
        found |= {
            "affinity, colour alone": affinity(weights=(1, 0)),
            "affinity, SLIC of all pixels": affinity(samples=4096),
            "affinity, 36 samples": affinity(samples=36),
            "affinity, 5 rounds": affinity(iterations=5),
            "affinity, boxes above IoU 0.7 dropped": affinity(nms_iou=0.7),
        }
    if variants == "all":
        found["affinity, SLIC of scikit-image"] = affinity(superpixels="scikit-image")
    return found


def as_prediction(labels: np.ndarray, boxes, scores, image_id, *, empty=False) -> Prediction:
    """Returns a prediction of the persons in a map of labels; `empty` keeps those without a pixel,
    so that in images everybody has the same colour."""
    found = [k for k in range(len(boxes)) if empty or (labels == k + 1).any()]
    masks = np.array([labels == k + 1 for k in found]).reshape(-1, *labels.shape)
    fields = {"class_ids": np.ones(len(found)), "class_names": ("person",), "image_id": image_id}
    return Prediction.from_masks(
        masks, boxes=np.asarray(boxes)[found], scores=np.asarray(scores)[found], **fields
    )


def mean_iou(sample: Sample, labels: np.ndarray) -> float:
    """Returns the mean IoU of each person with the pixels of its own box's label."""
    values = []
    for k in np.flatnonzero(~sample.is_crowd):
        truth, found = sample.masks[k], labels == k + 1
        values.append((truth & found).sum() / max((truth | found).sum(), 1))
    return float(np.mean(values))


def composites(data: Path, count: int, size: tuple[int, int]) -> Iterator[Sample]:
    """Yields images of 2 to 5 people who hide 10 to 50 % of one another."""
    from tfseg.data import CompositeDataset, PortraitCropsDataset

    people = PortraitCropsDataset(data / "clothing_co_parsing", "val", crop="full")
    options = {"people_per_picture": (2, 5), "size": size, "overlap": (0.1, 0.5), "seed": 11}
    for sample in CompositeDataset(people, length=count, **options):
        if len(sample) > 1:
            yield sample


def groups(data: Path, least: float = 0.0, parts: tuple[str, ...] = ("val",)) -> Iterator[Sample]:
    """Yields COCO's images of at least two people whose boxes all take this share of it."""
    from tfseg.data import CocoDataset

    folder = data / "coco_person"
    for part in parts:
        dataset = CocoDataset(folder / f"{part}.json", folder / "images", classes=("person",))
        for sample in dataset:
            boxes = sample.boxes[~sample.is_crowd]
            areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
            if len(boxes) > 1 and areas.min() >= least * sample.image[..., 0].size:
                yield sample


class Measure:
    """One way on one set: its AP and the IoU of each image."""

    def __init__(self):
        self.ap, self.ious = CocoAP(("person",), levels=LEVELS), {}

    def add(self, sample: Sample, labels: np.ndarray, boxes, scores) -> None:
        """Takes one image."""
        self.ap.update(sample, as_prediction(labels, boxes, scores, sample.image_id))
        if len(boxes) == len(sample):
            self.ious[str(sample.image_id)] = mean_iou(sample, labels)

    def row(self) -> dict:
        """Returns the numbers."""
        metrics = self.ap.compute().metrics
        row = {key: float(metrics[key]) for key in KEYS}
        if self.ious:
            row["mean_iou"] = float(np.mean(list(self.ious.values())))
        return row


def compare(samples: Iterator[Sample], chosen: dict[str, Way], models: dict) -> tuple:
    """Returns the rows of one set, the IoU of each image by way, and the images."""
    measures = {name: Measure() for name in chosen}
    extra: dict[str, CocoAP | Measure] = {}
    kept = {}
    for sample in samples:
        true = ~sample.is_crowd
        sample = sample.take(true) if not sample.is_crowd.any() else sample
        boxes, mask = sample.boxes[true], sample.masks[true].any(axis=0)
        ones, labels = np.ones(len(boxes)), {}
        for name, way in chosen.items():
            labels[name] = way(sample.image, mask, boxes, ones)
            measures[name].add(sample, labels[name], boxes, ones)
        kept[str(sample.image_id)] = (sample, labels)
        with_models(sample, boxes, mask, models, extra)
        print(f"\r{len(kept)} images", end="", flush=True)
    print()
    rows = {name: measure.row() for name, measure in {**measures, **extra}.items()}
    ious = {name: measure.ious for name, measure in measures.items()}
    return rows, ious, kept


def with_models(sample: Sample, boxes, mask, models: dict, extra: dict) -> None:
    """Adds the rows that need a trained model."""
    settings = AffinityConfig()
    ones = np.ones(len(boxes))
    sources = {"true boxes": (boxes, ones, TRUE_BOXES)}
    masks = {"true mask": mask}
    if "mask_rcnn" in models:
        prediction = models["mask_rcnn"].predict([sample.image])[0]
        persons = prediction[prediction.class_ids == prediction.class_names.index("person") + 1]
        measure = extra.setdefault("Mask R-CNN by itself", Measure())
        fields = {"class_ids": np.ones(len(persons)), "class_names": ("person",)}
        own = Prediction.from_masks(
            persons.masks, boxes=persons.boxes, scores=persons.scores, **fields
        )
        measure.ap.update(sample, own)
        sources["Mask R-CNN's boxes"] = (*detect(lambda _: prediction, sample.image), settings)
    if "portrait" in models:
        prediction = models["portrait"].predict([sample.image])[0]
        number = prediction.class_names.index("person") + 1
        masks["portrait's mask"] = predicted_class_map(prediction) == number
    for from_name, (found, scores, config) in sources.items():
        for mask_name, foreground in masks.items():
            if (from_name, mask_name) == ("true boxes", "true mask"):
                continue
            chosen = {
                "affinity": step_of(config),
                "affinity, outside left alone": step_of(config.replace(outside="leave")),
                "nearest box centre": nearest_centre,
            }
            for way_name, way in chosen.items():
                measure = extra.setdefault(f"{way_name}, {from_name}, {mask_name}", Measure())
                labels = way(sample.image, foreground, found, scores)
                measure.ap.update(sample, as_prediction(labels, found, scores, sample.image_id))


def table(rows: dict) -> str:
    """Returns the rows as Markdown."""
    heads = [key.removeprefix("segm/") for key in KEYS] + ["mean IoU"]
    lines = [f"| | {' | '.join(heads)} |", "|---|" + "---|" * len(heads)]
    for name, row in rows.items():
        cells = [f"{row.get(key, float('nan')):.3f}" for key in (*KEYS, "mean_iou")]
        lines.append(f"| {name} | {' | '.join(cells)} |".replace("nan", "-"))
    return "\n".join(lines)


def plates(title: str, ious: dict, kept: dict, count: int) -> list[Plate]:
    """Returns the worst and the best images of the affinity step, beside truth and baselines."""
    order = sorted(ious["affinity"], key=ious["affinity"].get)
    picked = [("worst", order[:count]), ("best", order[::-1][:count])]
    found = []
    for kind, names in picked:
        cells, words = [], []
        for name in names:
            sample, labels = kept[name]
            true = sample.take(~sample.is_crowd)
            options = {"color_by": "instance", "labels": False, "alpha": 0.55, "keypoints": False}
            cells.append(draw(None, true, **options))
            words.append("truth")
            for way in ("affinity", "nearest box centre", "smallest box"):
                ones = np.ones(len(true))
                shown = as_prediction(labels[way], true.boxes, ones, name, empty=True)
                cells.append(draw(sample.image, shown, **options))
                words.append(f"{way}: IoU {ious[way][name]:.2f}")
        heading = f"{title}: {kind}"
        text = "Truth, affinity step and both baselines, with the mean IoU of the image."
        sheet = grid(cells, words, columns=4, cell=300)
        found.append(Plate(f"{title.lower().replace(' ', '_')}_{kind}", heading, text, sheet))
    return found


def load_models(options) -> dict:
    """Returns the trained models that were named."""
    import tfseg.models

    named = {"portrait": options.portrait, "mask_rcnn": options.mask_rcnn}
    return {name: tfseg.models.load(path) for name, path in named.items() if path}


def main() -> None:
    """Measures all sets, prints and writes everything."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--composites", type=int, default=100, metavar="N")
    parser.add_argument("--size", type=int, nargs=2, default=(512, 384), metavar=("H", "W"))
    parser.add_argument(
        "--variants",
        nargs="?",
        const="fast",
        choices=("fast", "all"),
        help="other settings of the step too; all: also scikit-image's SLIC, seconds an image",
    )
    parser.add_argument("--portrait", metavar="DIR", help="a saved portrait model")
    parser.add_argument("--mask-rcnn", metavar="DIR", help="a saved Mask R-CNN that knows persons")
    parser.add_argument("--pictures", type=int, default=6, metavar="N", help="best and worst")
    parser.add_argument("--output", metavar="FOLDER", help="default: results/affinity_quality")
    options = parser.parse_args()
    data = Path(os.environ.get("TFSEG_DATA", harness.ROOT / ".." / "shared" / "data"))
    output = Path(options.output or harness.ROOT / "benchmarks" / "results" / "affinity_quality")
    models, chosen = load_models(options), ways(options.variants)
    sets = {
        "Composites": composites(data, options.composites, tuple(options.size)),
        "COCO groups": groups(data),
        "COCO groups near by": groups(data, 0.03, ("val", "train")),
    }
    results = {"benchmark": "affinity_quality", "settings": vars(options), "sets": {}}
    texts, pages = [], []
    for title, samples in sets.items():
        rows, ious, kept = compare(samples, chosen, models)
        people = sum(int((~sample.is_crowd).sum()) for sample, _ in kept.values())
        head = f"{title}: {len(kept)} images, {people} people"
        texts.append(f"{head}\n\n{table(rows)}\n")
        print(texts[-1])
        results["sets"][title] = {"pictures": len(kept), "people": people, "rows": rows}
        results["sets"][title]["ious"] = ious
        pages += plates(title, ious, kept, options.pictures)
    results["machine"] = harness.machine()
    harness.write(results, output / "results.json")
    (output / "results.md").write_text("\n".join(texts), encoding="utf-8")
    lead = "One mask and a box each; colours are persons."
    print(f"wrote {save_plates(output, 'The affinity step', lead, pages)}")


if __name__ == "__main__":
    main()
