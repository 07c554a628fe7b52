"""The half-pixel RoIAlign against numbers of torchvision; `data/README.md` tells their origin."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from keras import ops

from tfseg.nn.ops.boxes import normalize
from tfseg.nn.ops.roi_align import roi_align

DATA = Path(__file__).parent / "data" / "torchvision_roi_align.npz"
IMAGE_SIZE = (320, 416)


@pytest.mark.parametrize("method", ["products", "gather"])
def test_aligned_sampling_is_torchvisions(method):
    with np.load(DATA) as stored:
        feature, boxes, expected = stored["feature"], stored["boxes"], stored["aligned"]
    boxes = normalize(boxes[None][..., [1, 0, 3, 2]], IMAGE_SIZE)
    ours = roi_align([feature[None]], boxes, IMAGE_SIZE, 7, sampling="aligned", method=method)
    ours = ops.convert_to_numpy(ours)[0].transpose(0, 3, 1, 2)
    np.testing.assert_allclose(ours, expected, atol=1e-5 * np.abs(expected).max())
