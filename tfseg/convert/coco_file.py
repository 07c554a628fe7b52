"""`mask_rcnn_coco.h5`, published with release 2.0 of matterport/Mask_RCNN: fetched and checked."""

from __future__ import annotations

import hashlib
import os
import shutil
import urllib.request
from pathlib import Path

from tfseg import files
from tfseg.errors import WeightsError

__all__ = ["COCO_MD5", "COCO_SHA256", "COCO_SIZE", "COCO_URL", "fetch_coco_weights"]

COCO_URL = "https://github.com/matterport/Mask_RCNN/releases/download/v2.0/mask_rcnn_coco.h5"
COCO_SIZE = 257_557_808
"""Bytes, as that server states."""
COCO_SHA256 = "ee7eeb918fe544c8bc1fd0f1f9588bf9f8e0e1055a4d12a98f83fa83c5f8b36d"
"""Of the file of that size that marcusnk237/Mask-RCNN-GUI keeps by Git LFS, in its pointer."""
COCO_MD5 = "e98aaff6f99e307b5e2a8a3ff741a518"
"""Stated with the address by NVIDIA's TensorRT (sampleUffMaskRCNN) and by alibaba/ai-matrix."""


def fetch_coco_weights(
    path: str | os.PathLike = "mask_rcnn_coco.h5",
    *,
    sha256: str | None = None,
    url: str = COCO_URL,
) -> Path:
    """Returns the path of the checked file; fetches its 258 MB where there is none yet.

    Args:
        path: Where it lies, or is to lie. A file that is there is checked as well.
        sha256: The checksum that it must have, 64 hexadecimal digits. None: those of the release
            are known from others, see `COCO_SHA256` and `COCO_MD5`; one of both must be right.
        url: Where it is fetched from.

    Raises:
        WeightsError: If it cannot be fetched, or is another file; what was fetched is not kept.
    """
    path = Path(path)
    if path.exists():
        _check(path, path, sha256)
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.partial")
    try:
        with urllib.request.urlopen(url) as source, open(part, "wb") as target:
            shutil.copyfileobj(source, target, 1 << 20)
        _check(part, url, sha256)
        os.replace(part, path)
    except (OSError, ValueError) as error:  # ValueError: no address at all
        raise WeightsError(
            f"{url}: cannot be fetched: {error}. Fetch it on a machine with network access and "
            f"put it to {path}."
        ) from error
    finally:
        part.unlink(missing_ok=True)
    return path


def _check(path: Path, told: str | os.PathLike, sha256: str | None) -> None:
    found = files.sha256(path)
    if found == (sha256 or COCO_SHA256).lower():
        return
    if sha256 is None:
        with open(path, "rb") as file:
            known = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
        if known.hexdigest() == COCO_MD5:
            return
    size = path.stat().st_size
    wanted = f"SHA-256 {sha256}" if sha256 else f"{COCO_SIZE} bytes, SHA-256 {COCO_SHA256}"
    raise WeightsError(
        f"{told}: expected {wanted}; got {size} bytes, SHA-256 {found}. A download that broke "
        "off is shorter: remove the file and fetch it again. If the file is one that you trust, "
        "pass its checksum as sha256=."
    )
