"""The phone's network with the rounding of int8 built in, ready to be trained on.

Ranges come from the network without rounding: its layers' outputs on a dozen batches. Taken the
usual way, from the network with rounding and starting at -6 to 6, they would need thousands of
steps, for each step moves a range a thousandth of the way.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from tfseg.errors import ExportError
from tfseg.export.quantize import schemes
from tfseg.export.quantize.optional import tf_keras, tfmot

__all__ = ["calibrate", "quantised", "settle"]


def quantised(model):
    """Returns a tf_keras model with rounding built in and the same weights; `calibrate` it next.

    Statistics of batch normalisation are kept from here on: those of batches would differ from
    what the converted model has.

    Args:
        model: What `phone.build_phone` made with tf_keras.
    """
    wrapper = tfmot().quantization.keras.QuantizeWrapperV2

    def wrapped(layer):
        copy = type(layer).from_config(layer.get_config())
        if type(copy).__name__ == "BatchNormalization":
            copy.trainable = False
        return wrapper(copy, schemes.rule(layer), name=layer.name)

    aware = tf_keras().models.clone_model(model, clone_function=wrapped)
    for layer in model.layers:
        if layer.weights:
            for variable, value in zip(
                _variables(aware.get_layer(layer.name)), layer.get_weights()
            ):
                variable.assign(value)
    return aware


def calibrate(aware, model, batches: Iterable[np.ndarray]) -> None:
    """Sets every range of a quantised network to what the network without rounding shows: the
    mean over batches of the smallest and of the largest value.

    Args:
        aware: What `quantised` made of `model`.
        model: The network without rounding.
        batches: Inputs `(B, H, W, 3)` as of `input.network_input`.

    Raises:
        ExportError: If there is no batch, or a layer's output is not finite.
    """
    ranged = [layer for layer in aware.layers if _range_of(layer)]
    outputs = [model.get_layer(layer.name).output for layer in ranged]
    watched = tf_keras().Model(model.inputs, outputs)
    seen = []
    for batch in batches:
        values = watched.predict_on_batch(batch)
        seen.append([(float(value.min()), float(value.max())) for value in values])
    if not seen:
        raise ExportError("calibration needs at least one batch of images, got none.")
    for layer, (low, high) in zip(ranged, np.mean(seen, axis=0)):
        if not np.isfinite([low, high]).all():
            raise ExportError(f"layer {layer.name!r}: its output is not finite on these images.")
        # A range without zero has no exact zero, which padding needs; one of no width no step.
        low, high = min(low, 0.0), max(high, 0.0)
        _assign(_range_of(layer), low, max(high, low + 1e-3))
    settle(aware)


def settle(aware) -> None:
    """Brings all ranges in line with the weights and with TFLite's operations; call it after
    training, whose last step moved the weights but not their ranges.

    Kernels get the range of their values, with room beyond; resizing and pooling get the range of
    their inputs.
    """
    for number, layer in enumerate(aware.layers):
        for weight, quantizer, variables in getattr(layer, "_weight_vars", ()):
            quantizer(weight, training=True, weights=variables)
            # The converter merges equal kernels of equal ranges, such as the classifier's shares
            # before training, and rounds what it merged anew, to the whole of int8.
            own = 1 + number * 2**-20
            _assign(variables, own * variables["min_var"], own * variables["max_var"])
        kind = type(getattr(layer, "layer", None)).__name__
        if kind in schemes.SAME_STEP and _range_of(layer):
            before = _range_of(_ranged_before(layer))
            _assign(_range_of(layer), before["min_var"].numpy(), before["max_var"].numpy())


def _variables(wrapper) -> list:
    """Returns the variables of the layer inside, in the order of its own weights."""
    # The layer has lost sight of its kernel: its place holds the rounded one.
    kernels = [weight for weight, *_ in wrapper._weight_vars]
    return [*kernels, *wrapper.layer.weights]


def _ranged_before(layer):
    """Returns the layer whose rounding the values have that a layer reads."""
    while hasattr(layer, "layer"):
        layer = layer.inbound_nodes[0].inbound_layers
        if _range_of(layer):
            return layer
    raise ExportError(f"layer {layer.name!r} feeds a resize, and has no range to give it.")


def _range_of(layer) -> dict | None:
    """Returns the variables of a layer's output range, or None if it has none that moves."""
    return getattr(layer, "_output_quantizer_vars", None)


def _assign(variables: dict, low, high) -> None:
    variables["min_var"].assign(low)
    variables["max_var"].assign(high)
