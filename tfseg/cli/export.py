"""Write a trained model in a form that runs without tfseg.

saved_model: JPEG bytes or pixels in; out come boxes and masks, or whatever the model finds: its
card lists it. tflite: a file for phones, of the models that have such a form.
"""

from __future__ import annotations

import argparse

from tfseg.cli import datasets, quiet
from tfseg.config import yaml_text
from tfseg.errors import ConfigError

EXAMPLES = """\
  tfseg export runs/clothing/best savedmodels/clothing/1
  tfseg export demo_out/model /models/people/1
  tfseg export portrait served/portrait/1 --probabilities
  tfseg export portrait phone --format tflite --option quantization=float16"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the words of this verb."""
    parser.add_argument(
        "model_dir", help="folder of a saved model, such as runs/x/best, or the name of one"
    )
    parser.add_argument("out", help="folder to write; serving software expects a number at its end")
    parser.add_argument(
        "--format",
        default="saved_model",
        choices=["saved_model", "tflite"],
        help="default: saved_model",
    )
    parser.add_argument(
        "--score-threshold", type=datasets.share, help="lowest score that it returns"
    )
    parser.add_argument(
        "--probabilities", action="store_true", help="return those of each pixel too"
    )
    parser.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="another option of this model's export; may be repeated",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace what OUT holds")


def run(args: argparse.Namespace) -> int:
    """Exports, and says where to."""
    from tfseg import models

    given = {"score_threshold": args.score_threshold, "probabilities": args.probabilities or None}
    options = {name: value for name, value in given.items() if value is not None}
    if args.format == "tflite" and options:
        word = next(iter(options)).replace("_", "-")
        raise ConfigError(f"--{word}: is for SavedModels; a TFLite file has one form of output.")
    others = dict(map(_option, args.option))
    quiet.import_backend()
    model = models.load(args.model_dir)
    options |= {**others, "format": args.format, "overwrite": args.overwrite}
    print(f"wrote {model.export(args.out, **options)}")
    return 0


def _option(text: str) -> tuple:
    """Returns the name and the value of one --option."""
    name, sign, value = text.partition("=")
    if not sign or not name.isidentifier():
        raise ConfigError(f"--option {text}: expected NAME=VALUE, such as quantization=float16.")
    return name, yaml_text.parse(value, f"--option {text:.200}")[0]
