"""A contestant's worst images with outlines, to look at; photographs are not to be passed on."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from PIL import Image

from kinds.sets import IGNORED, Photograph

TRUTH, FOUND, UNKNOWN = (0, 220, 0), (255, 0, 200), (128, 128, 128)
_LEAST_SIDE = 480


def outlined(photograph: Photograph, mask: np.ndarray) -> np.ndarray:
    """Returns the image with the truth's outline in green, the mask's in magenta, and what is
    ignored half grey."""
    from tfseg.opencv import cv2

    image, truth = photograph.image.copy(), photograph.truth
    image[truth == IGNORED] = image[truth == IGNORED] // 2 + np.array(UNKNOWN, np.uint8) // 2
    factor = max(1, -(-_LEAST_SIDE // min(image.shape[:2])))
    image = np.ascontiguousarray(image.repeat(factor, 0).repeat(factor, 1))
    for person, colour in ((truth == 1, TRUTH), (mask, FOUND)):
        large = person.astype(np.uint8).repeat(factor, 0).repeat(factor, 1)
        lines, _ = cv2.findContours(large, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(image, lines, -1, colour, 2)
    return image


def write(folder: Path, kind: str, name: str, rank: int, iou: float, shown: Photograph, mask):
    """Writes one image to FOLDER/KIND/NAME/ and returns its path."""
    home = folder / _plain(kind) / _plain(name)
    home.mkdir(parents=True, exist_ok=True)
    path = home / f"{rank:02d}_iou_{iou:.3f}_{_plain(shown.name)}.png"
    Image.fromarray(outlined(shown, mask)).save(path)
    return path


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "_", name).strip("_")
