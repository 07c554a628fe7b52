"""Where images and masks lie in a folder, and the record of `png_masks`."""

from __future__ import annotations

from pathlib import Path

from tfseg.data.masks.png_masks import PngMaskDataset
from tfseg.data.reading.format import Claim, Format, missing_part, open_part
from tfseg.data.reading.part_names import PARTS, MissingPartError, own_name

__all__ = ["FORMAT", "find_pair"]


def _claims(path: str, split: str) -> int:
    parts = (own_name(path, part) for part in (split, *PARTS))
    return Claim.LAYOUT * any(_places(Path(path), part) is not None for part in parts)


def _open(path: str, split: str, options: dict) -> PngMaskDataset:
    return open_part(PngMaskDataset, find_pair, path, split, options)


def find_pair(path: str, split: str) -> tuple[str, dict]:
    """Returns where the images and masks of a part lie: a folder, and `image_dir` and `mask_dir`
    in it where they are not `images/` and `masks/`.

    Raises:
        MissingPartError: There is no such part.
    """
    found = _places(Path(path), split)
    if found is None:
        fault = missing_part(path, split, f"{split}/images/, {split}/masks/ or masks/{split}/")
        whole = split != "train" and _places(Path(path), "train") == (str(Path(path)), {})
        raise MissingPartError(f"{fault} What lies there is the part 'train'.") if whole else fault
    return found


def _places(folder: Path, split: str) -> tuple[str, dict] | None:
    if (folder / "images" / split).is_dir() and (folder / "masks" / split).is_dir():
        return str(folder), {"image_dir": f"images/{split}", "mask_dir": f"masks/{split}"}
    for place in (folder / split, *([folder] if split == "train" else [])):
        if all((place / name).is_dir() for name in ("images", "masks")):
            return str(place), {}
        # An image a folder; a part that lies beside the one asked for has many in its images/.
        if any(_one_file(masks.parent / "images") for masks in place.glob("*/masks")):
            return str(place), {}
    return None


def _one_file(folder: Path) -> bool:
    return folder.is_dir() and sum(1 for _ in folder.iterdir()) == 1


FORMAT = Format(
    name="png_masks",
    marks="images/ and masks/, there, in {split}/ or with {split}/ in both",
    reader=PngMaskDataset,
    claims=_claims,
    open=_open,
)
