"""One thing that is wrong with a dataset, where it is, and what to do about it."""

from __future__ import annotations

import dataclasses
import logging
import re
from collections import Counter
from collections.abc import Sequence

from tfseg.errors import DataError

__all__ = ["DROP", "EXAMINE", "IMAGE_LEFT_OUT", "SEVERITIES", "Problem", "settle"]

_LOG = logging.getLogger(__name__)

SEVERITIES = ("error", "warning", "info")
EXAMINE = "examine"
"""What the doctor gives readers as `drop_invalid`: an image whose objects are faulty in part stays,
without them, so that what else is wrong with it is found."""
DROP = "or pass drop_invalid=True to go on without it."
"""How the remedy of a fault ends that a reader can leave out."""
IMAGE_LEFT_OUT = "Its image is left out too: there it would be learnt as background."
"""What leaving out an object without a mask leads to."""
# The end of a remedy, from "or pass" to the full stop, which stays.
_DROP_ADVICE = re.compile(r",? or pass drop_invalid=True[^.]*")


@dataclasses.dataclass(frozen=True)
class Problem:
    """A finding of a reader or of `tfseg.data.doctor.doctor`.

    Attributes:
        severity: "error" stops a training or teaches it nonsense; "warning" is likely a
            mistake; "info" is worth knowing.
        code: Stable name of the kind of problem, such as "empty_mask".
        where: The place: file, image and annotation, as far as they are known.
        message: What was expected, what came, and the remedy.
        image: The image file, or None.
        annotation_id: The annotation, or None.
        consequence: What a reader that leaves the fault out does besides, in a sentence.
    """

    severity: str
    code: str
    where: str
    message: str
    image: str | None = None
    annotation_id: int | str | None = None
    consequence: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else self.message

    def left_out(self) -> Problem:
        """Returns what is to be said of a fault that a reader goes on without: a warning, which
        does not advise `drop_invalid` to somebody who has set it. Others stay as they are."""
        if self.severity != "error":
            return self
        message = f"{self.without_advice().message} It is left out. {self.consequence}".rstrip()
        return dataclasses.replace(self, severity="warning", message=message, consequence="")

    def without_advice(self) -> Problem:
        """Returns the problem without the advice to go on without it."""
        return dataclasses.replace(self, message=_DROP_ADVICE.sub("", self.message))


def settle(
    source: str,
    problems: Sequence[Problem],
    drop_invalid: bool | str,
    left: str = "",
    is_worth_it: bool = True,
) -> tuple[Problem, ...]:
    """Returns the faults that a reader leaves out, after logging how many there are.

    Args:
        source: File or folder, for the log.
        problems: Everything that the reader found; only those of severity "error" are faults.
        drop_invalid: Whether faults are left out.
        left: What remains without them, for the log, such as "3 of 4 images".
        is_worth_it: Whether anything remains; if not, the error does not advise to go on without.

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
        first = faults[0] if is_worth_it else faults[0].without_advice()
        more = f" ({len(faults) - 1} more faults; tfseg doctor lists them.)"
        raise DataError(f"{first}{more if len(faults) > 1 else ''}")
    kinds = ", ".join(f"{n} {code}" for code, n in Counter(f.code for f in faults).items())
    left = f"; {left} remain" if left else ""
    _LOG.warning("%s: left out %d faulty records (%s)%s", source, len(faults), kinds, left)
    return tuple(faults)
