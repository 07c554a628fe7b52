"""Measure a model on pictures with known truth: COCO AP, per class, and per-image mAP."""

from __future__ import annotations

import argparse
import sys

from tfseg.cli import datasets, quiet
from tfseg.cli.progress import show_progress

EXAMPLES = """\
  tfseg evaluate runs/clothing/best --data photos/
  tfseg evaluate runs/clothing/best --data photos/ --split test --report report
  tfseg evaluate runs/clothing/best --data photos/ --limit 100 --json > measures.json
  tfseg evaluate runs/clothing/best --data photos/ --save-predictions coco_files
  tfseg evaluate runs/clothing/best --data photos/ --config configs/mask_rcnn/clothing_light.yaml"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the words of this verb."""
    parser.add_argument("model_dir", help="folder of a saved model, such as runs/x/best")
    datasets.add_arguments(parser, split="val")
    parser.add_argument("--limit", type=datasets.positive, help="the first N pictures only")
    parser.add_argument("--report", metavar="DIR", help="write an HTML report there")
    parser.add_argument(
        "--save-predictions",
        metavar="DIR",
        help="write truth and predictions there in COCO's format: pycocotools gives the same "
        "numbers on them",
    )
    parser.add_argument("--json", action="store_true", help="print the measures as JSON")


def run(args: argparse.Namespace) -> int:
    """Prints the measures."""
    from tfseg import models

    settings = datasets.data_section(args)
    if args.data is None and not settings.keys() & {"path", "parts", "val_parts"}:
        print("tfseg evaluate: give --data PATH.", file=sys.stderr)
        return 2
    quiet.import_backend()
    model = models.load(args.model_dir)
    dataset = datasets.open_split(args, settings, "val", args.split, classes=model.class_names)
    options = {"limit": args.limit, "progress": show_progress}
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
