"""Any dataset as masks in PNG files."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import numpy as np
from PIL import Image

from tfseg.data.dataset import Dataset
from tfseg.data.writing.written import Ledger, Progress, Written, each_image, label_of, new_part
from tfseg.structures import Sample

__all__ = ["write_png_masks"]

_FILE_NAME = re.compile(r"[^\W_.-][^/\\:*?\"<>|]*(?<![ .])")
_MOST = 65535  # numbers of a map of 16 bits


def write_png_masks(
    dataset: Dataset,
    folder: str | os.PathLike,
    split: str = "train",
    *,
    link: bool = False,
    progress: Progress = None,
) -> Written:
    """Writes a part as `folder/split/images` and `folder/split/masks`, whole or not at all.

    An image whose objects lie apart has one id map, `masks/<image>.png`, with the classes in
    `masks/<image>.json`. Where objects overlap, each has a file of its own,
    `masks/<image>/<class>_<number>.png`, but for crowd regions, and classes that cannot name a
    file: these share an id map, small ones over large ones, and pixels that one of them hides of
    another are counted as lost.

    Args:
        dataset: The source.
        folder: Where parts lie.
        split: The part.
        link: Make links to the images in place of copies.
        progress: Called with the images done and their number.

    Raises:
        DataError: The part is there already, or a mask is empty.
    """
    ledger = Ledger("PNG masks", keeps_crowds=True)
    with new_part(folder, split) as partial:
        (partial / "masks").mkdir()
        for sample, name in each_image(dataset, partial / "images", ledger, link, progress):
            labels = [label_of(dataset, sample, row) for row in range(len(sample))]
            place = partial / "masks" / Path(name).stem
            overlap = len(sample) and sample.masks.sum(axis=0, dtype=np.int32).max() > 1
            apart = [bool(overlap and _FILE_NAME.fullmatch(label)) for label in labels]
            apart = np.array(apart, bool) & ~sample.is_crowd
            for row in np.flatnonzero(apart):
                place.mkdir(exist_ok=True)
                mask = sample.masks[row].astype(np.uint8) * 255
                _save(place / f"{labels[row]}_{row + 1}.png", mask)
            if not apart.all():
                rest = [label for label, is_apart in zip(labels, apart) if not is_apart]
                ledger.lose(name, _write_map(place, sample.take(~apart), rest))
        listed = "".join(f"{name}\n" for name in dataset.class_names)
        (partial / "classes.txt").write_text(listed, encoding="utf-8")
    return ledger.written(Path(folder) / split)


def _write_map(place: Path, sample: Sample, labels: list[str]) -> int:
    """Writes an id map and its classes; returns how many pixels of masks it does not hold."""
    numbers = np.zeros(sample.size, np.uint16)
    order = np.argsort(-sample.masks.sum(axis=(1, 2)), kind="stable")[:_MOST]
    for row in order:
        numbers[sample.masks[row]] = row + 1
    held = np.bincount(numbers.reshape(-1), minlength=len(sample) + 1)[1:]
    named = {
        str(row + 1): {"class": label, "iscrowd": int(sample.is_crowd[row])}
        for row, label in enumerate(labels)
        if held[row]
    }
    _save(place.with_name(f"{place.name}.png"), numbers.astype(np.min_scalar_type(len(sample))))
    text = json.dumps(named, ensure_ascii=False)
    place.with_name(f"{place.name}.json").write_text(text, encoding="utf-8")
    return int(sample.masks.sum() - held.sum())


def _save(path: Path, array: np.ndarray) -> None:
    Image.fromarray(array).save(path, format="PNG")
