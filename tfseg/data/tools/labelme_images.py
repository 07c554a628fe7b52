"""Where the image of a labelme file lies."""

from __future__ import annotations

import glob
import logging
import os
from collections.abc import Sequence

from tfseg.data.images.image_files import SUFFIXES, is_image_file
from tfseg.data.reading.named_files import Found, NamedFiles, is_inside
from tfseg.data.reading.scan import Scan

__all__ = ["LabelmeImages"]

_LOG = logging.getLogger(__name__)


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
        self._used: set[str] = set()  # links resolved
        self._homes: set[str] = set()

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
        if found.path is not None:
            self._used.add(os.path.realpath(found.path))
            self._homes.add(os.path.dirname(os.path.abspath(found.path)))
        return found, looked[: len(homes) - 1]

    def note_unannotated(self, scan: Scan, files: Sequence[str]) -> None:
        """Notes the images beside those found that no annotation file is of, once all are read.

        Labelme writes no file for an image that nobody has drawn on, so nothing tells those that
        show no object from those that wait for their annotation.

        Args:
            scan: Takes the note.
            files: The annotation files, of one folder.
        """
        folder = os.path.abspath(os.path.dirname(files[0]))
        above = os.path.dirname(folder)
        stems = {os.path.splitext(os.path.basename(file))[0] for file in files}
        # A store of images elsewhere, to which full paths lead, need not be this dataset's alone.
        own = {folder, above, os.path.abspath(self._image_dir or folder)}
        near = {home for home in self._homes if home in own or is_inside(home, above)}
        homes = sorted({folder, *near})
        alone = [path for home in homes for path in self._alone(home, stems)]
        if any(not is_inside(path, folder) for path in alone):
            # Folders of several parts may share one of images: those of the others are not lost.
            others = glob.glob(os.path.join(glob.escape(above), "*", "*.json"))
            stems |= {os.path.splitext(os.path.basename(file))[0] for file in others}
            alone = [path for home in homes for path in self._alone(home, stems)]
        if not alone:
            return
        images = "1 image has" if len(alone) == 1 else f"{len(alone)} images have"
        message = (
            f"{images} no JSON file and {'is' if len(alone) == 1 else 'are'} not read, such as "
            f"{alone[0]}. Annotate them; those on which nothing is to be found teach what is "
            "background from a folder of their own, as a part (data.parts) of the format 'empty'."
        )
        scan.fault("unannotated", scan.source, message, severity="info")
        _LOG.warning("%s: %s", scan.source, message)

    def _alone(self, home: str, stems: set[str]) -> list[str]:
        """Returns the images of a folder that were not found and have none of the names."""
        paths = [
            os.path.join(home, name)
            for name in sorted(os.listdir(home))
            if is_image_file(name) and os.path.splitext(name)[0] not in stems
        ]
        return [p for p in paths if os.path.realpath(p) not in self._used and os.path.isfile(p)]

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
