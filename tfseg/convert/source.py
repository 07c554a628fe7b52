"""What a foreign weight file is: whose, for which backbone, for how many classes."""

from __future__ import annotations

import dataclasses
import importlib
import os
from collections.abc import Mapping
from pathlib import Path

from tfseg.convert.coco_names import class_names
from tfseg.errors import WeightsError

__all__ = ["READERS", "Source", "describe"]

READERS = (
    "tfseg.convert.matterport",
    "tfseg.convert.pose2seg",  # before torchvision's, which takes any file of PyTorch
    "tfseg.convert.detr_start",
    "tfseg.convert.torchvision",
    "tfseg.convert.keras_applications",
    "tfseg.convert.tflite_mobilenet",
)
"""The files of this room that read weights of whole systems or of a backbone, asked in turn."""
_MOST_CLASSES = 100_000


@dataclasses.dataclass(frozen=True)
class Source:
    """What a weight file says of itself.

    Attributes:
        path: The file.
        program: Who wrote it, for people.
        origin: The setting `origin` of a model that takes it.
        backbone: The setting `backbone`.
        class_count: Its classes with the background; None for a backbone alone.
        settings: Further settings that follow from the shapes in the file.
        usual: Settings that such files are used with, where the user does not say otherwise.
        notes: What its user should know, as sentences.
        system: The system that takes it, as in saved models.
        named: Names of its classes where they are known; () for COCO's by their number.
    """

    path: str
    program: str
    origin: str
    backbone: str
    class_count: int | None = None
    settings: Mapping = dataclasses.field(default_factory=dict)
    usual: Mapping = dataclasses.field(default_factory=dict)
    notes: tuple[str, ...] = ()
    system: str = "mask_rcnn"
    named: tuple[str, ...] = ()

    def __post_init__(self):
        count = self.class_count
        if count is not None and not 2 <= count <= _MOST_CLASSES:
            raise WeightsError(
                f"{self.path}: its last layers are for {count} classes with the background; "
                f"expected 2 to {_MOST_CLASSES}. The file is damaged; download or copy it again."
            )

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of its classes, `named` or of `tfseg.convert.coco_names`; none for a backbone
        alone."""
        if self.named or self.class_count is None:
            return self.named
        return class_names(self.class_count - 1)

    def __str__(self) -> str:
        classes = f", {self.class_count} classes with the background" if self.class_count else ""
        return f"{self.program}, {self.backbone}{classes}"


def describe(path: str | os.PathLike) -> Source:
    """Returns what a foreign weight file is.

    Raises:
        WeightsError: If it is missing, damaged, or of none of the known kinds.
    """
    if not Path(path).is_file():
        what = "is a folder" if Path(path).is_dir() else "does not exist"
        raise WeightsError(f"{os.fspath(path)}: {what}. Expected a weight file.")
    modules = [importlib.import_module(name) for name in READERS]
    for module in modules:
        if module.recognises(path):
            return module.describe(path)
    from tfseg.engine import weights

    raise WeightsError(weights.unknown(path, [module.READS for module in modules]))
