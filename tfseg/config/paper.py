"""What a paper reports about the experiment that a file repeats."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from tfseg.config.base import Config

__all__ = ["Paper"]


@dataclasses.dataclass(frozen=True)
class Paper(Config):
    """The section `paper` of an experiment file.

    Attributes:
        table: The paper's table that lists the change, such as "3".
        reported: Its numbers by name, such as `{total_loss: 5.31}`; {} where it gives none.
        says: What it says about the outcome, in a few words.
        repeats: Where the file makes the change of another experiment at another scale, the
            name of that experiment.
    """

    table: str | None = None
    reported: Mapping[str, float] = dataclasses.field(default_factory=dict)
    says: str = ""
    repeats: str | None = None
