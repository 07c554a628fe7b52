"""How far one gets without looking: the mean box and mask of each class for every photograph.

    python benchmarks/clothing_baseline.py ../shared/data/clothing_co_parsing

`--config configs/comask/clothing.yaml` reads the classes of that experiment.

The predictor learns, from the training photographs, each class's mean box (relative to the
image), its mean mask within that box, and how often the class occurs, which is its score. A
trained model has to beat these numbers by far. Writes benchmarks/results/clothing_baseline.json.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from tfseg.cli import datasets
from tfseg.geometry.mini_masks import mini_masks
from tfseg.metrics import InstanceEvaluator
from tfseg.structures import Prediction, Sample, rle
from tfseg.structures.pasting import paste_mask

MASK_SIZE = 56


class MeanPredictor:
    """Says the same about every image."""

    def __init__(self, dataset):
        self.class_names = dataset.class_names
        boxes = {k: [] for k in range(1, len(self.class_names) + 1)}
        masks = {k: [] for k in boxes}
        for index in range(len(dataset)):
            sample = dataset[index]
            scale = np.array([*sample.size, *sample.size], np.float32)
            small = mini_masks(sample.masks, sample.boxes, MASK_SIZE)
            for class_id, box, mask in zip(sample.class_ids, sample.boxes, small):
                boxes[int(class_id)].append(box / scale)
                masks[int(class_id)].append(mask)
        self.classes = [k for k in boxes if boxes[k]]
        self.scores = np.array([len(boxes[k]) / len(dataset) for k in self.classes])
        self.boxes = np.array([np.mean(boxes[k], axis=0) for k in self.classes])
        self.masks = [np.mean(masks[k], axis=0) for k in self.classes]

    def predict(self, sample: Sample) -> Prediction:
        """Returns the mean of each class, most frequent first."""
        order = np.argsort(-self.scores)
        boxes = self.boxes[order] * np.array([*sample.size, *sample.size])
        rles = []
        for index, box in zip(order, boxes):
            crop, top, left = paste_mask(self.masks[index], box, sample.size)
            rles.append(rle.encode_crop(crop, top, left, sample.size))
        return Prediction(
            size=sample.size,
            boxes=boxes,
            class_ids=np.array(self.classes)[order],
            scores=self.scores[order],
            rles=tuple(rles),
            class_names=self.class_names,
            image_id=sample.image_id,
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    datasets.add_arguments(parser, positional=True, split="val")
    args = parser.parse_args()
    settings = datasets.data_section(args)
    predictor = MeanPredictor(datasets.open_split(args, settings, "train", "train"))
    val = datasets.open_split(args, settings, "val", args.split)
    evaluator = InstanceEvaluator(val.class_names)
    for index in range(len(val)):
        sample = val[index]
        evaluator.update(sample, predictor.predict(sample))
    report = evaluator.compute({"dataset": "val", "predictor": "mean box and mask of each class"})
    print(report)
    target = Path(__file__).parent / "results" / "clothing_baseline.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(report.to_dict(), indent=2) + "\n")


if __name__ == "__main__":
    main()
