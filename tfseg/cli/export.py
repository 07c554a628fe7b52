"""Write a trained model in a form that runs without tfseg.

saved_model: JPEG bytes or pixels in; out come boxes and masks, or whatever the model finds: its
card lists it. tflite: a file for phones, of the models that have such a form.

--serving makes a folder that TensorFlow Serving's container starts from, for the SavedModel OUT =
FOLDER/NAME/NUMBER: requests that warm the model up, and in FOLDER models.config (all models and
versions there, with labels), batching.config, monitoring.config and compose.yaml. Then, in FOLDER,
docker compose up.

--check compares Python with the SavedModel, and with a phone's file if --phone names one, image by
image, and writes the table OUT/check.md; the exit code is 1 if one differs or cannot be read. A
model that takes poses needs --poses for it. An OUT that holds an exported model is then checked and
not written again, unless with --overwrite.

TensorFlow makes these files, whatever KERAS_BACKEND says: models that JAX trained are exported too.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tfseg import backend
from tfseg.cli import datasets, extras, quiet
from tfseg.config import yaml_text
from tfseg.errors import ConfigError

EXAMPLES = """\
  tfseg export runs/clothing/best savedmodels/clothing/1
  tfseg export runs/clothing/best served/clothing/1 --serving
  tfseg export runs/better/best served/clothing/2 --serving --label canary
  tfseg export runs/clothing/best served/clothing/1 --check photos/
  tfseg export runs/pose2seg/best served/people/1 --check photos/ --poses poses.json
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
    parser.add_argument(
        "--serving", action="store_true", help="write what TensorFlow Serving's container needs"
    )
    parser.add_argument(
        "--label",
        help="with --serving: what clients call this version; default: stable, and canary for a "
        "further one",
    )
    parser.add_argument(
        "--check", nargs="+", metavar="IMAGE", help="images and folders of images to compare on"
    )
    parser.add_argument("--phone", metavar="FILE", help="with --check: a TFLite file of the model")
    parser.add_argument("--poses", metavar="FILE", help="with --check: poses by image, see predict")


def run(args: argparse.Namespace) -> int:
    """Exports, and says where to."""
    backend.take_tensorflow()  # first of all: what follows checks the backend or loads Keras
    from tfseg import models

    own = {"score_threshold": args.score_threshold, "probabilities": args.probabilities or None}
    options = {name: value for name, value in own.items() if value is not None}
    if args.format == "tflite" and options:
        word = next(iter(options)).replace("_", "-")
        raise ConfigError(f"--{word}: is for SavedModels; a TFLite file has one form of output.")
    others = dict(map(_option, args.option))
    _check_arguments(args)
    images = _images(args.check) if args.check else []
    quiet.import_backend()
    model = models.load(args.model_dir)
    given = _given_to_check(args, model, len(images)) if args.check else {}
    there = Path(args.out, "saved_model.pb").is_file()
    if not (args.check and there and not args.overwrite):
        options |= {**others, "format": args.format, "overwrite": args.overwrite}
        if args.serving:
            options["warm_up"] = True
        print(f"wrote {model.export(args.out, **options)}")
    if args.serving:
        _serve(args)
    return _check(args, model, images, given) if args.check else 0


def _check_arguments(args: argparse.Namespace) -> None:
    """Refuses arguments that do not go together, and places that cannot be served, before the
    work."""
    for name in ("serving", "check"):
        if getattr(args, name) and args.format == "tflite":
            raise ConfigError(f"--{name}: is for SavedModels; leave --format tflite out.")
    if args.label and not args.serving:
        raise ConfigError("--label: is of a version that is served; add --serving.")
    for name in ("phone", "poses"):
        if getattr(args, name) and not args.check:
            raise ConfigError(f"--{name}: is for a comparison; add --check IMAGES.")
    if args.serving:
        from tfseg.export.service import place

        place(Path(args.out))


def _images(words: list[str]) -> list[str]:
    from tfseg.data.images.image_files import images_in
    from tfseg.data.images.images import check_file

    found = []
    for word in words:
        if not Path(word).exists():
            check_file(word)  # says so; what is wrong with a file has its row
        found += map(str, images_in(Path(word))) if Path(word).is_dir() else [word]
    return found


def _given_to_check(args: argparse.Namespace, model, count: int) -> dict:
    """Returns what `predict` takes besides the images; what is wrong with it, or with the phone's
    file, is said before the work."""
    if args.phone is not None:
        from tfseg.export.checking import phone_form

        phone_form(model, args.phone)
    return extras.of_files(args, model, count)


def _serve(args: argparse.Namespace) -> None:
    from tfseg.export.service import curl, place, write_service

    root, name, _ = place(Path(args.out))
    written = write_service(Path(args.out), args.label)
    print(f"wrote {', '.join(path.name for path in written)} to {root}")
    print(
        f"\nNow start it:\n\n    cd {root} && docker compose up\n\nand ask it:\n\n    {curl(name)}"
    )


def _check(args: argparse.Namespace, model, images: list[str], given: dict) -> int:
    from tfseg.export.checking import check, write_table

    sure = args.score_threshold
    rows = check(model, args.out, images, phone=args.phone, score_threshold=sure, **given)
    for row in rows:
        if row.problem:
            print(f"tfseg: {row.image}, {row.form}: {row.problem}", file=sys.stderr)
    wrong = sum(bool(row.problem) for row in rows)
    print(f"{len(rows) - wrong} of {len(rows)} agree; wrote {write_table(args.out, rows)}")
    return 1 if wrong else 0


def _option(text: str) -> tuple:
    """Returns the name and the value of one --option."""
    name, sign, value = text.partition("=")
    if not sign or not name.isidentifier():
        raise ConfigError(f"--option {text}: expected NAME=VALUE, such as quantization=float16.")
    return name, yaml_text.parse(value, f"--option {text:.200}")[0]
