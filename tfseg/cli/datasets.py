"""The words that name a data set, the same for every verb that needs one."""

from __future__ import annotations

import argparse

__all__ = ["add_arguments", "open_for", "positive"]


def positive(text: str) -> int:
    """Returns a whole number of at least 1, for argparse."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected a number of at least 1, got {text}")
    return number


def add_arguments(
    parser: argparse.ArgumentParser, *, positional: bool = False, split: str | None = None
) -> None:
    """Adds the folder or file of a data set, its format and its split."""
    what = "folder or annotation file of the data set; 'synthetic' draws people"
    if positional:
        parser.add_argument("data", metavar="DATASET", help=what)
    else:
        parser.add_argument("--data", metavar="PATH", help=what)
    parser.add_argument("--format", default=None, help="layout of the data; default: recognise it")
    if split:
        parser.add_argument("--split", default=split, help=f"part of the data; default: {split}")


def open_for(args: argparse.Namespace, **options):
    """Returns the data set that the words name; options left None are left to the reader."""
    from tfseg.data import sources

    given = {name: value for name, value in options.items() if value is not None}
    if args.format is not None:
        given["format"] = args.format
    return sources.open_dataset(args.data, split=args.split, **given)
