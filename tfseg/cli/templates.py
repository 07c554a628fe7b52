"""Make pose templates from the people of a dataset.

Poses are brought to a unit square by their boxes and clustered, each mirrored as well; the centre
of each cluster is a template, the most frequent first. OUT is a JSON file in the form of Pose2Seg's
public code, which reads it too; beside it a PNG file of the same name shows them.

A model takes them as its setting `templates`:

  Pose2Seg(templates=read_templates("mine.json").rows)
"""

from __future__ import annotations

import argparse
from pathlib import Path

from tfseg.cli import datasets
from tfseg.cli.progress import show_progress
from tfseg.errors import ConfigError, DataError
from tfseg.results import places

EXAMPLES = """\
  tfseg templates coco2017/annotations/person_keypoints_train2017.json --count 3 --out mine.json
  tfseg templates ../shared/data/coco_person --out two.json --count 2 --min-joints 10
  tfseg templates synthetic:length=500 --out drawn.json"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the words of this verb."""
    datasets.add_arguments(parser, positional=True, split="train")
    parser.add_argument("--out", required=True, metavar="OUT", help="JSON file to write")
    parser.add_argument("--count", type=datasets.positive, default=3, help="default: 3")
    parser.add_argument(
        "--min-joints",
        type=datasets.positive,
        default=8,
        help="leave out people with fewer labelled joints; default: 8",
    )
    parser.add_argument("--limit", type=datasets.positive, help="the first N images only")
    parser.add_argument("--seed", type=int, default=0, help="of the random starts; default: 0")


def run(args: argparse.Namespace) -> int:
    """Writes the templates, and says what they are."""
    import numpy as np

    from tfseg.models.pose2seg.skeleton.clustering import cluster_templates
    from tfseg.models.pose2seg.skeleton.templates import write_templates
    from tfseg.visualize.files import save_png
    from tfseg.visualize.templates import draw_templates

    places.check_place(args.out, (".json",), "--out")
    out = Path(args.out)
    if out.suffix != ".json":
        raise ConfigError(f"--out {args.out}: expected the name of a JSON file.")
    dataset = datasets.open_split(args, datasets.data_section(args), "train", args.split)
    count = min(len(dataset), args.limit or len(dataset))
    keypoints, boxes = [], []
    for index in range(count):
        sample = dataset[index]
        if sample.keypoints is not None:
            people = ~sample.is_crowd
            keypoints.append(sample.keypoints[people])
            boxes.append(sample.boxes[people])
        show_progress(index + 1, count)
    if not keypoints:
        raise DataError("the dataset has no keypoints: nothing can be clustered.")
    found = cluster_templates(
        np.concatenate(keypoints),
        np.concatenate(boxes),
        args.count,
        min_joints=args.min_joints,
        seed=args.seed,
    )
    write_templates(found, out)
    picture = out.with_suffix(".png")
    save_png(picture, draw_templates(np.where(found.valid[..., None], found.joints, 0)))
    joints = ", ".join(str(int(n)) for n in found.valid.sum(axis=1))
    print(f"wrote {out} and {picture}: {len(found)} templates of {joints} joints")
    return 0
