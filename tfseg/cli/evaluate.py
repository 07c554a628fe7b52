"""Measure a model on images with known truth.

Models that find objects: COCO AP, per class, and per-image mAP. Portrait models: mean IoU and
boundary F-score; with --boxes truth or --detector also the AP of each person's mask. Models that
give poses a mask take the annotated ones, or with --poses those of a file, and are shown beside the
best that their windows allow and the hulls of the joints.
"""

from __future__ import annotations

import argparse
import sys

from tfseg.cli import datasets, extras, people, quiet
from tfseg.cli.progress import show_progress
from tfseg.errors import ConfigError

EXAMPLES = """\
  tfseg evaluate runs/clothing/best --data photos/
  tfseg evaluate runs/clothing/best --data photos/ --split test --report report
  tfseg evaluate runs/clothing/best --data photos/ --limit 100 --json > measures.json
  tfseg evaluate runs/clothing/best --data photos/ --save-predictions coco_files
  tfseg evaluate runs/clothing/best --data photos/ --config configs/mask_rcnn/clothing_light.yaml
  tfseg evaluate portrait --data coco_person/ --set data.classes=[person] --boxes truth"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the words of this verb."""
    parser.add_argument(
        "model_dir", help="folder of a saved model, such as runs/x/best, or the name of one"
    )
    datasets.add_arguments(parser, split="val")
    parser.add_argument("--limit", type=datasets.positive, help="the first N images only")
    parser.add_argument("--report", metavar="DIR", help="write an HTML report there")
    parser.add_argument(
        "--save-predictions",
        metavar="DIR",
        help="write truth and predictions there in COCO's format: pycocotools gives the same "
        "numbers on them",
    )
    extras.add_evaluation_arguments(parser)
    people.add_detector(parser)
    parser.add_argument("--json", action="store_true", help="print the measures as JSON")


def run(args: argparse.Namespace) -> int:
    """Prints the measures."""
    from tfseg import models

    settings = datasets.data_section(args)
    if args.data is None and not settings.keys() & {"path", "parts", "val_parts"}:
        print("tfseg evaluate: give --data PATH.", file=sys.stderr)
        return 2
    with_people = people.check_words(args)
    if args.boxes not in (None, "truth"):
        raise ConfigError(f"--boxes {args.boxes}: expected truth, the dataset's own boxes.")
    quiet.import_backend()
    model = models.load(args.model_dir)
    given = {} if with_people else extras.of_evaluation(args, model)
    if with_people:
        model = _with_people(model, args)
    maps = getattr(model, "cuts_out", False) and not with_people
    names = model.class_names
    dataset = datasets.open_split(args, settings, "val", args.split, whole_maps=maps, classes=names)
    options = {"limit": args.limit, "progress": show_progress, **given}
    show_progress(0, min(len(dataset), args.limit or len(dataset)))  # the first one takes longest
    if args.save_predictions is not None:
        options["save_predictions"] = args.save_predictions
    if args.report is None:
        report = model.evaluate(dataset, **options)
    else:
        from tfseg.engine import reporting

        report, page = reporting.write(model, dataset, args.report, **options)
    print(report.to_json() if args.json else report)
    if args.report is not None:
        print(f"report: {page}", file=sys.stderr if args.json else sys.stdout)
    return 0


def _with_people(model, args: argparse.Namespace):
    word = "--detector" if args.boxes is None else "--boxes"
    if not getattr(model, "cuts_out", False):
        raise ConfigError(f"{word}: a {model.system} model finds its objects itself; leave it out.")
    detector = None
    if args.detector is not None:
        detector = people.load_detector(args.detector, model.config.foreground_name)
    return model.with_people(args.boxes, detector)
