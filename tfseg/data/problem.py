"""One thing that is wrong with a data set, where it is, and what to do about it."""

from __future__ import annotations

import dataclasses

__all__ = ["SEVERITIES", "Problem"]

SEVERITIES = ("error", "warning", "info")


@dataclasses.dataclass(frozen=True)
class Problem:
    """A finding of a reader or of `tfseg.data.doctor`.

    Attributes:
        severity: "error" stops a training or teaches it nonsense; "warning" is likely a
            mistake; "info" is worth knowing.
        code: Stable name of the kind of problem, such as "empty_mask".
        where: The place: file, image and annotation, as far as they are known.
        message: What was expected, what came, and the remedy.
        image: The image file, or None.
        annotation_id: The annotation, or None.
    """

    severity: str
    code: str
    where: str
    message: str
    image: str | None = None
    annotation_id: int | str | None = None

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else self.message
