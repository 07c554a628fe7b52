"""The last step of every reader: arrays by our layer names into a model, with an account."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import keras
import numpy as np

from tfseg.convert.source import Source
from tfseg.engine import weights
from tfseg.errors import WeightsError
from tfseg.nn.backbones.first_kernel import fit_to
from tfseg.nn.backbones.resnet import BLOCKS
from tfseg.structures import LoadReport

__all__ = ["fit_first", "layers_of", "resnet_layers", "transfer"]

_LOG = logging.getLogger(__name__)

_CLASS_LAYERS = ("mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_mask")
_ANCHOR_LAYERS = ("rpn_class_raw", "rpn_bbox_pred")


def resnet_layers(backbone: str) -> list[tuple[str, str]]:
    """Returns `(convolution, its norm)` of every convolution of a ResNet, by our names."""
    pairs = [("conv1", "bn_conv1")]
    for stage, blocks in enumerate(BLOCKS[backbone], start=2):
        for block in range(blocks):
            label = f"{stage}{chr(ord('a') + block)}_branch"
            branches = ("2a", "2b", "2c", "1") if block == 0 else ("2a", "2b", "2c")
            pairs += [(f"res{label}{branch}", f"bn{label}{branch}") for branch in branches]
    return pairs


def layers_of(network: keras.Model) -> dict[str, dict[str, keras.Variable]]:
    """Returns `{layer: {variable name: variable}}` by the layers' own names alone."""
    named = weights.named_weights(network)
    return {path.rpartition("/")[2]: variables for path, variables in named.items()}


def transfer(
    model,
    source: Source,
    stored: Mapping[str, Mapping[str, np.ndarray]],
    unused: Sequence[str] = (),
    skip_mismatch: bool = False,
) -> LoadReport:
    """Gives a model's layers the arrays of a file; all or, on an error, none.

    Without `skip_mismatch` everything must fit. With it, the layers may be left out whose shape
    follows from the settings: the last three, where the classes differ, and the region proposals'
    where the number of ratios does. The first one is fitted to another number of channels.

    Args:
        model: An estimator of Mask R-CNN.
        source: What the file is.
        stored: `{layer: {variable: array}}` by our names.
        unused: Names in the file that our layers have no place for.
        skip_mismatch: Take what fits.

    Raises:
        WeightsError: If the model is built for another origin or backbone, or too little fits.
    """
    config = model.config
    _check_settings(source, config, skip_mismatch)
    weights.check_finite(source.path, stored)
    if skip_mismatch:
        stored = fit_first(source, config, stored)
    found = weights.match(layers_of(model.keras_model), stored, source.path, unused)
    report = found.report
    _check_enough(source, config, report)
    told = f" The file is {source}; the network has {config.class_count} classes with it."
    weights.refuse_mismatch(report, skip_mismatch, told)
    if source.backbone != config.backbone:
        _LOG.warning(
            "%s is for %s and the model has %s: what follows the missing blocks of stage 4 gets "
            "features that its weights were not trained on. Train it before you trust it.",
            source.path,
            source.backbone,
            config.backbone,
        )
    weights.give(found)
    return report


def fit_first(source: Source, config, stored: Mapping) -> Mapping:
    """Returns the arrays with the first convolution fitted to a model of other channels than RGB,
    see `tfseg.nn.backbones.first_kernel.fit_to`."""
    name = "Conv1" if "Conv1" in stored else "conv1"
    kernel = stored.get(name, {}).get("kernel")
    if config.channels == 3 or kernel is None or kernel.ndim != 4 or kernel.shape[2] != 3:
        return stored
    _LOG.info("%s: %s was fitted from 3 to %d channels.", source.path, name, config.channels)
    wanted = (*kernel.shape[:2], config.channels, kernel.shape[3])
    return {**stored, name: {**stored[name], "kernel": fit_to(kernel, wanted)}}


def _check_settings(source: Source, config, skip_mismatch: bool):
    if source.origin != config.origin:
        raise WeightsError(
            f"{source.path}: these are weights of {source}, and the model computes as "
            f"{config.origin} does. Make it with origin={source.origin!r}, "
            f"backbone={source.backbone!r}."
        )
    for name, value in (("norm", config.norm), ("head_norm", config.resolved_head_norm)):
        if name == "head_norm" and source.origin == "torchvision":
            continue  # its heads have none
        if value not in ("frozen", "batch"):
            raise WeightsError(
                f"{source.path}: these weights need batch normalisation, and the model has "
                f"{name}={value!r}. Make it with {name}='frozen' (small batches) or 'batch'."
            )
    if source.backbone == config.backbone:
        return
    smaller = config.backbone == "resnet50" and source.backbone == "resnet101"
    if not (smaller and skip_mismatch):
        hint = (
            " Or pass skip_mismatch=True to leave its blocks 4g to 4w out, as loading by name "
            "did in the original; the model must then be trained."
        )
        raise WeightsError(
            f"{source.path}: weights of {source}, and the model has "
            f"backbone={config.backbone!r}. Make it with backbone={source.backbone!r}."
            f"{hint if smaller else ''}"
        )


def _check_enough(source: Source, config, report: LoadReport):
    """Counts: what is left out must be explained by settings that change shapes."""
    may_differ = len(_CLASS_LAYERS)
    may_differ += config.channels != 3
    may_differ += len(_ANCHOR_LAYERS) * (len(config.anchor_ratios) != 3)
    count = len(report.loaded) + len(report.skipped) + len(report.missing)
    if len(report.loaded) >= count - may_differ:
        return
    reasons = [f"{layer}: {reason}" for layer, reason in list(report.skipped.items())[:6]]
    if report.missing:
        reasons.append(f"not in the file: {weights.some(report.missing)}")
    if report.unused:
        reasons.append(f"only in the file: {weights.some(report.unused)}")
    others = {n: v for n, v in source.settings.items() if getattr(config, n) != v}
    hint = f": {', '.join(f'{n}={v!r}' for n, v in others.items())}" if others else ""
    raise WeightsError(
        f"{source.path}: too little of it fits: {len(report.loaded)} of {count} layers, at least "
        f"{count - may_differ} should. It looks like {source}.\n  "
        + "\n  ".join(reasons)
        + f"\nMake the model with the settings that the file was trained with{hint}."
    )
