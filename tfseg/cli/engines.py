"""What computes a command's predictions: LiteRT where it can, which starts at once, or Keras."""

from __future__ import annotations

import argparse
import logging

from tfseg.cli import quiet
from tfseg.errors import ExportError

__all__ = ["CHOICES", "add_argument", "load"]

CHOICES = ("auto", "tensorflow", "litert")

_LOG = logging.getLogger(__name__)


def add_argument(parser: argparse.ArgumentParser) -> None:
    """Adds `--engine`."""
    parser.add_argument(
        "--engine",
        choices=CHOICES,
        default="auto",
        help="what computes: litert starts in a second and needs pip install 'tfseg[lite]' and a "
        "model with a TFLite file, as in tfseg; tensorflow always works; default: litert "
        "where it can",
    )


def load(model_dir: str, engine: str, network: bool = False):
    """Returns the model of a folder or of a name.

    Args:
        model_dir: As the user wrote it.
        engine: One of `CHOICES`.
        network: Whether another model needs Keras in any case, so that nothing would be saved.

    Raises:
        ExportError: If "litert" was asked for and cannot answer, with the reason.
    """
    from tfseg import models

    if engine == "litert":
        return _light(model_dir)
    if engine == "auto" and not network and models.offers_litert(model_dir):
        try:
            return _light(model_dir)
        except ExportError as reason:
            _LOG.info("TensorFlow answers, which takes seconds to start: %s", reason)
    quiet.import_backend()
    return models.load(model_dir)


def _light(model_dir: str):
    from tfseg import models

    with quiet.muted_stderr():  # its greeting
        return models.load(model_dir, engine="litert")
