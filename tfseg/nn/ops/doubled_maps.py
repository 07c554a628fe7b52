"""A convolution of a map that was doubled by repeating its cells, without making that map."""

from __future__ import annotations

from keras import ops

__all__ = ["conv_doubled"]


def conv_doubled(x, kernel):
    """Returns the 3x3 convolution of `x` with every cell repeated twice in both directions.

    Each of the four cells that come out of one looks at 2x2 cells of `x` alone, so this takes
    4/9 of the products, and the repeated map is never made.

    Args:
        x: `(N, h, w, D)`.
        kernel: `(3, 3, D, E)`.

    Returns:
        `(N, 2 h, 2 w, E)`, padded with zeros as padding "same" does.
    """
    inputs, outputs = kernel.shape[2:]
    kernel = _two_taps(_two_taps(kernel, 0), 2)  # (2, 2, 2, 2, D, E): tap, phase; rows, columns
    kernel = ops.transpose(kernel, (0, 2, 4, 1, 3, 5))
    kernel = ops.reshape(kernel, (2, 2, inputs, 4 * outputs))
    height, width = ops.shape(x)[1:3]
    x = ops.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    y = ops.conv(x, kernel, padding="valid", data_format="channels_last")
    y = ops.reshape(y, (-1, height + 1, width + 1, 2, 2, outputs))
    rows = []
    for row in (0, 1):
        phases = [
            y[:, row : row + height, column : column + width, row, column] for column in (0, 1)
        ]
        rows.append(ops.stack(phases, axis=3))
    return ops.reshape(ops.stack(rows, axis=2), (-1, 2 * height, 2 * width, outputs))


def _two_taps(kernel, axis):
    """Returns the kernel with an axis of three taps turned into two axes: two taps of the map
    before doubling, and the two cells that each of its cells becomes."""
    first, middle, last = (ops.take(kernel, place, axis=axis) for place in range(3))
    upper = ops.stack([first, middle + last], axis=axis)
    lower = ops.stack([first + middle, last], axis=axis)
    return ops.stack([upper, lower], axis=axis + 1)
