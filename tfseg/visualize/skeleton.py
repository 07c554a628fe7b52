"""Joints and bones drawn onto an image."""

from __future__ import annotations

import cv2
import numpy as np

from tfseg.structures.labels import COCO_KEYPOINTS, COCO_SKELETON

__all__ = ["draw_skeletons"]


def draw_skeletons(
    canvas: np.ndarray, keypoints: np.ndarray, colours: np.ndarray, line: int
) -> None:
    """Draws each person's joints, and bones where the joints are COCO's 17.

    Args:
        canvas: uint8 `(H, W, 3)`, changed in place.
        keypoints: float `(N, K, 3)`, `(x, y, visibility)`: pixels of the canvas, and 0 not
            labelled (not drawn), 1 hidden (hollow), 2 visible.
        colours: uint8 `(N, 3)`, one a person.
        line: Half the width of a large person's bones in pixels.
    """
    bones = COCO_SKELETON if keypoints.shape[1] == len(COCO_KEYPOINTS) else ()
    limit = 4 * max(canvas.shape[:2])  # far outside; keeps integers small for OpenCV
    for joints, colour in zip(keypoints, colours, strict=True):
        shown = (joints[:, 2] > 0) & np.isfinite(joints).all(axis=1)
        if not shown.any():
            continue
        points = np.clip(np.nan_to_num(joints[:, :2]), -limit, limit)
        points = np.floor(points).astype(int).tolist()
        bright = (colour.astype(int) + 255) // 2
        # A small person gets thin bones, else they would hide it.
        extent = np.ptp(joints[shown, :2], axis=0).max()
        thick = int(np.clip(extent / 50, 1, 2 * line))
        for first, second in bones:
            if shown[first] and shown[second]:
                ends = points[first], points[second]
                cv2.line(canvas, *ends, (20, 20, 24), thick + 2, cv2.LINE_AA)
                cv2.line(canvas, *ends, bright.tolist(), thick, cv2.LINE_AA)
        for index in np.flatnonzero(shown):
            radius = thick + 1
            cv2.circle(canvas, points[index], radius, (20, 20, 24), -1, cv2.LINE_AA)
            inner = bright.tolist() if joints[index, 2] >= 2 else (20, 20, 24)
            cv2.circle(canvas, points[index], radius - 1, inner, -1, cv2.LINE_AA)
