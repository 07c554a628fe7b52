"""A dataset as a model reads it: its own class ids, each sample checked as it comes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tfseg.data.dataset import check_dataset
from tfseg.errors import DataError
from tfseg.structures import Sample
from tfseg.structures.label_maps import LabelMapKind, checked_kinds
from tfseg.structures.semantic import CLASS_MAP, renumbered_class_map

__all__ = ["Aligned", "align_classes"]


class Aligned:
    """A dataset whose class ids, and whose label map "classes", are those of a model that may
    list the same names differently or know more of them.

    Other label maps are not in class ids and stay; what the dataset declares of its maps
    (`label_map_kinds`) goes with every sample. A dataset of the user's own may hand out
    anything, so each sample is checked as it is read.

    Args:
        dataset: The dataset; its class names are among those of the model.
        class_names: The model's.
    """

    def __init__(self, dataset, class_names: Sequence[str]):
        self.dataset, self.class_names = dataset, tuple(class_names)
        self._own_names = tuple(dataset.class_names)
        self._ids = np.array([0, *(self.class_names.index(n) + 1 for n in self._own_names)])
        self._same = bool((self._ids == np.arange(len(self._ids))).all())
        declared = getattr(dataset, "label_map_kinds", {})
        self._kinds = checked_kinds(declared, type(dataset).__name__)
        self.label_map_kinds = {
            name: self._renamed(kind) if name == CLASS_MAP else kind
            for name, kind in self._kinds.items()
        }

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Sample:
        sample = self.dataset[index]
        if not isinstance(sample, Sample):
            raise DataError(
                f"image {index} of the dataset: expected a tfseg.Sample, got "
                f"{type(sample).__name__}. Wrap what you return: Sample(image, masks=masks, "
                "class_ids=ids)."
            )
        sample.check_class_ids(self._own_names)
        sample = sample.with_kinds(self._kinds)
        _check_objects(sample)
        classes = renumbered_class_map(sample, self._ids)
        if self._same:
            return sample
        changes = {"class_ids": self._ids[sample.class_ids]}
        if classes is not None:
            changes["label_maps"] = {**sample.label_maps, CLASS_MAP: classes}
            kind = self._renamed(sample.label_map_kind(CLASS_MAP))
            changes["label_map_kinds"] = {**sample.label_map_kinds, CLASS_MAP: kind}
        return sample.replace(**changes)

    def _renamed(self, kind: LabelMapKind) -> LabelMapKind:
        return kind.renumbered(self._ids, self.class_names)


def _check_objects(sample: Sample) -> None:
    """Raises DataError for objects that nothing could be learnt from or measured by."""
    if not len(sample):
        return
    boxes = sample.boxes
    if not np.isfinite(boxes).all():
        raise DataError(f"{sample.where}: a box has NaN or infinity. Correct or remove it.")
    if ((boxes[:, 2:] > boxes[:, :2]).all(axis=1)).any() and not sample.masks.any():
        raise DataError(
            f"{sample.where}: the objects have boxes, but no mask has a pixel. These networks "
            "learn masks: pass them as bool (N, H, W)."
        )
    # Each mask by itself: `any` over two axes would look at every pixel of all of them.
    empty = [row for row, mask in enumerate(sample.masks) if not mask.any()]
    if empty:
        others = f" (as {len(empty)} of {len(sample)} masks)" if len(empty) > 1 else ""
        raise DataError(
            f"{sample.where}: the mask of annotation {sample.annotation_ids[empty[0]]} has no "
            f"pixel{others}, so the object would be learnt as background. Correct the mask, or "
            "leave such objects out: sample.take(sample.masks.any(axis=(1, 2)))."
        )


def align_classes(dataset, class_names: Sequence[str], role: str = "dataset") -> Aligned:
    """Returns the dataset with the model's class ids, renumbered by name, each sample checked
    as it is read.

    Args:
        dataset: Samples whose classes are all known to the model.
        class_names: The model's.
        role: What to call the dataset in messages.

    Raises:
        DataError: If it is no dataset or is empty, or has a class that the model does not know;
            and, naming the image, while reading: ids that are no class's.
    """
    dataset = check_dataset(dataset)
    if len(dataset) == 0:
        raise DataError(f"the {role} is empty. Expected at least one image.")
    names = tuple(dataset.class_names)
    unknown = [name for name in names if name not in class_names]
    if unknown:
        raise DataError(
            f"the {role} has classes that the model does not know: {', '.join(unknown)}. Data "
            f"set: {', '.join(names)}. Model: {', '.join(class_names)}. Make the model with "
            "classes=data.class_names, or read the dataset with classes=model.class_names."
        )
    if isinstance(dataset, Aligned) and names == tuple(class_names):
        return dataset
    return Aligned(dataset, class_names)
