"""Small square masks of objects within their boxes: how truth travels to the training step.

A hundred masks of a 1024 x 1024 image are 100 MB; within their boxes at 56 x 56 they are
0.3 MB, and the mask head learns at 28 x 28. Source: matterport/Mask_RCNN `minimize_mask`.
"""

from __future__ import annotations

import numpy as np

from tfseg.opencv import cv2
from tfseg.structures.pasting import paste_mask

__all__ = ["mini_masks", "restore_mask"]


def mini_masks(masks: np.ndarray, boxes: np.ndarray, size: int) -> np.ndarray:
    """Returns each mask cut to its box and resized, uint8 `(N, size, size)` of 0 and 1.

    Enlarged masks are interpolated, reduced ones averaged, and both cut at one half: reading
    single pixels of a large mask would lose thin parts.

    Args:
        masks: bool `(N, H, W)`.
        boxes: float32 `(N, 4)`, `(y1, x1, y2, x2)` in pixels, with whole numbers, each within
            the image; an empty box gives an empty mask.
        size: Rows and columns of the result.
    """
    result = np.zeros((len(masks), size, size), np.uint8)
    for index, (mask, box) in enumerate(zip(masks, boxes, strict=True)):
        y1, x1, y2, x2 = (int(round(float(v))) for v in box)
        crop = mask[y1:y2, x1:x2]
        if crop.size == 0:
            continue
        shrinks = crop.shape[0] >= size and crop.shape[1] >= size
        method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        resized = cv2.resize(crop.astype(np.float32), (size, size), interpolation=method)
        result[index] = resized >= 0.5
    return result


def restore_mask(mini_mask: np.ndarray, box: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Returns a mini mask at its place in the image, bool `(H, W)`; inverse of `mini_masks`
    up to the detail that the small size can hold."""
    crop, top, left = paste_mask(mini_mask.astype(np.float32), box, size)
    mask = np.zeros(size, bool)
    mask[top : top + crop.shape[0], left : left + crop.shape[1]] = crop
    return mask
