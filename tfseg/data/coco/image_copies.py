"""The images of an export: left where they are, copied, linked, or written if they have no file."""

from __future__ import annotations

import contextlib
import filecmp
import itertools
import os
import shutil
from collections.abc import Iterator

from PIL import Image

from tfseg import files
from tfseg.data.images.images import image_size
from tfseg.errors import DataError
from tfseg.structures import Sample

__all__ = ["ImageCopies"]


class ImageCopies:
    """Puts images where an export names them; remembers what it wrote.

    Args:
        folder: Where the annotation file lies.
        image_dir: Where images are put. None: they stay, and are named relative to `folder`.
        link: Make links to the files in place of copies.
        unique_stems: Give images that differ in their ending alone different names.
    """

    def __init__(
        self,
        folder: str,
        image_dir: str | os.PathLike | None,
        *,
        link: bool = False,
        unique_stems: bool = False,
    ):
        self.folder, self._link = folder, link
        self.home = None if image_dir is None else os.path.abspath(image_dir)
        self._unique_stems, self._used = unique_stems, set()
        self._written: list[str] = []
        if self.home is not None:
            try:
                os.makedirs(self.home, exist_ok=True)
            except OSError as error:
                raise DataError(f"{image_dir}: cannot be written ({error.strerror}).") from error

    def name(self, sample: Sample, index: int) -> str:
        """Returns the `file_name` of an image, put there first where it has to be.

        Raises:
            DataError: It has no file to refer to, or cannot be written.
        """
        path = os.path.abspath(sample.path) if sample.path else None
        if self.home is None:
            if path is None:
                raise DataError(
                    f"{sample.where} has no file to refer to. Pass image_dir= to have the "
                    "images written (tfseg coco: --copy-images)."
                )
            return os.path.relpath(path, self.folder)
        if path is not None and os.path.commonpath([path, self.home]) == self.home:
            return os.path.relpath(path, self.home)
        if not _is_its_file(sample, path):
            path = None
        name = next(name for name in _candidates(path, index) if self._is_free(name, path))
        self._used.add(self._key(name))
        target = os.path.join(self.home, name)
        if path is None or not os.path.exists(target):
            self._write(sample, path, target)
        return name

    def _key(self, name: str) -> str:
        return os.path.splitext(name)[0].casefold() if self._unique_stems else name

    def _is_free(self, name: str, path: str | None) -> bool:
        """Returns whether a file may have a name: nothing else has it, or it is there already."""
        target = os.path.join(self.home, name)
        if self._key(name) in self._used and (path is None or self._unique_stems):
            return False
        return (
            path is None or not os.path.exists(target) or filecmp.cmp(path, target, shallow=False)
        )

    def _write(self, sample: Sample, source: str | None, target: str):
        fresh = not os.path.exists(target)
        if source is None and sample.image.shape[2] not in (1, 3):
            raise DataError(
                f"{sample.where}: an image of {sample.image.shape[2]} channels has no place "
                "in an image file. Export samples that are RGB or grey."
            )
        if self._link and source is not None:
            _make_link(os.path.realpath(source), target)
        else:
            with files.replacing_file(target, error=DataError) as partial:
                if source is None:
                    Image.fromarray(_storable(sample.image)).save(partial, format="PNG")
                else:
                    shutil.copyfile(source, partial)
        if fresh:
            self._written.append(target)

    def take_back(self):
        """Removes the images that this export wrote."""
        for path in self._written:
            with contextlib.suppress(OSError):
                os.remove(path)


def _candidates(path: str | None, index: int) -> Iterator[str]:
    """Yields the names that an image may have, the likeliest first."""
    ending = ".png" if path is None else os.path.splitext(path)[1]
    if path is not None:
        yield os.path.basename(path)
    yield f"{index + 1:06d}{ending}"
    yield from (f"{index + 1:06d}_{k}{ending}" for k in itertools.count(2))


def _make_link(source: str, target: str):
    try:
        os.symlink(source, target)
    except OSError as error:
        raise DataError(
            f"{target}: no link can be made here ({error.strerror}). Have the images copied."
        ) from error


def _storable(image):
    """Returns the array that Pillow takes: without the axis of a single channel."""
    return image[..., 0] if image.shape[2] == 1 else image


def _is_its_file(sample: Sample, path: str | None) -> bool:
    """Whether a sample shows its file as it is; one that was cut or turned does not."""
    try:
        return path is not None and tuple(image_size(path)) == sample.size
    except DataError:
        return False
