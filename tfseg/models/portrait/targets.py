"""From a sample to what the training network takes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tfseg.geometry.proportional import ImageFit
from tfseg.geometry.resize import ResizePlan
from tfseg.structures import Sample
from tfseg.structures.semantic import CLASS_MAP, IGNORED, class_map

__all__ = ["Resized", "encode"]

_SHOWN = "shown"


def encode(
    sample: Sample,
    fit: ImageFit,
    augment: Callable[[Sample], Sample] | None = None,
    *,
    before: bool = False,
) -> dict[str, np.ndarray]:
    """Returns one sample as arrays of the canvas's size.

    Args:
        sample: With a class map, or masks that make one.
        fit: How images meet the network.
        augment: A random change, or None.
        before: Change the image before it is resized, not after: for changes that make their
            own size, such as random crops.

    Returns:
        `image` uint8 `(H, W, 3)`; `labels` uint8 `(H, W)`, 255 ignored; `valid` bool `(H, W)`,
        False where nothing of the image is shown.
    """
    bare = _bare(sample)
    if before and augment is not None:
        bare = augment(bare)
    bare = _resized(bare, fit.plan(bare.size))
    if not before and augment is not None:
        bare = augment(bare)
    shown = bare.label_maps[_SHOWN] == 1
    return {
        "image": bare.image,
        "labels": np.where(shown, bare.label_maps[CLASS_MAP], IGNORED).astype(np.uint8),
        "valid": shown,
    }


class Resized:
    """A dataset whose images fill the canvas of training, with all that `encode` needs of them:
    `encode` of such a sample gives what it gives of the original.

    Args:
        dataset: Samples of any size.
        fit: How images meet the network.
    """

    def __init__(self, dataset, fit: ImageFit):
        self.dataset, self.fit = dataset, fit
        self.class_names = tuple(dataset.class_names)

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Sample:
        bare = _bare(self.dataset[index])
        return _resized(bare, self.fit.plan(bare.size))


def _bare(sample: Sample) -> Sample:
    """Returns the image, its classes, and a map of where there is an image."""
    shown = sample.label_maps.get(_SHOWN)
    if shown is None:
        shown = np.ones(sample.size, np.uint8)
    maps = {CLASS_MAP: class_map(sample).astype(np.uint8), _SHOWN: shown}
    return Sample(sample.image, sample.image_id, label_maps=maps, path=sample.path)


def _resized(sample: Sample, plan: ResizePlan) -> Sample:
    if plan.original == plan.canvas == plan.resized:
        return sample
    maps = {name: plan.label_map(value) for name, value in sample.label_maps.items()}
    return sample.replace(image=plan.image(sample.image), masks=None, boxes=None, label_maps=maps)
