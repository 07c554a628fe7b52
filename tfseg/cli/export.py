"""Write a trained model as a SavedModel: JPEG bytes or pixels in, boxes and masks out."""

from __future__ import annotations

import argparse

from tfseg.cli import quiet

EXAMPLES = """\
  tfseg export runs/clothing/best savedmodels/clothing/1
  tfseg export demo_out/model /models/people/1"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the words of this verb."""
    parser.add_argument("model_dir", help="folder of a saved model, such as runs/x/best")
    parser.add_argument("out", help="folder to write; serving software expects a number at its end")
    parser.add_argument(
        "--format", default="saved_model", choices=["saved_model"], help="default: saved_model"
    )
    parser.add_argument("--score-threshold", type=float, help="lowest score that it returns")
    parser.add_argument("--overwrite", action="store_true", help="replace what OUT holds")


def run(args: argparse.Namespace) -> int:
    """Exports, and says where to."""
    from tfseg import models

    quiet.import_backend()
    model = models.load(args.model_dir)
    options = {"format": args.format, "score_threshold": args.score_threshold}
    print(f"wrote {model.export(args.out, overwrite=args.overwrite, **options)}")
    return 0
