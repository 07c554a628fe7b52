"""What a dataset holds, counted image by image."""

from __future__ import annotations

import numpy as np

from tfseg.data.reading.problem import Problem
from tfseg.structures import Sample

__all__ = ["Statistics"]

IMBALANCE = 100  # objects of the most frequent class for one of the rarest


class Statistics:
    """Counts images, objects and sizes.

    Args:
        class_names: Name of class id k at position k - 1.
        none_wanted: The images are to have no objects.
    """

    def __init__(self, class_names: tuple[str, ...], none_wanted: bool = False):
        self.class_names, self.none_wanted = tuple(class_names), none_wanted
        self.images = 0
        self.crowds = 0
        self._objects: list[int] = []
        self._sizes: list[tuple[int, int]] = []
        self._instances = np.zeros(len(class_names) + 1, np.int64)
        self._images_with = np.zeros(len(class_names) + 1, np.int64)
        self._areas: list[float] = []

    def add(self, sample: Sample) -> None:
        """Counts one image. Crowd regions count apart; ids out of range do not count."""
        self.images += 1
        self._sizes.append(sample.size)
        self.crowds += int(sample.is_crowd.sum())
        ids = sample.class_ids[~sample.is_crowd]
        self._objects.append(len(ids))
        ids = ids[(ids > 0) & (ids <= len(self.class_names))]
        self._instances += np.bincount(ids, minlength=len(self.class_names) + 1)
        self._images_with[np.unique(ids)] += 1
        self._areas += sample.masks[~sample.is_crowd].sum(axis=(1, 2)).tolist()

    def to_dict(self) -> dict:
        """Returns the counts, ready for JSON."""
        sizes = np.array(self._sizes, np.int64).reshape(-1, 2)
        return {
            "images": self.images,
            "images_without_objects": int(sum(count == 0 for count in self._objects)),
            "objects": int(sum(self._objects)),
            "crowd_regions": self.crowds,
            "objects_per_image": _spread(self._objects),
            "instances_per_class": dict(zip(self.class_names, self._instances[1:].tolist())),
            "images_per_class": dict(zip(self.class_names, self._images_with[1:].tolist())),
            "height": _spread(sizes[:, 0]),
            "width": _spread(sizes[:, 1]),
            "object_side": _spread(np.sqrt(self._areas)),
        }

    def problems(self, complete: bool) -> list[Problem]:
        """Returns what the counts give away.

        Args:
            complete: Whether all images were counted; a part of them proves no absence.
        """
        found = []
        empty = sum(count == 0 for count in self._objects)
        if self.images and empty == self.images and self.none_wanted:
            message = "no image has an object, as its format says: a part for a training set."
            found.append(Problem("info", "no_objects", "", message))
        elif self.images and empty == self.images and complete:
            found.append(
                Problem("error", "no_objects", "", "no image has an object. Check the classes.")
            )
        elif empty:
            message = (
                f"{empty} of {self.images} images have no object; they teach what is background."
            )
            found.append(Problem("info", "images_without_objects", "", message))
        counts = dict(zip(self.class_names, self._instances[1:].tolist()))
        if complete and empty < self.images:
            found += [
                Problem(
                    "warning",
                    "class_without_objects",
                    "",
                    f"the class {name!r} has no object, so it cannot be learnt. Leave it out of "
                    "the classes, or add images.",
                )
                for name, count in counts.items()
                if not count
            ]
        there = {name: count for name, count in counts.items() if count}
        if there:
            most, least = max(there, key=there.get), min(there, key=there.get)
            if there[most] >= IMBALANCE * there[least]:
                message = (
                    f"{there[most]} objects of {most!r} but {there[least]} of {least!r}; the rare "
                    "class will hardly be learnt. Add images of it."
                )
                found.append(Problem("warning", "imbalance", "", message))
        return found


def _spread(values) -> dict[str, float]:
    """Returns least, quarter, median, three quarters and most; empty for no values."""
    values = np.asarray(values, np.float64)
    if not values.size:
        return {}
    quantiles = np.quantile(values, (0, 0.25, 0.5, 0.75, 1))
    return dict(zip(("min", "q25", "median", "q75", "max"), np.round(quantiles, 1).tolist()))
