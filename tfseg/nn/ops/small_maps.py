"""A 3x3 convolution of many small maps whose gradient to the input is as fast as itself.

The features of regions are such maps: dozens of 14 x 14. Libraries tune the gradients of
convolutions for few large maps: TensorFlow's gradient to the input of 66 maps of 14 x 14 x 256 took
2.5 times as long as the convolution, on two AVX2 cores.
"""

from __future__ import annotations

from keras import ops

__all__ = ["conv3x3"]


def conv3x3(maps, kernel):
    """Returns `ops.conv(maps, kernel, 1, "same")`.

    Its gradient to the maps is computed as what it is: the convolution of the upstream gradient
    with the kernel turned by half a circle.

    Args:
        maps: float `(N, h, w, D)`.
        kernel: `(3, 3, D, E)` of the same dtype.

    Returns:
        `(N, h, w, E)`.
    """
    # One reading of a variable for both uses. Of two, TensorFlow 2.21 carried out the one that only
    # the gradient needs after the step had changed the variable, in four of ten graphs; a cast or a
    # conversion leaves the variable as it is, a product reads it.
    kernel = ops.multiply(kernel, 1)
    # One axis at a time: before Keras 3.15 `flip` takes no two of them on TensorFlow.
    turned = ops.flip(ops.flip(kernel, 0), 1)
    turned = ops.stop_gradient(ops.transpose(turned, (0, 1, 3, 2)))

    @ops.custom_gradient
    def with_gradient(result, maps, turned):
        def gradients(*given, upstream=None):
            upstream = given[0] if upstream is None else upstream
            return upstream, ops.conv(upstream, turned, 1, "same"), ops.zeros_like(turned)

        return result, gradients

    result = ops.conv(ops.stop_gradient(maps), kernel, 1, "same")
    return with_gradient(result, maps, turned)
