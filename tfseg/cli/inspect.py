"""Look inside a model at work on one image.

OUT gets a PNG for each step and index.html with all of them. Of a Mask R-CNN: the resized input,
anchors, objectness, proposals before and after suppression, their pyramid levels, what the box head
and the mask head say, the prediction. Of a portrait model: each layer's categorical attention and
boundaries before and after they are passed on, the opacity, the prediction. Of a Pose2Seg, which
needs --poses: each person's aligned window, skeleton and probabilities. Of an HPTR: boxes after
each decoder layer, where the queries look, masks, each map. With --index, INPUT is a dataset: one
of its images is taken, and what a training would learn from its annotations is shown too, where the
model can tell.
"""

from __future__ import annotations

import argparse
import inspect

from tfseg.cli import datasets, extras, quiet
from tfseg.errors import ConfigError

EXAMPLES = """\
  tfseg inspect runs/clothing/best photo.jpg --out inside
  tfseg inspect runs/clothing/best data/ --split val --index 3 --out inside
  tfseg inspect portrait photo.jpg --out inside
  tfseg inspect runs/pose2seg/best photo.jpg --poses poses.json --out inside"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the words of this verb."""
    parser.add_argument(
        "model_dir", help="folder of a saved model, such as runs/x/best, or the name of one"
    )
    parser.add_argument("input", metavar="INPUT", help="an image, or with --index a dataset")
    parser.add_argument("--out", metavar="DIR", required=True, help="folder to write")
    parser.add_argument("--index", type=int, help="position of the image in the dataset, from 0")
    parser.add_argument("--split", help="part of the dataset; default: val")
    parser.add_argument("--data-format", metavar="NAME", help="its layout; default: recognise it")
    datasets.add_set_argument(parser)
    parser.add_argument(
        "--score-threshold",
        type=datasets.share,
        help="lowest score of the prediction that is drawn",
    )
    extras.add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Writes the images, and says where."""
    from tfseg import models

    quiet.import_backend()
    model = models.load(args.model_dir)
    if not hasattr(model, "inspect"):
        raise ConfigError(f"{args.model_dir}: a {model.system} model cannot be looked into.")
    image = args.input if args.index is None else _sample(args, model.class_names)
    given = extras.of_files(args, model, 1, required=args.index is None)
    for name in given:
        if name not in inspect.signature(model.inspect).parameters:
            raise ConfigError(f"--{name}: looking into a {model.system} model needs none.")
    inspection = model.inspect(image, score_threshold=args.score_threshold, **given)
    page = inspection.save(args.out)
    print(f"wrote {len(inspection.pictures)} images and {page}")
    return 0


def _sample(args: argparse.Namespace, class_names):
    from tfseg.data.aligned import align_classes

    words = argparse.Namespace(data=args.input, format=args.data_format, set=args.set)
    settings = datasets.data_section(args)
    dataset = datasets.open_split(words, settings, "val", args.split, classes=class_names)
    if not 0 <= args.index < len(dataset):
        raise ConfigError(
            f"--index {args.index}: the dataset has {len(dataset)} images, counted from 0."
        )
    return align_classes(dataset, class_names)[args.index]
