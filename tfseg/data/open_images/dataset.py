"""Open Images' masks read where they are, without a conversion."""

from __future__ import annotations

import logging
import os

import numpy as np

from tfseg.data.open_images.files import name_of
from tfseg.data.open_images.objects import read_image_file, read_objects
from tfseg.data.open_images.plan import Source, make_plan
from tfseg.data.open_images.rules import SelectionRules
from tfseg.data.reading.problem import Problem
from tfseg.errors import DataError
from tfseg.structures import Sample

__all__ = ["OpenImagesDataset"]

_LOG = logging.getLogger(__name__)


class OpenImagesDataset:
    """The masks of Open Images that the rules keep, as samples.

    The CSV is read once (seconds for the 2.1 million lines of the training part); masks and images
    are opened when a sample is asked for, also out of zip archives. Lines that cannot be used are
    left out and listed in `problems`. For training again and again, `convert_open_images` is the
    better way: it opens every mask once and writes them in one file.

    Args:
        source: The folder that Open Images was downloaded into, or a `Source`.
        rules: What is wanted; the clothing paper's by default.
        drop_invalid: Leave out masks that turn out to be unreadable, empty or sideways when their
            image is read, with a line in the log. They are errors otherwise.

    Attributes:
        class_names: Name of class id k at position k - 1.
        image_ids: Ids of the images, in the order of the samples.
        problems: What was found in the text files and among the files.

    Raises:
        DataError: Text files are missing or unusable, or no image is left.
        ConfigError: The rules name a class that there is not.
    """

    def __init__(
        self,
        source: str | os.PathLike | Source,
        rules: SelectionRules | None = None,
        *,
        drop_invalid: bool = False,
    ):
        source = source if isinstance(source, Source) else Source(source)
        self._plan = make_plan(source, rules or SelectionRules())
        self._drop_invalid = bool(drop_invalid)
        self.class_names = self._plan.class_names
        self.image_ids = tuple(self._plan.rows)
        self.problems: tuple[Problem, ...] = tuple(self._plan.problems)

    def __len__(self) -> int:
        return len(self.image_ids)

    def __repr__(self) -> str:
        return (
            f"OpenImagesDataset({os.fspath(self._plan.source.folder)!r}: {len(self)} images, "
            f"classes {self.class_names})"
        )

    def image_path(self, index: int) -> str:
        """Returns the file of an image, "archive.zip: member" within an archive."""
        return name_of(self._plan.index.images[self.image_ids[index]])

    def annotation_counts(self) -> dict[str, int]:
        """Returns the number of objects of each class, without opening an image."""
        ids = [self._plan.class_id(row) for rows in self._plan.rows.values() for row in rows]
        counts = np.bincount(np.array(ids, np.int64), minlength=len(self.class_names) + 1)[1:]
        return dict(zip(self.class_names, counts.tolist()))

    def __getitem__(self, index: int) -> Sample:
        image_id = self.image_ids[index]
        image_file = read_image_file(self._plan, image_id)
        found = read_objects(self._plan, image_id, image_file.size, image_file.orientation)
        faults = [problem for problem in found.problems if problem.severity == "error"]
        if faults and not self._drop_invalid:
            raise DataError(f"{faults[0]} (Pass drop_invalid=True to go on without it.)")
        for fault in faults:
            _LOG.warning("%s", fault)
        masks = np.zeros((len(found.rows), *image_file.size), bool)
        for row, mask in enumerate(found.masks):
            masks[row] = mask
        return Sample(
            image=image_file.pixels,
            image_id=image_id,
            class_ids=np.array([self._plan.class_id(row) for row in found.rows], np.int32),
            masks=masks,
            path=image_file.place
            if isinstance(image_file.place, str)
            else name_of(image_file.place),
            annotation_ids=np.array([row.line for row in found.rows], np.int64),
        )
