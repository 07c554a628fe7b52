"""What resists a phone, in standard layers with the same numbers.

`ResizeLike` finds its size while it runs, which neither tf_keras nor a phone can follow; a dilated
convolution keeps float tensors in a converted file; and an `Add` of many maps has sums in between
that nobody quantises.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tfseg.errors import ExportError

__all__ = ["copy_weights", "fixed_resize", "shifted", "spread_kernel"]


def fixed_resize(layers) -> Callable:
    """Returns `(x, like, name) -> x at the size of like`, bilinear with half-pixel centres.

    Equal sizes need no layer, one pixel is repeated, halving is the mean of 2 x 2 pixels, whole
    factors are an upsampling; anything else becomes a `Resizing`.

    Args:
        layers: The module `layers` of Keras 3 or tf_keras.
    """

    def resize(x, like, name):
        have, want = tuple(x.shape[1:3]), tuple(like.shape[1:3])
        if None in (*have, *want):
            raise ExportError(f"{name}: expected maps of a known size, got {have} and {want}.")
        if have == want:
            return x
        if have == (1, 1):
            return layers.UpSampling2D(want, name=name)(x)
        if have == (2 * want[0], 2 * want[1]):
            return layers.AveragePooling2D(2, name=name)(x)
        if want[0] % have[0] == 0 and want[1] % have[1] == 0:
            factors = (want[0] // have[0], want[1] // have[1])
            return layers.UpSampling2D(factors, interpolation="bilinear", name=name)(x)
        return layers.Resizing(*want, interpolation="bilinear", name=name)(x)

    return resize


def shifted(layers, x, size: int, rate: int, name: str):
    """Returns what a dilated kernel sees as maps one behind the other, `(B, h, w, T * D)`, and what
    turns its arrays into those of a 1 x 1 convolution of them.

    Shifts of a whole map's length show padding alone and are left out: at rate 9 a map of 8 x 6
    pixels has only its centre left.

    Args:
        layers: The module `layers` of Keras 3 or tf_keras.
        x: `(B, h, w, D)`.
        size: Rows and columns of the kernel, an odd number.
        rate: Its dilation.
        name: Of the layers.
    """
    h, w, depth = x.shape[1:]
    reach = size // 2
    rows = [i for i in range(-reach, reach + 1) if abs(i) * rate < h]
    columns = [i for i in range(-reach, reach + 1) if abs(i) * rate < w]
    inside = np.ix_([i + reach for i in rows], [j + reach for j in columns])

    def flat(arrays):
        kernel, *rest = arrays
        taps = len(rows) * len(columns)
        return [kernel[inside].reshape(1, 1, taps * depth, kernel.shape[-1]), *rest]

    down, right = rows[-1] * rate, columns[-1] * rate
    if (down, right) == (0, 0):
        return x, flat
    padded = layers.ZeroPadding2D((down, right), name=f"{name}_pad")(x)
    seen = []
    for i in rows:
        for j in columns:
            crop = ((down + i * rate, down - i * rate), (right + j * rate, right - j * rate))
            place = f"{name}_shift{len(seen) + 1}"
            seen.append(layers.Cropping2D(crop, name=place)(padded))
    return layers.Concatenate(name=f"{name}_shifts")(seen), flat


def spread_kernel(kernel: np.ndarray, rate: int) -> np.ndarray:
    """Returns a `(k, k, D, 1)` kernel with zeros in between: what dilation does, written out."""
    size = (kernel.shape[0] - 1) * rate + 1
    wide = np.zeros((size, size, *kernel.shape[2:]), kernel.dtype)
    wide[::rate, ::rate] = kernel
    return wide


def copy_weights(source, target, changed=None) -> None:
    """Gives each layer of one network the weights of the other's layer of the same name.

    Args:
        source: A network of Keras 3 or tf_keras.
        target: Another one.
        changed: Layer name to a function from the source's list of arrays to the target's.

    Raises:
        ExportError: Naming a layer that the source lacks or that has other shapes there.
    """
    known, changed = {layer.name: layer for layer in source.layers}, changed or {}
    for layer in target.layers:
        if not layer.weights:
            continue
        expected, shapes = [tuple(variable.shape) for variable in layer.weights], None
        if layer.name in known:
            values = changed.get(layer.name, list)(known[layer.name].get_weights())
            shapes = [tuple(value.shape) for value in values]
        if shapes != expected:
            raise ExportError(
                f"layer {layer.name!r}: expected weights of shapes {expected}, got "
                f"{shapes or 'no layer of that name'}. The two networks were built with different "
                "options."
            )
        layer.set_weights(values)
