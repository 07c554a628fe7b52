"""What a user may hand to `predict` and `fit`, brought into one form."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from tfseg.data.aligned import align_classes
from tfseg.data.images.channels import to_channels
from tfseg.data.images.image_files import images_in
from tfseg.data.images.image_sources import is_source, layout_hint
from tfseg.data.images.images import read_image
from tfseg.errors import DataError
from tfseg.structures import Sample

__all__ = ["Item", "align_classes", "as_item", "read_items", "read_one", "readers"]

_EXPECTED = (
    "expected a path, a folder, the bytes of a file, an open file, an image of Pillow, an array"
)


class Item(NamedTuple):
    """One image to predict on, with all that goes along with it.

    Attributes:
        image: uint8 `(H, W, D)`, RGB where D is 3, with the channels that the model reads.
        image_id: The image's id, which its prediction carries on.
        path: Its file, or None.
        extras: What the system's `predict` takes besides, by name: `extras["boxes"]`; see
            `tfseg.engine.extras`. What was not given is not there.
        sample: The `Sample` that it came from, or None.
    """

    image: np.ndarray
    image_id: int | str = 0
    path: str | None = None
    extras: Mapping[str, Any] = MappingProxyType({})
    sample: Sample | None = None


def read_items(images, channels: int = 3) -> tuple[Iterator[Item], int | None]:
    """Returns an iterator over images, read one by one as they are needed, and their number
    (None if it is not known before).

    Args:
        images: One of: a path or a folder of images; encoded bytes; an open file or an upload;
            an image of Pillow; an array `(H, W)`, `(H, W, 1|3|4)` or `(B, H, W, 3)`; a `Sample`; a
            dataset; or any iterable of single ones. EXIF orientation is honoured.
        channels: What the model reads, see `tfseg.data.images.channels.to_channels`.

    Raises:
        DataError: Naming the image, while iterating.
    """
    each, count = readers(images, channels)
    return (read() for read in each), count


def readers(images, channels: int = 3) -> tuple[Iterator[Callable[[], Item]], int | None]:
    """Returns functions that read one image each, and their number: as `read_items`, for whoever
    goes on after an image that cannot be read."""
    if _is_path(images) and os.path.isdir(images):
        images = images_in(Path(images))
    elif _is_single(images):
        images = [images]
    elif isinstance(images, dict) or not (
        isinstance(images, Iterable) or hasattr(images, "__getitem__")
    ):
        raise DataError(
            f"{_EXPECTED}, a Sample, a dataset or a list of these, got {type(images).__name__}."
        )
    elif len(getattr(images, "shape", ())) == 4 and "transpose" in layout_hint(images.shape):
        raise DataError(
            f"expected images (B, H, W, 3), got shape {tuple(images.shape)}."
            f"{layout_hint(images.shape)}"
        )
    count = len(images) if hasattr(images, "__len__") else None
    return _iterate(images, count, channels), count


def read_one(image, channels: int = 3) -> Item:
    """Returns the one image that `image` is, in any form that `read_items` takes.

    Raises:
        DataError: If it is none or several, or cannot be read.
    """
    items, _ = read_items(image, channels)
    first, second = next(items, None), next(items, None)
    if first is None or second is not None:
        raise DataError(
            "inspect looks at one image: pass a path, bytes, an open file, an image of Pillow, "
            "an array or a Sample."
        )
    return first


def as_item(found: Sample | Item, channels: int = 3) -> Item:
    """Returns a sample, or an item, as an item with the channels that a model reads."""
    sample = found if isinstance(found, Sample) else found.sample
    image = found.image
    if image.shape[2:] != (channels,):
        where = sample.where if sample is not None else found.path or f"image {found.image_id!r}"
        image = to_channels(image, channels, where)
    extras = {} if isinstance(found, Sample) else found.extras
    return Item(image, found.image_id, found.path, extras, sample)


def _iterate(images, count: int | None, channels: int) -> Iterator[Callable[[], Item]]:
    of = "" if count is None else f" of {count}"
    # A dataset need not be iterable, and its __getitem__ need not raise IndexError.
    if hasattr(images, "class_names") and count is not None:
        singles = (functools.partial(images.__getitem__, index) for index in range(count))
    else:
        singles = ((lambda single=single: single) for single in images)
    for index, single in enumerate(singles):
        yield functools.partial(_read, single, index, f"image {index + 1}{of}", channels)


def _read(get: Callable, index: int, where: str, channels: int) -> Item:
    single = get()
    if isinstance(single, Sample):
        return as_item(single, channels)
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
    if isinstance(single, (list, tuple)):
        raise DataError(
            f"{_EXPECTED} (H, W) or (H, W, 3), got a {kind}. Pass numpy.array(...) of it; of an "
            "image in nested lists, of the whole."
        )
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
    # One axis of bytes is a file in an array; of anything else a list of images.
    return len(shape) in (2, 3) or (len(shape) == 1 and getattr(value, "dtype", "") == np.uint8)
