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


def run(args: argparse.Namespace) -> int:
    """Exports, and says where to."""
    from tfseg import models

    quiet.import_backend()
    model = models.load(args.model_dir)
    where = model.export(args.out, format=args.format)
    print(f"wrote {where if where is not None else args.out}")
    return 0
