"""Write any dataset as a COCO annotation file, which pycocotools and other programs read.

Masks become compressed run lengths; image ids, category ids and annotation ids are kept where
COCO can hold them. Without --copy-images the file refers to the images where they are, relative
to its own folder; with it they lie in images/ beside the file, under their own names. Drawn
people have no files and need --copy-images.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from tfseg.cli import datasets
from tfseg.cli.progress import show_progress
from tfseg.errors import ConfigError

EXAMPLES = """\
  tfseg coco photos/ --split val --out val.json
  tfseg coco ../shared/data/clothing_co_parsing --out export/train.json --copy-images
  tfseg coco synthetic:length=100,size=256 --out drawn/train.json --copy-images"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the words of this verb."""
    datasets.add_arguments(parser, positional=True, split="train")
    parser.add_argument("--out", required=True, metavar="FILE", help="the JSON file to write")
    parser.add_argument(
        "--copy-images", action="store_true", help="copy the images to images/ beside the file"
    )
    parser.add_argument("--limit", type=datasets.positive, help="the first N images only")


def run(args: argparse.Namespace) -> int:
    """Writes the file, and says what is in it."""
    from tfseg.data.coco import coco_writer
    from tfseg.data.dataset import Subset

    out = Path(args.out)
    if out.suffix.lower() != ".json":
        raise ConfigError(f"--out {args.out}: expected the name of a JSON file, such as val.json.")
    dataset = datasets.open_split(args, datasets.data_section(args), "train", args.split)
    if args.limit is not None and args.limit < len(dataset):
        dataset = Subset(dataset, slice(args.limit))
    out.parent.mkdir(parents=True, exist_ok=True)
    images = out.parent / "images" if args.copy_images else None
    coco_writer.write_coco(dataset, out, images, progress=show_progress)
    where = f", the images in {images}" if images is not None else ""
    print(f"wrote {len(dataset)} images with {', '.join(dataset.class_names)} to {out}{where}")
    if images is None:
        print(
            "The images stay where they are; where that is outside the folder of the file, it "
            "opens with --set data.allow_outside=true."
        )
    return 0
