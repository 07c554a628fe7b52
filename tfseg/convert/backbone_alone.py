"""The last step for files that have weights of the backbone and of nothing else."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import numpy as np

from tfseg.convert.source import Source
from tfseg.convert.transfer import fit_first, layers_of
from tfseg.engine import weights
from tfseg.errors import WeightsError
from tfseg.nn.backbones.resnet import BLOCKS
from tfseg.structures import LoadReport

__all__ = ["check", "give"]

_LOG = logging.getLogger(__name__)


def check(source: Source, config) -> None:
    """Raises WeightsError, naming the settings, for a model that computes another backbone."""
    wanted = {"backbone": source.backbone, **source.settings}
    wrong = {n: v for n, v in wanted.items() if getattr(config, n) != v}
    if not wrong and source.backbone in BLOCKS:
        # Theirs stride on the 1x1 convolutions and have biases.
        wanted = {"stride_on_3x3": False, "conv_bias": True}
        wrong = {n: v for n, v in wanted.items() if getattr(config, n) != v}
    if getattr(config, "resolved_norm", config.norm) not in ("frozen", "batch"):
        wrong["norm"] = "frozen"
    if wrong:
        has = ", ".join(f"{name}={getattr(config, name)!r}" for name in wrong)
        needs = ", ".join(f"{name}={value!r}" for name, value in wrong.items())
        raise WeightsError(
            f"{source.path}: weights of {source}, and the model has {has}. Make it with {needs}."
        )


def give(
    model,
    source: Source,
    stored: Mapping[str, Mapping[str, np.ndarray]],
    unused: Sequence[str],
    names: Sequence[str],
    skip_mismatch: bool,
) -> LoadReport:
    """Gives a model's backbone the arrays of a file; all of it must fit, or nothing is changed.

    Args:
        model: An estimator that `check` let pass.
        source: What the file is.
        stored: `{layer: {variable: array}}` by our names.
        unused: Names in the file that our layers have no place for.
        names: The layers of the backbone, which must all get their arrays.
        skip_mismatch: Fit the first layer to an image of other channels than three.

    Raises:
        WeightsError: Naming the layers that do not fit.
    """
    weights.check_finite(source.path, stored)
    if skip_mismatch:
        stored = fit_first(source, model.config, stored)
    matched = weights.match(layers_of(model.keras_model), stored, source.path, unused)
    _check_all(source, model.config, matched.report, names)
    weights.give(matched)
    _LOG.warning(
        "%s: only the backbone has weights now; train the model before it predicts.", source.path
    )
    return matched.report


def _check_all(source: Source, config, report: LoadReport, names: Sequence[str]) -> None:
    wrong = {n: f"{n}: {r}" for n, r in report.skipped.items()}
    wrong.update({n: f"{n}: not in the file" for n in report.missing if n in names})
    wrong.update({n: f"{n}: not in the network" for n in names if n in report.unused})
    if wrong:
        hint = " Pass skip_mismatch=True to fit the first layer." if config.channels != 3 else ""
        raise WeightsError(
            f"{source.path}: {len(wrong)} of {len(names)} layers of the backbone do not fit:\n  "
            + "\n  ".join(list(wrong.values())[:6])
            + f"\nThe file is damaged, or of another network than {source.backbone}.{hint}"
        )
