"""Whether what HPTR takes for a person is one, and who is missed, where people have no instances.

    python benchmarks/hptr_regions.py MODEL DATA/voc_people --set score_kind=class

On photographs with a mask of all people: the share of the predicted people of whom more than half
lies on the mask, and of the mask's connected parts of more than 2 % of the image the share of which
more than half is one predicted person. `--set` changes settings of the model.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import yaml

import tfseg

PERSON, IGNORED, LEAST_SHARE = 1, 255, 0.02


def counts(classes, owners) -> np.ndarray:
    """Returns how many people were predicted, how many of these are on people, how many parts of
    people there are, and how many of these were found."""
    there, known = classes == PERSON, classes != IGNORED
    predicted = np.unique(owners[owners > 0])
    inside = [there[(owners == number) & known] for number in predicted]
    right = sum(bool(one.size and one.mean() > 0.5) for one in inside)
    count, parts = cv2.connectedComponents(there.astype(np.uint8))
    masks = [parts == number for number in range(1, count)]
    masks = [mask for mask in masks if mask.mean() > LEAST_SHARE]
    most = [np.bincount(owners[mask], minlength=2)[1:].max() / mask.sum() for mask in masks]
    return np.array([len(predicted), right, len(masks), sum(share > 0.5 for share in most)])


def main() -> None:
    """Measures one model and prints a line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model")
    parser.add_argument("data", type=Path)
    parser.add_argument("--split", default="val")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    args = parser.parse_args()
    ids = (args.data / f"{args.split}.txt").read_text().split()
    data = tfseg.ImageMaskDataset(args.data, ids=ids)
    model = tfseg.load(args.model)
    changes = dict(text.split("=", 1) for text in args.set)
    model.set_params(**{name: yaml.safe_load(value) for name, value in changes.items()})
    total = np.zeros(4, int)
    for index in range(len(data)):
        sample = data[index]
        (found,) = model.predict(sample.image)
        total += counts(sample.label_maps["classes"], found.label_maps["instances"])
    predicted, right, parts, seen = total.tolist()
    print(
        f"{len(data)} photographs: {predicted} predicted, {right / max(predicted, 1):.3f} of them "
        f"on people; {parts} people, {seen / max(parts, 1):.3f} of them found"
    )


if __name__ == "__main__":
    main()
