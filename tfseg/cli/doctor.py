"""Find what would ruin a training, and name file and annotation.

Boxes without area, class ids out of range, empty or misaligned masks, unreadable or rotated
images, duplicates. Every fault of an annotation file is found in one go. The exit code is 1 if an
error was found; warnings alone leave it 0.
"""

from __future__ import annotations

import argparse
import logging

from tfseg.cli import datasets, quiet
from tfseg.cli.configs import find_config
from tfseg.cli.progress import show_progress
from tfseg.errors import DataError

EXAMPLES = """\
  tfseg doctor ../shared/data/clothing_co_parsing
  tfseg doctor photos/ --split val --limit 200
  tfseg doctor photos/ --against val      # are images of val in train as well?
  tfseg doctor photos/ --config configs/mask_rcnn/clothing_light.yaml  # what will it not learn?
  tfseg doctor photos/ --json > problems.json"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the words of this verb."""
    datasets.add_arguments(parser, positional=True, split="train")
    parser.add_argument("--limit", type=datasets.positive, help="look at the first N images only")
    parser.add_argument(
        "--against",
        metavar="SPLIT",
        help="another part, or another dataset: images that are in both are errors",
    )
    parser.add_argument(
        "--all", action="store_true", help="print every finding, not the first five of a kind"
    )
    parser.add_argument("--json", action="store_true", help="print every finding as JSON")


def run(args: argparse.Namespace) -> int:
    """Prints the diagnosis; 1 if something needs repair."""
    from tfseg.data.doctor import doctor

    settings = datasets.data_section(args)
    where, options = datasets.place(args, settings, "train", args.split)
    log = logging.getLogger("tfseg.data")
    level = log.level
    # What the reader would log of a faulty file is all in the diagnosis.
    log.setLevel(level if args.debug else logging.ERROR)
    try:
        diagnosis = doctor.diagnose(
            where,
            limit=args.limit,
            against=args.against,
            progress=show_progress,
            **_limits(args),
            **options,
        )
    finally:
        log.setLevel(level)
    if args.json:
        print(diagnosis.to_json())
    elif any(problem.code == "unusable" for problem in diagnosis.problems):
        # Nothing was there to be looked at: the one sentence that says so is enough.
        raise DataError(next(p.message for p in diagnosis.problems if p.code == "unusable"))
    else:
        print(diagnosis.text(None) if args.all else diagnosis)
        _say_what_next(args, diagnosis)
    return 0 if diagnosis.ok else 1


def _limits(args: argparse.Namespace) -> dict:
    """Returns what the network of the named experiment file takes, as `limits`; nothing where none
    is named."""
    if not args.config:
        return {}
    from tfseg.config import files

    loaded = files.load_config(find_config(args.config), args.set)
    quiet.import_backend()
    from tfseg import models
    from tfseg.data.doctor.reach import Limits

    system = models.system(loaded.get("system", models.DEFAULT))
    classes = loaded.get("model", {}).get("classes") or ("object",)
    model = system(files.build(system.config_class, loaded, classes=tuple(classes)))
    return {"limits": Limits.of(model.config, model._resize(), str(args.config))}


def _say_what_next(args: argparse.Namespace, diagnosis) -> None:
    if not args.all and "... and " in str(diagnosis):
        print("--all prints every finding.")
    if any("drop_invalid" in problem.message for problem in diagnosis.of("error")):
        rest = ""
        if diagnosis.remaining is not None:
            images, objects = diagnosis.remaining
            rest = f", {images} {_noun('image', images)} with {objects} {_noun('object', objects)}"
        print(
            f"To go on with the sound rest{rest}: --set data.drop_invalid=true, with train and all "
            "other verbs that read data."
        )
    elif diagnosis.remaining is not None and not diagnosis.remaining[1] and not diagnosis.ok:
        print("Without what is faulty no object would be left: correct the faults.")


def _noun(word: str, count: int) -> str:
    return word if count == 1 else f"{word}s"
