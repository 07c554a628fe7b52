"""Any dataset with YOLO's labels of instance segmentation."""

from __future__ import annotations

import json
import os
from pathlib import Path

from tfseg import files
from tfseg.config import yaml_text
from tfseg.data.coco.mask_outlines import lost_pixels, one_polygon
from tfseg.data.dataset import Dataset
from tfseg.data.images.json_file import read_text
from tfseg.data.writing.written import Ledger, Progress, Written, each_image, new_part
from tfseg.errors import DataError

__all__ = ["write_yolo"]

_DIGITS = 9  # behind the point: an image of 100 000 pixels is exact to a thousandth of one


def write_yolo(
    dataset: Dataset,
    folder: str | os.PathLike,
    split: str = "train",
    *,
    link: bool = False,
    progress: Progress = None,
) -> Written:
    """Writes a part as `folder/split/images` and `folder/split/labels`, whole or not at all, and
    `data.yaml` beside them.

    An object is one line, one polygon along the edges of its pixels: its pieces are joined, and its
    holes cut out, by lines to and fro. Drawn as COCO draws polygons, as here, it gives the same
    pixels; programs that draw the outline as well (OpenCV, Pillow) add a pixel along it.

    Args:
        dataset: The source.
        folder: Where parts lie.
        split: The part, also the key of `data.yaml`.
        link: Make links to the images in place of copies.
        progress: Called with the images done and their number.

    Raises:
        DataError: The part is there already, `data.yaml` has other classes, or a mask is empty.
    """
    ledger = Ledger("YOLO")
    described = _description(Path(folder), dataset.class_names, split)
    with new_part(folder, split) as partial:
        (partial / "labels").mkdir()
        for sample, name in each_image(dataset, partial / "images", ledger, link, progress):
            lines = []
            for row in range(len(sample)):
                mask = sample.masks[row]
                height, width = mask.shape
                shares = (one_polygon(mask).reshape(-1, 2) / (width, height)).round(_DIGITS)
                back = (shares * (width, height)).reshape(-1)
                ledger.lose(name, lost_pixels(mask, [back]))
                numbers = (f"{value:.{_DIGITS}f}".rstrip("0") for value in shares.reshape(-1))
                words = (word + "0" if word.endswith(".") else word for word in numbers)
                lines.append(f"{int(sample.class_ids[row]) - 1} {' '.join(words)}\n")
            labels = partial / "labels" / f"{Path(name).stem}.txt"
            labels.write_text("".join(lines), encoding="utf-8")
    files.write_whole(Path(folder) / "data.yaml", described.encode(), error=DataError)
    return ledger.written(folder)


def _description(folder: Path, names: tuple[str, ...], split: str) -> str:
    """Returns the text of `data.yaml`, with the parts that an earlier one has."""
    file, parts = folder / "data.yaml", {}
    if file.is_file():
        known, _ = yaml_text.parse(read_text(file), str(file))
        known = known if isinstance(known, dict) else {}
        listed = known.get("names")
        listed = list(listed.values()) if isinstance(listed, dict) else listed
        if listed != list(names):
            raise DataError(
                f"{file}: it names the classes {listed}, and these are {list(names)}. Open both "
                "parts with the same classes, or name another folder."
            )
        parts = {key: known[key] for key in ("train", "val", "test") if known.get(key)}
    parts[split] = f"{split}/images"
    lines = [f"{key}: {json.dumps(place)}" for key, place in parts.items()]
    lines += ["names:", *(f"  {k}: {json.dumps(n)}" for k, n in enumerate(names))]
    return "\n".join(lines) + "\n"
