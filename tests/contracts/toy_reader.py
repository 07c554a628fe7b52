"""A reader of one's own: `train.strips`, a line an object, `file label y1 x1 y2 x2`."""

from __future__ import annotations

import os
from collections import Counter

import numpy as np

from tfseg.data.reading.format import Claim, Format, missing_part, open_part
from tfseg.data.reading.labelled import LabelledImages
from tfseg.data.reading.scan import Drawn, ImageRecord, Scan
from tfseg.errors import DataError
from tfseg.structures import rle


class StripsDataset(LabelledImages):
    """Images with boxes for masks."""

    def __init__(self, file, *, classes=None, drop_invalid=False):
        self._settings = {"classes": classes}
        if not os.path.isfile(file):
            raise DataError(f"{file}: there is no such file. Check the path.")
        scan, lines = Scan(str(file)), {}
        with open(file, encoding="utf-8") as stream:
            for line in stream:
                name, label, *box = line.split()
                lines.setdefault(name, []).append((label, tuple(map(int, box))))
        for name, objects in lines.items():
            path = os.path.join(os.path.dirname(file), name)
            labels = tuple(label for label, _ in objects)
            scan.counts += Counter(labels)
            scan.add(ImageRecord(name, f"{file}, image {name!r}", path, objects, labels))
        super().__init__(
            scan, classes=classes, synonyms=None, drop_invalid=drop_invalid, keep_empty=True
        )

    def _draw(self, record, size):
        drawn = []
        for number, (label, (y1, x1, y2, x2)) in enumerate(record.content, 1):
            mask = np.zeros(size, bool)
            mask[y1:y2, x1:x2] = True
            drawn.append(Drawn(number, label, rle.encode(mask)))
        return drawn, []


def _find(path, split):
    file = os.path.join(path, f"{split}.strips")
    if not os.path.isfile(file):
        raise missing_part(path, split, f"{split}.strips")
    return file, {}


FORMAT = Format(
    name="strips",
    marks="{split}.strips",
    reader=StripsDataset,
    claims=lambda path, split: Claim.CERTAIN * os.path.isfile(os.path.join(path, "train.strips")),
    open=lambda path, split, options: open_part(StripsDataset, _find, path, split, options),
)
