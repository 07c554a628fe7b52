"""Where the image of a labelme file lies."""

from __future__ import annotations

import os

from tfseg.data.images.image_files import SUFFIXES
from tfseg.data.reading.named_files import Found, NamedFiles

__all__ = ["LabelmeImages"]


class LabelmeImages:
    """Finds images as their file says, by their name alone, by the file's own name.

    A folder that holds annotations and no image is only a part of its dataset: then the folder
    above it is the dataset's, and `../photos/a.jpg` does not lead out of it.

    Args:
        source: The folder of the annotations, or one of the files; names may lead into it.
        image_dir: Another folder of the images.
        allow_outside: Whether names may lead elsewhere.
    """

    def __init__(self, source: str, image_dir: str | None, allow_outside: bool):
        self._within = (source,) if os.path.isdir(source) else ()
        self._image_dir, self._allow_outside = image_dir, allow_outside
        self._files: dict[str | None, NamedFiles] = {}
        self._bare: dict[str, bool] = {}

    def find(self, file: str, stem: str, name: str) -> tuple[Found, list[str]]:
        """Returns where the image of a file is, and some places where it was looked for.

        Args:
            file: The annotation file.
            stem: Its name without ending.
            name: What it calls the image; may be empty.
        """
        folder = os.path.dirname(file)
        near = [folder, os.path.join(folder, "..", "images"), os.path.join(folder, "images")]
        homes = [home for home in (self._image_dir, *near) if home is not None]
        names = [name] if name else []
        looked = [os.path.join(home, os.path.basename(name.replace("\\", "/"))) for home in homes]
        if self._is_bare(folder):
            near.append(os.path.join(folder, ".."))
        found = Found(None)
        if self._image_dir is not None:
            found = self._in(None, [self._image_dir]).find(*names)
        if found.path is None:
            found = self._in(folder, near).find(*names)
        if found.path is None:
            own = (os.path.join(home, stem + ending) for home in homes for ending in SUFFIXES)
            path = next((place for place in own if os.path.isfile(place)), None)
            found = Found(path, False) if path else found
        return found, looked[: len(homes) - 1]

    def _is_bare(self, folder: str) -> bool:
        if folder not in self._bare:
            names = os.listdir(folder or os.curdir) if os.path.isdir(folder or os.curdir) else ()
            self._bare[folder] = not any(name.lower().endswith(SUFFIXES) for name in names)
        return self._bare[folder]

    def _in(self, key: str | None, homes: list[str]) -> NamedFiles:
        if key not in self._files:
            self._files[key] = NamedFiles(
                homes, allow_outside=self._allow_outside, within=self._within
            )
        return self._files[key]
