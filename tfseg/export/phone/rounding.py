"""A phone's network with the rounding of int8 built in, ready to be trained on.

Each kind of layer has a rule. tfmot's own rules know a part of these layers, look for them by
patterns that take minutes on a graph of this size, and round the outputs of sigmoids not at all.

Ranges come from the network without rounding: its layers' outputs on a dozen batches. Taken the
usual way, from the network with rounding and starting at -6 to 6, they would need thousands of
steps, for each step moves a range a thousandth of the way.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable

import numpy as np

from tfseg.errors import ExportError
from tfseg.export.phone.optional import tf_keras, tfmot

__all__ = ["KERNEL_LIMITS", "calibrate", "equalized", "quantised", "rule", "settle"]

KERNEL_LIMITS = (64, 127)
"""The greatest number that an int8 kernel may hold. The sum of two products with bytes,
2 * 255 * 64, fits into the 16 bits that x86 has for it without dot products of bytes (AVX2 before
VNNI); libraries that use those (oneDNN, and with it OpenVINO) saturate beyond. Processors with such
instructions, phones among them, can use all of 127."""

_WEIGHTED = {"Conv2D": "kernel", "DepthwiseConv2D": "depthwise_kernel"}
# What an interpreter fuses into the layer before it: nothing is rounded in between.
_FUSED = ("BatchNormalization", "ReLU")
# Values pass unchanged, and their step with them.
_PASSED = ("Cropping2D", "ZeroPadding2D", "MaxPooling2D")
# Layers whose TFLite operation has one step for input and output.
_SAME_STEP = ("UpSampling2D", "AveragePooling2D", "Resizing")
_OWN_STEP = ("Add", "Multiply", "Concatenate", "GlobalAveragePooling2D")
_LARGEST_FACTOR = 1e3


def quantised(model, kernel_limit: int = 64):
    """Returns a tf_keras model with rounding built in and the same weights; `calibrate` it next.

    Statistics of batch normalisation are kept from here on: those of batches would differ from
    what the converted model has.

    Args:
        model: A functional model of tf_keras, such as `PhonePart.network` makes, `equalized`.
        kernel_limit: One of `KERNEL_LIMITS`.
    """
    wrapper = tfmot().quantization.keras.QuantizeWrapperV2

    def wrapped(layer):
        copy = type(layer).from_config(layer.get_config())
        if type(copy).__name__ == "BatchNormalization":
            copy.trainable = False
        return wrapper(copy, rule(layer, kernel_limit), name=layer.name)

    aware = tf_keras().models.clone_model(model, clone_function=wrapped)
    for layer in model.layers:
        if layer.weights:
            variables = _variables(aware.get_layer(layer.name))
            for variable, value in zip(variables, layer.get_weights()):
                variable.assign(value)
    return aware


def calibrate(aware, model, batches: Iterable[np.ndarray]) -> None:
    """Sets every range of a quantised network to what the network without rounding shows: the
    mean over batches of the smallest and of the largest value.

    Args:
        aware: What `quantised` made of `model`.
        model: The network without rounding.
        batches: Inputs `(B, H, W, 3)` as the network reads them.

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
            # The converter merges equal kernels of equal ranges, such as the shares of one
            # classifier before training, and rounds what it merged anew, to the whole of int8.
            own = 1 + number * 2**-20
            _assign(variables, own * variables["min_var"], own * variables["max_var"])
        kind = type(getattr(layer, "layer", None)).__name__
        if kind in _SAME_STEP and _range_of(layer):
            before = _range_of(_ranged_before(layer))
            _assign(_range_of(layer), before["min_var"].numpy(), before["max_var"].numpy())


def equalized(model):
    """Brings each depthwise kernel's channels to one largest value, in place, and returns the
    model, which computes the same.

    A depthwise convolution followed by normalisation may have each channel's kernel scaled at
    will: the normalisation takes it back. A step that all channels share, as in training for int8,
    is then as fine for each of them as one of its own.
    """
    for layer in model.layers:
        if type(layer).__name__ != "DepthwiseConv2D":
            continue
        # Both Keras know the node, under different names for its layer.
        readers = [getattr(n, "outbound_layer", None) or n.operation for n in layer._outbound_nodes]
        if [type(reader).__name__ for reader in readers] != ["BatchNormalization"]:
            continue
        kernel, *bias = layer.get_weights()
        if bias:
            continue
        gamma, beta, mean, variance = readers[0].get_weights()
        peak = np.abs(kernel).max(axis=(0, 1, 3))
        factor = np.where(peak > 0, peak.max() / np.maximum(peak, 1e-30), 1.0)
        factor = np.clip(factor, 1.0, _LARGEST_FACTOR).astype(np.float32)
        layer.set_weights([kernel * factor[None, None, :, None]])
        variance = factor**2 * (variance + readers[0].epsilon) - readers[0].epsilon
        readers[0].set_weights([gamma, beta, mean * factor, variance])
    return model


