"""What a dataset is, and small ones made of others: part, union, split, list, cache."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from typing import Protocol, runtime_checkable

import numpy as np

from tfseg.errors import DataError
from tfseg.structures import Sample, rle

__all__ = [
    "Cached",
    "Concat",
    "Dataset",
    "ListDataset",
    "Subset",
    "check_dataset",
    "train_val_split",
]


@runtime_checkable
class Dataset(Protocol):
    """Anything with a length, samples by position, and class names. One's own is ten lines:

    ```python
    class Leaves:
        class_names = ("oak", "birch")

        def __init__(self, files):
            self.files = files

        def __len__(self):
            return len(self.files)

        def __getitem__(self, index):
            image = tfseg.data.read_image(self.files[index])
            masks, ids = my_annotations(self.files[index])  # bool (N, H, W), 1 = oak, 2 = birch
            return tfseg.Sample(image, image_id=index, masks=masks, class_ids=ids)
    ```

    Samples are read from several threads at once, so `__getitem__` must not change the object.
    What the numbers of label maps are, `label_map_kinds` may say: name to `LabelMapKind`.
    """

    class_names: tuple[str, ...]

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Sample: ...


def check_dataset(dataset: Dataset, *, read_first: bool = True) -> Dataset:
    """Returns the dataset unchanged if it is one that can be used.

    Args:
        dataset: The candidate.
        read_first: Also read the first sample and check its kind and class ids.

    Raises:
        DataError: What is missing, and how to add it.
    """
    kind = type(dataset).__name__
    if isinstance(dataset, type):
        raise DataError(f"expected a dataset, got the class {dataset.__name__}. Call it first.")
    if isinstance(dataset, str) or hasattr(dataset, "__fspath__"):
        raise DataError(
            f"expected a dataset, got the path {str(dataset)!r}. "
            "tfseg.data.open_dataset(path, split='train') opens it."
        )
    missing = [m for m in ("__len__", "__getitem__", "class_names") if not hasattr(dataset, m)]
    if missing:
        hint = "A list of samples becomes one by tfseg.data.ListDataset(samples, class_names)."
        if not isinstance(dataset, (list, tuple)):
            hint = "See tfseg.data.Dataset for an example of ten lines."
        raise DataError(f"expected a dataset, but {kind} has no {', '.join(missing)}. {hint}")
    names = _class_names(dataset.class_names, kind)
    count = len(dataset)
    if count == 0:
        raise DataError(f"the dataset {kind} has no images. Check its path and its split.")
    if not read_first:
        return dataset
    first = dataset[0]
    if not isinstance(first, Sample):
        raise DataError(
            f"expected {kind}[0] to be a tfseg.Sample, got {type(first).__name__}. Wrap what you "
            "return: Sample(image, masks=masks, class_ids=ids)."
        )
    first.check_class_ids(names)
    return dataset


def _class_names(names: Iterable[str], owner: str) -> tuple[str, ...]:
    """Returns checked class names."""
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise DataError(
            f"expected {owner}.class_names to be a tuple of names, got {names!r}. "
            "One class is written ('person',), with its comma."
        )
    names = tuple(names)
    if not names:
        raise DataError(f"{owner}.class_names is empty. Name at least one class.")
    for name in names:
        if not isinstance(name, str) or not name:
            raise DataError(f"expected class names as text, got {name!r} in {owner}.class_names.")
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"{owner}.class_names names {twice!r} twice. Give each class one name.")
    return names


class _Wrapper:
    """A dataset made of another one; passes its public description on."""

    def __init__(self, source: Dataset):
        self.class_names = tuple(source.class_names)
        for name in ("category_ids", "keypoint_names", "label_map_kinds"):
            if hasattr(source, name):
                setattr(self, name, getattr(source, name))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)} images, classes {self.class_names})"


class Subset(_Wrapper):
    """Some images of a dataset, in the order given.

    Args:
        dataset: The whole.
        indices: Positions (negative ones count from the end), a bool mask, or a slice.
    """

    def __init__(self, dataset: Dataset, indices: Sequence[int] | np.ndarray | slice):
        super().__init__(dataset)
        self.dataset = dataset
        count = len(dataset)
        if isinstance(indices, slice):
            positions = np.arange(count)[indices]
        else:
            positions = np.asarray(indices)
            if positions.dtype == bool:
                if positions.shape != (count,):
                    raise DataError(
                        f"expected a mask of {count} values, one per image, got shape "
                        f"{positions.shape}."
                    )
                positions = np.flatnonzero(positions)
        if positions.size and (positions.dtype.kind not in "iu" or positions.ndim != 1):
            raise DataError(
                f"expected a list of positions, got {positions.dtype} {positions.shape}."
            )
        positions = positions.astype(np.int64).reshape(-1)
        wrong = positions[(positions < -count) | (positions >= count)]
        if wrong.size:
            raise DataError(f"position {wrong[0]} lies outside a dataset of {count} images.")
        self.indices = np.where(positions < 0, positions + count, positions)

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> Sample:
        return self.dataset[int(self.indices[_position(index, len(self))])]


class Concat(_Wrapper):
    """Several datasets one after another. All must have the same classes in the same order."""

    def __init__(self, datasets: Sequence[Dataset]):
        self.datasets = tuple(datasets)
        if not self.datasets:
            raise DataError("expected at least one dataset to put together, got none.")
        super().__init__(self.datasets[0])
        for number, dataset in enumerate(self.datasets):
            if tuple(dataset.class_names) != self.class_names:
                raise DataError(
                    f"dataset {number} has the classes {tuple(dataset.class_names)}, the first "
                    f"one {self.class_names}. Open them with the same classes=."
                )
        self.label_map_kinds = _joint_kinds(self.datasets)
        self._ends = np.cumsum([len(dataset) for dataset in self.datasets])

    def __len__(self) -> int:
        return int(self._ends[-1])

    def locate(self, index: int) -> tuple[int, int]:
        """Returns which dataset an image is in, and its position there."""
        index = _position(index, len(self))
        which = int(np.searchsorted(self._ends, index, side="right"))
        return which, index - (int(self._ends[which - 1]) if which else 0)

    def __getitem__(self, index: int) -> Sample:
        which, place = self.locate(index)
        return self.datasets[which][place]


def _joint_kinds(datasets: Sequence[Dataset]) -> dict:
    kinds: dict = {}
    for number, dataset in enumerate(datasets):
        for name, kind in getattr(dataset, "label_map_kinds", {}).items():
            if kinds.setdefault(name, kind) != kind:
                raise DataError(
                    f"dataset {number} reads the label map {name!r} as {kind}, an earlier one as "
                    f"{kinds[name]}. Give one of the maps another name."
                )
    return kinds


class ListDataset:
    """Samples that are in memory already.

    Args:
        samples: `tfseg.Sample`s.
        class_names: Name of class id k at position k - 1.

    Example:
        >>> import numpy as np
        >>> from tfseg.structures import Sample
        >>> image = Sample(np.zeros((4, 6, 3), np.uint8))
        >>> len(ListDataset([image], ("person",)))
        1
    """

    def __init__(self, samples: Iterable[Sample], class_names: Sequence[str]):
        self.samples = tuple(samples)
        self.class_names = _class_names(class_names, "ListDataset")
        for position, sample in enumerate(self.samples):
            if not isinstance(sample, Sample):
                raise DataError(
                    f"expected tfseg.Sample at position {position}, got {type(sample).__name__}."
                )

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Sample:
        return self.samples[_position(index, len(self))]


class Cached(_Wrapper):
    """A dataset that keeps what it read in memory, for sources slower than memory.

    Images are kept as they are, masks as run lengths, label maps in the smallest integer
    type. What no longer fits under the limit is read anew each time, so the cost is bounded
    and the samples are the same with and without the cache.

    Args:
        dataset: The source.
        memory_limit: Bytes, 1 GiB by default.
    """

    def __init__(self, dataset: Dataset, memory_limit: int = 1 << 30):
        super().__init__(dataset)
        self.dataset = dataset
        self.memory_limit = int(memory_limit)
        self.memory_used = 0
        self._kept: dict[int, tuple] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Sample:
        index = _position(index, len(self))
        kept = self._kept.get(index)
        if kept is not None:
            return _unpack(*kept)
        sample = self.dataset[index]
        packed, cost = _pack(sample)
        with self._lock:
            if index not in self._kept and self.memory_used + cost <= self.memory_limit:
                self._kept[index] = packed
                self.memory_used += cost
        return sample

    def __getstate__(self) -> dict:
        # A copy in another process starts empty: sending the images costs more than reading.
        return {**self.__dict__, "_kept": {}, "_lock": None, "memory_used": 0}

    def __setstate__(self, state: dict):
        self.__dict__.update(state)
        self._lock = threading.Lock()


def _pack(sample: Sample) -> tuple[tuple, int]:
    masks = tuple(rle.encode(mask) for mask in sample.masks)
    maps = {}
    for name, value in sample.label_maps.items():
        small = value.astype(np.min_scalar_type(int(value.max(initial=0))))
        maps[name] = (small if (small == value).all() else value.copy(), value.dtype)
    # The image is copied: whoever draws on a returned sample must not draw on the cache.
    bare = sample.replace(
        image=sample.image.copy(),
        masks=np.zeros((0, *sample.size), bool),
        label_maps={},
        class_ids=None,
        boxes=None,
        is_crowd=None,
        annotation_ids=None,
        keypoints=None,
    )
    names = ("class_ids", "boxes", "is_crowd", "annotation_ids", "keypoints")
    fields = {name: getattr(sample, name) for name in names}
    fields = {name: None if value is None else value.copy() for name, value in fields.items()}
    cost = sample.image.nbytes + sum(len(m["counts"]) for m in masks) + 2048
    cost += sum(value.nbytes for value, _ in maps.values())
    return (bare, fields, masks, maps), cost


def _unpack(bare: Sample, fields: dict, masks: tuple, maps: dict) -> Sample:
    copies = {name: None if value is None else value.copy() for name, value in fields.items()}
    return bare.replace(
        image=bare.image.copy(),
        masks=rle.decode_many(masks, bare.size),
        label_maps={name: value.astype(dtype) for name, (value, dtype) in maps.items()},
        **copies,
    )


def train_val_split(
    dataset: Dataset, fraction: float = 0.2, seed: int = 0
) -> tuple[Subset, Subset]:
    """Returns `(train, val)`: a random share of the images is set aside for validation.

    The same seed gives the same split. Images keep their order within each part.

    Args:
        dataset: At least two images.
        fraction: Share for validation, between 0 and 1; each part gets at least one image.
        seed: Seed of the choice.
    """
    count = len(dataset)
    if not 0 < fraction < 1:
        raise DataError(f"expected a validation fraction between 0 and 1, got {fraction}.")
    if count < 2:
        raise DataError(f"expected at least 2 images to split, got {count}.")
    held_out = min(max(round(count * fraction), 1), count - 1)
    order = np.random.default_rng(seed).permutation(count)
    return Subset(dataset, np.sort(order[held_out:])), Subset(dataset, np.sort(order[:held_out]))


def _position(index: int, count: int) -> int:
    index = int(index)
    if not -count <= index < count:
        # IndexError, not DataError: this is what ends a plain `for sample in dataset`.
        raise IndexError(f"position {index} of a dataset of {count} images")
    return index + count if index < 0 else index
