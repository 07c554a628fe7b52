"""Write any dataset in another format: COCO by default, or that of an annotation tool.

A file: coco (masks as run lengths) and coco_polygons. Without --copy-images or --link it refers to
the images where they are, relative to its own folder; with one of them they lie in images/ beside
it. Drawn people have no files and need --copy-images.

A folder of parts, with its images: yolo, via, labelme and png_masks, which are written into
OUT/SPLIT; call it once for each part. What is there already is not replaced.

Polygons run along the edges of pixels, so that masks come back to the pixel, holes and pieces as
well; pixels that a format cannot hold are counted for each image.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from tfseg.cli import datasets
from tfseg.cli.progress import show_progress
from tfseg.errors import ConfigError

EXAMPLES = """\
  tfseg coco photos/ --split val --out val.json
  tfseg coco photos/ --to yolo --out photos_yolo && tfseg coco photos/ --split val --to yolo \\
    --out photos_yolo
  tfseg coco ../shared/data/clothing_co_parsing --out export/train.json --copy-images
  tfseg coco synthetic:length=100,size=256 --out drawn/train.json --copy-images"""

_SHOWN = 20  # images whose lost pixels are printed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the words of this verb."""
    from tfseg.data.writing.formats import TARGETS

    datasets.add_arguments(parser, positional=True, split="train")
    parser.add_argument(
        "--to", default="coco", metavar="NAME", help=f"one of {', '.join(TARGETS)}; default: coco"
    )
    parser.add_argument(
        "--out", required=True, metavar="PATH", help="the JSON file, or the folder, to write"
    )
    images = parser.add_mutually_exclusive_group()
    images.add_argument(
        "--copy-images", action="store_true", help="copy the images to images/ beside the file"
    )
    images.add_argument(
        "--link", action="store_true", help="make links to the images in place of copies"
    )
    parser.add_argument("--limit", type=datasets.positive, help="the first N images only")


def run(args: argparse.Namespace) -> int:
    """Writes the dataset, and says what is in it and what was lost."""
    from tfseg.data.dataset import Subset
    from tfseg.data.writing import formats

    out, is_file = Path(args.out), formats.is_file_target(args.to)
    if is_file and out.suffix.lower() != ".json":
        raise ConfigError(f"--out {args.out}: expected the name of a JSON file, such as val.json.")
    settings = datasets.data_section(args)
    dataset = datasets.open_split(args, settings, "train", args.split)
    if args.limit is not None and args.limit < len(dataset):
        dataset = Subset(dataset, slice(args.limit))
    written = formats.write_dataset(
        dataset,
        out,
        args.to,
        args.split or "train",
        copy_images=args.copy_images,
        link=args.link,
        progress=show_progress,
    )
    moved = args.copy_images or args.link
    where = f", the images in {out.parent / 'images'}" if is_file and moved else ""
    names = ", ".join(dataset.class_names)
    print(f"wrote {written.images} images with {names} to {written.place}{where}")
    _say_what_is_lost(written)
    if is_file and not moved:
        print(
            "The images stay where they are; where that is outside the folder of the file, it "
            "opens with --set data.allow_outside=true."
        )
    return 0


def _say_what_is_lost(written) -> None:
    for name, pixels in list(written.lost.items())[:_SHOWN]:
        print(f"lost: {name}, {pixels} pixels of its masks")
    if len(written.lost) > _SHOWN:
        print(f"lost: pixels of {len(written.lost) - _SHOWN} more images")
    for note in written.notes:
        print(f"note: {note}")
