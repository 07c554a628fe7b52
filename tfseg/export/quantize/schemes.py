"""Which tensors of the phone's graph are rounded to int8, and how: one rule per kind of layer.

tfmot's own rules know a part of these layers, look for them by patterns that take minutes on a
graph of this size, and round the outputs of sigmoids not at all.
"""

from __future__ import annotations

import functools
from types import SimpleNamespace

from tfseg.errors import ExportError
from tfseg.export.quantize.optional import tfmot

__all__ = ["KERNEL_REACH", "SAME_STEP", "configs", "is_rounded", "rule"]

KERNEL_REACH = 127 / 64
"""A kernel's range, as a multiple of its greatest value, which so becomes 64 in int8. The sum of
two products with bytes, 2 * 255 * 64, then fits into the 16 bits that x86 has for it without dot
products of bytes; libraries that use those (oneDNN, and with it OpenVINO) saturate otherwise."""

_WEIGHTED = {"Conv2D": "kernel", "DepthwiseConv2D": "depthwise_kernel"}
# What an interpreter fuses into the layer before it: nothing is rounded in between.
_FUSED = ("BatchNormalization", "ReLU")
# Values pass unchanged, and their step with them.
_PASSED = ("Cropping2D", "ZeroPadding2D", "MaxPooling2D")
SAME_STEP = ("UpSampling2D", "AveragePooling2D", "Resizing")
"""Layers whose TFLite operation has one step for input and output."""
_OWN_STEP = ("Add", "Multiply", "Concatenate", "GlobalAveragePooling2D")


def rule(layer):
    """Returns the `QuantizeConfig` of a layer of tf_keras.

    Raises:
        ExportError: Naming a layer of a kind that has no rule.
    """
    kind, made = type(layer).__name__, configs()
    if kind == "Activation" and layer.activation.__name__ in ("sigmoid", "softmax"):
        return made.Probability()
    if kind in _WEIGHTED:
        return made.Weighted(_WEIGHTED[kind], is_rounded(layer))
    if kind in (*_FUSED, *_PASSED, *SAME_STEP, *_OWN_STEP):
        return made.Output(is_rounded(layer))
    raise ExportError(f"layer {layer.name!r}: there is no rule of quantisation for a {kind}.")


def is_rounded(layer) -> bool:
    """Returns whether a layer's output is rounded to steps of its own.

    It is not if the next layer is fused into it, if it only moves values, or if a concatenation
    is all that reads it: that has one step for all its inputs.
    """
    kind = type(layer).__name__
    if kind in _PASSED or (kind == "Concatenate" and _readers_of_one(layer)):
        return False
    readers = [type(node.outbound_layer).__name__ for node in layer.outbound_nodes]
    fused = [reader in _FUSED for reader in readers]
    if any(fused) and not all(fused):
        raise ExportError(
            f"layer {layer.name!r} feeds {', '.join(readers)}: what is fused into it and what is "
            "not. There is no rule of quantisation for that."
        )
    return not (any(fused) or (readers and set(readers) == {"Concatenate"}))


def _readers_of_one(layer) -> bool:
    """Returns whether all inputs of a concatenation are parts of one map."""
    return all(type(before).__name__ in _PASSED for before in layer.inbound_nodes[0].inbound_layers)


@functools.cache
def configs() -> SimpleNamespace:
    """Returns the classes `Output`, `Weighted` and `Probability`, which derive from tfmot's."""
    base = tfmot().quantization.keras
    quantizers = base.quantizers
    kernel_quantizer = _kernel_quantizer(quantizers)

    class Output(base.QuantizeConfig):
        """Rounds the output to steps of a range that follows what it sees, or leaves it."""

        def __init__(self, output: bool = True):
            self.output = output

        def get_weights_and_quantizers(self, layer):
            return []

        def get_activations_and_quantizers(self, layer):
            return []

        def set_quantize_weights(self, layer, quantize_weights):
            pass

        def set_quantize_activations(self, layer, quantize_activations):
            pass

        def get_output_quantizers(self, layer):
            settings = dict(num_bits=8, per_axis=False, symmetric=False, narrow_range=False)
            return [quantizers.MovingAverageQuantizer(**settings)] if self.output else []

        def get_config(self):
            return {"output": self.output}

    class Weighted(Output):
        """Rounds the kernel too; each index of its last axis has steps of its own."""

        def __init__(self, kernel: str, output: bool = True):
            super().__init__(output)
            self.kernel = kernel

        def get_weights_and_quantizers(self, layer):
            settings = dict(num_bits=8, per_axis=True, symmetric=True, narrow_range=True)
            return [(getattr(layer, self.kernel), kernel_quantizer(**settings))]

        def set_quantize_weights(self, layer, quantize_weights):
            setattr(layer, self.kernel, quantize_weights[0])

        def get_config(self):
            return {"kernel": self.kernel, "output": self.output}

    class Probability(Output):
        """Rounds to 1/256, the one step that TFLite has for logistic function and softmax."""

        def get_output_quantizers(self, layer):
            return [quantizers.FixedQuantizer(8, 0.0, 255 / 256, narrow_range=False)]

    return SimpleNamespace(Output=Output, Weighted=Weighted, Probability=Probability)


def _kernel_quantizer(quantizers) -> type:
    """Returns the class that rounds a kernel with steps for each index of its last axis."""
    import tensorflow as tf

    class Kernel(quantizers.LastValueQuantizer):
        """Ranges of one axis, wider than the values; the base class has all axes but the last, and
        no room."""

        def build(self, tensor_shape, name, layer):
            return {
                key: layer.add_weight(f"{name}_{key}", shape=(tensor_shape[-1],), trainable=False)
                for key in ("min_var", "max_var")
            }

        def __call__(self, inputs, training, weights, **kwargs):
            low, high = weights["min_var"], weights["max_var"]
            if training:
                peak = tf.reduce_max(tf.abs(inputs), axis=range(len(inputs.shape) - 1))
                high = high.assign(KERNEL_REACH * tf.maximum(peak, 1e-6))
                low = low.assign(-high)
            return tf.quantization.fake_quant_with_min_max_vars_per_channel(
                inputs, low, high, self.num_bits, self.narrow_range
            )

    return Kernel
