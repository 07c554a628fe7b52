"""One thing that is wrong with a data set, where it is, and what to do about it."""

from __future__ import annotations

import dataclasses
import logging
import re
from collections import Counter
from collections.abc import Sequence

from tfseg.errors import DataError

__all__ = ["SEVERITIES", "Problem", "settle"]

_LOG = logging.getLogger(__name__)

SEVERITIES = ("error", "warning", "info")
# The end of a remedy, from "or pass" to the full stop, which stays.
_DROP_ADVICE = re.compile(r",? or pass drop_invalid=True[^.]*")


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

    def left_out(self) -> Problem:
        """Returns what is to be said of a fault that a reader goes on without: a warning, which
        does not advise `drop_invalid` to somebody who has set it. Others stay as they are."""
        if self.severity != "error":
            return self
        message = _DROP_ADVICE.sub("", self.message)
        return dataclasses.replace(self, severity="warning", message=f"{message} It is left out.")


def settle(source: str, problems: Sequence[Problem], drop_invalid: bool) -> tuple[Problem, ...]:
    """Returns the faults that a reader leaves out, after logging how many there are.

    Args:
        source: File or folder, for the log.
        problems: Everything that the reader found; only those of severity "error" are faults.
        drop_invalid: Whether faults are left out.

    Raises:
        DataError: There is a fault, and faults are not to be left out; the message is the
            first one's.
    """
    faults = [problem for problem in problems if problem.severity == "error"]
    warnings = [problem for problem in problems if problem.severity == "warning"]
    if warnings:
        _LOG.warning(
            "%s: %d warnings, such as: %s; tfseg doctor lists them all",
            source,
            len(warnings),
            warnings[0],
        )
    if not faults:
        return ()
    if not drop_invalid:
        more = f" ({len(faults) - 1} more faults; tfseg doctor lists them.)"
        raise DataError(f"{faults[0]}{more if len(faults) > 1 else ''}")
    kinds = ", ".join(f"{n} {code}" for code, n in Counter(f.code for f in faults).items())
    _LOG.warning("%s: left out %d faulty records (%s)", source, len(faults), kinds)
    return tuple(faults)
