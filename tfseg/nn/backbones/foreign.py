"""Networks of keras_cv, keras_hub and the user's as backbones with stages C2 to C5."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping

import keras
import numpy as np

from tfseg.errors import ConfigError, WeightsError
from tfseg.nn.backbones.foreign_construction import construct, fresh_names, library_of, policy
from tfseg.nn.backbones.foreign_names import Foreign
from tfseg.nn.backbones.network_setting import serialized
from tfseg.nn.layers.norm import FrozenBatchNormalization

__all__ = ["foreign_backbone", "published_backbone", "published_pixels", "stage_layers"]

_STRIDES = (4, 8, 16, 32)
_PROBE = 64


def foreign_backbone(
    source: Foreign,
    *,
    input_shape: tuple = (None, None, 3),
    norm_kind: str = "frozen",
    momentum: float = 0.99,
    options: Mapping | None = None,
    dtype=None,
) -> keras.Model:
    """Returns the backbone: image `(B, H, W, D)` float to `{"C2": ..., "C5": ...}`, with random
    weights, or those of a network that was given.

    Its attribute `source` is the argument of that name with the architecture, from which the same
    backbone is built again without a network connection.

    Levels are chosen by their stride, because the libraries do not agree on their names. Layers
    behind the last of them are left out.

    Args:
        source: See `tfseg.nn.backbones.foreign_names.find`.
        input_shape: Without the batch axis; the channels must be known.
        norm_kind: "frozen" keeps the statistics of all batch normalisations while training,
            "batch" collects them.
        momentum: Of the statistics ("batch" only).
        options: Arguments of the library's constructor that replace those of `source`.
        dtype: Dtype or policy of all layers.

    Raises:
        ConfigError: If the library is missing or broken, refuses the options, or the backbone has
            no such levels; naming what would fit.
    """
    with fresh_names(), policy(dtype):
        network = construct(source, input_shape, options or {})
        backbone = _staged(network, source)
    if source.weights is not None:
        network.set_weights(source.weights)
    architecture = source.architecture or serialized(network)
    backbone.source = dataclasses.replace(source, architecture=architecture, weights=None)
    _set_norms(backbone, norm_kind, momentum)
    return backbone


def published_backbone(source: Foreign, input_shape: tuple = (None, None, 3)) -> keras.Model:
    """Returns the backbone with the weights that its library publishes, which it downloads once.

    Args:
        source: With `published`.
        input_shape: Rows, columns, 3.

    Raises:
        WeightsError: Where they cannot be had, with the cause and the ways without them.
    """
    try:
        with fresh_names():
            preset = Foreign(source.library, source.published, published=source.published)
            return _staged(construct(preset, input_shape, {}, weights=True), source)
    except Exception as error:  # downloads and file formats fail in many ways
        cause = re.sub(r"\s+", " ", str(error))[:300]
        raise WeightsError(
            f"the weights of {source.library}:{source.published} cannot be had "
            f"({type(error).__name__}: {cause}). {source.library} downloads them from Kaggle at "
            "first use and keeps them in ~/.cache/kagglehub; copy that folder from a machine with "
            "network access, name a preset's folder instead "
            f"(backbone='{source.library}:/path/to/preset'), or set initial_weights=None to start "
            "from random weights."
        ) from error


def published_pixels(source: Foreign) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """Returns `(mean, deviation)` that a preset's own preprocessing takes out of pixels of 0 to
    255, three numbers each; None where the library does not say."""
    if source.library != "keras_hub":
        return None
    try:
        layers = library_of(source.library).layers
        converter = layers.ImageConverter.from_preset(source.published)
    except Exception:  # not every preset has one, and this is only for comparison
        return None
    scale = np.broadcast_to(1.0 if converter.scale is None else converter.scale, 3)
    offset = np.broadcast_to(0.0 if converter.offset is None else converter.offset, 3)
    return tuple((-offset / scale).tolist()), tuple((1 / scale).tolist())


def stage_layers(backbone: keras.Model, stage: int) -> set[str]:
    """Returns the names of the layers that stages before `stage` do without.

    Args:
        backbone: Of `foreign_backbone`.
        stage: 3, 4 or 5.
    """
    before = keras.Model(backbone.inputs, backbone.output[f"C{stage - 1}"])
    earlier = {id(layer) for layer in before.layers}
    return {layer.name for layer in backbone.layers if id(layer) not in earlier}


def _staged(network: keras.Model, source: Foreign) -> keras.Model:
    """Returns the part of a network up to its levels at strides 4, 8, 16 and 32."""
    levels = _levels(network)
    strides = {}
    if levels:
        shape = network.inputs[0].shape
        probe = (1, *[side or _PROBE for side in shape[1:3]], shape[-1])
        found = keras.Model(network.inputs[0], levels).compute_output_shape(probe)
        for name, level in found.items():
            if len(level) == 4 and level[1] and probe[1] % level[1] == 0:
                # Of two levels at one stride the later one has seen more.
                strides[probe[1] // level[1]] = name
    missing = [stride for stride in _STRIDES if stride not in strides]
    if missing:
        has = ", ".join(f"{name} at stride {stride}" for stride, name in strides.items())
        raise ConfigError(
            f"backbone: {source} does not fit: a feature pyramid needs levels at strides 4, 8, 16 "
            f"and 32 (C2 to C5), and it has none at {', '.join(map(str, missing))}; it has "
            f"{has or 'no levels'}. Levels are the pyramid_outputs of keras_hub, the "
            "pyramid_level_inputs of keras_cv, or the outputs of a functional keras.Model."
        )
    stages = {f"C{i}": levels[strides[2**i]] for i in range(2, 6)}
    name = re.sub(r"\W+", "_", str(source)).strip("_")
    return keras.Model(network.inputs[0], stages, name=name)


def _levels(network: keras.Model) -> dict:
    outputs = getattr(network, "pyramid_outputs", None)
    if outputs:
        return dict(outputs)
    names = getattr(network, "pyramid_level_inputs", None)
    if names:
        return {level: network.get_layer(name).output for level, name in names.items()}
    if len(getattr(network, "inputs", None) or ()) != 1 or len(network.inputs[0].shape) != 4:
        return {}
    outputs = network.output
    if isinstance(outputs, Mapping):
        return dict(outputs)
    outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
    return {f"output {index}": level for index, level in enumerate(outputs)}


def _set_norms(backbone: keras.Model, kind: str, momentum: float) -> None:
    """Makes every batch normalisation, also those inside other layers, keep or collect its
    statistics."""
    if kind not in ("frozen", "batch"):
        raise ConfigError(
            f"norm: a backbone of keras_cv or keras_hub comes with its own normalisation, which "
            f"can be 'frozen' or 'batch'; got {kind!r}. Choose resnet50, resnet101 or "
            "mobilenet_v2 for that."
        )
    for layer in backbone._flatten_layers(include_self=False):
        if not isinstance(layer, keras.layers.BatchNormalization):
            continue
        if kind == "batch":
            layer.momentum = momentum
        elif type(layer) is keras.layers.BatchNormalization:
            # The layer exists and may sit inside another one, so it cannot be exchanged; the
            # subclass adds no state and changes nothing but which statistics are used.
            layer.__class__ = FrozenBatchNormalization
        else:
            raise ConfigError(
                f"norm: {type(layer).__name__} ({layer.name}) cannot keep its statistics; use "
                "norm='batch'."
            )