def rule(layer, kernel_limit: int = 64):
    """Returns the `QuantizeConfig` of a layer of tf_keras.

    Args:
        layer: The layer, in its graph.
        kernel_limit: One of `KERNEL_LIMITS`.

    Raises:
        ExportError: Naming a layer of a kind that has no rule.
    """
    kind, made = type(layer).__name__, _config_class()
    quantizers = tfmot().quantization.keras.quantizers
    if kind == "Activation" and layer.activation.__name__ in ("sigmoid", "softmax"):
        # 1/256 is the one step that TFLite has for logistic function and softmax.
        return made(quantizers.FixedQuantizer(8, 0.0, 255 / 256, narrow_range=False))
    if kind not in (*_WEIGHTED, *_FUSED, *_PASSED, *_SAME_STEP, *_OWN_STEP):
        raise ExportError(f"layer {layer.name!r}: there is no rule of quantisation for a {kind}.")
    output = None
    if _is_rounded(layer):
        settings = dict(num_bits=8, per_axis=False, symmetric=False, narrow_range=False)
        output = quantizers.MovingAverageQuantizer(**settings)
    return made(output, _WEIGHTED.get(kind, ""), 127 / kernel_limit)


def _is_rounded(layer) -> bool:
    """Returns whether a layer's output is rounded to steps of its own.

    It is not if the next layer is fused into it, if it only moves values, or if a concatenation
    is all that reads it: that has one step for all its inputs.
    """
    kind = type(layer).__name__
    if kind in _PASSED or (kind == "Concatenate" and _reads_one_map(layer)):
        return False
    readers = [type(node.outbound_layer).__name__ for node in layer.outbound_nodes]
    fused = [reader in _FUSED for reader in readers]
    if any(fused) and not all(fused):
        raise ExportError(
            f"layer {layer.name!r} feeds {', '.join(readers)}: what is fused into it and what is "
            "not. There is no rule of quantisation for that."
        )
    return not (any(fused) or (readers and set(readers) == {"Concatenate"}))


def _reads_one_map(layer) -> bool:
    """Returns whether all inputs of a concatenation are parts of one map."""
    return all(type(before).__name__ in _PASSED for before in layer.inbound_nodes[0].inbound_layers)


@functools.cache
def _config_class() -> Callable:
    """Returns the class that tells tfmot what of a layer is rounded, and how."""
    base = tfmot().quantization.keras
    kernel_class = _kernel_class(base.quantizers)

    class Rounded(base.QuantizeConfig):
        """Rounds the output if there is a quantizer for it, and the weight of that name."""

        def __init__(self, output=None, kernel: str = "", reach: float = 1.0):
            self.output, self.kernel, self.reach = output, kernel, reach

        def get_weights_and_quantizers(self, layer):
            return [(getattr(layer, self.kernel), kernel_class(self.reach))] if self.kernel else []

        def set_quantize_weights(self, layer, quantize_weights):
            if self.kernel:
                setattr(layer, self.kernel, quantize_weights[0])

        def get_output_quantizers(self, layer):
            return [] if self.output is None else [self.output]

        def get_activations_and_quantizers(self, layer):
            return []

        def set_quantize_activations(self, layer, quantize_activations):
            pass

        def get_config(self):
            return {}

    return Rounded


def _kernel_class(quantizers) -> type:
    """Returns the class that rounds a kernel with steps for each index of its last axis."""
    import tensorflow as tf

    class Kernel(quantizers.LastValueQuantizer):
        """Ranges of one axis, wider than the values by `reach`; the base class has all axes but
        the last, and no room."""

        def __init__(self, reach: float):
            super().__init__(num_bits=8, per_axis=True, symmetric=True, narrow_range=True)
            self.reach = reach

        def build(self, tensor_shape, name, layer):
            return {
                key: layer.add_weight(f"{name}_{key}", shape=(tensor_shape[-1],), trainable=False)
                for key in ("min_var", "max_var")
            }

        def __call__(self, inputs, training, weights, **kwargs):
            low, high = weights["min_var"], weights["max_var"]
            if training:
                peak = tf.reduce_max(tf.abs(inputs), axis=range(len(inputs.shape) - 1))
                high = high.assign(self.reach * tf.maximum(peak, 1e-6))
                low = low.assign(-high)
            return tf.quantization.fake_quant_with_min_max_vars_per_channel(
                inputs, low, high, self.num_bits, self.narrow_range
            )

    return Kernel


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
