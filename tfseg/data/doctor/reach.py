"""Which annotated objects reach a network of given settings, and which are lost on the way.

An image is made smaller first, so that objects below about a pixel vanish; of those left, a
network with a place for N objects keeps the N largest. Nothing else says so: losses look the same.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable

import numpy as np

from tfseg.structures import Sample
from tfseg.structures.semantic import CLASS_MAP, IGNORED

__all__ = ["Limits", "Reach", "count_objects", "survey"]

_SURE = 16.0  # pixels after the resize; an object that covers as many does not vanish


@dataclasses.dataclass(frozen=True)
class Limits:
    """What a network takes.

    Attributes:
        plan: `(H, W)` of an image to how it is resized, a `ResizePlan`.
        image_size: The setting, for messages.
        max_instances: Objects of an image that are learnt from; None: all.
        max_detections: Objects of an image that a prediction holds; None: all.
        source: Whose settings these are, for messages.
    """

    plan: Callable
    image_size: int | tuple[int, int]
    max_instances: int | None = None
    max_detections: int | None = None
    source: str = ""

    @classmethod
    def of(cls, config, resize, source: str = "") -> Limits:
        """Returns the limits of a system's settings.

        Args:
            config: With `image_size`, and `max_instances` and `max_detections` where it has them.
            resize: With `plan(size)`.
            source: What to call them.
        """
        most = (getattr(config, name, None) for name in ("max_instances", "max_detections"))
        return cls(resize.plan, config.image_size, *most, source)


class Reach:
    """Counts objects that are lost, image by image.

    Attributes:
        images: Images counted.
        objects: Their objects; of an image with a class map alone, 1 if it shows a class.
        complete: Whether all images of the dataset were counted.
    """

    def __init__(self, limits: Limits):
        self.limits = limits
        self.images = self.objects = 0
        self.complete = True
        self.opened = 0
        self._vanished: dict[str, int] = {}
        self._beyond: dict[str, int] = {}
        self._most = self._undetected = 0
        self._needed = 0.0  # times the present size, so that the smallest object keeps a pixel

    def add(self, sample: Sample) -> None:
        """Counts an image."""
        gone = self._gone(sample) if len(sample) else 0
        name = sample.path or str(sample.image_id)
        self.opened += 1
        if gone:
            self._vanished[name] = gone
        self.add_count(name, len(sample) or _shows_class(sample), gone)

    def add_count(self, name: str, count: int, gone: int = 0) -> None:
        """Counts an image of which only the number of objects is known."""
        self.images += 1
        self.objects += count
        most, detected = self.limits.max_instances, self.limits.max_detections
        self._most = max(self._most, count)
        if most is not None and count - gone > most:
            self._beyond[name] = count - gone - most
        self._undetected += detected is not None and count > detected

    def _gone(self, sample: Sample) -> int:
        """Returns how many objects have a mask, and no pixel of it after the resize."""
        plan = self.limits.plan(sample.size)
        scales = np.divide(plan.resized, sample.size)
        areas = np.array([np.count_nonzero(mask) for mask in sample.masks])
        doubtful = (areas > 0) & (areas * scales.prod() < _SURE)
        if not doubtful.any():
            return 0
        small = sample.masks[doubtful]
        kept = plan.masks(small).reshape(len(small), -1).any(axis=1)
        for rows, columns in ((m.any(axis=1), m.any(axis=0)) for m in small[~kept]):
            sides = np.array([rows.sum(), columns.sum()]) * scales
            self._needed = max(self._needed, 1 / max(sides.min(), 1e-3))
        return int((~kept).sum())

    def findings(self) -> list[tuple[str, str]]:
        """Returns `(code, message)` of what is lost; none where everything arrives."""
        found, limits = [], self.limits
        by = f" by {limits.source}" if limits.source else ""
        if self._vanished:
            what = f"{sum(self._vanished.values())} of {self.objects} objects"
            if not self.complete and self.opened < self.images:
                what = f"{sum(self._vanished.values())} objects"
            found.append(
                (
                    "vanishing_objects",
                    f"{what} have no pixel left when the images are resized to "
                    f"image_size={_size(limits.image_size)}{by}, and are not learnt"
                    f"{_where(self._vanished)}{self._part()}. Raise image_size about "
                    f"{self._needed:.1f} times, or cut the images into pieces.",
                )
            )
        if self._beyond:
            found.append(
                (
                    "many_objects",
                    f"{sum(self._beyond.values())} of {self.objects} objects are more than "
                    f"max_instances={limits.max_instances}{by} keeps of an image (the largest), "
                    f"and are not learnt{_where(self._beyond)}. Raise max_instances to "
                    f"{self._most}.",
                )
            )
        if self._undetected:
            images = "1 image has" if self._undetected == 1 else f"{self._undetected} images have"
            found.append(
                (
                    "many_detections",
                    f"{images} more objects than max_detections={limits.max_detections}{by} lets "
                    f"a prediction hold, up to {self._most}. Raise max_detections to {self._most} "
                    "or more.",
                )
            )
        return found

    def _part(self) -> str:
        return "" if self.complete else f"; {self.opened} images were looked at"


def _where(counts: dict[str, int]) -> str:
    most = max(counts, key=counts.get)
    if len(counts) == 1:
        return f", on 1 image ({most})"
    return f", on {len(counts)} images (most of them on {most}: {counts[most]})"


def _size(size) -> str:
    return "x".join(map(str, size)) if isinstance(size, (tuple, list)) else str(size)


def _shows_class(sample: Sample) -> int:
    if CLASS_MAP not in sample.label_maps:
        return 0
    classes = sample.label_maps[CLASS_MAP]
    return int(((classes > 0) & (classes != IGNORED)).any())


def count_objects(dataset, index: int) -> int | None:
    """Returns the number of an image's objects as the annotations tell it, without opening the
    image; None where only that tells. Datasets made of others are looked through."""
    if hasattr(dataset, "count_objects"):
        return dataset.count_objects(index)
    if hasattr(dataset, "locate"):
        which, place = dataset.locate(index)
        return count_objects(dataset.datasets[which], place)
    inner = getattr(dataset, "dataset", None)
    if inner is None or not hasattr(inner, "__getitem__"):
        return None
    positions = getattr(dataset, "indices", None)
    if positions is None and len(inner) != len(dataset):
        return None
    return count_objects(inner, index if positions is None else int(positions[index]))


def survey(dataset, limits: Limits, *, count: int | None = None, seconds: float = 4.0) -> Reach:
    """Returns what is lost of a dataset, in bounded time.

    Images are opened, spread over the dataset, until the time is up; of the others the number of
    objects counts, where annotations tell it. An image that cannot be read is passed over: the
    training meets it.

    Args:
        dataset: Samples.
        limits: What the network takes.
        count: The first images only.
        seconds: Time for opening images.
    """
    reach, end = Reach(limits), time.monotonic() + seconds
    total = len(dataset) if count is None else min(count, len(dataset))
    order = np.random.default_rng(0).permutation(total)
    for position, index in enumerate(order.tolist()):
        if time.monotonic() > end:
            rest = [(i, count_objects(dataset, i)) for i in order[position:].tolist()]
            reach.complete = False
            for place, number in rest:
                if number is not None:
                    reach.add_count(f"image {place}", number)
            break
        try:
            reach.add(dataset[index])
        except Exception:  # whatever it is, the training says it with the image's name
            reach.complete = False
    return reach
