"""Fits the first convolution of a network for RGB to images of other channels."""

from __future__ import annotations

import numpy as np

__all__ = ["fit_channels"]

_RGB = 3


def fit_channels(kernel: np.ndarray, channels: int) -> np.ndarray:
    """Returns a kernel for images of `channels` channels.

    One channel gets the sum over the colours: a grey image then gives what the same image
    gives as RGB with three equal channels. More than three keep the colours in front; the others
    get zeros, so that they have no effect until they learn one. Of two, the first is the grey.

    Args:
        kernel: `(h, w, 3 m, O)`; `m` is above 1 where the network cuts the image into `m` parts
            and stacks them.
        channels: 1 or more.

    Returns:
        `(h, w, channels m, O)`.
    """
    height, width, depth, outputs = kernel.shape
    parts = depth // _RGB
    colours = kernel.reshape(height, width, parts, _RGB, outputs)
    if channels < _RGB:
        colours = colours.sum(axis=3, keepdims=True)
    empty = channels - colours.shape[3]
    colours = np.pad(colours, [(0, 0)] * 3 + [(0, empty), (0, 0)])
    return colours.reshape(height, width, parts * channels, outputs)
