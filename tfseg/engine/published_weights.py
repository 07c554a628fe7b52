"""Published weights for a network's backbone: those of Keras Applications by explicit names, and
those that keras_cv and keras_hub publish for their own backbones."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import keras
import numpy as np

from tfseg.engine import weights
from tfseg.errors import WeightsError
from tfseg.nn.backbones.first_kernel import fit_to
from tfseg.nn.backbones.imagenet import adapt, imagenet_name, weighted_layers
from tfseg.structures import LoadReport

__all__ = ["copy_by_meaning", "copy_by_name", "load_imagenet"]

_LOG = logging.getLogger(__name__)
_MAKERS = {"resnet50": "ResNet50", "resnet101": "ResNet101", "mobilenet_v2": "MobileNetV2"}


def load_imagenet(backbone: keras.Model, name: str, *, width: float = 1.0) -> LoadReport:
    """Gives a backbone the ImageNet weights that Keras downloads once and keeps.

    Args:
        backbone: One of tfseg's own, for images of any number of channels.
        name: "resnet50", "resnet101" or "mobilenet_v2".
        width: MobileNetV2's.

    Raises:
        WeightsError: Where they cannot be had, naming the way without them, or do not fit.
    """
    options = {"alpha": width} if name == "mobilenet_v2" else {}
    try:
        maker = getattr(keras.applications, _MAKERS[name])
        shape = (None, None, 3)
        source = maker(include_top=False, weights="imagenet", input_shape=shape, **options)
    except Exception as error:  # the download fails in many ways: URLError, OSError, Exception
        raise WeightsError(
            f"the ImageNet weights of {name} cannot be had: {error}. Keras downloads them at first "
            "use and keeps them in ~/.keras/models; copy them there from a machine with network "
            "access, or set initial_weights=None to start from random weights."
        ) from error
    report = copy_by_meaning(source, backbone, flip_channels=name != "mobilenet_v2")
    _LOG.info("%s", report)
    return report


def copy_by_meaning(
    source: keras.Model, backbone: keras.Model, *, flip_channels: bool
) -> LoadReport:
    """Gives every layer of a backbone the weights of the layer of its meaning in a network of Keras
    Applications; all or, on an error, none.

    Args:
        source: A Keras Applications model.
        backbone: Our ResNet or MobileNetV2.
        flip_channels: The source was trained on BGR images and ours come as RGB, see
            `tfseg.nn.backbones.imagenet.adapt`.

    Raises:
        WeightsError: If a layer is missing or has another shape.
    """
    theirs = {layer.name: layer for layer in source.layers}
    stored = {}
    for name, layer in weighted_layers(backbone).items():
        twin = theirs.get(imagenet_name(name))
        if twin is not None:
            found = {weight.name: _array(weight) for weight in twin.weights}
            epsilon = getattr(twin, "epsilon", 0.0)
            stored[name] = adapt(layer, found, epsilon=epsilon, flip_channels=flip_channels)
    layers = {name: _variables(layer) for name, layer in weighted_layers(backbone).items()}
    return _copy(layers, stored, f"ImageNet weights of {source.name}")


def copy_by_name(source: keras.Model, backbone: keras.Model, told: str) -> LoadReport:
    """Gives every layer of a backbone the weights of the layer of its name in a network of the same
    architecture, which may have been built for images of three channels; all or, on an error, none.

    Args:
        source: A network with the weights.
        backbone: Another one.
        told: What the weights are, for the report and the error.

    Raises:
        WeightsError: If either has layers that the other lacks, or shapes differ.
    """
    stored = {
        layer: {name: _array(variable) for name, variable in variables.items()}
        for layer, variables in weights.named_weights(source).items()
    }
    return _copy(weights.named_weights(backbone), stored, told)


def _copy(layers: Mapping, stored: Mapping, told: str) -> LoadReport:
    stored = {name: _fitted(values, layers.get(name, {})) for name, values in stored.items()}
    found = weights.match(layers, stored, told)
    report = found.report
    wrong = [f"{name}: {reason}" for name, reason in report.skipped.items()]
    wrong += [f"{name} is missing" for name in report.missing]
    wrong += [f"{name} has no place" for name in report.unused]
    if wrong:
        raise WeightsError(
            f"{told}: they are those of another architecture ({len(wrong)} of {len(layers)} layers "
            f"differ, such as {wrong[0]}). Nothing was changed. Take weights of this backbone, or "
            "set initial_weights=None."
        )
    weights.give(found)
    return report


def _fitted(values: Mapping, variables: Mapping) -> dict:
    """Returns a layer's arrays, a first kernel among them fitted to the image's channels."""
    return {
        name: fit_to(value, tuple(variables[name].shape)) if name in variables else value
        for name, value in values.items()
    }


def _variables(layer: keras.layers.Layer) -> dict[str, keras.Variable]:
    return {weight.name: weight for weight in layer.weights}


def _array(variable) -> np.ndarray:
    return keras.ops.convert_to_numpy(variable.value)
