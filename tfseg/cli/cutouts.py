"""The words of `tfseg predict` about people who are cut out of their images."""

from __future__ import annotations

import argparse

from tfseg.errors import ConfigError
from tfseg.results.cut_outs import Cutter, background_of

__all__ = ["add_arguments", "cutter", "words"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what becomes of the background."""
    parser.add_argument(
        "--background",
        metavar="WHAT",
        help="before which people are put: blur, a colour (white, #rrggbb), or an image file",
    )
    parser.add_argument(
        "--alpha", action="store_true", help="write the opacity alone, as a grey image"
    )


def words(args: argparse.Namespace) -> list[str]:
    """Returns those of the words that only a model that cuts out understands."""
    given = {
        "--background": args.background is not None,
        "--alpha": args.alpha,
        "--instances": args.instances,
        "--format cutout": args.format == "cutout",
    }
    return [word for word, is_given in given.items() if is_given]


def cutter(args: argparse.Namespace) -> Cutter:
    """Returns what makes and writes cut-outs as the words say.

    Raises:
        ConfigError: If the background is none of what is understood, or both are given.
    """
    if args.alpha and args.background is not None:
        raise ConfigError(
            "--alpha and --background: the opacity alone has no background; give one of them."
        )
    return Cutter(background_of(args.background, "--background"), args.alpha)
