"""One small network for all tests here; building and tracing it takes seconds."""

from __future__ import annotations

import numpy as np
import pytest

from tfseg.data import ListDataset
from tfseg.models.portrait import PortraitSegmenter
from tfseg.structures import Sample


@pytest.fixture(scope="session")
def portrait_samples() -> list[Sample]:
    """Bright discs on dark ground, one or two an image; the last image is empty."""
    rng = np.random.default_rng(0)
    made = []
    for index in range(4):
        height, width = 48 + 8 * index, 64
        rows, columns = np.mgrid[:height, :width]
        masks = [
            (rows - height // 2) ** 2 + (columns - x) ** 2 < (height // 4) ** 2
            for x in ((20, 44)[: 1 + index % 2] if index < 3 else ())
        ]
        masks = np.array(masks, bool).reshape(-1, height, width)
        image = rng.integers(0, 60, (height, width, 3))
        image[masks.any(axis=0)] += 150
        ids = np.ones(len(masks), np.int32)
        made.append(Sample(image.astype(np.uint8), f"disc{index}", ids, masks))
    return made


@pytest.fixture(scope="session")
def portrait_data(portrait_samples) -> ListDataset:
    """The same as a dataset."""
    return ListDataset(portrait_samples, ("person",))


@pytest.fixture(scope="session")
def portrait_model() -> PortraitSegmenter:
    """A network of random weights that counts as fitted."""
    model = PortraitSegmenter(image_size=(64, 64))
    model.keras_model  # noqa: B018
    model.fitted = True
    return model
