"""Make a COCO dataset of Open Images' masks, and say what was kept and dropped and why.

Reads what was downloaded as it is: the CSV of the masks, class descriptions, hierarchy, mask PNGs
in folders or still in their zip archives, images in folders or zip archives. Writes train.json,
val.json, images/ and a report into a new folder, whole or not at all. As it stands it is section 4
of the clothing paper; every rule of it can be changed. A faulty line, mask or image costs that
object, stands in the report, and leaves the exit code 0. docs/open_images.md says what to download.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys

from tfseg import files
from tfseg.cli.datasets import positive
from tfseg.errors import ConfigError, DataError

EXAMPLES = """\
  tfseg open-images openimages/ --out data/clothing          # the clothing paper's dataset
  tfseg open-images openimages/ --out data/clothing --classes Suit Dress Jeans --partition f \\
      --supersets Person Vehicle Clothing --min-masks 200
  tfseg open-images openimages/ --out data/six --classes all --supersets Clothing --keep 6
  tfseg open-images openimages/ --list-images wanted.txt     # before downloading any image
  tfseg train configs/mask_rcnn/final.yaml --data data/clothing"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the words of this verb."""
    parser.add_argument("source", metavar="SOURCE", help="folder that Open Images lies in")
    parser.add_argument("--out", metavar="FOLDER", help="folder to write; it must not exist")
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier conversion")
    _add_rules(parser.add_argument_group("what is kept, in this order"))
    _add_form(parser.add_argument_group("how it is written"))
    _add_places(parser.add_argument_group("files that lie elsewhere"))
    parser.add_argument(
        "--list-images",
        metavar="FILE",
        help="write the ids of the images that are needed, as Open Images' downloader takes them "
        "(train/f0123...), and convert nothing",
    )
    parser.add_argument("--all", action="store_true", help="print every finding, not five a kind")
    parser.add_argument("--json", action="store_true", help="print the whole report as JSON")


def _add_rules(group) -> None:
    group.add_argument(
        "--partition",
        default="f",
        metavar="DIGITS",
        help="first hexadecimal digits of the image ids, such as f or 0f; or all. Default: f",
    )
    group.add_argument(
        "--supersets",
        nargs="+",
        default=["Person", "Vehicle", "Clothing"],
        metavar="NAME",
        help="classes above those that are kept; or all. Default: Person Vehicle Clothing",
    )
    group.add_argument(
        "--parts", action="store_true", help="parts of a superset belong to it too (eyes to Person)"
    )
    group.add_argument(
        "--min-masks",
        type=int,
        default=200,
        metavar="N",
        help="drop classes with fewer masks in the partition. Default: 200",
    )
    group.add_argument("--exclude", nargs="+", default=[], metavar="NAME", help="classes to drop")
    group.add_argument(
        "--classes",
        nargs="+",
        default=["Suit", "Dress", "Jeans"],
        metavar="NAME",
        help="classes to keep, in the order of their ids; or all, the one with most masks first. "
        "Default: Suit Dress Jeans",
    )
    group.add_argument("--keep", type=positive, metavar="K", help="only the first K of them")


def _add_form(group) -> None:
    group.add_argument(
        "--masks-as",
        choices=("rle", "polygons"),
        default="rle",
        help="exact run lengths, or polygons, which fill holes. Default: rle",
    )
    group.add_argument(
        "--train-images", type=positive, metavar="N", help="the rest validates. Default: 131"
    )
    group.add_argument(
        "--val-fraction", type=float, metavar="SHARE", help="share of images for validation instead"
    )
    group.add_argument("--seed", type=int, default=0, help="seed of that choice. Default: 0")
    group.add_argument(
        "--copy-images", action="store_true", help="copy images, do not link to them"
    )
    group.add_argument(
        "--drop-mismatched",
        action="store_true",
        help="leave out masks whose box in the CSV is another one; only warned of otherwise",
    )


def _add_places(group) -> None:
    group.add_argument(
        "--subset",
        choices=("train", "validation", "test"),
        default="train",
        help="part of Open Images. Default: train",
    )
    group.add_argument("--annotations", metavar="CSV", help="train-annotations-object-...csv")
    group.add_argument("--class-descriptions", metavar="CSV", help="class-descriptions-...csv")
    group.add_argument("--hierarchy", metavar="JSON", help="bbox_labels_600_hierarchy.json")
    group.add_argument("--mask-dir", nargs="+", default=[], metavar="PATH", help="folders, zips")
    group.add_argument("--image-dir", nargs="+", default=[], metavar="PATH", help="folders, zips")


def run(args: argparse.Namespace) -> int:
    """Converts and prints the report."""
    from tfseg.data import open_images

    source = open_images.Source(
        args.source,
        args.subset,
        args.annotations,
        args.class_descriptions,
        args.hierarchy,
        tuple(args.mask_dir),
        tuple(args.image_dir),
    )
    rules = open_images.SelectionRules(
        partition=None if args.partition.lower() == "all" else args.partition,
        supersets=() if args.supersets == ["all"] else tuple(args.supersets),
        parts=args.parts,
        min_masks=args.min_masks,
        exclude=tuple(args.exclude),
        classes=None if args.classes == ["all"] else tuple(args.classes),
        keep=args.keep,
    )
    if args.list_images:
        return _list_images(args, source, rules)
    if not args.out:
        raise ConfigError("nothing says where to write: give --out FOLDER.")
    options = open_images.ConversionOptions(
        masks=args.masks_as,
        train_images=args.train_images,
        val_fraction=args.val_fraction,
        seed=args.seed,
        copy_images=args.copy_images,
        drop_mismatched=args.drop_mismatched,
        overwrite=args.overwrite,
    )
    report = open_images.convert_open_images(source, args.out, rules, options, _show)
    if args.json:
        print(report.to_json())
    else:
        print(report.text(None) if args.all else report)
        print(f"\nThe whole report: {os.path.join(args.out, 'open_images_report.json')}")
        out = shlex.quote(args.out)
        print(f"Next: tfseg doctor {out}; tfseg train ... --data {out}")
    return 0


def _list_images(args: argparse.Namespace, source, rules) -> int:
    from tfseg.data import open_images

    plan = open_images.make_plan(source, rules, _show, need_images=False)
    lines = (f"{args.subset}/{image_id}\n" for image_id in plan.rows)
    files.write_whole(args.list_images, "".join(lines).encode(), error=DataError)
    masks = sum(map(len, plan.rows.values()))
    print(f"{args.list_images}: {len(plan.rows)} images, with {masks} masks of")
    for mid, name in zip(plan.choice.mids, plan.class_names):
        print(f"  {name}  {plan.masks[mid]}")
    return 0


def after_interrupt(args: argparse.Namespace) -> str:
    """Returns what is to be said after Ctrl-C."""
    return "Nothing was written."


def _show(stage: str, done: int, total: int | None) -> None:
    """Rewrites one line of stderr; nothing where stderr is no terminal."""
    if not sys.stderr.isatty():
        return
    text = {
        "lines": f"reading the CSV, {done / 1e6:.0f} of {(total or 0) / 1e6:.0f} MB",
        "files": f"looking for masks and images, {done} files",
        "images": f"converting, {done} of {total} images",
    }[stage]
    end = "\n" if stage == "images" and done == total else ""
    print(f"\r{text:<60}", end=end, file=sys.stderr, flush=True)
