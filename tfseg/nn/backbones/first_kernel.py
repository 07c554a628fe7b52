"""Fits the first convolution of a network for RGB to images of other channels."""

from __future__ import annotations

import numpy as np

__all__ = ["fit_channels", "fit_to"]

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


def fit_to(value: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Returns a first convolution's kernel for RGB as `fit_channels` makes it for another number of
    channels; anything else as it is.

    Args:
        value: An array of a network for RGB.
        shape: That of its place in a network that differs from it in the channels of the image
            alone; for others, and for equal shapes, nothing is changed.
    """
    depth = value.shape[2] if value.ndim == 4 == len(shape) else 0
    first = depth in (3, 6, 9, 12)  # up to four parts of an image, stacked
    if value.shape == shape or not first or shape[2] * _RGB % depth:
        return value
    changed = fit_channels(value, _RGB * shape[2] // depth)
    return changed if changed.shape == shape else value
