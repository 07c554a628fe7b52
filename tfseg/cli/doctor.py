"""Find what would ruin a training, and name file and annotation.

Boxes without area, class ids out of range, empty or misaligned masks, unreadable or rotated
images, duplicates. Every fault of an annotation file is found in one go. The exit code is 1 if an
error was found; warnings alone leave it 0.

With --fix FOLDER it writes a repaired copy of all parts in COCO's format, whole or not at all: the
images are copied (with --link, links to them), and changes.txt lists what was changed and what is
left to be decided. The dataset itself stays as it is.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path

from tfseg.cli import datasets, quiet
from tfseg.cli.configs import find_config
from tfseg.cli.progress import show_progress
from tfseg.errors import ConfigError, DataError

EXAMPLES = """\
  tfseg doctor ../shared/data/clothing_co_parsing
  tfseg doctor photos/ --split val --limit 200
  tfseg doctor photos/ --against val      # are images of val in train as well?
  tfseg doctor photos/ --config configs/mask_rcnn/clothing_light.yaml  # what will it not learn?
  tfseg doctor photos/ --json > problems.json
  tfseg doctor photos/ --fix photos_repaired"""


_SHOWN = 8  # changes that are printed


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
    parser.add_argument(
        "--fix", metavar="FOLDER", help="write a repaired copy, of all parts or of --split alone"
    )
    parser.add_argument(
        "--link", action="store_true", help="with --fix: links to the images in place of copies"
    )


def run(args: argparse.Namespace) -> int:
    """Prints the diagnosis; 1 if something needs repair."""
    from tfseg.data.doctor import doctor

    settings = datasets.data_section(args)
    if args.fix is not None:
        return _repair(args, settings)
    if args.link:
        raise ConfigError("--link belongs to --fix FOLDER.")
    where, options = datasets.place(args, settings, "train", args.split)
    with _quiet(args.debug):
        diagnosis = doctor.diagnose(
            where,
            limit=args.limit,
            against=args.against,
            progress=show_progress,
            **_limits(args),
            **options,
        )
    if args.json:
        print(diagnosis.to_json())
    elif any(problem.code == "unusable" for problem in diagnosis.problems):
        # Nothing was there to be looked at: the one sentence that says so is enough.
        raise DataError(next(p.message for p in diagnosis.problems if p.code == "unusable"))
    else:
        print(diagnosis.text(None) if args.all else diagnosis)
        _say_what_next(args, diagnosis)
    return 0 if diagnosis.ok else 1


@contextlib.contextmanager
def _quiet(debug: bool) -> Iterator[None]:
    """Keeps quiet what readers log of faulty files: the doctor says all of it."""
    log = logging.getLogger("tfseg.data")
    level = log.level
    log.setLevel(level if debug else logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)


def _repair(args: argparse.Namespace, settings) -> int:
    """Writes a repaired copy and says what was changed; 1 if an error is left in it."""
    from tfseg.data.doctor import doctor
    from tfseg.data.doctor.repair import repair

    for name in ("limit", "against", "json"):
        if getattr(args, name):
            raise ConfigError(f"--{name} does not go with --fix, which repairs all images.")
    where, options = datasets.place(args, settings, "train", args.split)
    options.pop("split")
    with _quiet(args.debug):
        done = repair(
            where, args.fix, split=args.split, link=args.link, progress=show_progress, **options
        )
        left = [doctor.diagnose(done.folder, split=part, format="coco") for part in done.parts]
    print(done.text() if args.all else _shortened(done.text()))
    print(f"The list: {Path(done.folder, 'changes.txt')}")
    again = f"Next: tfseg doctor {done.folder}"
    errors = [problem for diagnosis in left for problem in diagnosis.of("error")]
    if not any(objects for _, objects in done.parts.values()):
        errors = [problem for problem in errors if problem.code != "no_objects"]
        if not errors:
            print(f"Its images have no objects: a part (data.parts) for a training set. {again}")
            return 0
    for problem in errors:
        print(f"ERROR {problem.code.replace('_', ' ')}: {problem}")
    verdict = "Not fit for training yet." if errors else "The copy is fit for training."
    print(f"{verdict} {again}; tfseg train ... --data {done.folder}")
    return 1 if errors else 0


def _shortened(text: str) -> str:
    """Returns a list without most of what is long in it."""
    lines, shown = [], 0
    for line in text.splitlines():
        shown = shown + 1 if line.startswith("- ") else 0
        if shown <= _SHOWN:
            lines.append(line)
        elif shown == _SHOWN + 1:
            lines.append("- ... (--all prints every line)")
    return "\n".join(lines)


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
        return
    nothing = diagnosis.remaining is not None and not diagnosis.remaining[1]
    # Where nothing is faulty, there is simply no object, which the findings say.
    if nothing and any(problem.code != "no_objects" for problem in diagnosis.of("error")):
        print("Without what is faulty no object would be left: correct the faults.")


def _noun(word: str, count: int) -> str:
    return word if count == 1 else f"{word}s"
