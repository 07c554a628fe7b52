"""Resizing between feature maps whose sizes are known, by layers that every Keras has.

`ResizeLike` finds its size while it runs, which neither tf_keras nor a telephone can follow. At a
fixed size each of its cases is a standard layer with the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable

from tfseg.errors import ExportError

__all__ = ["check_image_shape", "fixed_resize"]

STRIDE = 32
"""Sizes that are a multiple of this halve and double without remainders in all presets."""


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


def check_image_shape(image_shape) -> tuple[int, int]:
    """Returns `(H, W)` as two integers.

    Raises:
        ExportError: If they are not two whole numbers of at least 32.
    """
    try:
        height, width = (int(side) for side in image_shape)
        whole = (height, width) == tuple(image_shape)
    except (TypeError, ValueError):
        whole = False
    if not whole or min(height, width) < STRIDE:
        raise ExportError(
            f"image_shape: expected (rows, columns) of at least {STRIDE}, got {image_shape!r}. A "
            "model for a telephone has one fixed size, such as (256, 192)."
        )
    return height, width
