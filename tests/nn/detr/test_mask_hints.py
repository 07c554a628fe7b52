"""What tells the mask head whose mask it makes, against the obvious computation."""

from __future__ import annotations

import numpy as np
from keras import ops

from tfseg.nn.detr.mask_hints import HINTS, attention_hints, box_hints


def test_places_in_their_box_by_hand():
    padding = np.zeros((2, 4, 8), bool)
    padding[0, :, 6:] = True  # the image is 4 x 6 places
    boxes = [[[0.5, 0.5, 0.5, 0.5], [0.25, 0.5, 0.1, 1.0], [0.0, 0.0, 0.0, 0.0]]] * 2
    found = ops.convert_to_numpy(box_hints(np.array(boxes, np.float32), padding))
    assert found.shape == (2, 3, 4, 8, HINTS)
    for image, width in ((0, 6), (1, 8)):
        for query, (cx, cy, w, h) in enumerate(boxes[image]):
            w, h = max(w, 0.02), max(h, 0.02)
            for row, column in np.ndindex(4, 8):
                x, y = (column + 0.5) / width, (row + 0.5) / 4
                sides = [x - (cx - w / 2), y - (cy - h / 2), (cx + w / 2) - x, (cy + h / 2) - y]
                sides = np.clip(np.array(sides) / (w, h, w, h), -1, 1)
                wanted = [*sides, *np.tanh(4 * sides)]
                np.testing.assert_allclose(found[image, query, row, column], wanted, atol=1e-5)


def test_equal_attention_says_nothing_and_padding_is_finite():
    even = np.full((1, 2, 3, 4, 8), 1 / 96, np.float32)
    even[0, 1] = 0.0
    even[0, 1, 0, 0, 0] = 1.0
    found = ops.convert_to_numpy(attention_hints(even))
    np.testing.assert_allclose(found[0, 0], np.log(1.01), atol=1e-5)
    np.testing.assert_allclose(found[0, 1, 0, 0, 0], np.log(96.01), atol=1e-5)
    np.testing.assert_allclose(found[0, 1, 1:], np.log(0.01), atol=1e-5)
