"""Depthwise kernels of one scale, because quantisation-aware training gives each layer one step.

A depthwise convolution followed by normalisation may have each channel's kernel scaled at will: the
normalisation takes it back. Brought to one largest value, a step that is shared by all channels is
as fine for each of them as one of its own, and the result is the same.
"""

from __future__ import annotations

import numpy as np

__all__ = ["equalized"]

_LARGEST_FACTOR = 1e3


def equalized(model):
    """Scales depthwise kernels and the statistics behind them in place, and returns the model."""
    for layer in model.layers:
        if type(layer).__name__ != "DepthwiseConv2D":
            continue
        followers = [node.outbound_layer for node in _outbound(layer)]
        if len(followers) != 1 or type(followers[0]).__name__ != "BatchNormalization":
            continue
        norm = followers[0]
        (kernel,) = layer.get_weights()
        gamma, beta, mean, variance = norm.get_weights()
        peak = np.abs(kernel).max(axis=(0, 1, 3))
        factor = np.where(peak > 0, peak.max() / np.maximum(peak, 1e-30), 1.0)
        factor = np.clip(factor, 1.0, _LARGEST_FACTOR).astype(np.float32)
        layer.set_weights([kernel * factor[None, None, :, None]])
        variance = factor**2 * (variance + norm.epsilon) - norm.epsilon
        norm.set_weights([gamma, beta, mean * factor, variance])
    return model


def _outbound(layer):
    # Both Keras know the node, under different names for its layer.
    return [_Node(node) for node in layer._outbound_nodes]


class _Node:
    def __init__(self, node):
        self.outbound_layer = getattr(node, "outbound_layer", None) or node.operation
