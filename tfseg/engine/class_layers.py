"""Which layers mean classes, and so do not fit a network of other classes even where shapes do."""

from __future__ import annotations

import dataclasses
import fnmatch
import json
from collections.abc import Iterable, Sequence

__all__ = ["ClassLayers"]


@dataclasses.dataclass(frozen=True)
class ClassLayers:
    """Which layers have something for each class, in the order of the classes.

    Attributes:
        names: The network's classes.
        patterns: Of the layers' names, as in shells.
    """

    names: Sequence[str]
    patterns: Sequence[str]

    def of_others(self, layers: Iterable[str], written: str | None) -> dict[str, str]:
        """Returns the layers that a file for other classes has nothing for, with the reason. One
        class under another name is the same one.

        Args:
            layers: The network's.
            written: The file's list of class names, as JSON; None where it has none.
        """
        theirs = list(self.names) if written is None else json.loads(written)
        if theirs == list(self.names) or len(theirs) == len(self.names) == 1:
            return {}
        reason = f"in the file it is of other classes, or of these in another order ({written})"
        return {
            layer: reason
            for layer in layers
            if any(fnmatch.fnmatchcase(layer, pattern) for pattern in self.patterns)
        }
