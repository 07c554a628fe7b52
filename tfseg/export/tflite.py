"""TFLite models, for the systems whose operations a telephone has."""

from __future__ import annotations

import os
from pathlib import Path

from tfseg.errors import ExportError

__all__ = ["export"]


def export(estimator, directory: str | os.PathLike, **options) -> Path:
    """Refuses, with the reason: no system here has a graph that TFLite can hold yet.

    Raises:
        ExportError: Always.
    """
    raise ExportError(
        f"{directory}: a {estimator.system!r} model cannot become a TFLite model. Region "
        "proposals, suppression and RoI alignment gather by computed positions, which TFLite has "
        "no whole-integer operations for, so that it would run on the slow path or not at all. "
        'Use format="saved_model".'
    )
