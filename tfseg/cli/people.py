"""The words about the boxes of people that go together or do not, and the model that finds them."""

from __future__ import annotations

import argparse

from tfseg.errors import ConfigError

__all__ = ["add_detector", "check_words", "load_detector"]


def add_detector(parser: argparse.ArgumentParser) -> None:
    """Adds `--detector`."""
    parser.add_argument(
        "--detector", metavar="MODEL_DIR", help="a saved Mask R-CNN that finds people, for boxes"
    )


def check_words(args: argparse.Namespace) -> bool:
    """Returns whether people are to be told apart.

    Raises:
        ConfigError: If boxes have two sources.
    """
    if args.boxes is not None and args.detector is not None:
        raise ConfigError("--boxes and --detector: give one of them.")
    return args.boxes is not None or args.detector is not None


def load_detector(directory: str, foreground: str):
    """Returns the model that finds people.

    Raises:
        ConfigError: If it does not know the class.
    """
    from tfseg import models

    detector = models.load(directory)
    if foreground not in detector.class_names or getattr(detector, "cuts_out", False):
        names = ", ".join(detector.class_names)
        raise ConfigError(
            f"--detector {directory}: expected a model that finds each {foreground}, such as a "
            f"Mask R-CNN; this is a {detector.system} model of {names}."
        )
    return detector
