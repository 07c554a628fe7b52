"""CCIHP: people with the size, pattern and colour of all that they wear; layout as in `cihp`."""

from __future__ import annotations

from types import MappingProxyType

from tfseg.data.published.cihp import COLORS, CihpDataset, claims
from tfseg.data.reading.format import Format
from tfseg.structures.labels import (
    CCIHP_ATTRIBUTES,
    CCIHP_COLORS,
    CCIHP_PATTERNS,
    CCIHP_SIZES,
)

__all__ = ["FORMAT", "CcihpDataset"]


class CcihpDataset(CihpDataset):
    """`CihpDataset` with CCIHP's classes, and the label maps "sizes", "patterns" and "colors".

    What the numbers of these three mean is not published; by default they follow the order of the
    paper's table of results. Where yours are others, give `numbers`, for example
    `{"patterns": ("letters", "solid", "geometrical", "fancy")}`.
    """

    usual_folders = MappingProxyType(
        {
            **CihpDataset.usual_folders,
            "sizes": "Size_ids",
            "patterns": "Pattern_ids",
            "colors": COLORS,
        }
    )
    names = MappingProxyType(
        {
            "attributes": CCIHP_ATTRIBUTES[1:],
            "sizes": CCIHP_SIZES[1:],
            "patterns": CCIHP_PATTERNS[1:],
            "colors": CCIHP_COLORS[1:],
        }
    )


FORMAT = Format(
    name="ccihp",
    marks="the folders of cihp, and Color_ids/ beside them",
    reader=CcihpDataset,
    claims=lambda path, split: claims(path, split, True),
)
