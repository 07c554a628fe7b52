"""What a user may hand to `predict` and `fit`, brought into one form."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tfseg.data.channels import to_channels
from tfseg.data.image_sources import is_source, layout_hint
from tfseg.data.images import read_image
from tfseg.data.picture_files import pictures_in
from tfseg.errors import DataError
from tfseg.structures import Sample

__all__ = ["Item", "align_classes", "read_items", "read_one"]

_EXPECTED = (
    "expected a path, a folder, the bytes of a file, an open file, an image of Pillow, an array"
)


class Item(NamedTuple):
    """One picture, uint8 `(H, W, D)`, RGB where D is 3, and what its prediction carries on."""

    image: np.ndarray
    image_id: int | str
    path: str | None


def read_items(images, channels: int = 3) -> tuple[Iterator[Item], int | None]:
    """Returns an iterator over pictures, read one by one as they are needed, and their number
    (None if it is not known before).

    Args:
        images: One of: a path or a folder of pictures; encoded bytes; an open file or an upload;
            an image of Pillow; an array `(H, W)`, `(H, W, 1|3|4)` or `(B, H, W, 3)`; a `Sample`; a
            data set; or any iterable of single ones. EXIF orientation is honoured.
        channels: What the model reads, see `tfseg.data.channels.to_channels`.

    Raises:
        DataError: Naming the picture, while iterating.
    """
    if _is_path(images) and os.path.isdir(images):
        images = pictures_in(Path(images))
    elif _is_single(images):
        images = [images]
    elif isinstance(images, dict) or not (
        isinstance(images, Iterable) or hasattr(images, "__getitem__")
    ):
        raise DataError(
            f"{_EXPECTED}, a Sample, a data set or a list of these, got {type(images).__name__}."
        )
    elif len(getattr(images, "shape", ())) == 4 and "transpose" in layout_hint(images.shape):
        raise DataError(
            f"expected pictures (B, H, W, 3), got shape {tuple(images.shape)}."
            f"{layout_hint(images.shape)}"
        )
    count = len(images) if hasattr(images, "__len__") else None
    return _iterate(images, count, channels), count


def read_one(image, channels: int = 3) -> Item:
    """Returns the one picture that `image` is, in any form that `read_items` takes.

    Raises:
        DataError: If it is none or several, or cannot be read.
    """
    items, _ = read_items(image, channels)
    first, second = next(items, None), next(items, None)
    if first is None or second is not None:
        raise DataError(
            "inspect looks at one picture: pass a path, bytes, an open file, an image of Pillow, "
            "an array or a Sample."
        )
    return first


def _iterate(images, count: int | None, channels: int) -> Iterator[Item]:
    of = "" if count is None else f" of {count}"
    is_dataset = hasattr(images, "class_names") and count is not None
    # A data set need not be iterable, and its __getitem__ need not raise IndexError.
    singles = (images[index] for index in range(count)) if is_dataset else images
    for index, single in enumerate(singles):
        yield _read(single, index, f"picture {index + 1}{of}", channels)


def _read(single, index: int, where: str, channels: int) -> Item:
    if isinstance(single, Sample):
        image = to_channels(single.image, channels, single.where)
        return Item(image, single.image_id, single.path)
    if _is_path(single):
        path = os.fspath(single)
        return Item(to_channels(read_image(path), channels, path), Path(path).stem, path)
    try:
        pixels = read_image(single) if is_source(single) else _as_array(single)
        return Item(to_channels(pixels, channels), index, None)
    except DataError as error:
        raise DataError(f"{where}: {error}") from None


def _as_array(single) -> np.ndarray:
    """Returns the array that something is, or can be made into: of PyTorch, TensorFlow, JAX."""
    kind = type(single).__name__
    try:
        array = np.asarray(single)
    except Exception as error:  # each library says in its own way that a tensor is elsewhere
        raise DataError(
            f"{_EXPECTED} (H, W) or (H, W, 3), got {kind}, of which NumPy can make no array "
            f"({error}). Convert it first; a tensor of PyTorch: "
            "tensor.detach().cpu().float().numpy()."
        ) from error
    if array.dtype == object or array.ndim not in (2, 3):
        shape = f" of shape {array.shape}" if array.ndim else ""
        raise DataError(
            f"{_EXPECTED} (H, W) or (H, W, 3), got {kind}{shape}.{layout_hint(array.shape)}"
        )
    return array


def _is_path(value) -> bool:
    return isinstance(value, (str, os.PathLike))


def _is_single(value) -> bool:
    if hasattr(value, "class_names"):
        return False
    if isinstance(value, Sample) or is_source(value):
        return True
    shape = getattr(value, "shape", None)
    if shape is None:
        return False
    # One axis of bytes is a file in an array; of anything else a list of pictures.
    return len(shape) in (2, 3) or (len(shape) == 1 and getattr(value, "dtype", "") == np.uint8)


class _Renumbered:
    """A data set whose class ids are those of a model that lists the same names differently."""

    def __init__(self, dataset, class_names: Sequence[str]):
        self.dataset, self.class_names = dataset, tuple(class_names)
        self._ids = np.array([0, *(self.class_names.index(n) + 1 for n in dataset.class_names)])

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Sample:
        sample = self.dataset[index]
        ids = sample.class_ids
        if len(ids) and (ids.min() < 0 or ids.max() >= len(self._ids)):
            raise DataError(
                f"{sample.where}: expected class ids from 1 to {len(self._ids) - 1}, got "
                f"{sorted(set(ids.tolist()))}."
            )
        return sample.replace(class_ids=self._ids[ids])


def align_classes(dataset, class_names: Sequence[str], role: str = "data set"):
    """Returns the data set with the model's class ids: itself where the names agree in order,
    renumbered by name where all its names are known to the model.

    Raises:
        DataError: If it is no data set or is empty, or has a class that the model does not know.
    """
    from tfseg.data.dataset import check_dataset

    dataset = check_dataset(dataset)
    if len(dataset) == 0:
        raise DataError(f"the {role} is empty. Expected at least one picture.")
    names = tuple(dataset.class_names)
    if names == tuple(class_names):
        return dataset
    unknown = [name for name in names if name not in class_names]
    if unknown:
        raise DataError(
            f"the {role} has classes that the model does not know: {', '.join(unknown)}. Data "
            f"set: {', '.join(names)}. Model: {', '.join(class_names)}. Make the model with "
            "classes=data.class_names, or read the data set with classes=model.class_names."
        )
    return _Renumbered(dataset, class_names)
